"""The report's pictures as coordinates: what an SVG needs, and nothing but numbers in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.report.gather import MeasureFigure
from engine.store.distribution import Flow
from tui.text.axis import Tick, linear_ticks, log_ticks
from tui.text.flow_layout import FlowBand, flow_bands, flow_columns, links

WIDTH, HEIGHT = 640, 132
"""The size of a plot without its axis, in the picture's own units."""

NODE, GAP, FLOW_HEIGHT = 10, 14, 150
"""A node's width, the gap between two, and the height of all samples."""

COLUMNS = (0, 260, 520)
"""The left edges of the flow's columns of nodes."""


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
    filled_median = after if figure.after else before
    return PlotPicture(
        bars,
        _steps([y(count) for count in figure.before.counts], wide) if figure.after else "",
        tuple((x(position), text) for position, text in ticks),
        (
            x(before) if figure.after and before is not None else None,
            x(filled_median) if filled_median is not None else None,
        ),
        x(1.0) if not figure.logarithmic and low < 1 < high else None,
    )


def _steps(tops: list[float], wide: float) -> str:
    path = [f"M0 {HEIGHT}"]
    for number, top in enumerate(tops):
        path.append(f"V{top} H{round((number + 1) * wide, 1)}")
    return " ".join([*path, f"V{HEIGHT}"])


@dataclass(frozen=True, slots=True)
class DrawnNode:
    verdict: str  # or "all"
    count: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class DrawnBand:
    verdict: str  # that the samples come to
    count: int
    path: str


@dataclass(frozen=True, slots=True)
class FlowPicture:
    nodes: tuple[DrawnNode, ...]
    bands: tuple[DrawnBand, ...]
    height: float


def flow_picture(flow: Flow) -> FlowPicture | None:
    """The samples' way through both stages; None where no sample went through them."""
    if not (counts := links(flow)):
        return None
    scale = FLOW_HEIGHT / sum(counts.values())
    heights = {link: count * scale for link, count in counts.items()}
    columns = [
        [
            replace(node, top=round(float(node.top), 1), height=round(max(node.height, 1), 1))
            for node in column
        ]
        for column in flow_columns(counts, heights, float(GAP))
    ]
    return FlowPicture(
        tuple(
            DrawnNode(node.verdict, node.count, x, node.top, node.height)
            for x, column in zip(COLUMNS, columns, strict=True)
            for node in column
        ),
        tuple(
            DrawnBand(band.verdict, band.count, _path(band)) for band in flow_bands(columns, counts, heights)
        ),
        max(node.top + node.height for column in columns for node in column),
    )


def _path(band: FlowBand[float]) -> str:
    x0, x1 = COLUMNS[band.stage] + NODE, COLUMNS[band.stage + 1]
    mid = (x0 + x1) / 2
    ends = band.start, band.end, band.end + band.height, band.start + band.height
    a, b, c, d = (round(y, 1) for y in ends)
    return f"M{x0} {a} C{mid} {a} {mid} {b} {x1} {b} V{c} C{mid} {c} {mid} {d} {x0} {d} Z"
