"""The terminal interface. Screens show, the desk works; here is what they have in common."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from platformdirs import user_log_path
from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen
from textual.theme import Theme

from models.errors import BurnishError
from tui.actions import ACTIONS, SCOPES, bindings
from tui.desk import Desk
from tui.keymap import load_keymap
from tui.messages import Changed, Heard, Opened, ShowSample, StartRun
from tui.remembered import recall, remember
from tui.screens.base import DeskScreen
from tui.screens.distribution import DistributionScreen
from tui.screens.export import ExportScreen
from tui.screens.help import HelpScreen
from tui.screens.review import ReviewScreen
from tui.screens.run import RunScreen
from tui.screens.samples import SamplesScreen
from tui.screens.start import StartScreen
from tui.shown import shown
from tui.themes import THEMES

TICK = 0.1
"""Seconds between two looks at what the engine reported: what comes meanwhile is shown together."""


class BurnishApp(App[None]):
    TITLE = "burnish"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS = bindings("app")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - Textual's

    def __init__(self, desk: Desk, path: Path | None = None) -> None:
        """`path`: a workspace or a dataset to begin with."""
        super().__init__()
        self.desk = desk
        self._first = path
        self._keymap_problems: tuple[str, ...] = ()
        self.remembered = recall()
        self.crash_log: Path | None = None
        self.unfinished: Path | None = None  # a workspace whose run was under way when the app was left

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self.remembered.theme if self.remembered.theme in self.available_themes else "burnish"
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        keymap = load_keymap()
        self.set_keymap(keymap.keys)
        screens: dict[str, DeskScreen] = {
            "start": StartScreen(self.desk, first=self._first),
            "samples": SamplesScreen(self.desk),
            "run": RunScreen(self.desk),
            "distribution": DistributionScreen(self.desk),
            "export": ExportScreen(self.desk),
        }
        for name, screen in screens.items():
            self.install_screen(screen, name)
        self.push_screen("start")
        self.set_interval(TICK, self._listen)
        for problem in keymap.problems:
            self.notify(shown(problem).plain, severity="warning", timeout=10, markup=False)

    def _remember_theme(self, theme: Theme) -> None:
        self.remembered = replace(self.remembered, theme=theme.name)
        remember(self.remembered)

    def _listen(self) -> None:
        if events := self.desk.heard():
            for screen in self.screen_stack:
                screen.post_message(Heard(events))

    def tell_changed(self) -> None:
        for screen in self.screen_stack:
            screen.post_message(Changed())

    # --- where to -------------------------------------------------------------------------------------------------

    def _go(self, name: str) -> None:
        if name != "start" and not self.desk.is_open:
            self.notify("open a dataset or a workspace first", severity="warning")
            return
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.switch_screen(name)

    def action_go_start(self) -> None:
        self._go("start")

    def action_go_samples(self) -> None:
        self._go("samples")

    def action_go_run(self) -> None:
        self._go("run")

    def action_go_distribution(self) -> None:
        self._go("distribution")

    def action_go_export(self) -> None:
        self._go("export")

    def action_show_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            scope = self.screen.SCOPE if isinstance(self.screen, DeskScreen) else "app"
            self.push_screen(HelpScreen(scope))

    def action_choose_theme(self) -> None:
        self.search_themes()

    @on(ShowSample)
    def _show_sample(self, message: ShowSample) -> None:
        self.push_screen(ReviewScreen(self.desk, message.position))

    @on(Opened)
    def _opened(self) -> None:
        if self.desk.path is not None:
            self.remembered = self.remembered.opened(self.desk.path)
            remember(self.remembered)
        self.tell_changed()

    # --- what a person does anywhere ------------------------------------------------------------------------------

    async def action_undo(self) -> None:
        await self._turn(back=True)

    async def action_redo(self) -> None:
        await self._turn(back=False)

    async def _turn(self, *, back: bool) -> None:
        if not self.desk.is_open:
            return
        try:
            act = await (self.desk.undo() if back else self.desk.redo())
        except BurnishError as error:
            self.notify(shown(str(error)).plain, severity="error", markup=False)
            return
        if act is None:
            self.notify("nothing to undo" if back else "nothing to redo")
            return
        which = f"sample {act.samples[0]}" if len(act.samples) == 1 else f"{len(act.samples)} samples"
        self.notify(f"{'undone' if back else 'done again'}: {act.what} ({which})", markup=False)
        self.tell_changed()

    @on(StartRun)
    def _start_run(self, message: StartRun) -> None:
        if self.desk.running:
            self.notify("a run is under way", severity="warning")
            return
        self._refine(message.limit, retry_failed=message.retry_failed)
        self._go("run")

    @work(exclusive=True, group="run")
    async def _refine(self, limit: int | None, *, retry_failed: bool) -> None:
        try:
            summary = await self.desk.refine(limit=limit, retry_failed=retry_failed)
        except BurnishError as error:
            self.desk.note(str(error))
            self.notify(shown(str(error)).plain, severity="error", timeout=15, markup=False)
        else:
            self.notify(f"done: {summary.done} of {summary.total} samples, {summary.failed} failed")
        self.tell_changed()

    async def action_leave(self) -> None:
        self.unfinished = self.desk.path if self.desk.running else None
        self.exit()

    async def on_unmount(self) -> None:
        await self.desk.leave()

    # --- the palette ----------------------------------------------------------------------------------------------

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        scope = screen.SCOPE if isinstance(screen, DeskScreen) else "app"
        for action in ACTIONS:
            if action.scope in (scope, "app"):
                node: Any = self if action.scope == "app" else screen
                title = f"{SCOPES[action.scope].lower()}: {action.label.lower()}"
                yield SystemCommand(title, action.help, getattr(node, f"action_{action.name}"))

    def get_key_display(self, binding: Binding) -> str:
        return super().get_key_display(binding)

    # --- when something of ours breaks ----------------------------------------------------------------------------

    def _fatal_error(self) -> None:
        """One line and a log without any sample's text, instead of a traceback with locals. (Textual's own hook.)"""
        import sys  # noqa: PLC0415

        kind, error, trace = sys.exc_info()
        error = error or self._exception
        path = user_log_path("burnish") / "crash.log"
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            frames = traceback.format_tb(trace or (error.__traceback__ if error else None))
            path.write_text("".join(frames) + (kind or type(error)).__name__ + "\n", "utf-8")
            path.chmod(0o600)
            self.crash_log = path
        self._close_messages_no_wait()
