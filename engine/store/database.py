"""A SQLite file of burnish's own, which a workspace and a judge's record each have.

Made whole or not at all, written by one process at a time (a lock beside the file), brought up to the newest schema
when it is opened, and every error of SQLite's told as one line a person can act on.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from engine.formats.outputs import why_not_free
from engine.store.connection import close_reader, connect, how_to_read, is_open
from engine.store.file_errors import WorkspaceError, damaged, explained, understood
from engine.store.file_kind import FileKind, check_header, check_log, check_version, check_whole, prepare
from engine.store.log import Mark, OpenLog, leftover, lock_path, log_path

T = TypeVar("T")


_A_READER = 0.2
"""Seconds: a reader that closes last holds the lock for a moment."""


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
        self.computed: dict[tuple[str, int], Mapping[int, float]] = {}
        """Figures of samples that no table has, by their name and run: `computed(name, run, sample)` in a query."""
        connection.create_function("computed", 3, self._computed)

    @classmethod
    def create(cls, kind: FileKind, path: Path, fill: Callable[[Database], None]) -> None:
        """Make a file, mode 0600, with what `fill` writes into it. All of it, or no file at all."""
        lock = _locked(kind, path)
        with _draft(kind, path, lock) as draft, closing(draft):
            prepare(kind, path, draft)
            new = cls(kind, path, draft, None)
            fill(new)
            # Closing does it as well, but says nothing of a disk that is full.
            new.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @classmethod
    def open(cls, kind: FileKind, path: Path) -> Database:
        """An existing file, to work on it. Refused while another burnish does."""
        check_header(kind, path)
        # Under another name neither our lock nor SQLite's log would be found: two could write, and ruin it.
        if (names := path.stat().st_nlink) > 1:
            raise WorkspaceError(
                f"{path}: the same file has {names} names (hard links), and work on it is safe under one only; "
                "work on a copy of it (`cp`), or remove the other names"
            )
        check_log(path)
        lock = _locked(kind, path)
        try:
            cut_short = leftover(path)
            connection = connect(path, "mode=rw")
            try:
                check_version(kind, path, connection)
                if cut_short:
                    check_whole(path, connection)
                prepare(kind, path, connection)
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
        check_header(kind, path)
        check_log(path)
        opened = cls(kind, path, connect(path, how_to_read(path)), None)
        try:
            version = check_version(kind, path, opened._db)
        except BaseException:
            opened.close()
            raise
        if version < len(kind.migrations):
            opened.close()
            command = " ".join(kind.made.split()[:2])
            raise WorkspaceError(f"{path}: made by an older burnish; `{command}` brings it up to date")
        return opened

    @classmethod
    def copy(cls, kind: FileKind, path: Path, to: Path, count: str) -> int:
        """Make a whole copy, mode 0600, with an identity of its own, also while a run writes to the file.

        A file whose log is lost is copied as it stands, and one of an older burnish stays of its version. Returns the
        number that the query `count` finds in the copy.
        """
        check_header(kind, path)
        if log_path(path).exists():
            check_log(path)
        lock = _locked(kind, to)
        with _draft(kind, to, lock) as draft, closing(draft):
            source = connect(path, how_to_read(path))
            try:
                with explained(path):
                    version = check_version(kind, path, source)
                    source.backup(draft)
            finally:
                close_reader(path, source)
            with explained(to):
                if version == len(kind.migrations):
                    Mark.new().write(draft)
                draft.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                return int(draft.execute(count).fetchone()[0])

    def close(self) -> None:
        """Commit what is open and let go of the file, with nothing left beside it; once closed, do nothing."""
        lock, self._lock = self._lock, None
        try:
            if is_open(self._db) and lock is None:
                close_reader(self.path, self._db)
            elif is_open(self._db) and self._log is not None and self._log.gone is None:
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

    def _computed(self, name: str, run: int, sample: int) -> float | None:
        return self.computed[name, run].get(sample)

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
        yield connect(draft, "mode=rw")
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


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
