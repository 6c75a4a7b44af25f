"""The part of a dataset that a run refines: all of it, or samples drawn at random."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from heapq import nsmallest

from engine.run.settings import RunSettings


def part_of(samples: Sequence[int], settings: RunSettings) -> Sequence[int]:
    """Those of some samples that a run refines, in order.

    Every sample has a place in the draw that depends on the seed and its number alone: a larger part holds a smaller
    one, and samples that are appended later change little.
    """
    if settings.sample is None or settings.sample >= len(samples):
        return samples

    def place(index: int) -> bytes:
        return hashlib.sha256(f"{settings.seed} {index}".encode("ascii")).digest()

    return sorted(nsmallest(settings.sample, samples, key=place))
