"""The app: its screens over one workbench, the way between them, and what can be done everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

from textual import on, work
from textual.actions import ActionParseResult
from textual.app import SystemCommand
from textual.dom import DOMNode
from textual.events import Event, InputEvent, Key
from textual.screen import Screen
from textual.theme import Theme

from engine.events import Started
from engine.health.remembered import recall, remember
from engine.run.opening import target
from engine.run.tryout import tryout
from engine.store.workspace import Run, Workspace
from models.errors import BurnishError
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.keys.actions import SCOPES, bindings, of_scope
from tui.keys.key_queue import TYPED, KeyPassed, KeyQueue
from tui.keys.keymap import key_names, load_keymap
from tui.keys.palette import AppCommands
from tui.messages import (
    EngineReported,
    ReviewsChanged,
    ShowSample,
    StartRun,
    TryTeachers,
    WorkspaceChanged,
    WorkspaceOpened,
)
from tui.platform.memory import PauseCollector
from tui.platform.textual_patches import PatchedApp
from tui.screens.base import AppScreen
from tui.screens.compare.screen import CompareScreen
from tui.screens.dialog import Dialog
from tui.screens.distribution.screen import DistributionScreen
from tui.screens.export.screen import ExportScreen
from tui.screens.help.screen import HelpScreen
from tui.screens.leave_dialog import LeaveDialog
from tui.screens.review.screen import ReviewScreen
from tui.screens.run.screen import RunScreen
from tui.screens.samples.screen import SamplesScreen
from tui.screens.start.screen import StartScreen
from tui.screens.tryout.dialog import TryoutDialog
from tui.screens.tryout.teachers import TeacherTableDialog
from tui.state.workbench import Workbench
from tui.text.shown import shown
from tui.themes import SIXTEEN, THEMES

TICK = 0.1
"""Seconds between two times that events are taken from the engine: those that come meanwhile are shown together."""

TIDY = 5.0
"""Seconds between two times that memory is freed."""


class BurnishApp(PatchedApp):
    TITLE = "burnish"
    CSS_PATH = "app.tcss"
    COMMANDS = {AppCommands}  # noqa: RUF012 - Textual's
    BINDINGS = bindings("app")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - Textual's

    def __init__(self, workbench: Workbench, path: Path | None = None) -> None:
        """`path`: a workspace or a dataset to begin with."""
        super().__init__()
        self.workbench = workbench
        self._first = path
        self.keymap = load_keymap()
        self.remembered = recall()
        self._pauses = PauseCollector()
        self._keys = KeyQueue(self, super().on_event, self._holds)
        self._said, self._said_at = "", 0.0  # why a key did nothing, the last time, and when it was said
        self.unfinished: Path | None = None  # the workspace whose run was under way when the app was left
        self.unjudged: list[str] | None = None  # the command that takes up the judging that was under way

    async def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._first_theme()
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self.filter_colours()
        self.set_keymap(self.keymap.changed)
        self.workbench.settings = self.remembered.filled(self.workbench.settings)
        first = await self._first_screen()
        screens: dict[str, AppScreen] = {
            "start": StartScreen(
                self.workbench,
                self.keymap,
                recent=lambda: self.remembered.recent,
                first=None if self.workbench.is_open else self._first,
            ),
            "samples": SamplesScreen(self.workbench, self.keymap),
            "run": RunScreen(self.workbench, self.keymap),
            "distribution": DistributionScreen(self.workbench, self.keymap),
            "export": ExportScreen(self.workbench, self.keymap),
            "compare": CompareScreen(self.workbench, self.keymap),
        }
        for name, screen in screens.items():
            self.install_screen(screen, name)
        self.push_screen(first)
        self.set_interval(TICK, self._listen)
        self.set_interval(TIDY, self._tidy)
        for problem in self.keymap.problems:
            self.notify(shown(problem).plain, severity="warning", timeout=10, markup=False)

    def _first_theme(self) -> str:
        """The remembered theme, where the terminal has colours for it."""
        chosen = self.remembered.theme if self.remembered.theme in self.available_themes else "burnish"
        few = self.console.color_system == "standard" and not self.is_headless
        sixteen = few and chosen in (one.name for one in THEMES)
        return SIXTEEN if sixteen else chosen

    async def _first_screen(self) -> str:
        """Start, or where a workspace was run, the place where one left off: the run, or if it is done the samples."""
        try:
            found = None if self._first is None else await on_daemon_thread(target, self._first)
            if found is None or found.data is not None:
                return "start"
            await self.workbench.open(found.workspace)
            self._opened()
            if (run := self.workbench.run) is None:
                return "start"

            def left(opened: Workspace) -> int:
                remaining = opened.remaining()
                return len(remaining) - opened.count(run, remaining)[0]

            waiting = await self.workbench.reader.ask_workspace(left)
        except BurnishError:
            return "start"  # which opens it again, and says what is wrong
        return "run" if waiting else "samples"

    def get_css_variables(self) -> dict[str, str]:
        """Textual's, but for the muted text's colour: "auto 60%" is white where a text is styled piece by piece."""
        variables = super().get_css_variables()
        return variables | {"text-muted": variables["foreground-muted"]}

    def _remember_theme(self, theme: Theme) -> None:
        self.filter_colours()
        if theme.name != self._first_theme():  # which a person may not have chosen
            self.remembered = replace(self.remembered, theme=theme.name)
            remember(self.remembered)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent):
            self._pauses.on_input()
        if isinstance(event, TYPED) and not event.is_forwarded:
            await self._keys.take(event)
        else:
            await super().on_event(event)

    def _holds(self, event: Event) -> bool:
        """A key waits for the screen that the one before it opened, and for what it acts on there."""
        screen = self.screen
        return isinstance(event, Key) and (
            not screen.is_mounted or (isinstance(screen, AppScreen) and screen.holds(event.key))
        )

    @on(KeyPassed)
    async def _key_passed(self) -> None:
        await self._keys.passed()

    def on_key(self, event: Key) -> None:
        """A key that was typed for a dialog just opened, and went to the screen below, is the dialog's."""
        if isinstance(self.screen, Dialog) and self.screen.take(event):
            event.stop()
            event.prevent_default()

    def _tidy(self) -> None:
        self._pauses.collect_if_paused()
        self.drop_dead_watchers()

    def _listen(self) -> None:
        if events := self.workbench.take_events():
            if any(isinstance(event, Started) for event in events):
                self._follow()
            for screen in self.screen_stack:
                screen.post_message(EngineReported(events))

    @work(exclusive=True, group="follow")
    async def _follow(self) -> None:
        """Show the run's own outcomes from the first on."""
        try:
            await self.workbench.follow()
        except BurnishError as error:
            self.notify(shown(str(error)).plain, severity="error", markup=False)
        self.post_changed()

    @on(ReviewsChanged)
    def post_changed(self) -> None:
        for screen in self.screen_stack:
            screen.post_message(WorkspaceChanged())

    # --- screens --------------------------------------------------------------------------------------------------

    def _go(self, name: str) -> None:
        if name != "start" and not self.workbench.is_open:
            start = self.get_screen("start")
            assert isinstance(start, StartScreen)
            if start.in_sight:
                start.say_closed()
            else:
                self.notify("open a dataset or a workspace first", severity="warning")
            return
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.drop_information()
        self.switch_screen(name)

    action_go_start = partialmethod(_go, "start")
    action_go_samples = partialmethod(_go, "samples")
    action_go_run = partialmethod(_go, "run")
    action_go_distribution = partialmethod(_go, "distribution")
    action_go_export = partialmethod(_go, "export")
    action_go_compare = partialmethod(_go, "compare")

    def action_show_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            scope = self.screen.SCOPE if isinstance(self.screen, AppScreen) else "app"
            self.push_screen(HelpScreen(scope, self.keymap))

    def action_choose_theme(self) -> None:
        self.search_themes()

    @on(ShowSample)
    def _show_sample(self, message: ShowSample) -> None:
        self.push_screen(ReviewScreen(self.workbench, self.keymap, message.position))

    @on(WorkspaceOpened)
    def _opened(self) -> None:
        if self.workbench.path is not None:
            self.remembered = self.remembered.opened(self.workbench.path)
            remember(self.remembered)
        self.post_changed()

    # --- actions of the whole app ----------------------------------------------------------------------------------

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do an action; one that can do nothing now says why."""
        where = self if default_namespace is None else default_namespace
        if isinstance(where, AppScreen | BurnishApp) and (why := where.why_not(str(action))):
            self._say_why_not(why)
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def _say_why_not(self, why: str) -> None:
        """Say why a key did nothing; a key that repeats is answered once while the toast stands."""
        if why != self._said or time.monotonic() - self._said_at > self.NOTIFICATION_TIMEOUT:
            self._said, self._said_at = why, time.monotonic()
            self.notify(shown(why).plain, markup=False)

    def why_not(self, action: str) -> str:
        """`AppScreen.why_not`, of what can be done everywhere."""
        if action in ("undo", "redo") and not self.workbench.is_open:
            return "no workspace is open: there is nothing to take back or do again"
        return ""

    @work(group="turn")
    async def _undo_or_redo(self, *, back: bool) -> None:
        try:
            act = await (self.workbench.undo() if back else self.workbench.redo())
        except BurnishError as error:
            self.notify(shown(str(error)).plain, severity="error", markup=False)
            return
        if act is None:
            self.notify("nothing to undo" if back else "nothing to redo")
            return
        about = f"sample {act.samples[0]}" if len(act.samples) == 1 else counted(len(act.samples), "sample")
        told = f"{'undone' if back else 'done again'}: {act.what} ({about})"
        self.post_changed()
        if not (isinstance(self.screen, AppScreen) and self.screen.follow_act(act.samples, told)):
            self.notify(told, markup=False)

    action_undo = partialmethod(_undo_or_redo, back=True)
    action_redo = partialmethod(_undo_or_redo, back=False)

    @on(StartRun)
    def _start_run(self, message: StartRun) -> None:
        if self._may_begin():
            self.remembered = self.remembered.started(self.workbench.settings)
            remember(self.remembered)
            self._refine(message)
            self._go("run")

    @on(TryTeachers)
    def _start_trials(self, message: TryTeachers) -> None:
        if self._may_begin():
            self._try_teachers(message)
            self._go("run")

    def _may_begin(self) -> bool:
        """True where no run and no judge is at work; else it is said."""
        if self.workbench.run_job.running:
            self.notify("a run is under way", severity="warning")
        elif self.workbench.judge_job.running:
            self.notify("a judge is at work: stop it first, or wait for its end", severity="warning")
        else:
            return True
        return False

    @work(group="run")
    async def _refine(self, asked: StartRun) -> None:
        try:
            summary = await self.workbench.refine(
                limit=asked.limit, only=asked.only, retry_failed=asked.retry_failed
            )
        except BurnishError as error:
            self._say_failed(error)
        else:
            if summary is not None:
                if asked.only is not None:
                    self._show_tryout(summary.run, asked.only)
                elif not self._run_in_sight:
                    self.notify(
                        f"done: {summary.done} of {counted(summary.total, 'sample')}, {summary.failed} failed"
                    )
        self.post_changed()

    @property
    def _run_in_sight(self) -> bool:
        return any(isinstance(screen, RunScreen) and screen.in_sight for screen in self.screen_stack)

    def _say_failed(self, error: BurnishError) -> None:
        """Say why a run failed, or could not begin. Run says by itself how the last one ended."""
        job = self.workbench.run_job
        job.note(str(error))
        ended = job.ending is not None and job.ending.failure == str(error)
        if not (ended and self._run_in_sight):
            self.notify(shown(str(error)).plain, severity="error", timeout=15, markup=False)

    @work(group="run")
    async def _try_teachers(self, asked: TryTeachers) -> None:
        """Try several teachers, show the table of them, and make the one that is chosen Start's."""
        try:
            trials = await self.workbench.try_teachers(asked.each, asked.samples)
        except BurnishError as error:
            self._say_failed(error)
            return
        finally:
            self.post_changed()
        if not trials:
            return
        samples = min(asked.samples, self.workbench.samples)
        if (name := await self.push_screen_wait(TeacherTableDialog(trials, samples))) is not None:
            self._go("start")
            start = self.get_screen("start")
            assert isinstance(start, StartScreen)
            start.take_teacher(name)

    @work(group="tryout")
    async def _show_tryout(self, run: Run, tried: tuple[int, ...]) -> None:
        """Show what came of trying samples, and then in Review the one that is chosen."""
        tally, reader = self.workbench.run_job.tally, self.workbench.reader
        try:
            found = await reader.ask_workspace(lambda reading: tryout(reading, run, tried, tally.measured))
            index = await self.push_screen_wait(TryoutDialog(found, tally.failed_attempts))
            if index is None:
                return
            position = await reader.ask_list(lambda listing: listing.position_of(index))
        except BurnishError as error:
            self.notify(shown(str(error)).plain, severity="error", markup=False)
            return
        if position is None:
            self.notify(f"sample {index} is left out by the filter in Samples", markup=False)
        else:
            self.post_message(ShowSample(position))

    def action_leave(self) -> None:
        """Quit; while a run or a judge is at work, a person is asked once."""
        working = self.workbench.run_job.running or self.workbench.judge_job.running
        if not working or isinstance(self.screen, LeaveDialog):
            self.leave()
            return

        def answered(leaves: bool | None) -> None:
            if leaves:
                self.leave()

        self.push_screen(LeaveDialog(), answered)

    def leave(self) -> None:
        """Quit at once. What was under way can be taken up again."""
        path, judging = self.workbench.path, self.workbench.judge_job
        self.unfinished = path if self.workbench.run_job.running else None
        self.unjudged = judging.command(path) if path is not None and judging.running else None
        self.exit()

    async def action_quit(self) -> None:
        self.leave()

    def action_help_quit(self) -> None:
        """Say how to quit: Ctrl-C copies the selection, where there is one."""
        key = self.keymap.first("app.leave")
        self.notify(f"{key} quits; whatever was done is kept", markup=False)

    async def on_unmount(self) -> None:
        await self.workbench.leave()

    # --- the palette ----------------------------------------------------------------------------------------------

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        scopes = [screen.SCOPE, "app"] if isinstance(screen, AppScreen) else ["app"]
        for action in (action for scope in scopes for action in of_scope(scope)):
            node: DOMNode = self if action.scope == "app" else screen
            if node.check_action(action.name, ()) is False or action.id == "app.command_palette":
                continue
            title = f"{SCOPES[action.scope]}: {action.label}".lower()
            # Textual takes the help of a command for markup.
            keys = ", ".join(key_names(self.keymap.keys[action.id])).replace("[", "left bracket")
            about = f"{action.help} ({keys}; {action.id})"
            yield SystemCommand(title, about, partial(self.run_action, action.name, node))
        for name in self.available_themes:
            if name != self.theme:
                yield SystemCommand(
                    f"theme: {name}", "Use these colours", partial(setattr, self, "theme", name)
                )
