"""The seat before the Start screen."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Collapsible

from tests.ollama.state import Model
from tests.tui.seat import Seat
from tui.screens.start.screen import StartScreen
from tui.widgets.plain_input import PlainInput

FAR = Model.named("far:cloud", remote_host="https://cloud.example", remote_model="far")


class StartSeat(Seat):
    """The app as `burnish` opens it, in most tests at its Start screen."""

    DRAWS_TOASTS = True

    @property
    def screen(self) -> StartScreen:
        screen = self.app.get_screen("start")
        assert isinstance(screen, StartScreen)
        return screen

    def shown(self, selector: str) -> str:
        """The words of one of the screen's widgets, in sight or not, however they are wrapped."""
        return " ".join(super().shown(selector).split())

    async def type(self, selector: str, text: str) -> None:
        """Put a text into a line, the cursor behind it."""
        field = self.screen.query_one(selector, PlainInput)
        field.focus()
        await self.pilot.pause()
        field.value = text
        field.cursor_position = len(text)
        await self.pilot.pause()

    async def unfold(self) -> None:
        """Open the fold of the seldom changed settings."""
        self.screen.query_one("#more", Collapsible).collapsed = False
        await self.until(lambda: self.screen.query("#student-exact"))

    async def open(self, path: Path | str) -> None:
        """Type a path and open it."""
        await self.type("#path PlainInput", str(path))
        await self.pilot.press("enter")
