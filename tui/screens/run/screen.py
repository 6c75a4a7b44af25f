"""The Run screen: the plan before a run, then how far it is, how fast, and what it decides."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.events import Finished
from engine.method.recipe import Method, Recipe
from engine.pace import clock
from engine.run.part import chosen_in
from engine.run.settings import Settings
from engine.store.distribution import FEW_SCORED, Distribution, PairedMedians
from engine.store.dropped import count_dropped
from engine.store.overview import faults, replaced
from engine.store.workspace import Workspace
from models.errors import BurnishError
from models.system import machine
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.keys.actions import bindings
from tui.keys.keymap import Keymap
from tui.messages import EngineReported, SettingsChanged, StartRun, WorkspaceChanged
from tui.screens.job_screen import JobScreen
from tui.screens.run import wording
from tui.screens.run.decision_log import DecisionLog
from tui.screens.run.growing import growing_part
from tui.screens.run.live_reply import LiveReplyView
from tui.screens.run.node_lines import node_lines
from tui.screens.run.result_plots import ResultPlots
from tui.screens.run.wording import RunCounts
from tui.state.recount import Recount
from tui.state.run_job import RunJob
from tui.state.workbench import Workbench
from tui.text.tables import session_words
from tui.widgets.cursor_list import MOVES, CursorKeys
from tui.widgets.plot import Plot
from tui.widgets.stage_bars import StageBar, StageBars

BEAT = 0.2
"""Seconds between two pictures at the least: one costs some 20 ms, which a run has better use for."""

CLOCK = 5
"""Beats between two pictures where nothing was reported: the clock goes on."""

MEASURED = 2.0
"""Seconds between two measurements of the memory."""

NODES, FEW_NODES = 6, 2
"""Nodes of a Ray cluster that have a line each on a tall terminal, and on a low one."""


class RunScreen(CursorKeys, JobScreen):
    SCOPE = "run"
    BINDINGS = bindings("run")
    JOB = "run"
    UNDER_WAY = "running"
    KEPT = "what was answered is kept"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]  # noqa: RUF012 - Textual's
    HELD = "requests under way are finished, no new ones are sent; "

    DEFAULT_CSS = """
    RunScreen {
        #plan { display: none; height: 1fr; padding: 1 2; scrollbar-size-vertical: 1; }
        #plan Static { height: auto; margin-bottom: 1; }
        #work { height: 1fr; padding: 1 2 0 2; }
        #figures { height: auto; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #live { height: 1fr; margin-top: 1; layout: horizontal; }
        LiveReplyView { width: 1fr; height: 1fr; margin-right: 4; }
        DecisionLog { width: 1fr; height: 1fr; }
        &.-idle {
            #plan { display: block; }
            #head, #work { display: none; }
        }
        &.-narrow {
            #work { padding: 1 1 0 1; }
            #plan { padding: 0 1; }
            #live { layout: vertical; }
            LiveReplyView { width: 1fr; height: 4; margin: 0 0 1 0; }
        }
        &.-over LiveReplyView { display: none; }
        ResultPlots { display: none; width: 1fr; height: 1fr; margin-right: 4; }
        MeasurePlot { height: 1fr; margin-bottom: 1; }
        &.-over.-many ResultPlots { display: block; }
        &.-narrow ResultPlots { layout: horizontal; width: 1fr; height: 2fr; min-height: 7; margin: 0; }
        &.-narrow MeasurePlot { height: 1fr; width: 1fr; margin: 0 2 0 0; }
        /* Where all is done the bars are full, and say nothing that the first line does not. */
        &.-low.-done StageBars { display: none; }
        &.-narrow.-low.-done #figures { margin: 0; }
        &.-narrow.-low ResultPlots { display: none; }
        &.-narrow.-low.-over.-many.-done ResultPlots { display: block; }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._read: RunCounts | None = None  # None: they are being read
        self._memory: tuple[Mapping[str, int], int] | None = None  # bytes by process, and free
        self._medians: Mapping[str, PairedMedians] | None = None  # by score; None: the run has none
        self._scores = Recount()
        self._stale = False  # the engine reported something that is not shown yet
        self._beats = 0

    @property
    def job(self) -> RunJob:
        return self.workbench.run_job

    @property
    def _counts(self) -> RunCounts:
        return self._read or RunCounts(asked=self.workbench.samples)

    def body(self) -> ComposeResult:
        yield from super().body()
        with VerticalScroll(id="plan", can_focus=False):
            yield Static(id="plan-title")
            yield Static(id="plan-facts")
            yield Static(id="plan-next")
        with Vertical(id="work"):
            yield StageBars(id="bars")
            yield Static(id="figures")
            with Container(id="live"):
                yield LiveReplyView(id="writing")
                yield ResultPlots(self.workbench, id="results")
                yield DecisionLog(id="decisions")

    def on_mount(self) -> None:
        self.set_interval(BEAT, self._beat)
        self.set_interval(MEASURED, self._measure_now)

    # --- when to draw -------------------------------------------------------------------------------------------

    @on(events.ScreenResume)
    def _resumed(self) -> None:
        self._renew()
        self._measure_now()
        self._read_workspace()
        self._count_results()

    @on(events.Resize)
    def _resized(self) -> None:
        self.call_after_refresh(self._renew)

    @on(WorkspaceChanged)
    @on(SettingsChanged)
    def _changed(self) -> None:
        self._renew()
        self._read_workspace()
        self._count_results()

    @on(EngineReported)
    def _heard(self, message: EngineReported) -> None:
        self._stale = True
        if any(isinstance(event, Finished) for event in message.events):
            self._scores.ask()

    @on(Plot.Resized)
    def _plots_resized(self) -> None:
        if not self.query_one(ResultPlots).fit:
            self._count_results()

    def _beat(self) -> None:
        self._beats += 1
        if self.is_current and self._scores.due:
            self._count_results()
        if self.is_current and (self._stale or (self.job.running and self._beats % CLOCK == 0)):
            self._renew()

    @work(exclusive=True, group="counts")
    async def _read_workspace(self) -> None:
        """Count what the workspace holds of the run, and what a run by the settings is to refine."""
        if not self.workbench.is_open:
            self._read = None
        else:
            run, settings = self.workbench.run, self.workbench.settings.run

            def read(reading: Workspace) -> RunCounts:
                chosen, more = chosen_in(reading, settings)
                asked = len(chosen) + more
                counts = RunCounts(asked, dropped=count_dropped(reading.database))
                if run is None:
                    return counts
                done, failed = reading.count(run, chosen)
                return dataclasses.replace(
                    counts,
                    done=done,
                    failed=failed,
                    faults=faults(reading, run, chosen),
                    replaced=replaced(reading, run),
                )

            try:
                self._read = await self.workbench.reader.ask_workspace(read)
            except BurnishError as error:
                self.say_error(error)
                return
        self._renew()

    @work(exclusive=True, group="results")
    async def _count_results(self) -> None:
        """Count the medians so far and, once the run is over, the distribution. Where the workspace cannot be read,
        `_read_workspace` says so."""
        run = self.workbench.run
        if run is None or (not self.job.running and self.job.ending is None):
            self._medians = None
            return
        with self._scores.under_way(), suppress(BurnishError):
            await self._count_results_of(run.recipe.method)
        self._renew()

    async def _count_results_of(self, method: Method) -> None:
        ask = self.workbench.ask_distribution
        if method is Method.REFLECT:
            self._medians, counted = None, await ask(Distribution.finished)
        else:
            self._medians = {name: await ask(Distribution.medians, name) for name in ("ifd", "r_ifd")}
            counted = max(score.pairs for score in self._medians.values())
        self.set_class(counted >= FEW_SCORED, "-many")
        if not self.job.running and counted >= FEW_SCORED:
            await self.query_one(ResultPlots).count(method)

    def _measure_now(self) -> None:
        if self.is_current and self.job.running:
            self._measure({"burnish": os.getpid()} | self.job.children)

    @work(exclusive=True, group="memory")
    async def _measure(self, pids: Mapping[str, int]) -> None:
        def measured() -> tuple[Mapping[str, int], int]:
            resident = {name: machine.resident(pid) for name, pid in pids.items()}
            return {name: size for name, size in resident.items() if size}, machine.memory().available

        self._memory = await on_daemon_thread(measured)
        self._renew()

    # --- what is shown ------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Show everything as it is now."""
        workbench = self.workbench
        if not self.is_mounted or not workbench.is_open:
            return
        self._stale = False
        idle = not self.job.running and self.job.ending is None
        self.set_class(idle, "-idle")
        self.set_class(not self.job.running, "-over")
        ending = self.job.ending
        self.set_class(ending is not None and ending.result is not None, "-done")
        self._show_job()
        if idle:
            self._show_plan()
        else:
            self._show_work()

    def _show_plan(self) -> None:
        workbench, counts = self.workbench, self._counts
        assert workbench.source is not None
        left = counts.asked - counts.done
        if not counts.done:
            title = "Ready to run"
        elif left:
            title = "A run to be taken up again"
        else:
            title = "All samples are done"
        plan = wording.plan(
            workbench.settings,
            Path(workbench.source.path).name,
            counts,
            changed=self._settings_changed(),
            ray=workbench.ray,
        )
        self._update("plan-title", Content.styled(title, "bold"))
        self._update("plan-facts", plan)
        keys = [
            Content.assemble((key.ljust(wording.LABEL), "bold $text-accent"), what)
            for key, what in self._next_keys()
        ]
        self._update("plan-next", Content("\n").join(keys))

    def _next_keys(self) -> list[tuple[str, str]]:
        """The keys that make sense now, and what they do; other settings last."""
        counts = self._counts
        actions = []
        if self._settings_changed() or self.workbench.run is None:
            actions.append(("run.begin", "starts the run"))
        elif rest := counts.asked - counts.done:
            actions.append(
                ("run.begin", f"takes it up again: {rest:,} {'sample' if rest == 1 else 'samples'} to do")
            )
        if counts.failed:
            actions.append(("run.retry", "tries the failed again"))
        if counts.done:
            actions.append(("app.go_samples", "goes through the samples"))
            actions.append(("app.go_export", "writes the refined dataset"))
        actions.append(("app.go_start", "chooses other models or another method"))
        return [(self.keymap.first(action), what) for action, what in actions]

    def _settings_changed(self) -> bool:
        """True where the next run would be another than the one that is shown."""
        if (run := self.workbench.run) is None:
            return False
        before = Settings.model_validate(run.record.settings)
        return _deciding(before) != _deciding(self.workbench.settings)

    def _opening(self) -> Content:
        return Content.assemble(("◌ opening the models", "bold"), self._last_notice())

    def _at_work(self, state: tuple[str, str], took: tuple[str, str]) -> Content:
        return Content.assemble(state, took, "" if self.job.tally.paused else self._last_notice())

    def _head_at_rest(self) -> Content:
        ending, tally = self.job.ending, self.job.tally
        if ending is None:
            return Content("")  # the plan stands in its place
        if ending.result is not None:
            session = tally.session
            took = (
                f"this session {session_words(session)}" if session.before else f"in {clock(session.seconds)}"
            )
            head = Content.assemble(
                ("✓ done", "bold $text-success"),
                f"  {ending.result.done:,} of {counted(ending.result.total, 'sample')}",
                (f"  {took}", "$text-muted"),
            )
        elif ending.failure is not None:
            head = Content.styled("✗ ended before it was done; what was answered is kept", "bold $text-error")
        else:
            head = Content.assemble(
                ("■ stopped", "bold"), ("  nothing that was answered will be asked again", "$text-muted")
            )
        keys = [
            Content.assemble((key, "bold $text-accent"), f" {what}") for key, what in self._next_keys()[:-1]
        ]
        parts = [Content.styled(words, "$text-muted")] if (words := wording.replaced(self._counts)) else []
        return Content("\n").join([head, *parts, Content("   ").join(keys)])

    def _show_work(self) -> None:
        workbench, tally = self.workbench, self.job.tally
        self.query_one(StageBars).show(self._bars())
        width = self.query_one("#figures").size.width or self.size.width
        settings = self.job.settings or workbench.settings
        lines = []
        if tally.stages or tally.teacher is not None:
            lines.append(wording.teacher_line(tally, settings.teacher.name, width))
        if tally.student is not None or settings.run.method != "reflect":
            lines.append(wording.student_line(tally, settings.student.name, width))
        if self._medians is not None and tally.began:
            refined = settings.run.method is not Method.SCORE
            lines += wording.medians(self._medians, width, refined=refined)
        if self._memory is not None and self.job.running:
            line = wording.memory(*self._memory)
            if tally.student is not None:
                line = Content.assemble(line, (f"  {wording.backend(tally.student)}", "$text-muted"))
            lines.append(line.truncate(width, ellipsis=True))
        lines.append(wording.troubles(tally).truncate(width, ellipsis=True))
        most = NODES if self.has_class("-tall") else FEW_NODES
        lines += node_lines(tally.nodes.values(), most, width, over=tally.over)
        self._update("figures", Content("\n").join(lines))
        self._show_writing()
        self.query_one(DecisionLog).show(tally.decisions, tally.decided)

    def _bars(self) -> list[StageBar]:
        tally, running = self.job.tally, self.job.running
        bars = [
            StageBar(
                str(stage or "samples"),
                tally.reached(stage),
                tally.total,
                tally.pace(stage) if running else None,
            )
            for stage in (*tally.stages, None)
        ]
        if tally.phase is not None and running:
            turn = tally.phase
            bars.append(StageBar(f"{turn.model}'s turn", tally.advanced, turn.samples, tally.phase_pace()))
        return bars

    def _show_writing(self) -> None:
        tally, writing = self.job.tally, self.query_one(LiveReplyView)
        if now := tally.teacher_queue.now:
            text = self.job.live_replies.growing(*now[0])
            writing.show(now[0], growing_part(text), len(now) - 1)
        elif tally.phase is not None and tally.phase.model != "teacher":
            writing.show_nothing(f"nothing: it is the {tally.phase.model}'s turn")
        else:
            writing.show_nothing("nothing just now")

    # --- what a person does -------------------------------------------------------------------------------------

    def hindrances(self, action: str) -> Iterator[str]:
        counts = self._counts
        if action in ("begin", "retry") and self.job.running:
            yield f"a run is under way: {self.keymap.first('run.cancel')} stops it"
        if action == "begin" and counts.done >= counts.asked and not self._settings_changed():
            start = self.keymap.first("app.go_start")
            yield f"all samples are done: {start} chooses other models or another method"
        if action == "retry" and not counts.failed:
            yield "no sample failed: there is nothing to try again"
        if action in ("open", *MOVES) and not self.job.tally.decided:
            yield "nothing was decided yet since this workspace was opened"
        yield from super().hindrances(action)

    def action_begin(self) -> None:
        # A run over a few samples that was cut short is taken up again over the same few.
        ending = self.job.ending
        cut = ending is not None and ending.result is None
        only = tuple(self.job.only) if cut and self.job.only is not None else None
        self.post_message(StartRun(limit=self.job.limit if cut else None, only=only))

    def action_retry(self) -> None:
        self.post_message(StartRun(retry_failed=True))

    @property
    def cursor_list(self) -> DecisionLog:
        return self.query_one(DecisionLog)

    @work
    @on(DecisionLog.RowEntered)
    async def action_open(self) -> None:
        if (sample := self.cursor_list.current) is not None:
            await self.show_sample(sample)


DECIDING = {*Recipe.model_fields, "name", "reply_form", "verify"}
"""Names of the settings that a run's recipe is made from."""


def _deciding(settings: Settings) -> list[object]:
    """The settings that outcomes depend on."""
    groups = (settings.run, settings.reflection, settings.teacher, settings.student)
    return [value for group in groups for name, value in group if name in DECIDING]
