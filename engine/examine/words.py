"""Texts as words, and words as numbers, for finding near duplicates and overlaps with a test."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

# Letters, digits and underscores in a row; of writing without spaces (ideographs, kana) each character.
_WIDE = "\u2e80-\u2fff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_WIDE}]|[^\W{_WIDE}]+")

_BASE = 0x9E3779B97F4A7C15  # odd: a position's power of it loses no bits


def words(text: str) -> list[str]:
    """The words of a text, in lower case, without what stands between them."""
    return [word.lower() for word in _WORD.findall(text)]


def numbers(text: str) -> Numbers:
    """A number for each of `words`, the same wherever the word stands, in every process."""
    return np.fromiter(map(_number, _WORD.findall(text)), np.uint64)


def stretch(text: str, first: int, count: int) -> tuple[int, int]:
    """The span in a text of `count` words, from its word `first`: where they begin and end."""
    found = list(islice(_WORD.finditer(text), first, first + count))
    return found[0].start(), found[-1].end()


@lru_cache(1 << 16)
def _number(word: str) -> int:
    """CRC-32's 32 bits, spread over 64 (the finisher of SplitMix64)."""
    number = (crc32(word.lower().encode("utf-8", "surrogatepass")) + _BASE) & _MASK
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
    return number ^ number >> 31


_MASK = (1 << 64) - 1


def grams(found: Numbers, length: int) -> Numbers:
    """A number for each run of `length` words: of n words, n - length + 1, or none."""
    count = len(found) - length + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    total = np.zeros(count, np.uint64)
    power = 1
    for at in range(length):
        total += found[at : at + count] * np.uint64(power)
        power = power * _BASE & _MASK
    return total
