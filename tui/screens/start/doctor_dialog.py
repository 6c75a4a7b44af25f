"""What doctor found, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.health.doctor import Check, check
from engine.run.settings import Settings
from models.system.threads import on_daemon_thread
from tui.text.shown import shown
from tui.text.vocabulary import CHECKS

STYLES = {"problem": "$text-error", "advice": "$text-warning", "ok": "$text-success"}
ORDER = tuple(STYLES)


class CheckList(Vertical):
    """Findings, a line each; under it what to do. Problems come first."""

    DEFAULT_CSS = """
    CheckList { height: auto; }
    CheckList Horizontal { height: auto; margin-bottom: 1; }
    CheckList .mark { width: 3; }
    CheckList .name { width: 12; text-style: bold; }
    CheckList .finding { width: 1fr; }
    """

    def __init__(self, checks: Sequence[Check], **options: Any) -> None:
        super().__init__(**options)
        self._checks = sorted(checks, key=lambda one: ORDER.index(one.state))

    def compose(self) -> ComposeResult:
        for one in self._checks:
            with Horizontal():
                yield Static(Content.styled(CHECKS[one.state], f"bold {STYLES[one.state]}"), classes="mark")
                yield Static(shown(one.name), classes="name")
                yield Static(_check_text(one), classes="finding")


def _check_text(one: Check) -> Content:
    if not one.fix:
        return shown(one.finding)
    return Content.assemble(shown(one.finding), "\n", ("→ ", "$primary"), shown(one.fix, "$text-muted"))


def in_short(checks: Sequence[Check]) -> Content:
    """One line about all of them."""
    problems, advice = (sum(one.state == state for one in checks) for state in ORDER[:2])
    if problems:
        return Content.styled(
            f"✗ {problems} problem{'s' * (problems > 1)}: a run would not work", "bold $text-error"
        )
    if advice:
        return Content.styled(
            f"! nothing keeps a run from working; {advice} to improve", "bold $text-warning"
        )
    return Content.styled("✓ nothing keeps a run from working", "bold $text-success")


class DoctorDialog(ModalScreen[None]):
    """Runs doctor with some settings, and shows what it finds."""

    DEFAULT_CSS = """
    DoctorDialog { align: center middle; }
    DoctorDialog #sheet {
        width: 90%; max-width: 110; height: auto; max-height: 90%; padding: 1 2; background: $surface;
    }
    DoctorDialog #short { margin-bottom: 1; height: auto; }
    DoctorDialog VerticalScroll { height: auto; max-height: 65vh; scrollbar-size-vertical: 1; }
    DoctorDialog #keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,q,enter", "close", "Close"),
        Binding("f5,r", "again", "Check again"),
    ]

    def __init__(self, settings: Settings, folder: Path) -> None:
        """`folder`: where the workspace is or would be."""
        super().__init__()
        self._settings = settings
        self._folder = folder

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield Static("checking: a moment", id="short")
            yield VerticalScroll(id="checks")
            yield Static("f5 checks again   esc closes", id="keys")

    def on_mount(self) -> None:
        self.action_again()

    @work(exclusive=True)
    async def action_again(self) -> None:
        self.query_one("#short", Static).update("checking: a moment")
        settings, folder = self._settings, self._folder
        # On a thread: it reads model files, and asks the system about its hardware.
        checks = await on_daemon_thread(lambda: asyncio.run(check(settings, folder)))
        with suppress(NoMatches):  # closed meanwhile
            self.query_one("#short", Static).update(in_short(checks))
            found = self.query_one("#checks", VerticalScroll)
            await found.remove_children()
            await found.mount(CheckList(checks))

    def action_close(self) -> None:
        self.dismiss()
