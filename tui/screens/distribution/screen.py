"""Distribution: the spread of scores, lengths and verdicts before and after, and what an export rule keeps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.events import Finished
from engine.export.export import default_path
from engine.formats.names import Format
from engine.method.recipe import Method
from engine.store.distribution import Distribution, Growth
from engine.store.file_errors import Interrupted
from engine.store.leaving import USUAL_TOP, ExportRule, TopShare
from engine.store.length_effect import length_effect
from models.errors import BurnishError
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.keys.actions import bindings
from tui.keys.keymap import Keymap
from tui.messages import EngineReported, WorkspaceChanged
from tui.platform.clipboard import copy
from tui.screens.base import AppScreen
from tui.screens.distribution.flow import FlowDiagram, percent
from tui.screens.distribution.length_panel import LengthPanel
from tui.screens.distribution.scatter import ScatterPlot
from tui.screens.distribution.threshold_bar import KeptCounts, ThresholdBar
from tui.state.recount import Recount
from tui.state.verdicts import verdicts
from tui.state.workbench import Workbench
from tui.text.flow_layout import links
from tui.text.shown import shown_line
from tui.widgets.histogram import HistogramPlot
from tui.widgets.measure_plot import IFD, LENGTH, R_IFD, MeasurePlot
from tui.widgets.plot import Plot
from tui.widgets.score_bar import blocks, score_sentence

ENOUGH = 20
"""Rewritten samples from which on a correlation is worth a word."""

SCROLLS = ("down", "up", "page_down", "page_up")
"""The actions that scroll."""


class DistributionScreen(AppScreen):
    SCOPE = "distribution"
    BINDINGS = bindings("distribution")
    AUTO_FOCUS = ""  # the keys are the screen's

    DEFAULT_CSS = """
    DistributionScreen {
        #empty { display: none; height: 1fr; padding: 2 4; }
        #scroll { height: 1fr; scrollbar-size-vertical: 1; }
        #pictures { layout: horizontal; height: 100%; min-height: 33; padding: 0 1; }
        #left, #right { width: 1fr; height: 100%; }
        #left { margin-right: 3; }
        #ifd, #r_ifd { height: 10fr; margin-bottom: 1; }
        #lengths { height: 13fr; }
        #length { height: 1fr; }
        #growth { height: auto; color: $text-muted; padding-left: 6; }
        #scatter { height: 1fr; margin-bottom: 1; }
        #by_length { margin-bottom: 1; }
        #flow { height: 1fr; }
        #judged { display: none; height: 3; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #judged.-shown { display: block; }
        &.-wide #pictures { padding: 1 2 0 2; }
        &.-narrow {
            #pictures { layout: vertical; height: auto; min-height: 0; }
            #left, #right { width: 1fr; height: auto; margin: 0; }
            #ifd, #r_ifd { height: 16; }
            #lengths { height: 18; margin-bottom: 1; }
            #scatter { height: 18; }
            #flow { height: 17; }
        }
        &.-empty {
            #empty { display: block; }
            #scroll, ThresholdBar { display: none; }
        }
        &.-unscored { #ifd, #r_ifd, #scatter, #by_length { display: none; } }
        &.-unrefined { #flow { display: none; } }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._rule = ExportRule.TOP
        self._threshold: float | None = None
        self._shown: tuple[Path | None, str | None] = None, None  # the workspace, and its run's method
        self._recount = Recount()

    def body(self) -> ComposeResult:
        yield Static(id="empty")
        with VerticalScroll(id="scroll", can_focus=False), Container(id="pictures"):
            with Vertical(id="left"):
                yield MeasurePlot(self.workbench, IFD)
                yield MeasurePlot(self.workbench, R_IFD)
                with Vertical(id="lengths"):
                    yield MeasurePlot(self.workbench, LENGTH)
                    yield Static(id="growth")
            with Vertical(id="right"):
                yield ScatterPlot("IFD and r-IFD", "↑ r-IFD   → IFD", id="scatter")
                yield LengthPanel(id="by_length")
                yield FlowDiagram("Flow", "what each stage made of the samples", id="flow")
                yield Static(id="judged")
        yield ThresholdBar(id="keeping")

    def on_mount(self) -> None:
        self.set_interval(0.5, self._catch_up)

    # --- when to count ------------------------------------------------------------------------------------------

    @on(events.ScreenSuspend)
    def _suspended(self) -> None:
        """Stop counting: other screens' questions come first."""
        self.workers.cancel_group(self, "count")

    @on(EngineReported)
    def _heard(self, message: EngineReported) -> None:
        if any(isinstance(event, Finished) for event in message.events):
            self._recount.ask()

    def _catch_up(self) -> None:
        """Count again when samples were finished, but not all the time."""
        if self._recount.due and self.is_current:
            self.action_refresh()

    @on(Plot.Resized)
    def _resized(self) -> None:
        if not all(plot.fits for plot in self.query(Plot)):
            self._count()

    @on(events.ScreenResume)
    @on(WorkspaceChanged)
    def action_refresh(self) -> None:
        run = self.workbench.run
        method = run.recipe.method if run is not None else None
        if (self.workbench.path, method) != self._shown:
            self._shown, self._threshold = (self.workbench.path, method), None
            self._rule = ExportRule.PAPER if method == Method.REFLECT else ExportRule.TOP
            self._forget()
        self.set_class(run is None, "-empty")
        self.set_class(method == Method.REFLECT, "-unscored")
        self.set_class(method == Method.SCORE, "-unrefined")
        self.query_one(ScatterPlot).halves = method != Method.SCORE
        if run is None:
            self.query_one("#empty", Static).update(self._nothing())
            return
        self.query_one(ThresholdBar).choose(self._rule)
        # Once the pictures have their places: how many bins there are depends on them.
        self.call_after_refresh(self._count)

    def _nothing(self) -> Content:
        if not self.workbench.is_open:
            return Content.styled("No workspace is open. Open a dataset or a workspace on Start.", "dim")
        return Content.assemble(
            ("Nothing was run here yet.\n\n", "bold"),
            (
                "Once samples are finished, this shows how IFD, r-IFD and the responses' lengths are spread before "
                "and after, which way the samples went, and how many of them an export rule keeps.",
                "dim",
            ),
        )

    def _forget(self) -> None:
        self.query_one("#ifd", HistogramPlot).threshold = self._threshold
        for plot in self.query(Plot):
            plot.forget()
        self.query_one("#growth", Static).update("")
        self.query_one(LengthPanel).forget()
        self.query_one(ThresholdBar).forget()

    # --- counting -----------------------------------------------------------------------------------------------

    @work(exclusive=True, group="count")
    async def _count(self) -> None:
        """Count everything, a picture at a time, so that other screens' questions come in between."""
        if self.workbench.run is None:
            return
        with self._recount.under_way():
            await self._count_all()

    async def _count_all(self) -> None:
        keeping = self.query_one(ThresholdBar)
        keeping.say("counting…")
        refined = not self.has_class("-unrefined")
        try:
            finished = await self.workbench.ask_distribution(Distribution.finished)
            remaining = await self.workbench.ask_distribution(Distribution.remaining)
            if not self.has_class("-unscored"):
                ifd = await self.query_one("#ifd", MeasurePlot).count(refined=refined)
                r_ifd = await self.query_one("#r_ifd", MeasurePlot).count(refined=refined)
                await self._count_scatter(ifd, r_ifd)
                self.query_one(LengthPanel).show(await self.workbench.ask_run(length_effect))
            await self.query_one("#length", MeasurePlot).count(refined=refined)
            if refined:
                growth = await self.workbench.ask_distribution(Distribution.growth)
                scored = not self.has_class("-unscored")
                self.query_one("#growth", Static).update(_confound(growth, scored=scored))
                diagram = self.query_one(FlowDiagram)
                if counts := links(await self.workbench.ask_distribution(Distribution.flow)):
                    diagram.show(counts)
                else:
                    diagram.forget("no sample is finished")
                await self._show_judged()
            self._keep()
        except BurnishError as error:
            self.say_error(error)
            keeping.say("could not be counted")
        else:
            others = {"waiting": remaining - finished, "dropped": self.workbench.samples - remaining}
            words = (f", {count:,} {what}" for what, count in others.items() if count)
            keeping.say(f"{finished:,} finished" + "".join(words))

    async def _show_judged(self) -> None:
        """Show the latest judging in short; Compare has the whole."""
        path, run, judged = self.workbench.path, self.workbench.run, self.query_one("#judged", Static)
        try:
            found = (
                await on_daemon_thread(verdicts, path, run) if path is not None and run is not None else None
            )
        except BurnishError:
            found = None  # Compare says what is wrong
        counts = found.results.counts if found is not None else None
        judged.set_class(counts is not None and counts.total > 0, "-shown")
        if found is not None and counts is not None and counts.score is not None:
            judge = shown_line(found.comparison.about.judge.name, 30)
            lines = (
                Content.assemble(
                    ("Judged", "bold"), ("  by ", "dim"), judge, (f", {counted(counts.total, 'pair')}", "dim")
                ),
                blocks(counts, self.query_one(FlowDiagram).size.width),
                Content(score_sentence(counts, found.results.interval)),
            )
            judged.update(Content("\n").join(lines))

    async def _count_scatter(self, across: tuple[float, float], up: tuple[float, float]) -> None:
        picture = self.query_one(ScatterPlot)
        columns, rows = picture.cells
        measures = "ifd_after", "r_ifd_after"
        picture.show(
            await self.workbench.ask_distribution(Distribution.scatter, *measures, across, up, columns, rows)
        )

    # --- the threshold ------------------------------------------------------------------------------------------

    @work(exclusive=True, group="keep")
    async def _keep(self) -> None:
        """Ask how many samples would be kept. While the threshold moves, only the last question is answered."""
        rule, threshold = self._rule, self._threshold
        path, source = self.workbench.path, self.workbench.source
        if path is None or source is None:
            return

        def ask(distribution: Distribution) -> KeptCounts:
            above = share = None
            if threshold is not None:
                above = distribution.kept_by(rule, threshold)
            elif rule is ExportRule.TOP:
                above = distribution.kept_by(rule, share=USUAL_TOP)
            if rule is ExportRule.TOP and above:  # of the rules it alone can be told of the threshold
                share = TopShare(count=above)
            return KeptCounts(
                rule,
                threshold,
                distribution.kept_by(rule),
                above,
                distribution.remaining(),
                distribution.baselines(rule, share) if above != 0 else None,
            )

        try:
            kept = await self.workbench.ask_distribution(ask)
        except Interrupted:
            self._recount.ask()
        except BurnishError as error:
            self.say_error(error)
        else:
            out = default_path(path, Format(source.format))
            self.query_one(ThresholdBar).show(kept, _near(path), _near(out))

    def hindrances(self, action: str) -> Iterator[str]:
        if self.has_class("-empty"):
            if action != "refresh":
                yield "nothing was run yet: there is nothing to count"
        elif action in ("lower", "higher", "type") and self.has_class("-unscored"):
            yield "this run has no scores, and so no threshold to set"
        elif action in ("lower", "higher") and self.query_one("#ifd", HistogramPlot).data is None:
            yield "no IFD is counted yet: there is nothing to set a threshold in"
        elif action == "lower" and self._threshold is None:
            yield f"there is no threshold to lower: {self.keymap.first('distribution.higher')} sets one"
        elif action == "copy" and self.query_one(ThresholdBar).command is None:
            yield "nothing would be exported: there is no command to copy"
        elif action in SCROLLS and not self.query_one("#scroll").max_scroll_y:
            yield "all of it is in sight already"
        yield from super().hindrances(action)

    def _move_to(self, threshold: float | None) -> None:
        if self.has_class("-unscored") or self.has_class("-empty"):
            return
        self._threshold = threshold
        self.workbench.typed("threshold").clear()
        self.query_one("#ifd", HistogramPlot).threshold = threshold
        self._keep()

    def action_rule(self) -> None:
        rules = list(ExportRule)
        self._rule = rules[(rules.index(self._rule) + 1) % len(rules)]
        self.query_one(ThresholdBar).choose(self._rule)
        self._keep()

    def _step(self, direction: int) -> None:
        """A step of the histogram; to the left of it there is no threshold."""
        picture = self.query_one("#ifd", HistogramPlot)
        if picture.data is None:
            return
        low, high = picture.data.low, picture.data.high
        if self._threshold is None:
            self._move_to(picture.rounded(low + picture.step / 2))
            return
        to = picture.rounded(self._threshold + direction * picture.step)
        self._move_to(
            None if to < low and direction < 0 else min(to, picture.rounded(high + picture.step / 2))
        )

    action_lower = partialmethod(_step, -1)
    action_higher = partialmethod(_step, 1)

    @on(HistogramPlot.PositionPicked, "#ifd")
    def _picked(self, message: HistogramPlot.PositionPicked) -> None:
        data = message.histogram.data
        low = data.low if data is not None else 0.0
        self._move_to(message.position if message.position > low else None)

    def action_type(self) -> None:
        self.query_one(ThresholdBar).type(self._threshold, self.workbench.typed("threshold"))

    @on(ThresholdBar.ThresholdTyped)
    def _typed(self, message: ThresholdBar.ThresholdTyped) -> None:
        self._move_to(message.threshold)

    @work
    async def action_copy(self) -> None:
        if command := self.query_one(ThresholdBar).command:
            self.say(await copy(self.app, command))

    # --- moving about -------------------------------------------------------------------------------------------

    def _scroll(self, rows: int) -> None:
        self.query_one("#scroll").scroll_relative(y=rows, animate=False)

    action_down = partialmethod(_scroll, 2)
    action_up = partialmethod(_scroll, -2)

    def action_page_down(self) -> None:
        self.query_one("#scroll").scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        self.query_one("#scroll").scroll_page_up(animate=False)


def _confound(growth: Growth, *, scored: bool) -> Content:
    """A sentence on the change in length, and whether the change in IFD goes with it."""
    if not growth.rewritten:
        return Content("no sample was rewritten yet")
    longer, shorter = (percent(count, growth.rewritten) for count in (growth.longer, growth.shorter))
    parts = [f"{longer} of {growth.rewritten:,} rewritten grew, {shorter} shrank. "]
    r = growth.correlation
    if r is not None and growth.weighed >= ENOUGH:
        # Beyond what chance alone would bring in nineteen cases of twenty.
        clear = abs(r) > max(0.1, 2 / math.sqrt(growth.weighed))
        found = (
            f"IFD {'rises' if r > 0 else 'falls'} with length" if clear else "IFD shows no link with length"
        )
        parts.append(f"{found}: r = {r:+.2f} (log length ratio, change in IFD). ")
    elif scored:
        parts.append("Too few to tell whether IFD rises with length. ")
    parts.append("The papers' gains rise with length.")
    return Content("".join(parts))


def _near(path: Path) -> Path:
    """The path as one would type it here."""
    try:
        return path.absolute().relative_to(Path.cwd())
    except (ValueError, OSError):
        return path
