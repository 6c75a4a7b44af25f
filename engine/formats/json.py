"""Rows of JSON files larger than memory: arrays through a window, JSON Lines line by line."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.formats.names import LOST, BrokenError, Row, RowError, is_deep, shown

DEPTH = 100
"""Levels of nesting that a row may have: Python's decoder goes deeper than its encoder, and rows are written again."""


def skip_bom(file: BinaryIO) -> int:
    """Move past a byte order mark at the start of a file; returns how many bytes it has."""
    found = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    return file.seek(len(codecs.BOM_UTF8) if found else 0)


class _Decoder:
    """Python's own JSON decoder, kept to JSON: a value that JSON cannot write again is noted in `fault`.

    ijson's fast backend turns lone surrogates into question marks and ends at integers of more than 64 bits,
    and its exact backend is six times slower than this.
    """

    def __init__(self) -> None:
        self.fault: str | None = None
        self._decoder = json.JSONDecoder(
            parse_int=self._int, parse_float=self._float, parse_constant=self._constant
        )

    def decode(self, text: str, start: int) -> tuple[object, int]:
        """The value that begins at `start`, and where it ends. `JSONDecodeError`, `RecursionError`."""
        self.fault = None
        value, end = self._decoder.raw_decode(text, start)
        if text.count("[", start, end) + text.count("{", start, end) > DEPTH and is_deep(value, DEPTH):
            self.fault = f"nested more than {DEPTH} deep"
        return value, end

    def _int(self, digits: str) -> int:
        try:
            return int(digits)
        except ValueError:  # Python's own limit
            self.fault = f"a number of {len(digits)} digits"
            return 0

    def _float(self, digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            self.fault = f"{digits[:20]} is too large for a number"
        return number

    def _constant(self, name: str) -> None:
        """NaN and Infinity, which pandas and Python write for a missing number, are null, as in Parquet."""


def decoded_text(text: str) -> object:
    """The value that a text holds as JSON, None where it holds none that JSON can write again."""
    decoder = _Decoder()
    try:
        value, end = decoder.decode(text, len(text) - len(text.lstrip()))
    except (json.JSONDecodeError, RecursionError):
        return None
    return None if decoder.fault or text[end:].strip() else value


class _Window:
    """The part of a JSON text that is being parsed, read from the file as it is needed."""

    CHUNK = 1 << 18  # bytes

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._json = _Decoder()
        self._text = ""
        self._at = 0  # in `_text`
        self._line, self._byte = 1, skip_bom(file)  # of `_text[0]`
        self._ended = False
        self._clean = True  # every byte so far was UTF-8
        self._grow()

    def _grow(self) -> None:
        """Let go of what was parsed and read on: as much again as is left, so that long rows stay linear."""
        done, left = self._text[: self._at], self._text[self._at :]
        self._line += done.count("\n")
        self._byte += _bytes(done)
        data = self._file.read(max(self.CHUNK, len(left)))
        self._ended = not data
        more = self._utf8.decode(data, final=self._ended)
        self._clean = self._clean and _is_unicode(more)
        self._text, self._at = left + more, 0

    def _place(self, at: int) -> str:
        line = self._line + self._text.count("\n", 0, at)
        return f"line {line}, byte {self._byte + _bytes(self._text[:at])}"

    def peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        while True:
            text, at = self._text, self._at
            while text[at : at + 1] in _SPACE:
                at += 1
            self._at = at
            if at < len(text) or self._ended:
                return text[at : at + 1]
            self._grow()

    def take(self, *expected: str) -> str:
        """The next character that is not white space, "" at the end, which is one of `expected`. `BrokenError`."""
        found = self.peek()
        if found not in expected:
            words = " or ".join(
                f"`{character}`" if character else "the end of the file" for character in expected
            )
            what = shown(found) if found else "the end of the file"
            raise BrokenError(f"{self._place(self._at)}: expected {words}, found {what}; {LOST}")
        self._at += len(found)
        return found

    def value(self) -> object:
        """The value that begins here, or a `RowError` where it can be passed over. `BrokenError` where it cannot."""
        self.peek()
        while True:
            try:
                value, end = self._json.decode(self._text, self._at)
                if end < len(self._text) or self._ended:  # else it may be the front half of a number
                    break
            except json.JSONDecodeError as error:
                open_string = error.msg.startswith("Unterminated string")
                if self._ended or not (open_string or error.pos > len(self._text) - _TOKEN):
                    over = open_string or error.pos >= len(self._text.rstrip())
                    what = "the file ends in this row" if over else f"broken JSON ({error.msg})"
                    raise BrokenError(f"{self._place(error.pos)}: {what}; {LOST}") from None
            except RecursionError:
                raise BrokenError(f"{self._place(self._at)}: nested too deeply; {LOST}") from None
            self._grow()
        start, self._at = self._at, end
        if not self._clean and not _is_unicode(raw := self._text[start:end]):
            bad = next(at for at, character in enumerate(raw) if "\ud800" <= character <= "\udfff")
            return RowError(f"{self._place(start + bad)}: not UTF-8")
        return RowError(f"{self._place(start)}: {self._json.fault}") if self._json.fault else value


_SPACE = frozenset(" \t\r\n")
_TOKEN = 16  # characters: no token but a string is longer, so an error further from the end is no cut


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _is_unicode(text: str) -> bool:
    """True where text decoded with surrogateescape held nothing but UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def array_rows(path: Path) -> Iterator[Row]:
    """The elements of the array in a file; a break in it is the last row."""
    number = 1
    with path.open("rb") as file:
        window = _Window(file)
        try:
            window.take("[")
            more = window.peek() != "]"
            while more:
                yield number, window.value()
                number += 1
                more = window.take(",", "]") == ","
            if number == 1:
                window.take("]")
            window.take("")
        except BrokenError as error:
            yield number, error


def line_rows(path: Path) -> Iterator[Row]:
    """The values on the lines of a file that are not blank."""
    decoder = _Decoder()
    with path.open("rb") as file:
        start = skip_bom(file)
        for number, line in enumerate(file, 1):
            if not line.isspace():
                yield number, _line_value(decoder, line, start)
            start += len(line)


def _line_value(decoder: _Decoder, line: bytes, start: int) -> object:
    """The object in a line that begins at byte `start`, or what is wrong with the line."""
    try:
        text = line.decode()
        value, end = decoder.decode(text, len(text) - len(text.lstrip()))
    except UnicodeDecodeError as error:
        return RowError(f"byte {start + error.start}: not UTF-8")
    except json.JSONDecodeError as error:
        return RowError(f"byte {start + _bytes(text[: error.pos])}: broken JSON ({error.msg})")
    except RecursionError:
        return RowError("nested too deeply")
    if not text[end:] or text[end:].isspace():
        return RowError(decoder.fault) if decoder.fault else value
    return RowError(f"byte {start + _bytes(text[:end])}: expected one object a line, found more after it")
