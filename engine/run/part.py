"""The part of a dataset that a run refines: all exchanges or the last ones, all of these or some drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from heapq import nsmallest

from engine.run.settings import RunSettings
from engine.sample import Turns
from engine.store.draw import place_in_draw
from engine.store.workspace import Workspace


def part_of(samples: Sequence[int], settings: RunSettings) -> Sequence[int]:
    """Those of some samples that a run refines, in order; see `place_in_draw`."""
    if settings.sample is None or settings.sample >= len(samples):
        return samples
    return sorted(nsmallest(settings.sample, samples, key=partial(place_in_draw, settings.seed)))


def chosen_in(workspace: Workspace, settings: RunSettings) -> tuple[Sequence[int], int]:
    """The samples of a workspace that a run with these settings refines, and how many more it takes up for that."""
    chosen = part_of(workspace.of_turns(settings.turns), settings)
    if settings.turns is Turns.LAST or workspace.source().turns is Turns.ALL:
        return chosen, 0
    more = workspace.conversations().all - len(workspace)
    return chosen, more if settings.sample is None else max(0, min(settings.sample - len(chosen), more))
