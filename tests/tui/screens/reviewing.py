"""The Review screen as a test sits before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from engine.sample import Decision, Review, Scores, Version
from models.errors import BurnishError
from tests.scene import scores
from tui.app import BurnishApp
from tui.screens.review.critique import Critique
from tui.screens.review.screen import ReviewScreen
from tui.screens.review.verdict import VerdictPanel
from tui.state.workbench import Workbench
from tui.widgets.diff import PartDiff

REPLACED, KEPT, NEAR_TIE, FAILED, TRUNCATED, UNSCORABLE, HALF, WAITING = range(8)
"""Where the scene has a sample of each kind."""

WORK = {"look", "decide", "weigh", "regenerate", "copy", "turn"}


@dataclass
class Here:
    """The app at one sample."""

    app: BurnishApp
    pilot: Pilot[None]
    screen: ReviewScreen

    @property
    def workbench(self) -> Workbench:
        return self.app.workbench

    @property
    def index(self) -> int | None:
        return self.screen._view.sample.index if self.screen._view else None

    @property
    def said(self) -> str:
        """The last toast."""
        return [note.message for note in self.app._notifications][-1]

    @property
    def head(self) -> str:
        """Which version is shown, and where it comes from."""
        return self.text("#head-right")

    @property
    def numbers(self) -> str:
        return str(self.screen.query_one(VerdictPanel).content)

    @property
    def criticism(self) -> str:
        return self.screen.query_one(Critique).text

    def text(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Static).content)

    def part(self, name: str) -> PartDiff:
        return self.screen.query_one(f"#{name}", PartDiff)

    async def settled(self) -> None:
        """Everything that was begun is done."""
        for _ in range(500):
            await self.pilot.pause()
            busy = [worker for worker in self.app.workers if worker.group in WORK and not worker.is_finished]
            if not busy and self.screen._coming is None and not self.screen._deciding:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never ends")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settled()

    async def until(self, there: Callable[[], bool]) -> None:
        """As long as it takes, which is a moment."""
        for _ in range(200):
            if there():
                return
            await self.pilot.pause(0.05)
        raise AssertionError("it never came")

    async def at(self, sample: int) -> None:
        self.screen._load(lambda _: sample)
        await self.settled()

    async def review(self, sample: int) -> Review | None:
        return await self.workbench.reader.ask_workspace(lambda workspace: workspace.reviews.standing(sample))


@asynccontextmanager
async def reviewing(path: Path, position: int = 0, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Here]:
    workbench = Workbench()
    app = BurnishApp(workbench, path)
    async with app.run_test(size=size) as pilot:
        screen = ReviewScreen(workbench, app.keymap, position)
        await app.push_screen(screen)
        here = Here(app, pilot, screen)
        await here.settled()
        yield here


def go(path: Path, claims: Callable[[Here], Awaitable[None]], position: int = 0, **options: Any) -> None:
    async def main() -> None:
        async with reviewing(path, position, **options) as here:
            await claims(here)

    asyncio.run(main())


WEIGHED = scores(0.8, 0.4)


def with_student(here: Here, *, wrong: BurnishError | None = None) -> list[Version]:
    """A student that weighs everything alike; what it was given."""
    given: list[Version] = []

    async def weigh(_: int, versions: Sequence[Version]) -> list[Scores]:
        given.extend(versions)
        if wrong:
            raise wrong
        return [WEIGHED for _ in versions]

    vars(here.workbench)["scores"] = weigh
    return given


async def a_review(here: Here, sample: int) -> Review:
    version = (await here.workbench.reader.ask_workspace(lambda workspace: workspace.sample(sample))).original
    return Review(index=sample, decision=Decision.ORIGINAL, version=version)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path
