"""The distribution at a run's end: histograms of the scores, or of the lengths where the method has no scores."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container

from engine.method.recipe import Method
from tui.state.workbench import Workbench
from tui.widgets.measure_plot import IFD, LENGTH, R_IFD, MeasurePlot
from tui.widgets.plot import Plot


class ResultPlots(Container):
    def __init__(self, workbench: Workbench, *, id: str) -> None:
        super().__init__(id=id)
        self._workbench = workbench

    def compose(self) -> ComposeResult:
        for measure in (IFD, R_IFD, LENGTH):
            yield MeasurePlot(self._workbench, measure)

    @property
    def fit(self) -> bool:
        """Nothing need be counted again for the room there is."""
        return all(plot.fits for plot in self.query(Plot))

    async def count(self, method: Method) -> None:
        """Count and draw what the method has. Raises as `Workbench.ask_run`."""
        for plot in self.query(MeasurePlot):
            plot.display = (plot.id == LENGTH.id) == (method is Method.REFLECT)
            if plot.display:
                await plot.count(refined=method is not Method.SCORE)
