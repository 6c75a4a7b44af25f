"""The losses of the training steps, a curve for each arm, all on one scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from textual.content import Content

from engine.trial.kept import KeptTrial, MeanLosses
from tui.text.axis import Axis, linear_ticks
from tui.text.literal import first_line
from tui.text.tables import number
from tui.widgets.plot import DOTS, GUTTER, Canvas

HEIGHT = 6
"""Lines of a curve."""

LEAST = 44
"""Cells of a curve with its numbers at the least, where several stand side by side."""

GAP = 3
"""Cells between two."""

NAME = 8
"""Cells of an arm's name at the least, whatever else there is no room for."""

MARGIN = 0.05
"""Of the losses' range, below and above them."""


def loss_curves(trial: KeptTrial, width: int) -> Content:
    """A curve for each arm that was begun, as many side by side as there is room for."""
    seeds = {arm: [one.losses for one in trial.of_arm(arm)] for arm in trial.plan.arms}
    curves = trial.curves
    known = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()] or [np.zeros(0)])
    if not known.size:
        return Content("")
    low, high = float(known.min()), float(known.max())
    margin = MARGIN * (high - low) or 0.5
    lines = -(-len(curves) // max((width + GAP) // (LEAST + GAP), 1))
    columns = -(-len(curves) // lines)
    wide = (width + GAP) // columns - GAP
    canvas = Canvas(width, 1 + lines * (HEIGHT + 3))
    canvas.put(0, 0, "Losses of the training steps, nats a token, the mean of the seeds", "bold")
    x = Axis(0, trial.plan.steps, wide - GUTTER)
    y = Axis(low - margin, high + margin, HEIGHT)
    for place, (arm, curve) in enumerate(curves.items()):
        left, top = place % columns * (wide + GAP), 1 + place // columns * (HEIGHT + 3)
        seed, step = len(seeds[arm]), len(seeds[arm][-1])
        progress = (
            f"seed {seed}/{trial.plan.seeds} step {step}/{trial.plan.steps}  {number(float(curve[-1]))}"
        )
        canvas.put(left + wide - len(progress), top, progress, "dim")
        room = max(wide - GUTTER - len(progress) - 2, NAME)
        canvas.put(left + GUTTER, top, f"{first_line(arm, room)}  ", "bold")
        for at, label in linear_ticks(y.low, y.high, 3):
            if y.holds(at):
                canvas.put(left, top + HEIGHT - y.cell(at), f"{label:>{GUTTER - 1}}", "dim")
        _draw_line(canvas, left + GUTTER, top + 1, curve, x, y)
        canvas.put_axis(left + GUTTER, top + 1 + HEIGHT, x, linear_ticks(0, trial.plan.steps, x.cells // 10))
    return canvas.content()


def _draw_line(canvas: Canvas, left: int, top: int, curve: MeanLosses, x: Axis, y: Axis) -> None:
    """The curve in Braille dots, two columns and four rows to a cell; neighbours are joined."""
    heights = _heights(curve, 2 * x.cells, int(x.high), y)
    masks: dict[tuple[int, int], int] = {}
    before = None
    for column, height in enumerate(heights):
        if height is None:
            before = None
            continue
        lowest, highest = sorted(
            (height, height if before is None else before + (height > before) - (height < before))
        )
        for dot in range(lowest, highest + 1):
            row = 4 * y.cells - 1 - dot
            cell = column // 2, row // 4
            masks[cell] = masks.get(cell, 0) | DOTS[row % 4][column % 2]
        before = height
    for (column, row), mask in masks.items():
        canvas.put(left + column, top + row, chr(0x2800 + mask), "$primary")


def _heights(curve: MeanLosses, dots: int, steps: int, y: Axis) -> Iterator[int | None]:
    """The height of the curve in each column of dots; None where it has not come yet, or has no loss.

    A column shows the mean of its steps; where there are fewer steps than columns, a step has several.
    """
    for column in range(dots):
        first = column * steps // dots
        part = curve[first : max((column + 1) * steps // dots, first + 1)]
        known = part[np.isfinite(part)]
        if known.size:
            share = (float(known.mean()) - y.low) / (y.high - y.low)
            yield min(int(share * 4 * y.cells), 4 * y.cells - 1)
        else:
            yield None
