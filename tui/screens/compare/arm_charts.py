"""What a trial came to: each arm's losses on held-out answers as bars, and what they are beside the original's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from textual import events
from textual.content import Content
from textual.widgets import Static

from engine.trial.arms import BASE, ORIGINAL
from engine.trial.results import Interval, Sides, TrialResult
from tui.text.axis import Axis, linear_ticks
from tui.text.literal import first_line
from tui.text.trial_tables import ABOUT_DIFFERENCES, about_losses, both, difference_words, loss_words
from tui.widgets.plot import Canvas

ANSWERS = ("on original answers", "on refined answers")

APART = 110
"""Cells from which on original and refined answers stand side by side."""

GAP = 4
"""Cells between the two."""

MOST = 100
"""Cells of one of them at the most: more say no more."""

NAME = 14
"""Cells of an arm's name at the most."""

LEAST = 8
"""Cells of a bar or an interval at the least: with less room only the numbers are shown."""

STYLES = {BASE: "$text-muted", ORIGINAL: "$secondary"}
"""Of the arms that the others are beside."""

SIGNS = {-1: "$success", 0: "", 1: "$error"}
"""By the side of 0 that an interval lies on."""

Rows = Mapping[str, Interval | None]
"""By arm."""

Draw = Callable[[Canvas, int, int, Rows, Axis, int], None]
"""Draws rows on a canvas, from a left cell and a line on, on a scale from low to high, so many cells wide."""


class ArmCharts(Static):
    DEFAULT_CSS = "ArmCharts { height: auto; text-wrap: nowrap; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._result: TrialResult | None = None

    def show(self, result: TrialResult | None) -> None:
        self._result = result
        self._draw()

    def on_resize(self, _: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        self.update(Content("") if self._result is None else arm_charts(self._result, self.size.width))


def arm_charts(result: TrialResult, width: int) -> Content:
    """Bars of the losses, and below them the differences to `original` on either side of 0."""
    losses = {BASE: result.base} | {name: arm.losses for name, arm in result.arms.items()}
    beside = {
        name: arm.beside_original for name, arm in result.arms.items() if arm.beside_original is not None
    }
    charts = [_chart(about_losses(result), losses, _draw_bars, width)]
    if beside:
        charts.append(_chart(ABOUT_DIFFERENCES, beside, _draw_intervals, width))
    return Content("\n").join(charts)


def _chart(title: str, arms: Mapping[str, Sides], draw: Draw, width: int) -> Content:
    """A chart of the losses on original answers and one of those on refined ones, on one scale; an empty line below."""
    columns = 2 if width >= APART else 1
    wide = min((width - GAP) // 2 if columns == 2 else width, MOST)
    tall = len(arms) + 2
    canvas = Canvas(width, 1 + tall * (2 // columns))
    canvas.put(0, 0, title[:1].upper() + title[1:], "bold")
    found = [one for sides in arms.values() for one in both(sides) if one is not None]
    ends = [0.0, *(one.low for one in found), *(one.high for one in found)]
    low, high = min(ends), max(ends)
    for number, answers in enumerate(ANSWERS):
        left, top = (number % columns) * (wide + GAP), 1 + (number // columns) * tall
        canvas.put(left, top, answers, "dim")
        rows = {name: both(sides)[number] for name, sides in arms.items()}
        draw(canvas, left, top + 1, rows, Axis(low, high if high > low else low + 1, 1), wide)
    return canvas.content()


def _draw_bars(canvas: Canvas, left: int, top: int, rows: Rows, scale: Axis, wide: int) -> None:
    """From 0 on, the interval in another block, the mean upright in it."""
    name_room, words = _columns(rows, loss_words)
    axis = replace(scale, cells=wide - name_room - max(map(len, words)) - 1)
    for y, ((name, interval), said) in enumerate(zip(rows.items(), words, strict=True), top):
        canvas.put(left, y, _name(name), STYLES.get(name, ""))
        at = left + name_room
        if interval is not None and axis.cells >= LEAST:
            low, mean, high = (_cell(axis, end) for end in (interval.low, interval.mean, interval.high))
            canvas.put(at, y, "█" * low, STYLES.get(name, "$primary"))
            canvas.put(at + low, y, "▒" * (high - low + 1), STYLES.get(name, "$primary"))
            canvas.put(at + mean, y, "┃", "bold")
        canvas.put(left + wide - len(said), y, said)


def _draw_intervals(canvas: Canvas, left: int, top: int, rows: Rows, scale: Axis, wide: int) -> None:
    """The interval as a line with its mean, beside an upright line at 0."""
    name_room, words = _columns(rows, difference_words)
    axis = replace(scale, cells=wide - name_room - max(map(len, words)) - 1)
    at = left + name_room
    for y, ((name, interval), said) in enumerate(zip(rows.items(), words, strict=True), top):
        canvas.put(left, y, _name(name))
        canvas.put(left + wide - len(said), y, said)
        if axis.cells < LEAST:
            continue
        canvas.put(at + _cell(axis, 0), y, "│", "dim")
        if interval is not None:
            low, mean, high = (_cell(axis, end) for end in (interval.low, interval.mean, interval.high))
            canvas.put(
                at + low, y, f"├{'─' * (high - low - 1)}┤" if high > low else "│", SIGNS[interval.sign]
            )
            if low < _cell(axis, 0) < high:
                canvas.put(at + _cell(axis, 0), y, "┼", SIGNS[interval.sign])
            canvas.put(at + mean, y, "●", SIGNS[interval.sign])
    if axis.cells >= LEAST:
        canvas.put_axis(at, top + len(rows), axis, linear_ticks(axis.low, axis.high, axis.cells // 8))


def _columns(rows: Rows, words: Callable[[Interval | None], str]) -> tuple[int, list[str]]:
    """Cells of the names, and what is written of each row."""
    return max(len(_name(name)) for name in rows) + 2, [words(interval) for interval in rows.values()]


def _name(name: str) -> str:
    return first_line(name, NAME)


def _cell(axis: Axis, position: float) -> int:
    """The cell of a position, the last one for the axis's end."""
    return min(max(axis.cell(position), 0), axis.cells - 1)
