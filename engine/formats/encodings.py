"""Encodings of text files: UTF-8, what a byte order mark or zero bytes say, or what a person names.

Files in any of them are read as UTF-8 from here on. Other encodings are guessed at in a message, not read.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from io import BufferedReader, BytesIO, TextIOWrapper
from typing import Any

from engine.formats.limits import row_limit
from models.errors import UsageError

UTF8 = "utf-8"

# UTF-32 first: its mark in little-endian order begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Without a mark, two characters of ASCII show it, as RFC 4627 (section 3) has it for JSON; bytes other than zero are x.
_ZEROS = (("x000", "utf-32-le"), ("000x", "utf-32-be"), ("x0x0", "utf-16-le"), ("0x0x", "utf-16-be"))
_PIECE = 1 << 16  # bytes


def _mark_bad(error: UnicodeError) -> tuple[str, int]:
    """A character that becomes the byte 0xff, which no UTF-8 holds, in place of bytes that are no text."""
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end
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


def encoding_told(head: bytes) -> str:
    """The encoding that a file's beginning says, by a byte order mark or its zero bytes, or UTF-8."""
    zeros = "".join("x" if byte else "0" for byte in head[:4])
    told = (
        *((head.startswith(mark), name) for mark, name in _MARKS),
        *((zeros == z, name) for z, name in _ZEROS),
    )
    return next((name for is_it, name in told if is_it), UTF8)


def decoded(head: bytes, encoding: str) -> str:
    """A file's beginning as text, without its mark, bytes that are none replaced. `UnicodeError`: all of it is none."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return decoder.decode(head).removeprefix("\ufeff")


def skip_bom(file: BufferedReader) -> int:
    """Move past UTF-8's byte order mark, if it comes next; returns how many bytes it has."""
    return len(file.read(len(codecs.BOM_UTF8))) if file.peek().startswith(codecs.BOM_UTF8) else 0


def likely(line: bytes) -> str:
    """The encoding that a line which is not UTF-8 may be in. A guess: nothing is read by it.

    Of western text most bytes beyond ASCII stand alone between letters; of other writing they follow one another.
    Japanese has kana, Korean little else than hangul, Big5's second bytes are often ASCII's, and Russian's small
    letters are the last 32 bytes.
    """
    high = re.findall(rb"[\x80-\xff]", line)
    alone = re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", line)
    letters = [byte for byte in high if byte >= b"\xc0"]
    if len(alone) * 2 > len(high):
        return "cp1252"
    if len(letters) > len(high) * 0.95 and sum(byte >= b"\xe0" for byte in letters) > len(high) * 0.6:
        return "cp1251"
    for name, least, share, is_it in _WRITINGS:
        try:
            found = [is_it(character) for character in line.decode(name) if not character.isascii()]
        except UnicodeDecodeError:
            continue
        if len(found) >= least and sum(found) > len(found) * share:
            return name
    return "cp1251"


def _is_kana(character: str) -> bool:
    return "\u3041" <= character <= "\u30ff"


def _is_hangul(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"


def _ends_in_ascii(character: str) -> bool:
    return character.encode("big5")[-1] < 0x80


# An encoding, how many characters tell it, and the share of them that is so. Common Chinese is hangul in Korean's.
_WRITINGS: tuple[tuple[str, int, float, Callable[[str], bool]], ...] = (
    ("shift_jis", 1, 0.3, _is_kana),
    ("euc_jp", 1, 0.3, _is_kana),
    ("euc_kr", 8, 0.9, _is_hangul),
    ("big5", 1, 0.2, _ends_in_ascii),
    ("gbk", 1, 0, lambda character: True),
    ("big5", 1, 0, lambda character: True),
)


def advice(encoding: str) -> str:
    """Advice for a text that is not UTF-8, but may be in this encoding."""
    return f"perhaps {encoding}: save it as UTF-8, or name its encoding, such as --encoding {encoding}"


class _Recoded(io.RawIOBase):
    """A file in another encoding, as UTF-8. `UnicodeError` where it is not in that encoding at all."""

    def __init__(self, file: BufferedReader, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)(_MARKED)
        self._left = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._ended:
            data = self._file.read(_PIECE)
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            # A lone surrogate is no text either.
            self._left = re.sub("[\ud800-\udfff]", "\udcff", text).encode("utf-8", "surrogateescape")
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


def recoded(file: BufferedReader, encoding: str) -> BufferedReader:
    """A file in an encoding as a file in UTF-8."""
    return file if encoding == UTF8 else BufferedReader(_Recoded(file, encoding), _PIECE)


def not_text(encoding: str, byte: int, line: bytes) -> str:
    """The fault of a line that is not in its file's encoding; `byte`: where, in UTF-8."""
    if encoding != UTF8:
        return f"holds bytes that are not {encoding}"
    return f"byte {byte}: not UTF-8, {advice(likely(line))}"


class LargeRowError(Exception):
    """A row has more bytes than a row may. The next line is that after it."""


class Lines:
    """A table's lines as text, for `csv.reader`; remembers the first fault since a row began."""

    def __init__(self, file: BufferedReader, encoding: str, *, quotes: bool) -> None:
        """`file` is in UTF-8, of whatever encoding it was. `quotes`: a row ends where no quote is open."""
        self._file, self._encoding, self._quotes = file, encoding, quotes
        self._start = skip_bom(file)
        self._passing = self._open = False  # in a row that is too large; in quotes
        self.number = 0  # lines that were read
        self.begin()

    def begin(self) -> None:
        """A row begins; what is left of one that was too large is passed over."""
        while self._passing:
            if self._open:
                self._pass_to_quote()
            line = self._read(_PIECE)
            self._passing = bool(line) and (self._open or not line.endswith(b"\n"))
        self.fault: str | None = None
        self._room = row_limit()
        self._open = False  # a quote

    def _pass_to_quote(self) -> None:
        """Pass over what stands before the next quote: short lines by the million take too long one by one."""
        while (block := self._file.peek(1)) and not block.startswith(b'"'):
            passed = self._file.read(len(block.partition(b'"')[0]))
            self._start += len(passed)
            self.number += passed.count(b"\n")

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        """The next line. Raises `LargeRowError`."""
        line = self._read(self._room + 1)
        if not line:
            raise StopIteration
        start = self._start - len(line)
        self._room -= len(line)
        if self._room < 0:
            self._passing = not line.endswith(b"\n") or self._open
            raise LargeRowError
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            if self.fault is None:
                self.fault = not_text(self._encoding, start + error.start, line)
            # Bytes that are not UTF-8 cannot move a row's end: the rows after this one are sound.
            return line.decode("utf-8", "replace")

    def _read(self, most: int) -> bytes:
        """The next line, or its first bytes."""
        line = self._file.readline(most)
        self._start += len(line)
        self.number += line.endswith(b"\n")
        if self._quotes and line.count(b'"') % 2:
            self._open = not self._open
        return line
