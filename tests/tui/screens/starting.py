"""The Start screen as a test sits before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from engine.run.settings import Settings
from tests import hostile
from tests.ollama.state import Model
from tui.app import BurnishApp
from tui.screens.start.screen import StartScreen
from tui.state.workbench import Workbench
from tui.widgets.plain_input import PlainInput

FAR = Model.named("far:cloud", remote_host="https://cloud.example", remote_model="far")


class Scene:
    """The app, and what a test does with it."""

    def __init__(self, app: BurnishApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.workbench = app.workbench

    @property
    def start(self) -> StartScreen:
        screen = self.app.get_screen("start")
        assert isinstance(screen, StartScreen)
        return screen

    async def until(self, true: Callable[[], object], seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                await self.pilot.pause()
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"it did not come; on the screen:\n{self.text}")

    async def shows(self, selector: str, text: str) -> None:
        await self.until(lambda: text in self.said(selector))

    async def type(self, selector: str, text: str) -> None:
        field = self.start.query_one(selector, PlainInput)
        field.focus()
        await self.pilot.pause()
        field.value = text
        field.cursor_position = len(text)
        await self.pilot.pause()

    async def open(self, path: Path | str) -> None:
        await self.type("#path PlainInput", str(path))
        await self.pilot.press("enter")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    @property
    def text(self) -> str:
        """What the terminal shows."""
        return "\n".join(hostile.painted(self.app))

    def said(self, selector: str) -> str:
        """What a widget of the screen shows, seen or not."""
        return " ".join(str(self.start.query_one(selector).render()).split())

    @property
    def toasts(self) -> list[str]:
        return [one.message for one in self.app._notifications]


@asynccontextmanager
async def started(
    first: Path | None = None, *, size: tuple[int, int] = (120, 50), settings: Settings | None = None
) -> AsyncIterator[Scene]:
    app = BurnishApp(Workbench(settings), first)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        yield Scene(app, pilot)


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(90):
            await main()

    asyncio.run(within())
