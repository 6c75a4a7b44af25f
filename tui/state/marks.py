"""A set of samples, a byte for each sample of the dataset: as fast for a million as for ten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self


class MarkedSamples:
    """A set of samples' numbers, below `samples`."""

    def __init__(self, samples: int, marked: Iterable[int] = ()) -> None:
        self._marks = bytearray(samples)
        for sample in marked:
            self._marks[sample] = 1

    def __len__(self) -> int:
        return self._marks.count(1)

    def __contains__(self, sample: object) -> bool:
        return isinstance(sample, int) and 0 <= sample < len(self._marks) and bool(self._marks[sample])

    def __iter__(self) -> Iterator[int]:
        """In the dataset's order."""
        sample = self._marks.find(1)
        while sample >= 0:
            yield sample
            sample = self._marks.find(1, sample + 1)

    def toggle(self, sample: int) -> None:
        self._marks[sample] ^= 1

    def clear(self) -> None:
        self._marks = bytearray(len(self._marks))

    def copy(self) -> Self:
        """The set as it is now, for another thread or for later."""
        other = type(self)(0)
        other._marks = bytearray(self._marks)
        return other

    def covers(self, other: MarkedSamples) -> bool:
        """True where every sample of the other is marked here."""
        return self._number() & other._number() == other._number()

    def add(self, other: MarkedSamples) -> None:
        """Mark the samples of another set of the same dataset."""
        # As one long number: at once even for a million samples.
        self._marks = bytearray((self._number() | other._number()).to_bytes(len(self._marks), "big"))

    def _number(self) -> int:
        return int.from_bytes(self._marks, "big")
