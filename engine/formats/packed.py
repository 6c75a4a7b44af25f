"""Files packed with gzip, xz or Zstandard: read and written as a stream, so that one of any size fits in memory."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, cast

from engine.formats import extras


class Packing(StrEnum):
    """A way to pack a file; the value is the ending of its name."""

    GZIP = ".gz"
    XZ = ".xz"
    ZSTD = ".zst"


_MARKS = {Packing.GZIP: b"\x1f\x8b", Packing.XZ: b"\xfd7zXZ\x00", Packing.ZSTD: b"\x28\xb5\x2f\xfd"}
_PASSED_OVER = (
    b"*M\x18"  # after a byte from 0x50 to 0x5f: a Zstandard frame that holds nothing of the contents
)
_PIECE = 1 << 16  # bytes of the contents at a time
_ZSTD_PIECE = 1 << 9  # bytes of a Zstandard file at a time: a block of four bytes may hold 128 KiB
_WINDOW = 1 << 31  # bytes that a Zstandard file may look back, as `zstd --long=31` writes it


class PackedError(OSError):
    """A packed file is cut off or damaged."""

    def __init__(self, packing: Packing, reason: str) -> None:
        super().__init__(f"the {packing} file is cut off or damaged ({reason})")
        self.strerror = str(self)


def packing_of(head: bytes) -> Packing | None:
    """The packing that a file's beginning shows, None where it is not packed."""
    if head[1:4] == _PASSED_OVER and head[0] >> 4 == 5:
        return Packing.ZSTD
    return next((packing for packing, mark in _MARKS.items() if head.startswith(mark)), None)


def packing_named(path: Path) -> Packing | None:
    """The packing that a file's name asks for."""
    return next((packing for packing in Packing if path.suffix.lower() == packing), None)


def bare_name(path: Path) -> Path:
    """The path without the ending of its packing: `rows.csv` of `rows.csv.gz`."""
    return path if packing_named(path) is None else path.with_suffix("")


class _Unpacked(io.RawIOBase):
    """The contents of a packed file. Reading raises `PackedError`."""

    def __init__(
        self, packing: Packing, pieces: Iterator[bytes], errors: tuple[type[Exception], ...]
    ) -> None:
        self._packing, self._pieces, self._errors = packing, pieces, errors
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._left:
                self._left = memoryview(next(self._pieces))
        except StopIteration:
            return 0
        except self._errors as error:
            raise PackedError(self._packing, " ".join(str(error).split())[:100]) from None
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


def unpacked(path: Path, file: io.BufferedReader, packing: Packing | None) -> io.BufferedReader:
    """The contents of a file that is open at its beginning. `DatasetError`: it needs a package that is missing."""
    if packing is None:
        return file
    if packing is Packing.ZSTD:
        zstandard = extras.zstandard(path)
        raw = _Unpacked(packing, _zstd_pieces(zstandard, file), (EOFError, zstandard.ZstdError))
    else:
        errors = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)
        raw = _Unpacked(packing, _pieces(packing, file), errors)
    return io.BufferedReader(raw, _PIECE)


def _pieces(packing: Packing, file: io.BufferedReader) -> Iterator[bytes]:
    with gzip.open(file) if packing is Packing.GZIP else lzma.open(file) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _zstd_pieces(zstandard: Any, file: BinaryIO) -> Iterator[bytes]:
    """The contents of a Zstandard file, frame after frame."""
    data = file.read(_ZSTD_PIECE)
    while data:
        frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        while not frame.eof:
            if not data:
                raise EOFError("the file ends in a frame")
            yield frame.decompress(data)
            data = b"" if frame.eof else file.read(_ZSTD_PIECE)
        data = frame.unused_data or file.read(_ZSTD_PIECE)


@contextmanager
def packing_into(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    """A stream into a file that is to be called `path`, packed as that name says; the same bytes every time."""
    match packing_named(path):
        case None:
            yield file
        case Packing.GZIP:
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream:
                yield cast(BinaryIO, stream)
        case Packing.XZ:
            with lzma.open(file, "wb") as stream:
                yield cast(BinaryIO, stream)
        case Packing.ZSTD:
            compressor = extras.zstandard(path).ZstdCompressor(write_checksum=True)
            with compressor.stream_writer(file, closefd=False) as stream:
                yield stream
