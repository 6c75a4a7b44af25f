"""The screen of a trial: what each arm came to, and how far it is while `burnish trial` is at work elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial, partialmethod
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.pace import clock
from engine.trial.judged import JudgedAnswers
from engine.trial.kept import KeptTrial, kept_trial
from engine.trial.plan import TrialError, trial_path
from models.system.shell import command_line
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.keys.actions import bindings, of_scope
from tui.keys.keymap import Keymap
from tui.screens.base import AppScreen
from tui.screens.compare.arm_charts import Chart, loss_charts, verdict_charts
from tui.screens.compare.loss_curves import loss_curves
from tui.state.workbench import Workbench
from tui.text.literal import one_line
from tui.text.shown import shown
from tui.text.trial_answers import about_answers, lengths_words
from tui.text.trial_answers import words as answer_sentences
from tui.text.trial_tables import words as loss_sentences
from tui.widgets.facts import Facts
from tui.widgets.stage_bars import StageBar, StageBars

EVERY = 2.0
"""Seconds between two looks at the trial's folder."""

LABEL = 13
"""Cells of the facts' names."""

SCROLLS = {action.name for action in of_scope("trial")} - {"back"}
"""The actions that scroll."""

PARTS = {"answers": "◌ the arms answer what was held out", "pairs": "◌ the judge compares their answers"}
"""The words for the part of a trial that is at work after the training, by the things it counts."""

IDLE = 600
"""Seconds without a step from which on it is said how to go on."""


