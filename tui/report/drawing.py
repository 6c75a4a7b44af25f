"""The report's pictures as coordinates: what an SVG needs, and nothing but numbers in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.report.gather import MeasureFigure
from engine.store.distribution import Flow
from tui.text.axis import Tick, linear_ticks, log_ticks
from tui.text.vocabulary import VERDICTS

WIDTH, HEIGHT = 640, 132
"""Of a plot without its axis, in the picture's own units."""

NODE, GAP = 10, 14
COLUMNS = (0, 260, 520)
"""Where the flow's columns of nodes begin."""


@dataclass(frozen=True, slots=True)
class PlotBar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PlotPicture:
    """Two histograms over one axis: bars, and steps drawn over them."""

    bars: tuple[PlotBar, ...]
    steps: str  # a path; empty where there is one histogram
    ticks: tuple[tuple[float, str], ...]
    medians: tuple[float | None, float | None]  # of the steps, of the bars
    one: float | None  # where a ratio is 1


def plot_picture(figure: MeasureFigure) -> PlotPicture:
    """A figure, drawn: after as bars with before as steps over them, or before alone as bars."""
    low, high = figure.before.low, figure.before.high
    filled = figure.after or figure.before
    most = max(*figure.before.counts, *filled.counts, 1)
    wide = WIDTH / len(filled.counts)

    def x(position: float) -> float:
        return round(min(max((position - low) / (high - low), 0), 1) * WIDTH, 1)

    def y(count: int) -> float:
        return round(HEIGHT * (1 - count / most), 1)

    bars = tuple(
        PlotBar(round(number * wide + 0.5, 1), y(count), round(wide - 1, 1), round(HEIGHT - y(count), 1))
        for number, count in enumerate(filled.counts)
        if count
    )
    ticks: list[Tick] = (log_ticks if figure.logarithmic else linear_ticks)(low, high, 8)
    before, after = figure.medians
    return PlotPicture(
        bars,
        _steps([y(count) for count in figure.before.counts], wide) if figure.after else "",
        tuple((x(position), text) for position, text in ticks),
        (x(before) if figure.after else None, x(before if after is None else after)),
        x(1.0) if not figure.logarithmic and low < 1 < high else None,
    )


def _steps(tops: list[float], wide: float) -> str:
    path = [f"M0 {HEIGHT}"]
    for number, top in enumerate(tops):
        path.append(f"V{top} H{round((number + 1) * wide, 1)}")
    return " ".join([*path, f"V{HEIGHT}"])


@dataclass(frozen=True, slots=True)
class FlowNode:
    verdict: str  # or "all"
    count: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class FlowBand:
    """Samples on their way from one node to another."""

    verdict: str  # that they come to
    count: int
    path: str


@dataclass(frozen=True, slots=True)
class FlowPicture:
    nodes: tuple[FlowNode, ...]
    bands: tuple[FlowBand, ...]
    height: float


def flow_picture(flow: Flow) -> FlowPicture | None:
    """The samples' way through both stages; None where nothing went through them."""
    ways = {(a, b): count for (a, b), count in flow.counts.items() if a is not None and b is not None}
    total = sum(ways.values())
    if not total:
        return None
    scale = 150 / total
    first = {verdict: sum(n for (a, _), n in ways.items() if a == verdict) for verdict in VERDICTS}
    second = {verdict: sum(n for (_, b), n in ways.items() if b == verdict) for verdict in VERDICTS}
    columns = [
        list(_stacked(counts, number, scale)) for number, counts in enumerate(({"all": total}, first, second))
    ]
    height = max(node.y + node.height for column in columns for node in column)
    bands, arrived = [], {node.verdict: node.y for node in columns[2]}
    start = columns[0][0].y
    for node in columns[1]:
        bands.append(FlowBand(node.verdict, node.count, _band(0, start, node.y, node.height)))
        start += node.height
        left = node.y
        for end in columns[2]:
            if count := ways.get((node.verdict, end.verdict), 0):
                bands.append(
                    FlowBand(end.verdict, count, _band(1, left, arrived[end.verdict], count * scale))
                )
                left += count * scale
                arrived[end.verdict] += count * scale
    return FlowPicture(tuple(node for column in columns for node in column), tuple(bands), height)


def _stacked(counts: dict[str, int], column: int, scale: float) -> Iterator[FlowNode]:
    y = 0.0
    for verdict, count in counts.items():
        if count:
            yield FlowNode(verdict, count, COLUMNS[column], round(y, 1), round(max(count * scale, 1), 1))
            y += count * scale + GAP


def _band(column: int, left: float, right: float, height: float) -> str:
    x0, x1 = COLUMNS[column] + NODE, COLUMNS[column + 1]
    mid = (x0 + x1) / 2
    a, b, c, d = (round(value, 1) for value in (left, right, right + height, left + height))
    return f"M{x0} {a} C{mid} {a} {mid} {b} {x1} {b} V{c} C{mid} {c} {mid} {d} {x0} {d} Z"
