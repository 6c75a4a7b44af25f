"""What a trial came to: each arm's losses on held-out answers beside the original's, and how its own were judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from textual import events
from textual.content import Content
from textual.widgets import Static

from engine.trial.arms import BASE, ORIGINAL
from engine.trial.judged import ArmVerdicts, JudgedAnswers
from engine.trial.results import Finding, Interval, TrialResult
from tui.text.axis import Axis, linear_ticks
from tui.text.literal import first_line
from tui.text.trial_answers import about_verdicts, score_words
from tui.text.trial_tables import ABOUT_DIFFERENCES, about_losses, both, difference_words, loss_words
from tui.widgets.plot import Canvas

ROOM = 20
"""Cells of bars or intervals from which on two panels stand side by side."""

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
"""By the side of 0 that an interval of losses lies on."""

FINDINGS = {Finding.BETTER: "$success", Finding.WORSE: "$error"}


@dataclass(frozen=True, slots=True)
class Line:
    """An arm's line of a panel; a figure that is not there is only said to be none."""

    interval: Interval | None
    said: str
    style: str


Panel = Mapping[str, Line]
"""By arm."""

Draw = Callable[[Canvas, int, int, Panel, Axis], None]
"""Draws the intervals of a panel on a canvas, from a left cell and a line on, along an axis."""


class Chart(Static):
    """A picture that is drawn anew for the width that there is."""

    DEFAULT_CSS = "Chart { height: auto; text-wrap: nowrap; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._draw: Callable[[int], Content] | None = None

    def show(self, draw: Callable[[int], Content] | None) -> None:
        """`draw`: the picture of a width; None: there is nothing to show."""
        self._draw = draw
        self.display = draw is not None
        self._renew()

    def on_resize(self, _: events.Resize) -> None:
        self._renew()

    def _renew(self) -> None:
        self.update(Content("") if self._draw is None else self._draw(self.size.width))


def loss_charts(result: TrialResult, width: int) -> Content:
    """Bars of the losses, and below them the differences to `original` on either side of 0."""
    losses = {BASE: result.base} | {name: arm.losses for name, arm in result.arms.items()}
    beside = {
        name: arm.beside_original for name, arm in result.arms.items() if arm.beside_original is not None
    }
    bars, differences = {}, {}
    for number, answers in enumerate(("on original answers", "on refined answers")):
        bars[answers] = {
            name: Line(found := both(sides)[number], loss_words(found), STYLES.get(name, "$primary"))
            for name, sides in losses.items()
        }
        differences[answers] = {
            name: Line(
                found := both(sides)[number], difference_words(found), SIGNS[found.sign if found else 0]
            )
            for name, sides in beside.items()
        }
    charts = [_chart(about_losses(result), bars, _draw_bars, _range(bars), width)]
    if beside:
        charts.append(_chart(ABOUT_DIFFERENCES, differences, _beside(0), _range(differences), width))
    return Content("\n").join(charts)


def verdict_charts(judged: JudgedAnswers, width: int) -> Content:
    """The scores of the arms' answers beside others', on either side of 1."""
    panels = {
        f"beside {against}'s answers": {
            name: Line(_score(found), score_words(found), FINDINGS.get(found.finding, ""))
            for name, found in by_arm.items()
        }
        for against, by_arm in judged.beside.items()
        if by_arm
    }
    if not panels:
        return Content("")
    return _chart(about_verdicts(judged), panels, _beside(1), Axis(0, 2, 1), width)


def _score(verdicts: ArmVerdicts) -> Interval | None:
    """Without an interval the score alone."""
    counts, interval = verdicts.results.counts, verdicts.results.interval
    if counts.score is None:
        return None
    low, high = interval or (counts.score, counts.score)
    return Interval(mean=counts.score, low=low, high=high)


def _range(panels: Mapping[str, Panel]) -> Axis:
    """An axis of one cell from 0 over all that is in some panels."""
    found = [
        line.interval for panel in panels.values() for line in panel.values() if line.interval is not None
    ]
    ends = [0.0, *(one.low for one in found), *(one.high for one in found)]
    low, high = min(ends), max(ends)
    return Axis(low, high if high > low else low + 1, 1)


def _chart(title: str, panels: Mapping[str, Panel], draw: Draw, scale: Axis, width: int) -> Content:
    """Panels on one scale, side by side where there is room; an empty line, or an axis, below each."""
    lines = [line for panel in panels.values() for line in panel.values()]
    names = {name: first_line(name, NAME) for panel in panels.values() for name in panel}
    first = max(map(len, names.values())) + 2
    figures = first + max(len(line.said) for line in lines) + 1
    columns = 2 if (width - GAP) // 2 - figures >= ROOM else 1
    wide = min((width + GAP) // columns - GAP, MOST)
    tall = max(map(len, panels.values())) + 2
    canvas = Canvas(width, tall * -(-len(panels) // columns))
    axis = replace(scale, cells=wide - figures)
    for number, (about, panel) in enumerate(panels.items()):
        left, top = (number % columns) * (wide + GAP), (number // columns) * tall
        canvas.put(left, top, about, "dim")
        for y, (name, line) in enumerate(panel.items(), top + 1):
            canvas.put(left, y, names[name], STYLES.get(name, ""))
            canvas.put(left + wide - len(line.said), y, line.said)
        if axis.cells >= LEAST:
            draw(canvas, left + first, top + 1, panel, axis)
    heading = Content.styled(title[:1].upper() + title[1:], "bold").wrap(max(width, 1))
    return Content("\n").join([*heading, canvas.content()])


def _draw_bars(canvas: Canvas, left: int, top: int, panel: Panel, axis: Axis) -> None:
    """From 0 on, the interval in another block, the mean upright in it."""
    for y, line in enumerate(panel.values(), top):
        if line.interval is not None:
            low, mean, high = _cells(axis, line.interval)
            canvas.put(left, y, "█" * low, line.style)
            canvas.put(left + low, y, "▒" * (high - low + 1), line.style)
            canvas.put(left + mean, y, "┃", "bold")


def _beside(ground: float) -> Draw:
    """Intervals as lines with their means, beside an upright line at the ground, and an axis below."""

    def draw(canvas: Canvas, left: int, top: int, panel: Panel, axis: Axis) -> None:
        upright = _cell(axis, ground)
        for y, line in enumerate(panel.values(), top):
            canvas.put(left + upright, y, "│", "dim")
            if line.interval is not None:
                low, mean, high = _cells(axis, line.interval)
                if high > low:
                    canvas.put(left + low, y, f"├{'─' * (high - low - 1)}┤", line.style)
                if low < upright < high:
                    canvas.put(left + upright, y, "┼", line.style)
                canvas.put(left + mean, y, "●", line.style)
        canvas.put_axis(left, top + len(panel), axis, linear_ticks(axis.low, axis.high, axis.cells // 10))

    return draw


def _cells(axis: Axis, interval: Interval) -> tuple[int, int, int]:
    return _cell(axis, interval.low), _cell(axis, interval.mean), _cell(axis, interval.high)


def _cell(axis: Axis, position: float) -> int:
    """The cell of a position, the last one for the axis's end."""
    return min(max(axis.cell(position), 0), axis.cells - 1)
