"""The effect of length on the scores of a run: how far IFD, r-IFD and the verdicts go with how long the responses are.

A mean over more tokens lies higher in IFD, so that a student may prefer the longer response for its length alone. These
numbers say how far that goes in one run, each with the samples that it is counted over.
"""

from __future__ import annotations

import math

from engine.sample import Frozen, Stage
from engine.store.dropped import DROPPED
from engine.store.leaving_view import FINISHED
from engine.store.workspace import Run, Workspace

FEW = 20
"""Of fewer samples no correlation is told: chance alone brings one of 0.4 in one case of ten."""


class Correlation(Frozen):
    """Spearman's correlation of two figures of a sample: of their ranks, equals sharing one."""

    samples: int  # that have both
    spearman: float | None  # None: of fewer than `FEW`, or of figures that do not vary


class LengthOfScore(Frozen):
    """A score's correlation with the response's length in characters."""

    before: Correlation  # of the originals
    after: Correlation  # of what would leave now


class LengthOfStage(Frozen):
    """A stage's verdicts and the lengths of the two responses that each is about."""

    margin: Correlation  # of ln(rewrite's length / length of what was there) and the margin
    compared: int  # verdicts between a longer and a shorter response
    longer: int  # of them, those for the longer one
    at_equal_length: int  # verdicts of which the margin at equal length is known
    others: int  # of them, those where the two margins are for different verdicts


class LengthEffect(Frozen):
    """Length and scores in a run."""

    ifd: LengthOfScore
    r_ifd: LengthOfScore
    stages: dict[Stage, LengthOfStage]  # those in which a student chose


def length_effect(workspace: Workspace, run: Run) -> LengthEffect:
    """Count a run. For a million samples it takes seconds."""

    def score(name: str) -> LengthOfScore:
        sides = (
            _correlation(workspace, run, f"length_{when}", f"{name}_{when}") for when in ("before", "after")
        )
        return LengthOfScore(**dict(zip(("before", "after"), sides, strict=True)))

    stages = {stage: _of_stage(workspace, run, stage) for stage in Stage}
    return LengthEffect(
        ifd=score("ifd"),
        r_ifd=score("r_ifd"),
        stages={stage: found for stage, found in stages.items() if found.margin.samples},
    )


def _of_stage(workspace: Workspace, run: Run, stage: Stage) -> LengthOfStage:
    growth, margin, equal = f"{stage}_growth", f"{stage}_margin", f"{stage}_equal_margin"
    unequal = f"{margin} IS NOT NULL AND {growth} <> 0"
    other = f"({margin} > 0) <> ({equal} > 0)"
    ((compared, longer, known, others),) = workspace.database.execute(
        f"SELECT coalesce(sum({unequal}), 0), coalesce(sum({unequal} AND ({stage} = 'replaced') = ({growth} > 0)), 0), "
        f"count({equal}), coalesce(sum({other}), 0) FROM figures "
        f"WHERE run = :run AND sample NOT IN {DROPPED}",
        run=run.id,
    )
    with workspace.database.understood():
        return LengthOfStage(
            margin=_correlation(workspace, run, growth, margin),
            compared=compared,
            longer=longer,
            at_equal_length=known,
            others=others,
        )


def _correlation(workspace: Workspace, run: Run, x: str, y: str) -> Correlation:
    """Of two columns of `FINISHED`."""
    pairs = f"SELECT {x} AS x, {y} AS y FROM {FINISHED} WHERE {x} IS NOT NULL AND {y} IS NOT NULL"

    def rank(of: str) -> str:
        return f"rank() OVER (ORDER BY {of}) + (count(*) OVER (PARTITION BY {of}) - 1) / 2.0"

    # Around the mean of all ranks, for the sums of squares would lose digits.
    ((samples, both, xs, ys),) = workspace.database.execute(
        f"WITH pairs AS ({pairs}), ranks AS (SELECT {rank('x')} - (count(*) OVER () + 1) / 2.0 AS a, "
        f"{rank('y')} - (count(*) OVER () + 1) / 2.0 AS b FROM pairs) "
        "SELECT count(*), sum(a * b), sum(a * a), sum(b * b) FROM ranks",
        run=run.id,
    )
    with workspace.database.understood():
        told = samples >= FEW and xs > 0 and ys > 0
        return Correlation(samples=samples, spearman=both / math.sqrt(xs * ys) if told else None)
