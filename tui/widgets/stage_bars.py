"""A run's progress: a bar a stage, with the samples done, their pace and the time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.widget import Widget

from engine.pace import Pace, time_left

LABEL = 15
RATE, LEFT = 12, 14
"""Cells of the columns after the bar, where there is room for them."""

MOST = 100
"""Cells of a bar: more say no more."""


@dataclass(frozen=True, slots=True)
class StageBar:
    label: str
    done: int
    total: int
    pace: Pace | None = None  # None: nothing goes on


class StageBars(Widget, can_focus=False):
    """Bars, one below the other. What is done is a heavy line and the rest a light one, whatever the colours."""

    DEFAULT_CSS = "StageBars { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._bars: Sequence[StageBar] = ()

    def show(self, bars: Sequence[StageBar]) -> None:
        if len(bars) != len(self._bars):
            self.styles.height = len(bars)
        self._bars = bars
        self.refresh()

    @property
    def shown(self) -> Sequence[StageBar]:
        return self._bars

    def on_resize(self, _: events.Resize) -> None:
        self.refresh()

    def render(self) -> Content:
        counts = [f"{bar.done:,}/{bar.total:,}" for bar in self._bars]
        widest = max(map(len, counts), default=0)
        return Content("\n").join(
            self._line(bar, count.rjust(widest + 2)) for bar, count in zip(self._bars, counts, strict=True)
        )

    def _line(self, bar: StageBar, count: str) -> Content:
        room = self.size.width - LABEL - len(count)
        columns = []
        for width, text in ((RATE, _rate(bar)), (LEFT, _left(bar))):
            if room - width >= 10:
                room -= width
                columns.append(text.rjust(width))
        done, rest = cells(bar.done, bar.total, max(1, min(room, MOST)))
        return Content.assemble(
            (bar.label.ljust(LABEL), "bold" if bar.pace else ""),
            (done, "$success" if bar.done >= bar.total else "$primary"),
            (rest, "$text-muted"),
            count,
            ("".join(columns), "$text-muted"),
        )


def cells(done: int, total: int, width: int) -> tuple[str, str]:
    """A bar's two parts. It is full only when all is done, and empty only while nothing is."""
    halves = 2 * width * min(done, total) // total if total else 2 * width
    if done:
        halves = max(halves, 1)
    full, half = divmod(halves, 2)
    return "━" * full + "╾" * half, "─" * (width - full - half)


def _rate(bar: StageBar) -> str:
    if bar.pace is None:
        return ""
    return f"{bar.pace.per_minute:.1f}/min" if bar.pace.done else "-/min"


def _left(bar: StageBar) -> str:
    if bar.pace is None or bar.done >= bar.total:
        return ""
    left = bar.pace.left_seconds
    return f"{time_left(left)} left" if left is not None else "- left"
