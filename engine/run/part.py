"""The part of a dataset that a run refines: all exchanges or the last ones, all of these or some drawn at random."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from heapq import nsmallest

from engine.run.settings import RunSettings
from engine.sample import Turns
from engine.store.workspace import Workspace


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


def chosen_in(workspace: Workspace, settings: RunSettings) -> tuple[Sequence[int], int]:
    """The samples of a workspace that a run with these settings refines, and how many more it takes up for that."""
    chosen = part_of(workspace.of_turns(settings.turns), settings)
    if settings.turns is Turns.LAST or workspace.source().turns is Turns.ALL:
        return chosen, 0
    more = workspace.conversations().all - len(workspace)
    return chosen, more if settings.sample is None else max(0, min(settings.sample - len(chosen), more))
