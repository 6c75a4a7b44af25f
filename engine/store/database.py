"""A SQLite file of burnish's own, which a workspace and a judge's record each have.

Made whole or not at all, written by one process at a time (a lock beside the file), brought up to the newest schema
when it is opened, and every error of SQLite's told as one line a person can act on.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from engine.formats.outputs import why_not_free
from engine.store.log import Mark, OpenLog, complete, leftover, lock_path, log_path, why_not_its_log
from models.errors import BurnishError

T = TypeVar("T")


class WorkspaceError(BurnishError):
    """A file that cannot be used as asked. It is left as it was."""


class Interrupted(Exception):  # noqa: N818 - asked for, no error
    """A query that was given up, for nobody waits for its answer any more."""


_A_READER = 0.2
"""Seconds: a reader that closes last holds the lock for a moment."""

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


class Database:
    """An open file of a kind, used by one thread at a time but for `interrupt`. All of it raises `WorkspaceError`."""

    def __init__(
        self, kind: FileKind, path: Path, connection: sqlite3.Connection, lock: FileLock | None
    ) -> None:
        self.kind = kind
        self.path = path
        self._db = connection
        self._lock = lock
        self._began = 0.0  # when the open transaction did
        self._log: OpenLog | None = None  # from the first write on

    @classmethod
    def create(cls, kind: FileKind, path: Path, fill: Callable[[Database], None]) -> None:
        """Make a file, mode 0600, with what `fill` writes into it. All of it, or no file at all."""
        lock = _locked(kind, path)
        with _draft(kind, path, lock) as draft, closing(draft):
            _prepare(kind, path, draft)
            new = cls(kind, path, draft, None)
            fill(new)
            # Closing does it as well, but says nothing of a disk that is full.
            new.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @classmethod
    def open(cls, kind: FileKind, path: Path) -> Database:
        """An existing file, to work on it. Refused while another burnish does."""
        _check_header(kind, path)
        # Under another name neither our lock nor SQLite's log would be found: two could write, and ruin it.
        if (names := path.stat().st_nlink) > 1:
            raise WorkspaceError(
                f"{path}: the same file has {names} names (hard links), and work on it is safe under one only; "
                "work on a copy of it (`cp`), or remove the other names"
            )
        _check_log(path)
        lock = _locked(kind, path)
        try:
            cut_short = leftover(path)
            connection = _connect(path, "mode=rw")
            try:
                _check_version(kind, path, connection)
                if cut_short:
                    _check_whole(path, connection)
                _prepare(kind, path, connection)
                opened = cls(kind, path, connection, lock)
                if cut_short:
                    opened._begin_log()
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.release()
            raise
        return opened

    @classmethod
    def read(cls, kind: FileKind, path: Path) -> Database:
        """An existing file, to read it, also while a run writes to it."""
        _check_header(kind, path)
        _check_log(path)
        opened = cls(kind, path, _connect(path, _to_read(path)), None)
        try:
            version = _check_version(kind, path, opened._db)
        except BaseException:
            opened.close()
            raise
        if version < len(kind.migrations):
            opened.close()
            command = " ".join(kind.made.split()[:2])
            raise WorkspaceError(f"{path}: made by an older burnish; `{command}` brings it up to date")
        return opened

    @classmethod
    def copy(cls, kind: FileKind, path: Path, to: Path) -> None:
        """Make a whole copy, mode 0600, with an identity of its own, also while a run writes to the file.

        A file whose log is lost is copied as it stands.
        """
        _check_header(kind, path)
        if log_path(path).exists():
            _check_log(path)
        lock = _locked(kind, to)
        with _draft(kind, to, lock) as draft, closing(draft):
            source = _connect(path, _to_read(path))
            try:
                with explained(path):
                    version = _check_version(kind, path, source)
                    source.backup(draft)
            finally:
                _close_reader(path, source)
            with explained(to):
                if version == len(kind.migrations):
                    Mark.new().write(draft)
                draft.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Commit what is open and let go of the file, with nothing left beside it; once closed, do nothing."""
        lock, self._lock = self._lock, None
        try:
            if _is_open(self._db) and lock is None:
                _close_reader(self.path, self._db)
            elif _is_open(self._db) and self._log is not None and self._log.gone is None:
                with explained(self.path):
                    self._commit()
                    self._log.finish()
        finally:
            with self._log.kept_off() if self._log is not None else nullcontext():
                self._db.close()
            if lock is not None:
                lock.release()

    def execute(self, query: str, *values: object, **named: object) -> list[Any]:
        """All rows of a query of the engine's own, its parameters by place or by name. Raises `Interrupted`."""
        with explained(self.path):
            return self._db.execute(query, named or values).fetchall()

    def interrupt(self) -> None:
        """Make the query that another thread waits for raise `Interrupted`."""
        self._db.interrupt()

    def freeze(self) -> None:
        """Show the file from now on as it is at the next query, whatever is written to it meanwhile."""
        self.execute("BEGIN")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything written inside, and before and not yet committed, is on the disk when it is left."""
        with explained(self.path):
            self._begin()
            try:
                yield self._db
                self._commit()
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                # A row that is there twice is a mistake of ours, or the file's own tree is out of order.
                twice = isinstance(error, sqlite3.IntegrityError)
                if twice and self.execute("PRAGMA quick_check(1)") != [("ok",)]:
                    raise damaged(self.path, str(error)) from error
                raise

    @contextmanager
    def deferred(self) -> Iterator[sqlite3.Connection]:
        """Everything written inside is committed with the next transaction, or when this is used a second later."""
        with explained(self.path):
            self._begin()
            yield self._db
            if time.monotonic() - self._began > 1:
                self._commit()

    def _begin(self) -> None:
        if not self._db.in_transaction:
            if self._log is None and self._lock is not None:
                self._begin_log()
            self._db.execute("BEGIN IMMEDIATE")
            self._began = time.monotonic()

    def _begin_log(self) -> None:
        with explained(self.path), understood(self.path):
            self._log = OpenLog(self.path, self._db)

    def _commit(self) -> None:
        """Commit what is written. Raises where the file is not in its place any more: then it is committed there."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        if self._log is not None and (gone := self._log.committed()):
            raise WorkspaceError(f"{self.path}: {gone}")

    def walk(self, query: str, window: int, **values: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a query, `window` at a time: memory does not grow with their number.

        Its first column is the number that they are in order of. `:last` in it is the last number that was seen,
        `:window` how many rows to fetch.
        """
        last = -1
        while rows := self.execute(query, last=last, window=window, **values):
            for row in rows:
                last = self.onward(last, row[0])
                yield row

    def onward(self, last: int, number: Any) -> int:
        """The next number after `last` in something gone through in order; in a damaged file one might never end."""
        if not isinstance(number, int) or number <= last:
            raise damaged(self.path, f"has {number!r:.40} after {last}")
        return number

    def parsed(self, read: Callable[[Any], T], body: str) -> T:
        """A stored JSON text, as `read` takes it."""
        with self.understood():
            return read(json.loads(body))

    def understood(self) -> AbstractContextManager[None]:
        """`understood` of this file's rows."""
        return understood(self.path)


@contextmanager
def _draft(kind: FileKind, path: Path, lock: FileLock) -> Iterator[sqlite3.Connection]:
    """A new file, mode 0600, that has its place when the block ends well and has closed it; then the lock is let go.

    Built beside its place: a crash on the way leaves nothing half done there.
    """
    draft = draft_path(path)
    try:
        _check_free(kind, path)
        _remove(draft)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        yield _connect(draft, "mode=rw")
        _check_free(kind, path)  # it may have taken a while
        draft.rename(path)
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be created ({error.strerror}); choose another place") from error
    finally:
        _remove(draft)
        if not path.exists():
            with suppress(OSError):
                lock_path(path).unlink(missing_ok=True)
        lock.release()


def draft_path(path: Path) -> Path:
    """The path of a file while it is made. Nobody gives such a name: a draft that was left there is removed."""
    return path.with_name(f".{path.name}-new")


def _locked(kind: FileKind, path: Path) -> FileLock:
    if not path.parent.is_dir():
        raise WorkspaceError(f"{path}: its folder is not there; make it, or choose another place")
    # Beside the file itself, as SQLite's own files are: two names for it are one place to work at.
    lock = FileLock(lock_path(path), timeout=_A_READER, poll_interval=0.02, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise WorkspaceError(
            f"{path}: another burnish is working on it; wait for it or stop it ({kind.busy.format(path)})"
        ) from None
    except OSError as error:
        raise WorkspaceError(
            f"{path}: cannot be locked ({error.strerror}); its folder must be writable"
        ) from None
    return lock


def _check_header(kind: FileKind, path: Path) -> None:
    # To open a pipe is to wait for its writer.
    if path.exists() and not path.is_file() and not path.is_dir():
        raise WorkspaceError(f"{path}: no file but a pipe or a device; expected a {kind.name}")
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be opened ({error.strerror}); expected a {kind.name}") from None
    mark = kind.application.to_bytes(4, "big")
    if not header.startswith(b"SQLite format 3\0") or header[68:72] != mark:
        raise WorkspaceError(f"{path}: not a burnish {kind.name}; `{kind.made}` makes one")
    # SQLite would notice only where it reads, and meanwhile write. While there is a log, pages may be in that.
    pages, page = int.from_bytes(header[28:32], "big"), int.from_bytes(header[16:18], "big")
    if not _size(log_path(path)) and _size(path) < pages * page:
        raise damaged(path, f"holds {_size(path)} of {pages * page} bytes")


def _check_whole(path: Path, connection: sqlite3.Connection) -> None:
    """Raise where a file that was not closed is damaged."""
    with explained(path):
        ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise damaged(path, str(found))


def _check_version(kind: FileKind, path: Path, connection: sqlite3.Connection) -> int:
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


def _prepare(kind: FileKind, path: Path, connection: sqlite3.Connection) -> None:
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


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn every error that a row not written by burnish can cause into `WorkspaceError`."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise damaged(path, f"holds a row that is not burnish's ({type(error).__name__})") from error


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `WorkspaceError`, one line that a person can act on."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorname in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
            raise  # likewise
        raise damaged(path, str(error)) from error  # what a row refers to is gone, or the schema is not ours
    except sqlite3.OperationalError as error:
        text = " ".join(str(error).split())
        if text == "interrupted":
            raise Interrupted from None
        if text == "disk I/O error" and _full(path):  # where SQLite could not make its readers' index larger
            text = "database or disk is full"
        if text.startswith(("no such ", "malformed JSON")):
            raise damaged(path, text) from error
        advice = {
            "database or disk is full": "free some space and run the same command again; nothing committed is lost",
            "attempt to write a readonly database": "the file is read-only; change its mode or copy it",
            "database is locked": "another program is writing to it; try again when it has finished",
        }.get(text, "check the disk and the file's permissions; nothing committed is lost")
        raise WorkspaceError(f"{path}: {text}; {advice}") from error
    except sqlite3.DataError as error:
        raise WorkspaceError(
            f"{path}: {error}: a row is larger than a SQLite file can hold; leave it out"
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, fault: str) -> WorkspaceError:
    """The error of a file that SQLite, or what its rows hold, shows to be broken."""
    fault = " ".join(fault.split())[:300]  # it may quote the file's own schema
    return WorkspaceError(
        f"{path}: {fault}; the file is damaged: restore a copy, or salvage it with `sqlite3 {path} .recover`"
    )


def _check_free(kind: FileKind, path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise WorkspaceError(f"{path}: a link to a file that is not there; mend the link, or remove it")
    if path.exists():
        raise WorkspaceError(f"{path}: already exists; open it, or choose another name")
    if why := why_not_free(path):
        raise WorkspaceError(f"{path}: {why}; choose another place")
    if leftover(path):
        raise WorkspaceError(
            f"{path}: {log_path(path).name} lies there already, the log of a {kind.name} that had this name before; "
            "bring that file back, or move the log away, and nothing is lost"
        )


def _to_read(path: Path) -> str:
    """The query of the URI by which SQLite opens a file for reading."""
    # In a folder that cannot be written it cannot keep its readers' index, and needs none if nobody writes.
    log = log_path(path)
    return "mode=ro" if os.access(log.parent, os.W_OK) or log.exists() else "mode=ro&immutable=1"


def _close_reader(path: Path, connection: sqlite3.Connection) -> None:
    """Close a connection that reads. Of a file that nobody works on, what SQLite keeps beside it goes.

    Whoever closes last would remove that, but a connection that reads cannot: one that may write does it then.
    """
    with suppress(sqlite3.Error):
        connection.rollback()  # what was frozen: it would tell of an earlier state
    done = complete(connection)
    connection.close()
    log, lock = log_path(path), lock_path(path)
    if not log.exists() or not (done or not _size(log)):
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


def _check_log(path: Path) -> None:
    if why := why_not_its_log(path):
        raise WorkspaceError(f"{path}: {why}")


def _size(path: Path) -> int:
    """Bytes; of a file that is not there, 0."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < 1 << 16
    except OSError:
        return False


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.total_changes  # noqa: B018 - raises on a closed connection
    except sqlite3.ProgrammingError:
        return False
    return True


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _connect(path: Path, how: str) -> sqlite3.Connection:
    with explained(path):
        uri = f"{path.absolute().as_uri()}?{how}"
        # Used by one thread at a time; which one may change between a run's loop and its caller.
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
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
