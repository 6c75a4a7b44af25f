"""Selections of samples beside others of the same size: what they have in common, and how long their responses are.

Much of what a selection gains is length: random samples and the longest responses are the baselines that it has to beat
(arXiv 2410.09335; 2410.15225; 2402.04833).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from engine.sample import Frozen
from engine.store.choosing import LENGTH, ChosenBy
from engine.store.leaving import USUAL_TOP, ExportRule, TopShare, condition_of, count_exported
from engine.store.leaving_view import LEAVING
from engine.store.length_effect import FEW
from engine.store.workspace import Run, Workspace

Name = TypeVar("Name", bound=str)


class Selection(Frozen):
    """Samples that are chosen together."""

    samples: int
    length: float | None  # of their responses, the mean in characters; None: of no sample


class FirstByMeasure(Selection):
    """The first samples by a measure."""

    common: dict[ChosenBy, int]  # of them, those that are also among the first by another


class Baseline(Selection):
    """As many samples as a selection has, chosen without looking at what it was chosen by."""

    common: int  # of them, those that the selection has as well


class Baselines(Frozen):
    """A selection beside its baselines, all of the samples that no person dropped."""

    among: int  # samples that it was chosen from
    chosen: Selection
    random: Baseline | None  # None: the selection itself is a draw
    longest: Baseline | None  # None: it is by length
    seed: int  # of the draw

    @property
    def by_chance(self) -> float:
        """The samples that it would have in common with a draw, on average."""
        return self.chosen.samples**2 / self.among

    @property
    def mostly_length(self) -> bool:
        """True where more than half of what it could share with the longest beyond chance, it shares."""
        if self.longest is None or self.chosen.samples < FEW:
            return False
        room = self.chosen.samples - self.by_chance
        return 2 * (self.longest.common - self.by_chance) > room > 0


def baselines(
    workspace: Workspace,
    run: Run,
    rule: ExportRule,
    share: TopShare | None,
    seed: int = 0,
    min_rating: int | None = None,
) -> Baselines | None:
    """A selection beside a draw and the longest responses; None where it has no sample, or all."""
    by, all_rule = None if share is None else share.by, ExportRule.ALL
    among, chosen = (
        count_exported(workspace, run, all_rule),
        count_exported(workspace, run, rule, share, min_rating),
    )
    if not 0 < chosen < among:
        return None
    wanted = {"chosen": (rule, share, min_rating)} | {
        name: (all_rule, TopShare(count=chosen, by=other, seed=seed), None)
        for name, other in (("random", ChosenBy.RANDOM), ("longest", ChosenBy.LENGTH))
        if other is not by
    }
    conditions: dict[str, str] = {}
    values: dict[str, object] = {}
    for name, selection in wanted.items():
        conditions[name], more = condition_of(workspace, run, *selection, name=name)
        values |= more
    found = _count(workspace, run, conditions, values)

    def baseline(name: str) -> Baseline | None:
        if name not in wanted:
            return None
        return Baseline(**found[name, name].model_dump(), common=found["chosen", name].samples)

    return Baselines(
        among=among,
        chosen=found["chosen", "chosen"],
        random=baseline("random"),
        longest=baseline("longest"),
        seed=seed,
    )


def first_by_each(workspace: Workspace, run: Run) -> dict[ChosenBy, FirstByMeasure]:
    """The usual share of a run's samples by each measure that any of them has. For a million it takes seconds."""
    conditions: dict[ChosenBy, str] = {}
    values: dict[str, object] = {}
    for at, by in enumerate(ChosenBy):
        share = TopShare(percent=USUAL_TOP.percent, by=by)
        conditions[by], more = condition_of(workspace, run, ExportRule.TOP, share, name=f"by_{at}")
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
    # Without the limit, which is none, SQLite would work out each condition anew for every count.
    (row,) = workspace.database.execute(
        f"SELECT {counts} FROM (SELECT {LENGTH} AS length, {held} FROM {LEAVING} LIMIT -1)",
        run=run.id,
        **values,
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
