"""Overlap with a test: samples that hold what a model is to be tested with.

A text overlaps with a test where they share 13 words in a row, as GPT-3's authors defined it (Brown et al., "Language
Models are Few-Shot Learners", 2020, appendix C): lower case, whatever stands between the words. Of a test's text with
fewer words, all of them, 8 at least; shorter ones are left out, for they are found everywhere. Texts are compared one
by one (an instruction, an input, a response; each text in a row of the test), so that no run of words leads from one
into another.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.examine.words import Numbers, grams, numbers, stretch

LONGEST, SHORTEST = 13, 8


@dataclass(frozen=True, slots=True)
class Overlap:
    """The place where a text shares words with a test."""

    row: int  # of the test, from 0
    start: int  # of the words they share, in the text
    end: int


class TestTexts:
    """The runs of words of a test's texts, 16 bytes each."""

    __test__ = False  # no test of ours

    def __init__(self, rows: Iterable[object]) -> None:
        """`rows`: of any shape; every text in them counts."""
        self.rows = 0
        self.texts = 0  # of 8 words or more
        self.short = 0  # left out
        keys: dict[int, list[Numbers]] = {}
        places: dict[int, array[int]] = {}
        for row in rows:
            for text in _texts(row):
                found = numbers(text)
                if len(found) < SHORTEST:
                    self.short += 1
                    continue
                self.texts += 1
                length = min(LONGEST, len(found))
                runs = grams(found, length)
                keys.setdefault(length, []).append(runs)
                places.setdefault(length, array("q")).extend([self.rows] * len(runs))
            self.rows += 1
        self._runs = {}
        for length, parts in keys.items():
            runs, first = np.unique(np.concatenate(parts), return_index=True)
            self._runs[length] = (runs, np.frombuffer(places[length], np.int64)[first])

    def find(self, text: str) -> Overlap | None:
        """The first run of words that the text shares with the test."""
        found = numbers(text)
        for length, (runs, rows) in self._runs.items():
            mine = grams(found, length)
            places = np.searchsorted(runs, mine)
            shared = np.flatnonzero(runs[np.minimum(places, len(runs) - 1)] == mine)
            if len(shared):
                at = int(shared[0])
                return Overlap(int(rows[places[at]]), *stretch(text, at, length))
        return None


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
