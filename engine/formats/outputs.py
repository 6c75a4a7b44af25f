"""The one way out for a file that burnish writes for a user: in one step, and never over what burnish works on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.formats.names import DatasetError
from models.system.atomic_file import atomic_files
from models.system.locked_files import beginning

_DATABASE = b"SQLite format 3\0"
_OURS = b"brn"  # begins the application id of every kind of SQLite file of burnish's, at byte 68
_LOGS = (
    b"\x37\x7f\x06\x82",
    b"\x37\x7f\x06\x83",
    b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
)  # SQLite's, of any file
_BESIDE = re.compile(
    r"(.+)-(wal|shm|journal|lock)", re.DOTALL
)  # what lies beside a SQLite file and belongs to it


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that an output is made from, and never written over, whatever its name is by now."""

    path: Path
    sha256: str  # "sha256:..." of its bytes when it was read


@contextmanager
def replacing(
    *paths: Path, sources: Collection[SourceFile] = (), mode: int = 0o666
) -> Iterator[tuple[BinaryIO, ...]]:
    """`atomic_files` that never take the place of one of `sources` or of burnish's own. Raises `DatasetError`."""
    names = " and ".join(map(str, paths))
    try:
        for path in paths:
            refuse(path, sources)
        with atomic_files(*paths, mode=mode) as files:
            yield files
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{names}: cannot be written: {reason}; what was there is as it was") from None


def refuse(path: Path, sources: Collection[SourceFile] = ()) -> None:
    """Raise `DatasetError` where nothing may be written to `path`. Raises `OSError`."""
    if path.is_symlink():
        with suppress(FileNotFoundError):
            path.stat()  # of a link that leads to itself, an error
    if path.exists() and not path.is_file():
        raise DatasetError(f"{path}: cannot be written: it is there and is not a file")
    if why := why_not_free(path) or _why_a_source(path, sources):
        raise DatasetError(f"{path}: {why}; burnish does not write over its own source: choose another file")


def why_not_free(path: Path) -> str | None:
    """Why a path is a place for burnish's own files, told by what is there; None where it is not. Raises `OSError`."""
    real = path.resolve()
    if real.is_file():
        head = beginning(real, 72)
        if head.startswith(_DATABASE) and head[68:].startswith(_OURS):
            return "a workspace or a record of burnish's"
        if head.startswith(_LOGS):
            return "the log of a SQLite file, in which there may be what that file lacks"
    if (found := _BESIDE.fullmatch(real.name)) and why_not_free(owner := real.with_name(found[1])):
        return f"belongs to {owner.name} beside it"
    return None


def _why_a_source(path: Path, sources: Collection[SourceFile]) -> str | None:
    if not sources or not path.exists():
        return None
    digest = None
    for source in sources:
        if not (source.path.exists() and path.samefile(source.path)):
            if digest is None:
                with path.open("rb") as file:
                    digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
            if digest != source.sha256:
                continue
        return (
            f"the data that this is made from ({source.path}), and burnish does not write over its own source"
        )
    return None
