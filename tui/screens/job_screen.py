"""A screen over a run or a judging: one can watch it, hold it, stop it and take it up again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from engine.pace import clock
from tui.keys.actions import of_scope
from tui.keys.keymap import Keymap
from tui.screens.base import AppScreen
from tui.state.job import Job
from tui.state.workbench import Workbench
from tui.text.shown import shown_line

MOST = 400
"""Characters of a message: whoever wrote it, the rest of the screen keeps its place."""


HELD_FOR = 700
"""Of one that also quotes a reply and says what to try."""


class JobScreen(AppScreen):
    """Subclasses add to the `body`, call `_show_job`, and have the actions `begin`, `hold` and `cancel`."""

    JOB: ClassVar[str]  # what the job is called in a sentence
    UNDER_WAY: ClassVar[str]  # what it is doing, in a word
    KEPT: ClassVar[str]  # what is said of the work so far while it stops
    HELD: ClassVar[str] = ""  # what is said of it while it is held, before the key that lets it go on

    DEFAULT_CSS = """
    JobScreen {
        #banner { display: none; height: auto; padding: 0 2; background: $error 25%; color: $text; }
        #banner.-shown { display: block; }
        #banner.-waiting { background: $warning 25%; }
        #head { height: auto; padding: 1 2 0 2; }
        &.-narrow #head { padding: 0 1; }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._usable: list[bool | None] = []  # the actions of this screen

    def body(self) -> ComposeResult:
        yield Static(id="banner")
        yield Static(id="head")

    @property
    def job(self) -> Job[Any, Any, Any]:
        raise NotImplementedError

    def _opening(self) -> Content:
        """The head while the models open."""
        raise NotImplementedError

    def _at_work(self, state: tuple[str, str], took: tuple[str, str]) -> Content:
        """The head while the models are at work: its state, the time so far, and what else there is to say."""
        raise NotImplementedError

    def _head_at_rest(self) -> Content:
        """The head while nothing is under way."""
        raise NotImplementedError

    def _renew(self) -> None:
        """Show everything as it is now."""
        raise NotImplementedError

    # --- what is shown ------------------------------------------------------------------------------------------

    def _update(self, id: str, content: Content) -> None:
        """Lay the screen out again only where that is needed: it is asked for up to ten times a second."""
        widget = self.query_one(f"#{id}", Static)
        before = widget.content
        if isinstance(before, Content) and before.is_same(content):
            return
        wraps = widget.styles.text_wrap == "wrap"
        widget.update(content, layout=wraps or widget.size.height != content.plain.count("\n") + 1)

    def _show_job(self, problem: str | None = None) -> None:
        """The state of the job: the banner, the head, and the keys that make sense now."""
        self._show_banner(problem)
        self._update("head", self._head_while_running() if self.job.running else self._head_at_rest())
        self._refresh_keys()

    def _show_banner(self, problem: str | None) -> None:
        """The reason for which the job waits, is held or has failed; else the problem, if there is one."""
        job, banner = self.job, self.query_one("#banner", Static)
        waits_for = job.tally.paused if job.running else None
        held_for = job.tally.held_for if job.running else None
        if job.ending is not None and job.ending.failure is not None:
            problem = job.ending.failure
        text = Content("")
        if waits_for is not None:
            after = f". The {self.JOB} goes on by itself after that."
            text = Content.assemble(("waiting: ", "bold"), shown_line(waits_for, MOST), after)
        elif held_for is not None:
            text = Content.assemble(("held: ", "bold"), shown_line(held_for, HELD_FOR))
        elif problem is not None:
            text = Content.assemble(("✗ ", "bold"), shown_line(problem, MOST))
        banner.set_class(bool(text), "-shown")
        banner.set_class(waits_for is not None or held_for is not None, "-waiting")
        self._update("banner", text)

    def _head_while_running(self) -> Content:
        job, tally, muted = self.job, self.job.tally, "$text-muted"
        if job.stopping:
            return Content.assemble(("■ stopping", "bold"), (f"  {self.KEPT}", muted))
        if not tally.began:
            return self._opening()
        if job.held:
            key = self.keymap.first(f"{self.SCOPE}.hold")
            words = f"  {self.HELD}{key} lets it go on"
            return Content.assemble(("‖ held", "bold $text-warning"), (words, muted))
        waiting = ("◌ waiting", "bold $text-warning")
        working = (f"● {self.UNDER_WAY}", "bold $text-success")
        took = f"  {clock(tally.watch.seconds)}"
        return self._at_work(waiting if tally.paused else working, (took, muted))

    def _last_notice(self) -> Content:
        """The last thing that was decided on the user's behalf."""
        if not (notices := self.job.tally.notices):
            return Content("")
        return Content.assemble("  ", shown_line(notices[-1], MOST, "$text-muted"))

    def _refresh_keys(self) -> None:
        """Have the footer drawn anew, where other actions can be done than before."""
        usable = [self.check_action(action.name, ()) for action in of_scope(self.SCOPE)]
        if usable != self._usable:
            self._usable = usable
            self.refresh_bindings()

    # --- what a person does -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if self.why_not(action) else super().check_action(action, parameters)

    def hindrances(self, action: str) -> Iterator[str]:
        if action in ("hold", "cancel"):
            if not self.job.running:
                yield f"no {self.JOB} is under way"
            if self.job.stopping:
                yield f"the {self.JOB} is being stopped"
        yield from super().hindrances(action)

    def action_hold(self) -> None:
        if self.job.held:
            self.job.go()
        else:
            self.job.hold()
        self._renew()

    @work(group="cancel")
    async def action_cancel(self) -> None:
        ending = asyncio.create_task(self.job.cancel())
        await asyncio.sleep(0)
        self._renew()
        await ending
        self._renew()
        if not self.in_sight:
            self.say(
                f"the {self.JOB} is stopped; {self.keymap.first(f'{self.SCOPE}.begin')} takes it up again"
            )
