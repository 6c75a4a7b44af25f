"""The app in a terminal of a test's own: it is opened, driven by keys, and read from the screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from textual.pilot import Pilot
from textual.screen import Screen

from engine.run.settings import Settings
from tests.hostile import painted
from tui.app import BurnishApp
from tui.state.workbench import Workbench

SIZES = ((80, 24), (120, 40), (200, 60))
"""Columns and lines of the terminals that every screen is made for."""


class Seat:
    """The app, from `async with` on, with its first screen; a subclass goes on to its own in `arrive`."""

    SECONDS: ClassVar[float] = 30.0
    """The longest that anything is waited for."""

    DRAWS_TOASTS: ClassVar[bool] = False
    """Toasts stand on the screen as well, over what is there."""

    pilot: Pilot[None]

    def __init__(
        self,
        path: Path | None = None,
        *,
        settings: Settings | None = None,
        workbench: Workbench | None = None,
        size: tuple[int, int] = (120, 40),
    ) -> None:
        """`path`: a workspace or a dataset to begin with. `workbench`: in place of one with these settings."""
        self.workbench = workbench or Workbench(settings)
        self.app = BurnishApp(self.workbench, path)
        self._size = size

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            opened = self.app.run_test(size=self._size, notifications=self.DRAWS_TOASTS)
            self.pilot = await stack.enter_async_context(opened)
            await self.pilot.pause()
            await self.arrive()
            self._opened = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)

    async def arrive(self) -> None:
        """Go to the screen and wait until it is there."""

    def play(self, steps: Callable[[Self], Awaitable[None]]) -> None:
        """Open the app, take a test's steps in it, and close it."""

        async def main() -> None:
            async with self:
                await steps(self)

        asyncio.run(main())

    @property
    def screen(self) -> Screen[Any]:
        return self.app.screen

    @property
    def lines(self) -> list[str]:
        """The lines on the terminal."""
        return painted(self.app)

    @property
    def text(self) -> str:
        """The lines on the terminal as one text."""
        return "\n".join(self.lines)

    def shown(self, selector: str) -> str:
        """The text of one of the screen's widgets, in sight or not, without its colours."""
        return str(self.screen.query_one(selector).render())

    @property
    def toasts(self) -> list[str]:
        """The notifications that still stand, the latest last."""
        return [toast.message for toast in self.app._notifications]

    def notified(self, words: str) -> bool:
        """A notification has these words."""
        return any(words in toast for toast in self.toasts)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until this holds; the test fails after `SECONDS`."""
        deadline = time.monotonic() + self.SECONDS
        while time.monotonic() < deadline:
            await self.pilot.pause(0.02)
            if holds():
                return
        raise AssertionError("\n".join(["it never came; on the screen:", *self.lines, *self.toasts]))

    async def wait_for(self, *words: str, within: str | None = None) -> None:
        """Wait until the terminal, or the widget that `within` selects, shows all of these words."""
        await self.until(
            lambda: all(word in (self.text if within is None else self.shown(within)) for word in words)
        )
