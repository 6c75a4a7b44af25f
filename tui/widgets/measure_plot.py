"""The histogram of a score or a length over the samples of a run, before and after."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from engine.store.distribution import FEW_SCORED, Distribution, Spread, common_range
from tui.state.workbench import Workbench
from tui.text.axis import Ticks, linear_ticks, log_ticks
from tui.text.vocabulary import MEASURES
from tui.widgets.histogram import HistogramBars, HistogramPlot, HistogramSide, MarkedMedian


@dataclass(frozen=True, slots=True)
class PlottedMeasure:
    """A measure with a histogram of its own."""

    id: str  # its name in `MEASURES`, without "_before" or "_after"
    binned: str  # the name of what is laid along the axis
    ticks: Ticks
    position: Callable[[float], float]  # of a value on the axis
    figures: Callable[[float], str]  # a value in figures
    nothing: str  # stands in the plot's place when no sample has the measure


IFD = PlottedMeasure("ifd", "ifd", linear_ticks, float, "{:.3f}".format, "no sample has an IFD")
R_IFD = PlottedMeasure("r_ifd", "r_ifd", linear_ticks, float, "{:.3f}".format, "no sample has an r-IFD")
LENGTH = PlottedMeasure(
    "length",
    "log_length",
    log_ticks,
    lambda n: math.log(max(n, 1)),
    "{:,.0f}".format,
    "no sample is finished",
)


class MeasurePlot(HistogramPlot):
    """Its id is the measure's."""

    def __init__(self, workbench: Workbench, plotted: PlottedMeasure) -> None:
        super().__init__(*MEASURES[plotted.id], plotted.ticks, id=plotted.id)
        self._workbench = workbench
        self._plotted = plotted

    async def count(self, *, refined: bool) -> tuple[float, float]:
        """Count the measure before and after, and draw it; the range of its axis.

        refined: false where there is no after. Raises as `Workbench.ask_run`.
        """
        plotted, ask = self._plotted, self._workbench.ask_distribution
        names = ("after", "before") if refined else ("as it is",)
        whens = ("after", "before")[: len(names)]
        spreads = [await ask(Distribution.spread, f"{plotted.id}_{when}") for when in whens]
        if not any(spread.count for spread in spreads):
            self.forget(plotted.nothing)
            return 0.0, 1.0
        low, high = map(plotted.position, common_range(*spreads))
        bins = self.bins(max(spread.count for spread in spreads))
        sides = []
        for name, when, spread in zip(names, whens, spreads, strict=True):
            measure = f"{plotted.binned}_{when}"
            histogram = await ask(Distribution.histogram, measure, low, high, bins)
            sides.append(HistogramSide(name, histogram.counts, spread.count, marked_median(plotted, spread)))
        missing = [spread.missing for spread in spreads]
        self.show(HistogramBars(low, high, sides[0], sides[1] if sides[1:] else None, _remark(missing)))
        return low, high


def marked_median(plotted: PlottedMeasure, spread: Spread) -> MarkedMedian | None:
    """The median of a measure; None of few samples, of which it would say nothing."""
    if spread.median is None or spread.count < FEW_SCORED:
        return None
    return MarkedMedian(plotted.position(spread.median), plotted.figures(spread.median))


def _remark(missing: list[int]) -> str:
    """A remark on the samples without the measure, before and after; empty where there are none."""
    if not any(missing):
        return ""
    if len(set(missing)) == 1:
        return f"{missing[0]:,} unscored"
    return f"{missing[1]:,} → {missing[0]:,} unscored"
