"""SQLite's write-ahead log beside a file, held to the file that it was written for.

SQLite applies any log that lies beside a file: a log does not name its file. The log that a removed or renamed
workspace left behind would so become part of the next one of that name, and the log of today be applied to a copy of
last week. Therefore each file carries a mark: its identity, a count, and whether it is complete without a log. The
mark is written with a higher count as the first thing in every log, so the beginning of a log tells whose it is and
which state of the file it goes on from.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

_HEADER, _FRAME = 32, 24
"""Bytes of a log's header, and of the header of each page in it (sqlite.org/fileformat2.html, section 4)."""

SIZE = 4 << 20
"""Bytes that a log may grow by before it is brought into the file."""

_FOR_A_READER = 100  # milliseconds

_IDENTITY = 16
_BODY = struct.Struct(f">{_IDENTITY}sQ?")


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of a file that its logs are held to."""

    identity: bytes  # 16 random bytes; a copy has others
    count: int  # raised each time a log begins
    complete: bool  # closed in order: nothing of it stands in a log

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_bytes(_IDENTITY), 0, complete=True)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """The mark from its bytes. Raises `struct.error`."""
        return cls(*_BODY.unpack(body))

    def write(self, db: sqlite3.Connection) -> Mark:
        """Put this mark in the place of the one that is there."""
        db.execute("UPDATE mark SET body = ?", (_BODY.pack(self.identity, self.count, self.complete),))
        return self

    def begun(self) -> Mark:
        """The mark that a new log begins with."""
        return replace(self, count=self.count + 1, complete=False)


def add_mark(db: sqlite3.Connection) -> None:
    """Migration: the file gets a mark."""
    db.execute("CREATE TABLE mark (body BLOB NOT NULL)")
    db.execute("INSERT INTO mark VALUES (x'')")
    Mark.new().write(db)


def mark_of(db: sqlite3.Connection) -> Mark:
    ((body,),) = db.execute("SELECT body FROM mark")
    return Mark.parse(body)


def complete(db: sqlite3.Connection) -> bool:
    """True of a file that was closed in order, and that nobody has written to since."""
    try:
        return mark_of(db).complete
    except (sqlite3.Error, struct.error, ValueError, TypeError):
        return False  # of an older schema, or damaged


def log_path(path: Path) -> Path:
    """The log of a file: beside the file itself, whatever link led to it."""
    return Path(os.path.realpath(path) + "-wal")


def lock_path(path: Path) -> Path:
    """The lock of whoever works on a file: beside the file itself, whatever link led to it."""
    return Path(os.path.realpath(path) + "-lock")


def why_not_its_log(path: Path) -> str | None:
    """Why what lies beside a file as its log, or the lack of a log, forbids to open it; None where it may be opened.

    Opens nothing in a way that would apply a log. A file of a schema without marks is not judged.
    """
    mark = _mark_on_disk(path)
    if mark is None:
        return None
    log = log_path(path)
    marks = _marks(log, mark.identity)
    # Where it was last worked on, its lock is beside it, and SQLite has brought the log in and removed it.
    if marks is None and not mark.complete and not lock_path(path).exists():
        return (
            f"it was not closed, and its log {log.name} is not beside it; where it was moved or renamed, bring the log "
            "along under this name; where there is no log any more, `burnish copy` makes a workspace of what is here"
        )
    if not marks:
        return None
    if marks[0] is None:
        return (
            f"{log.name} beside it is not its log, but that of a file which had this name before; bring that file "
            "back, or move the log away, and nothing is lost (where another program such as sqlite3 wrote to this "
            f"file and was cut short, `sqlite3 {path.name} 'PRAGMA wal_checkpoint'` brings in what it wrote)"
        )
    if not marks[0].count - 1 <= mark.count <= max(found.count for found in marks if found):
        return (
            f"{log.name} beside it goes on from another state of it, as when a backup is put in its place; move the "
            "log away to go on with this state, or bring back the file that was here"
        )
    return None


def leftover(path: Path) -> bool:
    """True where a log with something in it lies at a path, whether or not there is a file."""
    return bool(_marks(log_path(path), b""))


def _mark_on_disk(path: Path) -> Mark | None:
    """The mark in the file itself, whatever a log says; None where it has none."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            return mark_of(db)
    except (sqlite3.Error, struct.error, ValueError, TypeError):
        return None  # of an older schema, or damaged: opening it tells


def _marks(log: Path, identity: bytes) -> list[Mark | None] | None:
    """The mark in each page that SQLite would take from a log, None in the others; None where there is no log."""
    marks = []
    try:
        with log.open("rb") as file:
            header = file.read(_HEADER)
            size = int.from_bytes(header[8:12], "big")
            while (
                len(frame := file.read(_FRAME + size)) == _FRAME + size > _FRAME
                and frame[8:16] == header[16:24]
            ):
                marks.append(_mark_in(frame[_FRAME:], identity))
    except FileNotFoundError:
        return None
    return marks


