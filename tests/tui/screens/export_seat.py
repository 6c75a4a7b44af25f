"""The seat before the Export screen."""

from __future__ import annotations

from pathlib import Path

from tests.tui.seat import Seat
from tui.screens.export.screen import ExportScreen
from tui.widgets.plain_input import PlainInput


class ExportSeat(Seat):
    async def arrive(self) -> None:
        self.app.action_go_export()
        await self.until(lambda: isinstance(self.app.screen, ExportScreen) and self.shown("#told"))

    @property
    def screen(self) -> ExportScreen:
        screen = self.app.get_screen("export")
        assert isinstance(screen, ExportScreen)
        return screen

    @property
    def path(self) -> PlainInput:
        """The line with the file's path."""
        return self.screen.query_one("#path", PlainInput)

    @property
    def report(self) -> str:
        """The lines about the export: what would leave, what is asked, what was written."""
        return self.shown("#told")

    def told(self, words: str) -> bool:
        """These words stand about the export, or in a notification."""
        return words in self.report or self.notified(words)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".burnish-")]
