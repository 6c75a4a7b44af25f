"""Encodings of tables: UTF-8, what a byte order mark says, or what a person names; others are guessed at, not read."""

from __future__ import annotations

import codecs
import re
from io import BytesIO, TextIOWrapper
from typing import BinaryIO

from engine.formats.json import skip_bom
from models.errors import UsageError

UTF8 = "utf-8"

# UTF-32 first: its mark in little-endian order begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BAD = "\udcff"  # in place of bytes that are no text; decoded text never holds half a character otherwise


def _mark_bad(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return _BAD, error.end
    raise error


_MARKED = "burnish-marked"
codecs.register_error(_MARKED, _mark_bad)


def encoding_named(name: str) -> str:
    """An encoding's own name. `UsageError` where there is none of this name."""
    try:
        found = codecs.lookup(name).name
        TextIOWrapper(BytesIO(), name)
    except (LookupError, ValueError):  # a codec between bytes, such as hex, is a LookupError too
        raise UsageError(f"--encoding: no encoding is named {name!a}; such as cp1252, gbk, utf-16") from None
    return UTF8 if found == "utf-8-sig" else found


def encoding_marked(head: bytes) -> str:
    """The encoding that a file's beginning says: that of its byte order mark, or UTF-8."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), UTF8)


def decoded(head: bytes, encoding: str) -> str:
    """A file's beginning as text, without its mark, bytes that are none replaced. `UnicodeError`: all of it is none."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return decoder.decode(head).removeprefix("\ufeff")


def unmarked_utf16(line: str) -> str | None:
    """The UTF-16 that a line read as UTF-8 seems to be in: every other byte of it is zero."""
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if line[start::2].count("\0") * 2 > max(len(line) // 2, 1):
            return name
    return None


def likely(line: bytes) -> str:
    """The encoding that a line which is not UTF-8 may be in. A guess: nothing is read by it.

    Of western text most bytes beyond ASCII stand alone between letters; of other writing they follow one another.
    """
    high = len(re.findall(rb"[\x80-\xff]", line))
    alone = len(re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", line))
    if alone * 2 > high:
        return "cp1252"
    for name in ("gbk", "shift_jis"):
        try:
            line.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    return "cp1251"


def advice(encoding: str) -> str:
    """How text can be read that is not UTF-8, but may be in this encoding."""
    return (
        f"perhaps {encoding}: save it as UTF-8, or name its encoding to run, score or stats, "
        f"such as --encoding {encoding}"
    )


class Lines:
    """A table's lines as text, for `csv.reader`; remembers the first fault since it was last cleared."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = skip_bom(file)
        self.fault: str | None = None

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        start, self._start = self._start, self._start + len(line)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            if self.fault is None:
                self.fault = f"byte {start + error.start}: not UTF-8, {advice(likely(line))}"
            # Bytes that are not UTF-8 cannot move a row's end: the rows after this one are sound.
            return line.decode("utf-8", "replace")


class EncodedLines(Lines):
    """The same of a table in another encoding. `UnicodeError` where the file is not in it at all."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        super().__init__(file)
        file.seek(0)
        self._encoding = encoding
        self._text = TextIOWrapper(file, encoding, errors=_MARKED, newline="\n")
        self._first = True

    def __next__(self) -> str:
        line = next(self._text)
        if self._first:
            line, self._first = line.removeprefix("\ufeff"), False
        if _BAD in line:
            self.fault = self.fault or f"holds bytes that are not {self._encoding}"
            return line.replace(_BAD, "\ufffd")
        return line


def lines_of(file: BinaryIO, encoding: str) -> Lines:
    """The lines of a file in an encoding."""
    return Lines(file) if encoding == UTF8 else EncodedLines(file, encoding)
