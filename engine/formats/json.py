"""Rows of JSON files larger than memory: arrays and objects through a window, JSON Lines line by line."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from io import BufferedReader
from itertools import islice
from typing import NamedTuple

from engine.formats.encodings import UTF8, not_text, skip_bom
from engine.formats.limits import row_limit, too_large
from engine.formats.names import LOST, BrokenError, Row, RowError, shown
from engine.formats.value_end import ValueEnd

DEPTH = 100
"""Levels of nesting that a row may have: Python's decoder goes deeper than its encoder, and rows are written again."""


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
        if text.count("[", start, end) + text.count("{", start, end) > DEPTH:
            ending = ValueEnd()
            ending.find(text[start:end])
            if ending.deepest > DEPTH:
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

    def __init__(self, file: BufferedReader, encoding: str) -> None:
        """`file` is in UTF-8, of whatever encoding it was."""
        self._file, self._encoding = file, encoding
        self._utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._json = _Decoder()
        self._text = ""
        self._at = 0  # in `_text`
        self._line, self._byte = 1, skip_bom(file)  # of `_text[0]`
        self._ended = False
        self._clean = True  # every byte so far was UTF-8
        self._large: _Large | None = None  # passed over when something after it is wanted
        self._grow()

    def _grow(self) -> None:
        """Let go of what was parsed and read on."""
        done, left = self._text[: self._at], self._text[self._at :]
        self._line += done.count("\n")
        self._byte += _bytes(done)
        self._text, self._at = left + self._read(), 0

    def _read(self) -> str:
        """The next piece of the file, "" at its end."""
        data = self._file.read(self.CHUNK)
        self._ended = not data
        more = self._utf8.decode(data, final=self._ended)
        self._clean = self._clean and _is_unicode(more)
        return more

    def _line_at(self, at: int) -> str:
        return f"line {self._line + self._text.count(chr(10), 0, at)}"

    def _place(self, at: int) -> str:
        byte = f", byte {self._byte + _bytes(self._text[:at])}" if self._encoding == UTF8 else ""
        return f"{self._line_at(at)}{byte}"

    def peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        if self._large is not None:
            self._pass_over(self._large)
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

    @property
    def in_large_row(self) -> bool:
        """True where the value before was too large and has not been passed over."""
        return self._large is not None

    def value(self) -> object:
        """The value that begins here, or a `RowError` where it can be passed over. `BrokenError` where it cannot."""
        self.peek()
        found = self._decoded()
        if found is None and len(self._text) - self._at < self.CHUNK:
            self._grow()
            found = self._decoded()
        if found is None:
            if (large := self._complete()) is not None:
                return large
            found = self._decoded(whole=True)
            assert found is not None, "the whole of it is there"
        value, end = found
        start, self._at = self._at, end
        if not self._clean and not _is_unicode(raw := self._text[start:end]):
            bad = next(at for at, character in enumerate(raw) if "\ud800" <= character <= "\udfff")
            byte = self._byte + _bytes(self._text[: start + bad])
            line = raw[max(0, bad - _NEAR) : bad + _NEAR].encode("utf-8", "surrogateescape")
            mark = "," if self._encoding == UTF8 else ":"
            return RowError(f"{self._line_at(start + bad)}{mark} {not_text(self._encoding, byte, line)}")
        return RowError(f"{self._place(start)}: {self._json.fault}") if self._json.fault else value

    def _decoded(self, *, whole: bool = False) -> tuple[object, int] | None:
        """The value that begins here and its end, None where it may go on after the window. `BrokenError`.

        `whole`: it is known to end in the window, or in nothing.
        """
        whole = whole or self._ended
        try:
            value, end = self._json.decode(self._text, self._at)
        except json.JSONDecodeError as error:
            open_string = error.msg.startswith("Unterminated string")
            if not whole and (open_string or error.pos > len(self._text) - _TOKEN):
                return None
            over = open_string or error.pos >= len(self._text.rstrip())
            what = "the file ends in this row" if over else f"broken JSON ({error.msg})"
            raise BrokenError(f"{self._place(error.pos)}: {what}; {LOST}") from None
        except RecursionError:
            raise BrokenError(f"{self._place(self._at)}: nested too deeply; {LOST}") from None
        # At the window's end it may be the front half of a number.
        return (value, end) if whole or end < len(self._text) else None

    def _complete(self) -> RowError | None:
        """Read on to the end of the value that begins here; its fault where it is too large, before it is decoded."""
        place, ending, size = self._place(self._at), ValueEnd(), 0
        pieces, piece = [self._text[: self._at]], self._text[self._at :]
        while True:
            end = ending.find(piece)
            size += _bytes(piece[:end])
            pieces.append(piece)
            if end is not None or size > row_limit() or self._ended:
                break
            piece = self._read()
        self._text = "".join(pieces)
        if size <= row_limit():
            return None
        self._at = len(self._text) if end is None else len(self._text) - len(piece) + end
        self._large = _Large(place, ending) if end is None else None
        return too_large(f"{place}: ")

    def _pass_over(self, large: _Large) -> None:
        """Move past what is left of a value, a piece at a time. `BrokenError`: the file ends in it."""
        self._large, end = None, None
        while end is None:
            self._at = len(self._text)
            if self._ended:
                raise BrokenError(f"{large.place}: the file ends in this row; {LOST}")
            self._grow()
            end = large.ending.find(self._text)
        self._at = end


