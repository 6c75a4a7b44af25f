"""The part of a dataset that a run refines: all exchanges or the last ones, all of these or some drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from heapq import nsmallest

from engine.run.settings import RunSettings
from engine.sample import Turns
from engine.store.draw import place_in_draw
from engine.store.dropped import without_dropped
from engine.store.workspace import Workspace


def drawn_of(samples: Sequence[int], settings: RunSettings) -> Sequence[int]:
    """All of some samples, or those drawn of them, in order; see `place_in_draw`."""
    if settings.sample is None or settings.sample >= len(samples):
        return samples
    return sorted(nsmallest(settings.sample, samples, key=partial(place_in_draw, settings.seed)))


def part_of(workspace: Workspace, settings: RunSettings, limit: int | None = None) -> Sequence[int]:
    """The samples of a workspace that a run with these settings refines, or the first `limit` of them, in order.

    Those that a person dropped are left out of what is drawn, and no others take their place: what was paid for stays
    the whole part.
    """
    drawn = drawn_of(workspace.of_turns(settings.turns), settings)[:limit]
    return without_dropped(workspace.database, drawn)


def chosen_in(workspace: Workspace, settings: RunSettings) -> tuple[Sequence[int], int]:
    """`part_of` without a limit, and how many more samples such a run takes up for that."""
    chosen = part_of(workspace, settings)
    if settings.turns is Turns.LAST or workspace.source().turns is Turns.ALL:
        return chosen, 0
    more = workspace.conversations().all - len(workspace)
    return chosen, more if settings.sample is None else max(0, min(settings.sample - len(workspace), more))
