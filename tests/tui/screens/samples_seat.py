"""The seat before the Samples screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Self

from engine.store.sample_list import SampleColumn, SampleFilter
from tests.tui.seat import Seat
from tui.screens.samples.screen import SamplesScreen
from tui.screens.samples.table import SampleTable


class SamplesSeat(Seat):
    """The app at its list of samples."""

    async def arrive(self) -> None:
        self.app.action_go_samples()
        await self.pilot.pause()
        assert self.app.screen is self.screen
        await self.settled()

    @property
    def screen(self) -> SamplesScreen:
        screen = self.app.get_screen("samples")
        assert isinstance(screen, SamplesScreen)
        return screen

    @property
    def table(self) -> SampleTable:
        return self.screen.table

    @property
    def line(self) -> str:
        """The line under the table."""
        return self.shown("#line")

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
        """Wait until everything that was asked for has come."""
        for _ in range(2):
            await self.pilot.pause()
            workers = [
                worker
                for worker in self.app.workers
                if worker.node in (self.screen, self.table) or worker.group == "turn"
            ]
            await self.app.workers.wait_for_complete(workers)
            await self.pilot.pause()

    async def reset(self) -> None:
        """The screen as at first: every sample, by number, with the cursor on the first."""
        while self.app.screen is not self.screen:
            self.app.pop_screen()
            await self.pilot.pause()
        await self.pilot.resize_terminal(*self._size)
        await self.workbench.reader.arrange(SampleColumn.NUMBER, descending=False, only=SampleFilter())
        self.app.clear_notifications()
        self.screen._show_workspace(self.workbench.reader)
        self.table.focus()
        await self.settled()

    def visit(self, *claims: Callable[[Self], Awaitable[None]]) -> None:
        """Open the app once, and take each claim in turn, the screen as at first."""

        async def steps(seat: Self) -> None:
            for claim in claims:
                await seat.reset()
                await claim(seat)

        self.play(steps)