class _Large(NamedTuple):
    """A row that is larger than a row may be, of which a part was read."""

    place: str  # where it begins
    ending: ValueEnd


_SPACE = frozenset(" \t\r\n")
_NEAR = 100  # characters around a fault that its encoding is guessed from
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


def array_rows(file: BufferedReader, encoding: str) -> Iterator[Row]:
    """The elements of the array in a file; a break in it is the last row."""
    number = 0
    window = _Window(file, encoding)
    try:
        for number, value in _elements(window):
            yield number, value
        window.take("")
    except BrokenError as error:
        yield number + 1, error


def _elements(window: _Window) -> Iterator[Row]:
    """The elements of the array that comes next. `BrokenError`."""
    number = 1
    window.take("[")
    more = window.peek() != "]"
    while more:
        yield number, window.value()
        number += 1
        more = window.take(",", "]") == ","
    if number == 1:
        window.take("]")


def object_rows(file: BufferedReader, encoding: str) -> Iterator[Row]:
    """The objects in a file one after another, over as many lines as they take; a break is the last row."""
    number = 0
    window = _Window(file, encoding)
    try:
        while window.peek():
            value = window.value()
            number += 1
            yield number, value
            if window.peek() == ",":
                window.take(",")
    except BrokenError as error:
        yield number + 1, error


def member_rows(file: BufferedReader, encoding: str, name: str) -> Iterator[Row]:
    """The elements of the array under a name of the object in a file; a break is the last row.

    Another array of objects beside it is a fault, for its rows would be lost.
    """
    number = 0
    window = _Window(file, encoding)
    try:
        for found in _members(window):
            if found == name:
                for number, value in _elements(window):
                    yield number, value
                continue
            value = window.value()
            if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
                number += 1
                message = (
                    f"{shown(found)} holds a list of objects too, beside {shown(name)}; save each as a file"
                )
                yield number, RowError(message)
        window.take("")
    except BrokenError as error:
        yield number + 1, error


def first_of_members(file: BufferedReader, encoding: str) -> Iterator[tuple[str, object]]:
    """The names in the object in a file, each with its value, or with the first element of an array, as a list.

    Ends where the file breaks, and at a value that is too large for a row.
    """
    window = _Window(file, encoding)
    try:
        for name in _members(window):
            if window.peek() != "[":
                yield name, window.value()
                if window.in_large_row:
                    return
                continue
            elements = _elements(window)
            yield name, [value for _, value in islice(elements, 1)]
            for _ in elements:
                pass
    except BrokenError:
        return


def _members(window: _Window) -> Iterator[str]:
    """The names in the object that comes next; whoever takes one takes its value before the next. `BrokenError`."""
    window.take("{")
    more = window.peek() != "}"
    empty = not more
    while more:
        name = window.value()
        window.take(":")
        yield str(name)
        more = window.take(",", "}") == ","
    if empty:
        window.take("}")


def line_rows(file: BufferedReader, encoding: str) -> Iterator[Row]:
    """The values on the lines of a file that are not blank."""
    decoder = _Decoder()
    start = skip_bom(file)
    limit, number = row_limit(), 0
    while line := file.readline(limit + 1):
        number += 1
        if len(line) > limit:
            yield number, too_large()
            while not line.endswith(b"\n") and (more := file.readline(_Window.CHUNK)):
                start, line = start + len(line), more
        elif not line.isspace():
            yield number, _line_value(decoder, line, start, encoding)
        start += len(line)


def _line_value(decoder: _Decoder, line: bytes, start: int, encoding: str) -> object:
    """The object in a line that begins at byte `start`, or what is wrong with the line."""

    def place(byte: int) -> str:
        return f"byte {start + byte}: " if encoding == UTF8 else ""

    try:
        text = line.decode()
        value, end = decoder.decode(text, len(text) - len(text.lstrip()))
    except UnicodeDecodeError as error:
        return RowError(not_text(encoding, start + error.start, line))
    except json.JSONDecodeError as error:
        return RowError(f"{place(_bytes(text[: error.pos]))}broken JSON ({error.msg})")
    except RecursionError:
        return RowError("nested too deeply")
    # As a list is written, without its brackets.
    if text[end:].strip() in ("", ","):
        return RowError(decoder.fault) if decoder.fault else value
    return RowError(f"{place(_bytes(text[:end]))}expected one object a line, found more after it")