def _mark_in(page: bytes, identity: bytes) -> Mark | None:
    """The mark in a page of a log, where the page is that of the table `mark`."""
    # A leaf of a table whose one row has a column of 25 bytes: each number before that takes one byte.
    at = int.from_bytes(page[8:10], "big") + 4
    body = page[at : at + _BODY.size]
    if page[:1] != b"\x0d" or not body.startswith(identity) or len(body) < _BODY.size:
        return None
    return Mark.parse(body)


class OpenLog:
    """The log of a file that one connection works on. SQLite is not left to bring it into the file by itself: each
    log must begin with the mark. Raises SQLite's errors."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        """Bring what is there into the file, and begin a log; the file tells that it has one."""
        self._path = path
        # Once, for it is needed at each commit: to follow links takes a tenth of a millisecond.
        self._log = log_path(path)
        self._db = db
        self._place = _place(path)
        self.gone: str | None = None  # once the file is not in its place any more: what happened
        self._next = SIZE  # bytes of the log at which it is brought in
        self._overwritten = False
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("PRAGMA journal_size_limit = 0")  # the log's size tells how much is in it
        self._mark = mark_of(db)
        for _ in range(2):
            self._bring_in("TRUNCATE")
        self._remember()

    def committed(self) -> str | None:
        """To be called after each commit: brings in a log that has grown. Why nothing more may be written, if so."""
        if self.gone is None and _place(self._path) != self._place:
            self.gone = self._gone()
        elif self.gone is None and _written(self._path) != self._written and not self._is_as_it_was():
            self._overwritten = True
            self.gone = (
                "was overwritten, as by a backup, while burnish worked on it; stopped. It is left as it is now, and "
                f"what came since is in {self._log.name}, which goes with what was there before"
            )
        if self.gone is None and size_of(self._log) > self._next:
            self._bring_in("PASSIVE")
            self._next = size_of(self._log) + SIZE
            self._remember()
        return self.gone

    @contextmanager
    def kept_off(self) -> Iterator[None]:
        """While the connection is closed: brings no log into a file that was overwritten, as SQLite would."""
        if not self._overwritten:
            yield
            return
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        # SQLite leaves a log alone while another connection reads the file, and one that reads does so itself.
        with closing(sqlite3.connect(uri, uri=True)) as reading:
            with suppress(sqlite3.Error):
                reading.execute("PRAGMA user_version").fetchall()
            yield

    def finish(self) -> None:
        """Bring the log into the file, which tells that it needs none; where that fails, the log stays beside it."""
        with suppress(sqlite3.OperationalError):
            self._mark = replace(self._mark, complete=True).write(self._db)
            self._checkpoint("TRUNCATE")

    def _remember(self) -> None:
        """Know the file as it is now: only who brings the log in writes to it."""
        mark = _mark_on_disk(self._path)
        self._least = 0 if mark is None else mark.count
        self._written = _written(self._path)

    def _is_as_it_was(self) -> bool:
        """True where the file, which was written to, is still a state that the log goes on from."""
        mark = _mark_on_disk(self._path)
        ours = mark is not None and mark.identity == self._mark.identity
        if mark is None or not ours or not self._least <= mark.count <= self._mark.count:
            return False
        self._remember()
        return True

    def _bring_in(self, how: str) -> None:
        self._checkpoint(how)
        self._mark = self._mark.begun().write(self._db)

    def _checkpoint(self, how: str) -> None:
        """One that fails, as on a full disk, is made up for by the next: what is committed is in the log.

        A reader that holds on to an earlier state is not waited for: whoever closes last brings the log in.
        """
        ((patience,),) = self._db.execute("PRAGMA busy_timeout").fetchall()
        self._db.execute(f"PRAGMA busy_timeout = {_FOR_A_READER}")
        with suppress(sqlite3.OperationalError):
            self._db.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
        self._db.execute(f"PRAGMA busy_timeout = {patience}")

    def _gone(self) -> str:
        """The file was moved, replaced or deleted. One that was moved gets what its log holds."""
        name = _name_of(self._place)
        if name is None:
            return (
                "was deleted or replaced while burnish worked on it; stopped, and what it held is lost, unless there "
                "is a copy"
            )
        self.finish()
        return f"was moved to {name} while burnish worked on it; stopped, and everything is in it there"


def _place(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _written(path: Path) -> tuple[int, int] | None:
    """Size and time of a file, which tell that somebody has written to it; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _name_of(place: tuple[int, int] | None) -> Path | None:
    """The name that a file which is open here has now; None where it has none any more, or where none can be told."""
    for handle in Path("/proc/self/fd").glob("*"):
        try:
            if _place(handle) == place and (name := handle.readlink()).exists():
                return name
        except OSError:
            continue
    return None


def size_of(path: Path) -> int:
    """Bytes; of a file that is not there, 0."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
