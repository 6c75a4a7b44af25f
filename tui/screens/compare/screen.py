"""The Compare screen: judges' verdicts on the refined side against the original, and a judge at work."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from engine.method.recipe import Method
from engine.trial.plan import PLAN, trial_path
from models.errors import BurnishError
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.keys.actions import bindings
from tui.keys.keymap import Keymap
from tui.messages import WorkspaceChanged
from tui.screens.compare.judge_dialog import JudgeDialog, JudgeRequest
from tui.screens.compare.pair_list import PairList
from tui.screens.compare.pair_screen import PairScreen
from tui.screens.compare.tables import VerdictTables
from tui.screens.compare.trial_screen import EVERY as LOOK
from tui.screens.compare.trial_screen import TrialScreen, no_trial
from tui.screens.job_screen import JobScreen
from tui.state.judge_job import JudgeJob
from tui.state.verdicts import JudgeVerdicts, PairFilter, verdicts
from tui.state.workbench import Workbench
from tui.text.judge_tables import words
from tui.text.shown import shown, shown_line
from tui.widgets.ask_line import NumberLine
from tui.widgets.cursor_list import MOVES, CursorKeys
from tui.widgets.facts import Fact, Facts
from tui.widgets.score_bar import ScoreBar
from tui.widgets.stage_bars import StageBar, StageBars

BEAT = 0.5
"""Seconds between two pictures of a judge at work."""

EVERY = 3.0
"""Seconds between two counts of its verdicts; more where counting takes long."""

IDLE = 10
"""Times the length of a count that pass until the next."""

LABEL = 13
"""Cells of the facts' names."""

BOTH = 118
"""Cells that the pairs and the tables need to stand beside each other."""