class TrialScreen(AppScreen):
    SCOPE = "trial"
    BINDINGS = bindings("trial")
    AUTO_FOCUS = "#pages"

    DEFAULT_CSS = """
    TrialScreen {
        & #head { height: auto; padding: 1 2 0 2; }
        & #progress { margin: 1 2 0 2; }
        & #pages { height: 1fr; margin: 1 0 0 0; padding: 0 0 0 2; scrollbar-size-vertical: 1; }
        & #pages:focus { background: $background; }
        & Facts, & Chart { margin: 0 2 1 0; }
        &.-narrow #head, &.-narrow #pages { padding: 0 0 0 1; }
        &.-narrow #progress { margin: 0 1; }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._found: KeptTrial | None = None
        self._problem: str | None = None  # why the folder cannot be read
        self._head = Content("")
        self._looking = False

    def body(self) -> ComposeResult:
        yield Static(id="head")
        yield StageBars(id="progress")
        with VerticalScroll(id="pages"):
            yield Facts(LABEL, id="losses")
            yield Chart(id="loss-charts")
            yield Facts(LABEL, id="verdicts")
            yield Chart(id="verdict-charts")
            yield Chart(id="curves")

    def on_mount(self) -> None:
        self._show(None)
        self._look()
        self.set_interval(EVERY, self._look)

    @work(group="watch")
    async def _look(self) -> None:
        """Show the trial, anew where the command has written. A thread reads: the disk may be slow."""
        path = self.workbench.path
        if self._looking or path is None:
            return
        self._looking = True
        try:
            found, self._problem = await on_daemon_thread(kept_trial, trial_path(path), self._found), None
        except TrialError as error:
            found, self._problem = None, str(error)
        self._looking = False
        if not self.on_the_stack:
            return
        if found is not self._found:
            self._show(found)
        self._show_state()

    def _show(self, found: KeptTrial | None) -> None:
        self._found = found
        result, judged = (found.result, found.judged) if found is not None else (None, None)
        self._show_facts("losses", [] if result is None else loss_sentences(result))
        self._show_facts("verdicts", [] if judged is None else _told_of_answers(judged))
        self.query_one("#loss-charts", Chart).show(None if result is None else partial(loss_charts, result))
        self.query_one("#verdict-charts", Chart).show(
            None if judged is None else partial(verdict_charts, judged)
        )
        self.query_one("#curves", Chart).show(None if found is None else partial(loss_curves, found))
        bars = list(_progress(found)) if found is not None else []
        progress = self.query_one(StageBars)
        progress.display = bool(bars)
        progress.show(bars)

    def _show_facts(self, id: str, told: Iterable[tuple[str, str]]) -> None:
        facts, lines = self.query_one(f"#{id}", Facts), [(name, shown(value)) for name, value in told]
        facts.display = bool(lines)
        facts.show(lines)

    def _show_state(self) -> None:
        """The head, where the time since the last step changes by itself."""
        if self._problem is not None:
            head = Content.assemble(("✗ ", "bold $text-error"), shown(self._problem))
        elif self._found is None:
            head = Content.styled(no_trial(self.workbench), "$text-muted")
        else:
            head = Content("\n").join([_plan(self._found), _state(self._found, time.time())])
        if not head.is_same(self._head):  # an update lays the whole screen out again
            self._head = head
            self.query_one("#head", Static).update(head)

    def hindrances(self, action: str) -> Iterator[str]:
        if action in SCROLLS and not self.query_one("#pages").max_scroll_y:
            yield "all of it is in sight already"
        yield from super().hindrances(action)

    # --- moving about -------------------------------------------------------------------------------------------

    def _scroll(self, rows: int) -> None:
        self.query_one("#pages").scroll_relative(y=rows, animate=False)

    action_down = partialmethod(_scroll, 2)
    action_up = partialmethod(_scroll, -2)

    def action_page_down(self) -> None:
        self.query_one("#pages").scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        self.query_one("#pages").scroll_page_up(animate=False)

    def action_top(self) -> None:
        self.query_one("#pages").scroll_home(animate=False)

    def action_bottom(self) -> None:
        self.query_one("#pages").scroll_end(animate=False)

    def action_back(self) -> None:
        self.dismiss()


def no_trial(workbench: Workbench) -> str:
    """The line that says that no trial lies beside the workspace, with the command that makes one."""
    command = [
        "burnish",
        "trial",
        str(workbench.path),
        "--student",
        workbench.settings.student.name or "BASE.gguf",
    ]
    folder = one_line(trial_path(workbench.path or Path()).name)
    return f"no trial in {folder} yet; in another terminal: {command_line(command)}"


def _told_of_answers(judged: JudgedAnswers) -> Iterator[tuple[str, str]]:
    yield "answers", about_answers(judged)
    yield "lengths", lengths_words(judged)
    yield from answer_sentences(judged)


def _plan(trial: KeptTrial) -> Content:
    plan = trial.plan
    parts = [
        counted(len(plan.arms), "arm"),
        counted(plan.seeds, "seed"),
        f"{counted(plan.steps, 'step')} each",
    ]
    parts += [f"{plan.tokens:,} tokens of answers a step", f"{counted(len(plan.held_out), 'row')} held out"]
    return Content.assemble(("Trial", "bold"), (f"  {', '.join(parts)}", "$text-muted"))


def _progress(trial: KeptTrial) -> Iterator[StageBar]:
    """What is not done yet."""
    if trial.trained < trial.total:
        done = sum(trial.plan.steps if one.done else len(one.losses) for one in trial.trainings)
        yield StageBar("steps", done, trial.total * trial.plan.steps)
    if trial.evaluated <= trial.total:
        yield StageBar("evaluated", trial.evaluated, trial.total + 1)
    elif (part := trial.progress) is not None:
        yield StageBar(part.part, part.done, part.total)


def _state(trial: KeptTrial, now: float) -> Content:
    """How far it has come. Whether a command is at work cannot be seen, so the time since its last step is said."""
    trainings = counted(trial.total, "training")
    if trial.trained == trial.total and trial.evaluated > trial.total and trial.result is not None:
        done = Content.styled(f"✓ {trainings} done and evaluated", "bold $text-success")
        if (part := trial.progress) is None:
            return done
        return Content.assemble(
            done, (f"  {PARTS.get(part.part, part.part)}", "bold"), _ago(now - trial.progressed)
        )
    head = Content.styled(f"◌ {trial.trained} of {trainings} done", "bold")
    if not trial.trainings:
        return head
    return head + _ago(now - max(one.last for one in trial.trainings))


def _ago(seconds: float) -> Content:
    """How long ago something was done, and what to do where nothing has been for long."""
    ago = f"  last step {clock(max(seconds, 0))} ago"
    if seconds >= IDLE:
        ago += "; if the trial was stopped, the same command continues it"
    return Content.styled(ago, "$text-muted")
