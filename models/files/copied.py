"""Models' files that were sent to this machine, in this user's cache, each model under its SHA-256."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

from models.errors import ModelFileError
from models.files.digest import sha256_of_parts
from models.system.units import size

LEFT = 3600.0
"""Seconds without a byte after which a file on its way is one that a killed process left."""

MORE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


def copies_path() -> Path:
    return user_cache_path("burnish") / "students"


def copied(digest: str) -> Path | None:
    """The file, of several the first, of the model that was sent here with this digest ("sha256:..."), if it was."""
    return min(_place(digest).glob("*.gguf"), default=None)


class Arriving:
    """A model's files on their way to this machine.

    They are this user's alone, and have their place once all are here and have the digest. Raises `ModelFileError`.
    """

    def __init__(self, digest: str, sizes: Sequence[int]) -> None:
        """`sizes`: bytes of each of its files, in order."""
        self._digest, self._sizes = digest, sizes
        self._folder: Path | None = None  # until the first piece

    def add(self, part: int, piece: bytes) -> None:
        """Put the next piece of a file behind the others."""
        try:
            with os.fdopen(os.open(self._path(part), MORE, 0o600), "ab") as file:
                file.write(piece)
        except OSError as error:
            self.discard()
            raise ModelFileError(_place(self._digest), (error.strerror or str(error)).lower()) from error

    def keep(self) -> None:
        """Have the files take their place. Reads them once."""
        assert self._folder is not None
        place = _place(self._digest)
        try:
            arrived = sha256_of_parts([self._path(part) for part in range(len(self._sizes))])
            if arrived != self._digest:
                raise ModelFileError(
                    place, f"{arrived[:19]} arrived, and not {self._digest[:19]}: send it again"
                )
            shutil.rmtree(place, ignore_errors=True)  # of no use, else nothing would be sent
            self._folder.rename(place)
        except OSError as error:
            raise ModelFileError(place, (error.strerror or str(error)).lower()) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing of what has no place yet."""
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _path(self, part: int) -> Path:
        """The place of a file for now, by the name with which llama.cpp finds the model's others."""
        if self._folder is None:
            self._folder = self._begun()
        count = len(self._sizes)
        name = "student.gguf" if count == 1 else f"student-{part + 1:05}-of-{count:05}.gguf"
        return self._folder / name

    def _begun(self) -> Path:
        """A new folder, where there is room for all."""
        copies, needed = copies_path(), sum(self._sizes)
        copies.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in copies.glob(".*"):
            if time.time() - max(path.stat().st_mtime for path in (left, *left.iterdir())) > LEFT:
                shutil.rmtree(left, ignore_errors=True)
        if (free := shutil.disk_usage(copies).free) < needed:
            raise ModelFileError(
                copies, f"has room for {size(free)}, and the student is {size(needed)}: make room"
            )
        return Path(tempfile.mkdtemp(prefix=f".{os.getpid()}-", dir=copies))


def _place(digest: str) -> Path:
    return copies_path() / digest.removeprefix("sha256:")