class CompareScreen(CursorKeys, JobScreen):
    SCOPE = "compare"
    BINDINGS = bindings("compare")
    JOB = "judging"
    UNDER_WAY = "judging"
    KEPT = "what the judge said is kept"
    AUTO_FOCUS = "#pairs"

    DEFAULT_CSS = """
    CompareScreen {
        #progress { margin: 1 2 0 2; display: none; }
        #score { margin: 1 2 0 2; }
        #facts { height: auto; padding: 1 2 0 2; }
        #below { height: 1fr; margin: 1 2 0 2; }
        #listed { width: 1fr; height: 1fr; }
        #filter { height: 1; text-wrap: nowrap; }
        #tables { width: 56; height: 1fr; margin-left: 2; scrollbar-size-vertical: 1; }
        &.-at-work #progress { display: block; }
        &.-empty { #score, #facts, #below { display: none; } }
        &.-narrow {
            #facts { padding: 0 1; }
            #progress, #score { margin: 0 1; }
            #below { margin: 1 1 0 1; }
        }
        &.-tight {
            #tables { display: none; width: 1fr; margin: 0; }
            &.-tables { #listed { display: none; } #tables { display: block; } }
        }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._found: JudgeVerdicts | None = None
        self._wanted: int | None = None  # the comparison; None: the latest
        self._of: tuple[object, ...] = ()  # the workspace and the run whose verdicts were read
        self._jump = NumberLine(id="jump")
        self._filter = PairFilter.ALL
        self._problem: str | None = None  # why the record cannot be read
        self._counted = 0.0  # when the verdicts were counted
        self._took = 0.0  # seconds that counting took
        self._seen = 0  # pairs judged by the judge at work when it was last counted
        self._has_trial = self._looking = False

    @property
    def job(self) -> JudgeJob:
        return self.workbench.judge_job

    def body(self) -> ComposeResult:
        yield from super().body()
        yield StageBars(id="progress")
        yield ScoreBar(id="score")
        yield Facts(LABEL, id="facts")
        with Horizontal(id="below"):
            with Vertical(id="listed"):
                yield Static(id="filter")
                yield PairList(id="pairs")
            with VerticalScroll(id="tables"):
                yield VerdictTables(id="by")
        yield self._jump

    def on_mount(self) -> None:
        self.set_interval(BEAT, self._beat)
        self.set_interval(LOOK, self._look_for_trial)

    @work(group="watch")
    async def _look_for_trial(self) -> None:
        """See whether there is a trial, which a command may begin at any time. A thread looks: the disk may be slow."""
        path = self.workbench.path
        if self._looking or path is None or not self.is_current:
            return
        self._looking = True
        self._has_trial = await on_daemon_thread(os.path.isfile, trial_path(path) / PLAN)
        self._looking = False
        self._refresh_keys()

    @property
    def pairs(self) -> PairList:
        return self.query_one("#pairs", PairList)

    # --- when to draw -------------------------------------------------------------------------------------------

    @on(events.ScreenResume)
    def _resumed(self) -> None:
        at, self.job.at = self.job.at, None
        if at is not None and (line := self.pairs.find(at)) is not None:
            self.pairs.move_to(line)
        self._renew()
        self._load_verdicts()
        self._look_for_trial()

    @on(WorkspaceChanged)
    def _changed(self) -> None:
        if self.is_current:
            self._renew()
            self._load_verdicts()

    @on(events.Resize)
    def _resized(self, event: events.Resize) -> None:
        self.set_class(event.size.width < BOTH, "-tight")
        self.call_after_refresh(self._renew)

    def _beat(self) -> None:
        if not self.is_current or not self.job.running:
            return
        self._renew()
        due = self._counted + max(EVERY, IDLE * self._took)
        if self.job.tally.done > self._seen and time.monotonic() > due:
            self._load_verdicts()

    @work(exclusive=True, group="look")
    async def _load_verdicts(self) -> None:
        """Read and count the verdicts. On a thread of its own: there may be many."""
        path, run = self.workbench.path, self.workbench.run
        of = path, run and run.id
        if of != self._of:
            self._of, self._found, self._wanted, self._filter = of, None, None, PairFilter.ALL
        if path is None or run is None:
            self._found, self._problem = None, None
            self._show_found()
            return
        began, self._seen = time.monotonic(), self.job.tally.done
        try:
            self._found = await on_daemon_thread(verdicts, path, run, self._wanted)
            self._problem = None
        except BurnishError as error:
            self._found, self._problem = None, str(error)
        self._counted = time.monotonic()
        self._took = self._counted - began
        self._show_found()

    # --- what is shown ------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Show all that changes while a judge is at work."""
        if not self.is_mounted:
            return
        self.set_class(self.job.running, "-at-work")
        self._show_job(self._problem)
        if self.job.running:
            tally = self.job.tally
            self.query_one(StageBars).show([StageBar("pairs", tally.done, tally.total, tally.pace(None))])

    def _opening(self) -> Content:
        return Content.assemble(("◌ opening ", "bold"), self._judge())

    def _at_work(self, state: tuple[str, str], took: tuple[str, str]) -> Content:
        return Content.assemble(state, "  ", self._judge(), took, self._last_notice())

    def _judge(self) -> Content:
        return shown_line(str(self.job.settings.name), 40, "bold")

    def _head_at_rest(self) -> Content:
        found, muted = self._found, "$text-muted"
        if found is None:
            return self._nothing()
        about, total = found.comparison.about, found.comparison.about.pairs
        judge = shown_line(about.judge.name, 40, "bold")
        parts: list[Content | str | tuple[str, str]] = ["refined against original, judged by ", judge]
        parts.append((f"  {len(found.lines):,} of {counted(total, 'pair')}", muted))
        if other := sum(not line.compared for line in found.lines):
            parts.append((f", {other:,} of them the student's choices", muted))
        if not found.done:
            parts.append((f"  {self.keymap.first('compare.begin')} goes on", "$text-warning"))
        if len(found.all) > 1:
            which = next(at for at, one in enumerate(found.all, 1) if one.id == found.comparison.id)
            parts.append((f"  {which} of {len(found.all)} judgings", muted))
        return Content.assemble(*parts)

    def _nothing(self) -> Content:
        """The head where nothing was judged: the purpose of this screen, or what is missing for it."""
        if self._problem is not None:
            return Content("")
        if (missing := self._missing()) is not None:
            return Content.styled(missing, "$text-muted")
        return Content.assemble(
            ("Nothing was judged here yet.\n\n", "bold"),
            (
                "A judge, another local model, is shown the original and the refined version of each sample, twice "
                "with the places swapped, and scores both. What wins in both orders is better; what wins only by "
                "its place is a tie. Where the student chose, the judge is asked about its choice as well.\n\n",
                "$text-muted",
            ),
            (f"{self.keymap.first('compare.begin')} ", "bold $text-accent"),
            "chooses a judge and begins",
        )

    def _missing(self) -> str | None:
        run = self.workbench.run
        if not self.workbench.is_open:
            return "No workspace is open. Open a dataset or a workspace on Start."
        if run is None or run.recipe.method is Method.SCORE:
            return "Nothing was refined here, so there is nothing to compare. A run that asks a teacher makes it."
        return None

    def _show_found(self) -> None:
        """Show the verdicts that were read."""
        found = self._found
        self.set_class(found is None, "-empty")
        if found is not None:
            self.query_one(ScoreBar).show(found.results.counts, found.results.interval)
            self.query_one(Facts).show(self._facts(found))
        self.query_one(VerdictTables).show(found.results if found is not None else None)
        if found is not None and self.focused is None:
            self.pairs.focus()  # it was hidden
        self._list()
        self._renew()

    def _facts(self, found: JudgeVerdicts) -> Iterator[Fact]:
        for name, value in words(found.comparison.about, found.results, 0):
            if name not in ("disagreements", "pairs", "interval"):  # the list has them, the head, the bar
                yield name, shown(value)
        if same := found.comparison.about.same:
            yield (
                "unchanged",
                Content(
                    counted(same, "sample is", "samples are") + " the same on both sides, and not judged"
                ),
            )

    def _list(self) -> None:
        lines = self._found.lines if self._found is not None else ()
        listed = [line for line in lines if line.passes(self._filter)]
        self.pairs.show(listed, "no pair is like that" if lines else "no pair has a verdict yet")
        style = "$text-muted" if self._filter is PairFilter.ALL else "bold $primary"
        disagreed = sum(line.disagrees for line in lines)
        self._update(
            "filter",
            Content.assemble(
                (f"{len(listed):,} ", style),
                (str(self._filter), style),
                (f"   ≠ {disagreed:,} disagree", "$text-muted"),
            ),
        )

    # --- the judge ----------------------------------------------------------------------------------------------

    def hindrances(self, action: str) -> Iterator[str]:
        found, missing = self._found, self._missing()
        if action == "begin":
            if self.job.running:
                yield f"a judge is at work: {self.keymap.first('compare.cancel')} stops it"
            if self.workbench.run_job.running:
                yield "a run is under way: stop it first, or wait for its end"
            if missing is not None:
                yield missing
        if action in ("open", "review", "only", "jump", "tables", "other", *MOVES):
            if found is None:
                yield (
                    missing or f"nothing was judged yet: {self.keymap.first('compare.begin')} chooses a judge"
                )
            elif action == "tables" and not self.has_class("-tight"):
                yield "the tables stand beside the pairs already"
            elif action == "other" and len(found.all) == 1:
                yield "there is no other judging"
            elif action not in ("tables", "other") and not found.lines:
                yield "no pair has a verdict yet"
        if action == "trial" and not self._has_trial:
            yield no_trial(self.workbench)
        if action == "leave" and not self._inner():
            yield "nothing to leave: every pair is listed"
        yield from super().hindrances(action)

    def action_begin(self) -> None:
        workbench, job = self.workbench, self.job
        settings = workbench.settings.model_copy(update={"teacher": job.settings})
        before = JudgeRequest(self._judge_before(), job.refined_only, job.limit, job.settings.url)
        typed = workbench.typed("judge")

        def begin(chosen: JudgeRequest | None) -> None:
            if chosen is not None:
                typed.clear()
                self._begin(chosen)

        self.app.push_screen(JudgeDialog(settings, before, typed), begin)

    @work(group="judge")
    async def _begin(self, chosen: JudgeRequest) -> None:
        workbench, job = self.workbench, self.job
        if job.running or workbench.run_job.running or (path := workbench.path) is None:
            return
        job.settings = job.settings.model_copy(update={"name": chosen.judge, "url": chosen.url})
        job.refined_only, job.limit = chosen.refined_only, chosen.limit
        self._wanted, self._seen = None, 0
        self.call_later(self._renew)
        try:
            if await job.judge(path) and not self.in_sight:
                tally = job.tally
                self.say(
                    f"judged: {tally.done:,} of {counted(tally.total, 'pair')}, {tally.failed:,} without a verdict"
                )
        except BurnishError as error:
            if not self.in_sight:
                self.say_error(error)
        self._load_verdicts()

    def _judge_before(self) -> str:
        """The judge that the settings name, or else the one of the verdicts that are shown; "" for none."""
        if self.job.settings.name is not None:
            return self.job.settings.name
        return self._found.comparison.about.judge.name if self._found is not None else ""

    def action_other(self) -> None:
        """Show the comparison that was begun before this one; after the first one, the latest."""
        if self._found is not None:
            ids = [one.id for one in self._found.all]
            self._wanted = ids[(ids.index(self._found.comparison.id) + 1) % len(ids)]
            self._load_verdicts()

    # --- the pairs ----------------------------------------------------------------------------------------------

    @on(PairList.RowEntered)
    def action_open(self) -> None:
        pairs = self.pairs
        if self._found is not None and pairs.current is not None:
            self.app.push_screen(
                PairScreen(self.workbench, self.keymap, self._found.comparison, pairs.lines, pairs.cursor)
            )

    @work(exclusive=True, group="review")
    async def action_review(self) -> None:
        if (line := self.pairs.current) is not None:
            self.job.at = line.pair
            await self.show_sample(line.row)

    def action_trial(self) -> None:
        self.app.push_screen(TrialScreen(self.workbench, self.keymap))

    def action_only(self) -> None:
        """Filter by the next kind that there are pairs of."""
        lines, filters = self._found.lines if self._found is not None else (), list(PairFilter)
        at = filters.index(self._filter) + 1
        order = (*filters[at:], PairFilter.ALL)
        self._filter = next((one for one in order if any(line.passes(one) for line in lines)), PairFilter.ALL)
        self._list()

    def action_tables(self) -> None:
        self.toggle_class("-tables")
        self.query_one("#tables" if self.has_class("-tables") else "#pairs").focus()

    def action_leave(self) -> None:
        """Leave the line that asks, else the tables, else the filter."""
        match self._inner():
            case "line":
                self._jump.leave()
                self.pairs.focus()
            case "tables":
                self.action_tables()
            case "filter":
                self._filter = PairFilter.ALL
                self._list()

    def _inner(self) -> str:
        """The innermost that can be left."""
        if self._jump.shown:
            return "line"
        if self.has_class("-tables"):
            return "tables"
        return "" if self._filter is PairFilter.ALL else "filter"

    def action_jump(self) -> None:
        self._jump.ask()

    @on(Input.Submitted, "#jump Input")
    def _jumped(self, message: Input.Submitted) -> None:
        message.stop()
        row = self._jump.take()
        self.pairs.focus()
        if row is None:
            return
        at = next((at for at, line in enumerate(self.pairs.lines) if line.row == row), None)
        if at is None:
            self.say(f"sample {row} has no pair in this list", warning=True)
        else:
            self.pairs.move_to(at)

    @property
    def cursor_list(self) -> PairList:
        return self.pairs

    def move_cursor(self, rows: int) -> None:
        """In the tables, where these have the focus."""
        tables = self.query_one("#tables")
        if tables.has_focus:
            tables.scroll_relative(y=rows, animate=False)
        else:
            super().move_cursor(rows)
