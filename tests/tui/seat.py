"""The app as a test sits before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from textual.pilot import Pilot

from engine.run.settings import Settings
from tests.hostile import painted
from tui.app import BurnishApp
from tui.state.workbench import Workbench

S = TypeVar("S", bound="Seat")


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


@asynccontextmanager
async def seated(
    kind: type[S],
    path: Path | None = None,
    settings: Settings | None = None,
    size: tuple[int, int] = (120, 40),
) -> AsyncIterator[S]:
    """A seat of that kind before an app that runs; `path` is what the app begins with."""
    app = BurnishApp(Workbench(settings), path)
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        yield kind(app, pilot)
