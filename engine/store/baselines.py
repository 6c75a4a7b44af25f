"""Selections of samples beside others of the same size: what they have in common, and how long their responses are.

Much of what a selection gains is length: random samples and the longest responses are the baselines that it has to beat
(arXiv 2410.09335; 2410.15225; 2402.04833).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from engine.sample import Frozen
from engine.store.choosing import LENGTH, ChosenBy
from engine.store.leaving import LEAVING, USUAL_TOP, ExportRule, TopShare, condition_of
from engine.store.workspace import Run, Workspace

Name = TypeVar("Name", bound=str)


class Selection(Frozen):
    """Samples that are chosen together."""

    samples: int
    length: float | None  # of their responses, the mean in characters; None: of no sample


class FirstByMeasure(Selection):
    """The first samples by a measure."""

    common: dict[ChosenBy, int]  # of them, those that are also among the first by another


def first_by_each(workspace: Workspace, run: Run) -> dict[ChosenBy, FirstByMeasure]:
    """The usual share of a run's samples by each measure that any of them has. For a million it takes seconds."""
    conditions: dict[ChosenBy, str] = {}
    values: dict[str, object] = {}
    for by in ChosenBy:
        share = TopShare(percent=USUAL_TOP.percent, by=by)
        conditions[by], more = condition_of(workspace, run, ExportRule.TOP, share, name=by)
        values |= more
    found = _count(workspace, run, conditions, values)
    return {
        by: FirstByMeasure(
            **found[by, by].model_dump(),
            common={other: found[by, other].samples for other in ChosenBy if other is not by},
        )
        for by in ChosenBy
        if found[by, by].samples
    }


def _count(
    workspace: Workspace, run: Run, conditions: Mapping[Name, str], values: Mapping[str, object]
) -> dict[tuple[Name, Name], Selection]:
    """The samples for which two conditions of some hold, for every two; of one and itself, all of that one."""
    names = list(conditions)
    held = ", ".join(f"({conditions[name]}) IS TRUE AS held_{at}" for at, name in enumerate(names))
    pairs = [(a, b) for a in range(len(names)) for b in range(a, len(names))]
    counts = ", ".join(
        f"count(*) FILTER (WHERE held_{a} AND held_{b}), avg(length) FILTER (WHERE held_{a} AND held_{b})"
        for a, b in pairs
    )
    (row,) = workspace.database.execute(
        f"SELECT {counts} FROM (SELECT {LENGTH} AS length, {held} FROM {LEAVING})", run=run.id, **values
    )
    with workspace.database.understood():
        found = {
            pair: Selection(samples=row[2 * at], length=row[2 * at + 1]) for at, pair in enumerate(pairs)
        }
    return {
        (names[a], names[b]): found[min(a, b), max(a, b)]
        for a in range(len(names))
        for b in range(len(names))
    }
