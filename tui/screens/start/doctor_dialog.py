"""The findings of doctor, problems first, each with what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.health.check import Check
from engine.health.doctor import check
from engine.health.ray_nodes import check_nodes
from engine.run.settings import Settings
from models.ray.cluster import OverRay
from models.system.threads import on_daemon_thread
from models.system.units import counted
from tui.text.shown import shown
from tui.text.vocabulary import CHECK_STYLES, CHECKS


class DoctorDialog(ModalScreen[None]):
    """Runs doctor with some settings, and shows what it finds."""

    DEFAULT_CSS = """
    DoctorDialog { align: center middle; }
    DoctorDialog #sheet {
        width: 90%; max-width: 110; height: auto; max-height: 90%; padding: 1 2; background: $surface;
    }
    DoctorDialog #short { margin-bottom: 1; height: auto; }
    DoctorDialog VerticalScroll { height: auto; max-height: 65vh; scrollbar-size-vertical: 1; }
    DoctorDialog .check { height: auto; margin-bottom: 1; }
    DoctorDialog .mark { width: 3; }
    DoctorDialog .name { width: 12; text-style: bold; }
    DoctorDialog .finding { width: 1fr; }
    DoctorDialog #keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,q,enter", "close", "Close"),
        Binding("f5,r", "again", "Check again"),
    ]

    def __init__(self, settings: Settings, folder: Path, ray: OverRay | None) -> None:
        """`folder`: where the workspace is or would be. `ray`: the cluster that is checked, and not this machine."""
        super().__init__()
        self._ray = ray
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
        # On a thread: it reads model files, and asks the system about its hardware.
        checks = await on_daemon_thread(lambda: asyncio.run(self._found()))
        with suppress(NoMatches):  # closed meanwhile
            self.query_one("#short", Static).update(_in_short(checks))
            found = self.query_one("#checks", VerticalScroll)
            await found.remove_children()
            await found.mount_all(
                _row(one) for one in sorted(checks, key=lambda one: list(CHECK_STYLES).index(one.state))
            )

    async def _found(self) -> list[Check]:
        if self._ray is None:
            return await check(self._settings, self._folder)
        return (await check_nodes(self._settings, self._ray, privacy=False)).checks

    def action_close(self) -> None:
        self.dismiss()


def _row(one: Check) -> Horizontal:
    """A finding, and under it what to do."""
    finding = shown(one.finding)
    if one.fix:
        finding = Content.assemble(finding, "\n", ("→ ", "$primary"), shown(one.fix, "$text-muted"))
    return Horizontal(
        Static(Content.styled(CHECKS[one.state], f"bold {CHECK_STYLES[one.state]}"), classes="mark"),
        Static(shown(one.name), classes="name"),
        Static(finding, classes="finding"),
        classes="check",
    )


def _in_short(checks: Sequence[Check]) -> Content:
    """One line about all of them."""
    problems, advice = (sum(one.state == state for one in checks) for state in ("problem", "advice"))
    if problems:
        return Content.styled(
            f"✗ {problems} problem{'s' * (problems > 1)}: a run would not work", "bold $text-error"
        )
    if advice:
        return Content.styled(f"! a run can start; {counted(advice, 'hint')} below", "bold $text-warning")
    return Content.styled("✓ nothing keeps a run from working", "bold $text-success")
