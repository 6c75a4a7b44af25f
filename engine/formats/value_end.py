"""The end of a JSON value, found in linear time and without building any of it."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

_AFTER = re.compile(rb"[\s,\]}]")  # what ends a number or a word
_QUOTE, _BACKSLASH = b'"\\'
_DEPTH = np.zeros(256, np.int8)  # the step that a byte outside strings is
_DEPTH[list(b"{[")], _DEPTH[list(b"}]")] = 1, -1
_MARKS = _DEPTH != 0
_MARKS[_QUOTE] = True


class ValueEnd:
    """Looks for the end of one value, piece after piece of its text."""

    def __init__(self) -> None:
        self._depth = 0  # brackets that are open
        self._quoted = False  # in a string
        self._escaped = False  # the piece before ended in half an escape
        self._bare: bool | None = None  # a number or a word, which no bracket or quote ends; None: not begun
        self.deepest = 0  # brackets that were open at once

    def find(self, piece: str) -> int | None:
        """The end of the value in the next piece of its text, None where it goes on after it.

        A break in the value's syntax is not seen: then the end is anywhere after it, or nowhere.
        """
        data = piece.encode("utf-8", "surrogatepass")
        if self._bare is None and data:
            self._bare = data[0] not in b'{["'
        if self._bare:
            found = _AFTER.search(data)
            return None if found is None else found.start()
        end = self._end(self._without_escapes(data))
        return None if end is None else len(data[:end].decode("utf-8", "surrogatepass"))

    def _without_escapes(self, data: bytes) -> bytes:
        """The same number of bytes, with others in place of escaped quotes and backslashes."""
        if self._escaped:
            data, self._escaped = b"_" + data[1:], not data
        if b"\\" not in data:
            return data
        data = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        self._escaped = data.endswith(b"\\")
        return data

    def _end(self, data: bytes) -> int | None:
        marks = np.frombuffer(data, np.uint8)
        places = np.flatnonzero(_MARKS[marks])
        marks = marks[places]
        quotes = marks == _QUOTE
        inside = self._running(quotes, int(self._quoted)) % 2 == 1  # a string, after each mark
        depth = self._running(np.where(inside, 0, _DEPTH[marks]), self._depth)
        # A quote that closes a string, and a bracket that closes the first one, leave nothing open.
        ends = np.flatnonzero((depth == 0) & ~inside)
        depth = depth[: ends[0]] if len(ends) else depth
        if len(depth):
            self._depth, self._quoted = int(depth[-1]), bool(inside[-1])
            self.deepest = max(self.deepest, int(depth.max()))
        return int(places[ends[0]]) + 1 if len(ends) else None

    @staticmethod
    def _running(steps: npt.NDArray[np.generic], start: int) -> npt.NDArray[np.int64]:
        return np.cumsum(steps, dtype=np.int64) + start
