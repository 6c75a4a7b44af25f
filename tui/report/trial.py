"""A trial in the report: what its tables say, and its training losses as curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.trial.kept import KeptTrial, MeanLosses
from models.system.units import counted
from tui.report.drawing import WIDTH
from tui.text.axis import linear_ticks
from tui.text.literal import first_line
from tui.text.tables import Fact, number
from tui.text.trial_answers import (
    ANSWER_COLUMNS,
    VERDICT_COLUMNS,
    about_answers,
    about_verdicts,
    answer_rows,
    verdict_rows,
)
from tui.text.trial_answers import words as judged_words
from tui.text.trial_tables import (
    ABOUT_DIFFERENCES,
    DIFFERENCE_COLUMNS,
    LOSS_COLUMNS,
    WORDS,
    about_losses,
    difference_rows,
    loss_rows,
    words,
)

A_LINE = 4
"""Curves side by side."""

GUTTER, GAP, TOP, CURVE, FOOT = 40, 16, 18, 84, 34
"""The space for the numbers at the left, between two curves, for a name, of a curve, and below it."""

POINTS = 120
"""Points of a curve at most, each the mean of its steps."""

MARGIN = 0.05
"""Of the losses' range, below and above them."""

NAME = 18
"""Characters of an arm's name over its curve."""

BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class TrialTable:
    title: str
    columns: tuple[tuple[str, bool], ...]  # with whether it holds words
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    arm: str
    x: float  # the left end of its axis
    name_y: float
    y: float  # the height of its axis
    path: str
    first: str  # its losses, in words
    last: str


@dataclass(frozen=True, slots=True)
class CurvesPicture:
    """Curves on one scale."""

    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]  # heights, for each line of curves
    wide: float  # of a curve
    height: float


@dataclass(frozen=True, slots=True)
class TrialSection:
    """All that the page shows of a trial."""

    about: str
    tables: tuple[TrialTable, ...]
    facts: tuple[Fact, ...]
    judged: tuple[TrialTable, ...]
    judged_facts: tuple[Fact, ...]
    picture: CurvesPicture | None  # None: no step is done
    steps: int


def trial_section(trial: KeptTrial) -> TrialSection:
    result, judged = trial.result, trial.judged
    tables, facts, of_judge, judged_facts = [], [], [], []
    if result is not None:
        tables = [
            _table(about_losses(result), LOSS_COLUMNS, loss_rows(result)),
            _table(ABOUT_DIFFERENCES, DIFFERENCE_COLUMNS, difference_rows(result)),
        ]
        facts = list(words(result))
    if judged is not None:
        of_judge = [
            _table(about_answers(judged), ANSWER_COLUMNS, answer_rows(judged)),
            _table(about_verdicts(judged), VERDICT_COLUMNS, verdict_rows(judged)),
        ]
        judged_facts = list(judged_words(judged))
    return TrialSection(
        about=about_trial(trial),
        tables=tuple(tables),
        facts=tuple(facts),
        judged=tuple(of_judge),
        judged_facts=tuple(judged_facts),
        picture=curves_picture(trial),
        steps=trial.plan.steps,
    )


def about_trial(trial: KeptTrial) -> str:
    """What was trained, and how much of it is done."""
    plan = trial.plan
    told = (
        f"An adapter of the student was trained on each arm by itself: {counted(plan.steps, 'step')} of "
        f"{counted(plan.tokens, 'token')} of answers, {counted(plan.seeds, 'seed')}, on nothing that is held out."
    )
    if trial.trained < trial.total:
        told += f" {trial.trained} of {counted(trial.total, 'training')} are done: burnish trial goes on with the rest."
    return told


def _table(title: str, columns: Sequence[str], rows: Iterator[tuple[str, ...]]) -> TrialTable:
    titled = title[:1].upper() + title[1:]
    return TrialTable(titled, tuple((column, column in WORDS) for column in columns), tuple(rows))


# Curves ----------------------------------------------------------------------------------------------------------


def curves_picture(trial: KeptTrial) -> CurvesPicture | None:
    """The losses of the steps, drawn: a curve for each arm, the mean of its seeds."""
    curves = _known(trial)
    if not curves:
        return None
    low, high = _range(curves)
    columns = min(len(curves), A_LINE)
    wide = round((WIDTH - GUTTER - (columns - 1) * GAP) / columns, 1)
    a_line = TOP + CURVE + FOOT

    def height(loss: float) -> float:
        return round((1 - (loss - low) / (high - low)) * CURVE, 1)

    def curve(place: int, arm: str, losses: MeanLosses) -> Curve:
        left, top = GUTTER + place % columns * (wide + GAP), place // columns * a_line + TOP
        points = [
            (left + wide * step / max(trial.plan.steps - 1, 1), top + height(loss))
            for step, loss in _thinned(losses)
        ]
        path = " ".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(points))
        return Curve(
            arm=first_line(arm, NAME),
            x=round(left, 1),
            name_y=top - 6,
            y=top + CURVE,
            path=path,
            first=number(float(losses[0])),
            last=number(float(losses[-1])),
        )

    lines = -(-len(curves) // columns)
    return CurvesPicture(
        tuple(curve(place, arm, losses) for place, (arm, losses) in enumerate(curves.items())),
        tuple(
            (line * a_line + TOP + height(at), text)
            for line in range(lines)
            for at, text in linear_ticks(low, high, 4)
        ),
        wide,
        lines * a_line,
    )


def curve_facts(trial: KeptTrial, cells: int) -> Iterator[Fact]:
    """The same in blocks, a line for each arm."""
    curves = _known(trial)
    if not curves:
        return
    low, high = _range(curves)
    for arm, losses in curves.items():
        parts = np.array_split(losses, min(cells, len(losses)))
        heights = [int((float(part.mean()) - low) / (high - low) * len(BLOCKS)) for part in parts]
        blocks = "".join(BLOCKS[min(height, len(BLOCKS) - 1)] for height in heights)
        yield first_line(arm, NAME), f"{blocks}  {number(float(losses[0]))} to {number(float(losses[-1]))}"


def _known(trial: KeptTrial) -> dict[str, MeanLosses]:
    """The curves, without steps that have no loss."""
    known = {arm: losses[np.isfinite(losses)] for arm, losses in trial.curves.items()}
    return {arm: losses for arm, losses in known.items() if losses.size}


def _range(curves: dict[str, MeanLosses]) -> tuple[float, float]:
    losses = np.concatenate(list(curves.values()))
    low, high = float(losses.min()), float(losses.max())
    margin = MARGIN * (high - low) or 0.5
    return low - margin, high + margin


def _thinned(losses: MeanLosses) -> Iterator[tuple[float, float]]:
    """Steps, from 0, and the losses there."""
    at = 0
    for part in np.array_split(losses, min(POINTS, len(losses))):
        yield at + (len(part) - 1) / 2, float(part.mean())
        at += len(part)
