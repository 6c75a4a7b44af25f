"""What can be wrong with a SQLite file of burnish's own, as one line that a person can act on."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import BurnishError


class WorkspaceError(BurnishError):
    """A file that cannot be used as asked. It is left as it was."""


class Interrupted(Exception):  # noqa: N818 - asked for, no error
    """A query that was given up, for nobody waits for its answer any more."""


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


def _full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < 1 << 16
    except OSError:
        return False
