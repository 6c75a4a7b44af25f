"""Duplicate samples and near duplicates: equal texts, and MinHash for texts that share most of their word trigrams.

Two samples are duplicates where instruction, input and response, and all that was said before them, are the same but
for white space. They are near duplicates where the sets A and B of their word trigrams have |A ∩ B| / |A ∪ B|
(Jaccard's index) of `NEAR` or more, as estimated from 128 MinHashes (Broder, "On the resemblance and containment of
documents", 1997; its standard error at 0.8 is 0.035). In a conversation that is the exchange's likeness times that
of the turns before it: a sum of two MinHashes is the same where both are. A system message counts for nothing in it,
for many rows share one. Banding says which samples are compared (Leskovec, Rajaraman, Ullman, "Mining of Massive
Datasets", 3.4): 16 bands of 8 find a pair at 0.8 with a probability of 0.95, one at 0.9 with 0.9999.

Written out in NumPy, because the libraries for it keep every signature and band in memory, 1.7 and 2.8 KB a
sample where it was measured: with this each leaves 256 bytes in temporary files and, at the end, some 40 in memory.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from engine.examine.words import Numbers, grams, numbers
from engine.sample import History, Version

NEAR = 0.8
TRIGRAM = 3
BANDS, ROWS = 16, 8

_HASHES = BANDS * ROWS
_DICE = np.random.default_rng(0)
_FACTORS = _DICE.integers(1 << 63, size=(_HASHES, 1), dtype=np.uint64) * np.uint64(2) + np.uint64(1)  # odd
_MIX = _DICE.integers(1 << 63, size=ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_BEFORE = _DICE.integers(1 << 63, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_AT_ONCE = 4096  # trigrams, samples, or pairs: what is in memory at a time


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A sample that is like an earlier one."""

    sample: int
    of: int  # the earlier one, the first that it was found to be like
    likeness: float | None  # the estimate; None: the same texts


class Duplicates:
    """The duplicates among the samples added so far, which are numbered as they are added, from 0."""

    def __init__(self) -> None:
        self._texts = array("Q")  # a digest of each sample
        self._bands: list[Numbers] = []  # of the samples since the last block
        self._bytes: list[NDArray[np.uint8]] = []
        self._blocks = tempfile.TemporaryFile()  # noqa: SIM115 - until `close`
        self._signatures = tempfile.TemporaryFile()  # noqa: SIM115

    def close(self) -> None:
        self._blocks.close()
        self._signatures.close()

    def add(self, version: Version, history: History = ()) -> None:
        """`history`: what was said before it."""
        texts = [version.instruction, version.input, version.response]
        all_of_it = [*texts, *(text for turn in history for text in (turn.role, turn.text))]
        plain = "\0".join(" ".join(text.split()) for text in all_of_it).encode("utf-8", "surrogatepass")
        self._texts.append(int.from_bytes(blake2b(plain, digest_size=8).digest()))
        minima = self._minima_of(texts)
        if before := [turn.text for turn in history if turn.role != "system"]:
            minima = minima + self._minima_of(before) * _BEFORE
        self._bands.append((minima.reshape(BANDS, ROWS) * _MIX).sum(axis=1, dtype=np.uint64))
        # Eight bits of each say whether two are equal, but for one pair in 256 that only looks so (Li and König,
        # "b-Bit Minwise Hashing", 2010): `_likeness` takes these off again.
        self._bytes.append((minima >> np.uint64(32)).astype(np.uint8))
        if len(self._bands) == _AT_ONCE:
            self._write()

    def _minima_of(self, texts: list[str]) -> Numbers:
        found = numbers("\n".join(texts))
        # Texts without a word (signs, emoji) are like none but their equals.
        last = np.array(self._texts[-1:], np.uint64)
        return _minima(grams(found, min(TRIGRAM, len(found))) if len(found) else last)

    def _write(self) -> None:
        """A block: each band's numbers side by side, so that a band is read without the others."""
        block = np.zeros((BANDS, _AT_ONCE), np.uint64)
        block[:, : len(self._bands)] = np.array(self._bands, np.uint64).reshape(-1, BANDS).T
        self._blocks.write(block.tobytes())
        self._signatures.write(np.array(self._bytes, np.uint8).tobytes())
        self._bands.clear()
        self._bytes.clear()

    def found(self) -> Iterator[Duplicate]:
        """The samples that are like an earlier one, the equal ones first, each kind in order."""
        count = len(self._texts)
        if count < 2:
            return
        self._write()
        of = np.arange(count)
        likeness = np.zeros(count, np.float32)
        samples, firsts = _pairs(np.array(self._texts, np.uint64))
        of[samples] = firsts
        equal = of < np.arange(count)
        for sample in np.flatnonzero(equal):
            yield Duplicate(int(sample), int(of[sample]), None)
        self._signatures.flush()
        signatures = np.memmap(self._signatures, np.uint8, "r", shape=(count, _HASHES))
        for band in range(BANDS):
            samples, firsts = _pairs(self._band(band, count))
            wanted = ~equal[samples] & (firsts < of[samples])
            samples, firsts = samples[wanted], firsts[wanted]
            for start in range(0, len(samples), _AT_ONCE):
                part, first = samples[start : start + _AT_ONCE], firsts[start : start + _AT_ONCE]
                like = _likeness(signatures[part], signatures[first])
                near = like >= NEAR
                of[part[near]], likeness[part[near]] = first[near], like[near]
        for sample in np.flatnonzero(~equal & (of < np.arange(count))):
            yield Duplicate(int(sample), int(of[sample]), round(float(likeness[sample]), 2))

    def _band(self, band: int, count: int) -> Numbers:
        size = _AT_ONCE * 8
        parts = []
        for block in range(-(-count // _AT_ONCE)):
            self._blocks.seek((block * BANDS + band) * size)
            parts.append(np.frombuffer(self._blocks.read(size), np.uint64))
        return np.concatenate(parts)[:count]


def _minima(shingles: Numbers) -> Numbers:
    """The least of each hash over a text's trigrams."""
    minima = np.full(_HASHES, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(shingles), _AT_ONCE):
        np.minimum(minima, (shingles[start : start + _AT_ONCE] * _FACTORS).min(axis=1), out=minima)
    return minima


def _pairs(keys: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each sample whose key an earlier one has, beside the first that has it."""
    order = np.argsort(keys, kind="stable")
    inside = np.concatenate([[False], keys[order[1:]] == keys[order[:-1]]])
    start = np.maximum.accumulate(np.where(inside, 0, np.arange(len(keys))))
    return order[inside], order[start[inside]]


def _likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    equal = (one == other).mean(axis=1)
    likeness: NDArray[np.float64] = (equal - 1 / 256) / (1 - 1 / 256)
    return likeness
