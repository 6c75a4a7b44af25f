"""A kind of SQLite file of burnish's own: its mark, its schema, and the checks that a file is one of it, and whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.store.file_errors import WorkspaceError, damaged, explained, understood
from engine.store.log import log_path, size_of, why_not_its_log
from models.system.locked_files import beginning

Migration = str | Callable[[sqlite3.Connection], None]
"""A step from one schema to the next: SQL, or a function where SQL does not suffice."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file, with its schema and the words that messages need."""

    name: str  # "workspace"
    application: int  # marks a SQLite file as one of these
    migrations: tuple[Migration, ...]  # to its schema, numbered; a released one is never changed
    made: str  # the command that makes one, and brings an older one up to date
    busy: str  # what can be done while another burnish works on it


def check_header(kind: FileKind, path: Path) -> None:
    """Raise where a file cannot be opened, is of another kind, or was cut off."""
    # To open a pipe is to wait for its writer.
    if path.exists() and not path.is_file() and not path.is_dir():
        raise WorkspaceError(f"{path}: no file but a pipe or a device; expected a {kind.name}")
    try:
        header = beginning(path, 100)
    except FileNotFoundError:
        raise WorkspaceError(f"{path}: no such file; `{kind.made}` makes one") from None
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be opened ({error.strerror}); expected a {kind.name}") from None
    mark = kind.application.to_bytes(4, "big")
    if not header.startswith(b"SQLite format 3\0") or header[68:72] != mark:
        raise WorkspaceError(f"{path}: not a burnish {kind.name}; `{kind.made}` makes one")
    # SQLite would notice only where it reads, and meanwhile write. While there is a log, pages may be in that.
    pages, page = int.from_bytes(header[28:32], "big"), int.from_bytes(header[16:18], "big")
    if not size_of(log_path(path)) and size_of(path) < pages * page:
        raise damaged(path, f"holds {size_of(path)} of {pages * page} bytes")


def check_log(path: Path) -> None:
    """Raise where the log beside a file is another's."""
    if why := why_not_its_log(path):
        raise WorkspaceError(f"{path}: {why}")


def check_whole(path: Path, connection: sqlite3.Connection) -> None:
    """Raise where a file that was not closed is damaged."""
    with explained(path):
        ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise damaged(path, str(found))


def check_version(kind: FileKind, path: Path, connection: sqlite3.Connection) -> int:
    """The version of a file's schema. Raises where it is newer than this burnish, or not burnish's."""
    with explained(path):
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    known = len(kind.migrations)
    if version > known:
        raise WorkspaceError(
            f"{path}: made by a newer burnish (schema {version}, this one knows {known}); upgrade burnish"
        )
    with explained(path):
        found = _schema(connection)
    # A view in the place of a table, or a trigger, would do in burnish's name whatever it says.
    if strange := found ^ _expected_schema(kind, version):
        kind_of_thing, name, _ = min(strange)
        raise damaged(path, f"its schema is not burnish's (see the {kind_of_thing} {ascii(name)[1:-1]})")
    return version


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str]]:
    """The tables, indices, views and triggers of a file: kind, name and SQL of each."""
    query = (
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^'"
    )
    return frozenset(connection.execute(query))


@cache
def _expected_schema(kind: FileKind, version: int) -> frozenset[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        for migration in kind.migrations[:version]:
            _migrate(empty, migration)
            empty.execute("COMMIT")
        return _schema(empty)


def _migrate(connection: sqlite3.Connection, migration: Migration) -> None:
    """Take a migration's step in a transaction, which is left open."""
    if isinstance(migration, str):
        connection.executescript(f"BEGIN IMMEDIATE; {migration}")
    else:
        connection.execute("BEGIN IMMEDIATE")
        migration(connection)


def prepare(kind: FileKind, path: Path, connection: sqlite3.Connection) -> None:
    """Durable, and at this version's schema."""
    with explained(path):
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < len(kind.migrations):
            # A log can be held to its file only where the file has a mark: until then, without one.
            connection.execute("PRAGMA journal_mode = DELETE")
        # Each is one transaction: until it is whole, the file is what it was.
        for number, migration in enumerate(kind.migrations[version:], start=version + 1):
            with understood(path):
                _migrate(connection, migration)
            connection.execute(f"PRAGMA application_id = {kind.application}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
