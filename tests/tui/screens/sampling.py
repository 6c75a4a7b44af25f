"""The Samples screen as a test sits before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from engine.store.sample_list import SampleColumn, SampleFilter
from tests import hostile
from tui.app import BurnishApp
from tui.screens.samples.screen import SamplesScreen
from tui.screens.samples.table import SampleTable
from tui.state.workbench import Workbench


@dataclass
class Here:
    """The app at its Samples screen."""

    app: BurnishApp
    pilot: Pilot[None]
    screen: SamplesScreen

    @property
    def workbench(self) -> Workbench:
        return self.app.workbench

    @property
    def table(self) -> SampleTable:
        return self.screen.table

    @property
    def line(self) -> str:
        """What stands under the table."""
        return str(self.screen.query_one("#line", Static).content)

    @property
    def toasts(self) -> list[str]:
        return [note.message for note in self.app._notifications]

    @property
    def said(self) -> str:
        """The last toast."""
        return self.toasts[-1]

    async def until(self, words: str) -> None:
        """Until the line under the table says so."""
        for _ in range(200):
            if words in self.line:
                return
            await self.pilot.pause(0.02)
        raise AssertionError(self.line)

    @property
    def samples(self) -> list[int]:
        """The samples in sight, from the top."""
        rows = [self.table.row(position) for position in self.table.in_sight]
        return [row.index for row in rows if row is not None]

    @property
    def current(self) -> int | None:
        return row.index if (row := self.table.current) else None

    def states(self, positions: Iterable[int] = range(24)) -> list[str]:
        rows = [self.table.row(position) for position in positions]
        return [row.state for row in rows if row is not None]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settled()

    async def settled(self) -> None:
        """Until whatever was asked for is here."""
        for _ in range(2):
            await self.pilot.pause()
            mine = [
                worker
                for worker in self.app.workers
                if worker.node in (self.screen, self.table) or worker.group == "turn"
            ]
            await self.app.workers.wait_for_complete(mine)
            await self.pilot.pause()

    async def anew(self, size: tuple[int, int]) -> None:
        while self.app.screen is not self.screen:
            self.app.pop_screen()
            await self.pilot.pause()
        await self.pilot.resize_terminal(*size)
        await self.workbench.reader.arrange(SampleColumn.NUMBER, descending=False, only=SampleFilter())
        self.app.clear_notifications()
        self.screen._begin(self.workbench.reader)
        self.table.focus()
        await self.settled()

    def painted(self) -> str:
        return "\n".join(hostile.painted(self.app))


@asynccontextmanager
async def at_samples(path: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Here]:
    app = BurnishApp(Workbench(), path)
    async with app.run_test(size=size) as pilot:
        app.action_go_samples()
        await pilot.pause()
        assert isinstance(app.screen, SamplesScreen)
        here = Here(app, pilot, app.screen)
        await here.settled()
        yield here
