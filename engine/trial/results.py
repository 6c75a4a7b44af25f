"""The result of a trial: each arm's losses on held-out answers, with intervals, and the finding that these carry.

A loss is the mean over samples and seeds of an answer's mean loss in nats a token. Arms are compared sample by sample
and seed by seed, so an interval is of differences, over the rows that were held out and the seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat

from engine.sample import Frozen
from engine.trial.arms import LONGEST, ORIGINAL, REFINED, ArmName
from engine.trial.intervals import interval
from engine.trial.losses import HeldOutLosses

ENOUGH_ROWS, ENOUGH_SEEDS = 10, 3
"""From fewer, nothing is said: an interval over so few is too narrow as often as not."""


class Finding(StrEnum):
    """How an arm compares with another, as far as the intervals carry."""

    BETTER = "better"  # at the original or the refined answers, and worse at neither
    WORSE = "worse"  # likewise
    MIXED = "mixed"  # better at the one, worse at the other
    NOTHING = "no difference"  # shown
    TOO_FEW = "too few"  # rows or seeds


class Interval(Frozen):
    """A mean, and where it lies with 95 percent."""

    mean: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """-1: below 0, 1: above, 0: not told from it."""
        return (self.low > 0) - (self.high < 0)


class Sides(Frozen):
    """On the original answers that were held out, and on the refined ones; None: there are none."""

    original: Interval | None
    refined: Interval | None


class ArmResult(Frozen):
    """An arm and its losses."""

    samples: int  # that it learns from
    alike: int  # left out of it, because they are like what is held out
    too_long: int  # likewise, because their questions fill the student's context
    answer_tokens: PositiveFloat  # of an answer, the mean
    epochs: float  # how often it saw each
    losses: Sides
    beside_original: Sides | None  # its losses less those of `original`
    finding: Finding | None  # likewise; None: it is `original`


class TrialResult(Frozen):
    """A trial's result."""

    rows: int  # held out
    samples: int  # in them
    seeds: int
    steps: int  # of each arm and seed
    tokens: int  # of answers, a step
    base: Sides  # losses of the student as it is
    arms: dict[ArmName, ArmResult]
    same: tuple[str, ...]  # arms left out because they would be `refined`
    beside_longest: Finding | None  # `refined` beside `longest`, which length alone chose; None: without both


class ArmData(Frozen):
    """The data of an arm, in numbers; see `ArmResult`."""

    samples: int
    alike: int
    too_long: int
    answer_tokens: PositiveFloat
    epochs: float


def results(
    learnt: Mapping[str, ArmData],
    base: HeldOutLosses,
    losses: Mapping[str, Sequence[HeldOutLosses]],
    rows: Sequence[int],
    *,
    steps: int,
    tokens: int,
    same: tuple[str, ...],
) -> TrialResult:
    """`losses`: by arm, the losses of each seed's adapter; `rows`: of each held-out sample."""
    seeds = len(losses[ORIGINAL])
    enough = len(set(rows)) >= ENOUGH_ROWS and seeds >= ENOUGH_SEEDS

    def beside(one: str, other: str) -> tuple[Sides, Finding]:
        sides = _sides(losses[one], rows, losses[other])
        return sides, finding(sides) if enough else Finding.TOO_FEW

    arms = {}
    for name, facts in learnt.items():
        compared = None if name == ORIGINAL else beside(name, ORIGINAL)
        arms[name] = ArmResult(
            **facts.model_dump(),
            losses=_sides(losses[name], rows),
            beside_original=compared and compared[0],
            finding=compared and compared[1],
        )
    both = {REFINED, LONGEST} <= learnt.keys()
    return TrialResult(
        rows=len(set(rows)),
        samples=len(rows),
        seeds=seeds,
        steps=steps,
        tokens=tokens,
        base=_sides([base], rows),
        arms=arms,
        same=same,
        beside_longest=beside(REFINED, LONGEST)[1] if both else None,
    )


def finding(sides: Sides) -> Finding:
    """The finding of differences of losses, which says no more than their intervals do."""
    signs = {side.sign for side in (sides.original, sides.refined) if side is not None} - {0}
    if len(signs) == 2:
        return Finding.MIXED
    if not signs:
        return Finding.NOTHING
    return Finding.BETTER if signs == {-1} else Finding.WORSE


def _sides(
    one: Sequence[HeldOutLosses], rows: Sequence[int], less: Sequence[HeldOutLosses] | None = None
) -> Sides:
    def side(name: str) -> Interval | None:
        values = _losses(one, name) - (0.0 if less is None else _losses(less, name))
        known = np.isfinite(values).all(axis=0)
        if not known.any():
            return None
        of_row = np.unique(np.array(rows)[known], return_inverse=True)[1]
        mean, low, high = interval(values[:, known], of_row)
        return Interval(mean=mean, low=low, high=high)

    return Sides(original=side("original"), refined=side("refined"))


def _losses(found: Sequence[HeldOutLosses], side: str) -> NDArray[np.float64]:
    """[seeds, samples]; NaN where there is none."""
    return np.array([getattr(one, side) for one in found], np.float64)
