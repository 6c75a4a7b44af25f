"""Connections to a SQLite file, and how the last that reads it leaves nothing beside it."""

from __future__ import annotations

import math
import os
import sqlite3
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

from filelock import FileLock

from engine.store.draw import place_in_draw
from engine.store.file_errors import WorkspaceError, explained
from engine.store.log import complete, lock_path, log_path, size_of
from engine.store.version_key import stored_key
from models.system import locked_files


class _Connection(sqlite3.Connection):
    """A connection that says when it has closed its file."""

    place: locked_files.Place | None = None

    def close(self) -> None:
        super().close()
        place, self.place = self.place, None
        if place is not None:
            locked_files.leave(place)


def connect(path: Path, how: str) -> sqlite3.Connection:
    """A connection to a file that is there; `how`: the query of its URI, such as `mode=ro`."""
    uri = f"{path.absolute().as_uri()}?{how}"
    try:
        place = locked_files.use(path)
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be opened ({error.strerror})") from None
    with explained(path):
        try:
            # Used by one thread at a time; which one may change between a run's loop and its caller.
            connection = sqlite3.connect(
                uri, factory=_Connection, uri=True, isolation_level=None, check_same_thread=False, timeout=10
            )
        except BaseException:
            locked_files.leave(place)
            raise
        connection.place = place
    connection.create_function("place_in_draw", 2, place_in_draw, deterministic=True)
    connection.create_function("version_key", 1, stored_key, deterministic=True)
    if not _has_logarithms():
        connection.create_function("ln", 1, lambda value: value and math.log(value), deterministic=True)
    return connection


@cache
def _has_logarithms() -> bool:
    """True where this SQLite was built with its mathematical functions; not every Python's is."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("SELECT ln(2)")
        except sqlite3.OperationalError:
            return False
    return True


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.total_changes  # noqa: B018 - raises on a closed connection
    except sqlite3.ProgrammingError:
        return False
    return True


def how_to_read(path: Path) -> str:
    """The query of the URI by which SQLite opens a file for reading."""
    # In a folder that cannot be written it cannot keep its readers' index, and needs none if nobody writes.
    log = log_path(path)
    return "mode=ro" if os.access(log.parent, os.W_OK) or log.exists() else "mode=ro&immutable=1"


def close_reader(path: Path, connection: sqlite3.Connection) -> None:
    """Close a connection that reads. Of a file that nobody works on, what SQLite keeps beside it goes.

    Whoever closes last would remove that, but a connection that reads cannot: one that may write does it then.
    """
    with suppress(sqlite3.Error):
        connection.rollback()  # what was frozen: it would tell of an earlier state
    done = complete(connection)
    connection.close()
    log, lock = log_path(path), lock_path(path)
    if not log.exists() or not (done or not size_of(log)):
        return
    known = lock.exists()
    # Not under whoever works on the file: SQLite's own locks are gone once a process has read the file by itself.
    with suppress(OSError), FileLock(lock, timeout=0, mode=0o600):
        with suppress(sqlite3.Error), closing(_writing(path)) as last:
            last.execute("PRAGMA user_version").fetchall()  # else it would not take notice of a log at all
        if not known:
            lock.unlink(missing_ok=True)


def _writing(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
