"""The app as a test sits before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.pilot import Pilot

from tests.hostile import painted
from tui.app import BurnishApp
from tui.state.workbench import Workbench


@dataclass(frozen=True)
class Seat:
    app: BurnishApp
    pilot: Pilot[None]

    @property
    def workbench(self) -> Workbench:
        return self.app.workbench

    @property
    def text(self) -> str:
        """What the terminal shows."""
        return "\n".join(painted(self.app))

    @property
    def toasts(self) -> str:
        return "\n".join(toast.message for toast in self.app._notifications)

    async def until(self, holds: Callable[[], object]) -> None:
        for _ in range(750):
            await self.pilot.pause(0.02)
            if holds():
                return
        raise AssertionError(f"it never came:\n{self.text}\n{self.toasts}")

    async def says(self, *words: str) -> None:
        await self.until(lambda: all(word in self.text for word in words))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()
