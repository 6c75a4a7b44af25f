"""The seat before the Review screen, and what a test of it puts in the place of a student and an editor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from engine.sample import Decision, Review, Scores, Version
from models.errors import BurnishError
from tests.factory import scores
from tests.tui.seat import Seat
from tui.screens.review.critique import Critique
from tui.screens.review.screen import ReviewScreen
from tui.screens.review.verdict import VerdictPanel
from tui.widgets.diff import PartDiff

REPLACED, KEPT, NEAR_TIE, FAILED, TRUNCATED, UNSCORABLE, HALF, WAITING = range(8)
"""The positions at which the scene has a sample of each kind."""

WORK = {"look", "decide", "weigh", "regenerate", "copy", "turn"}


class ReviewSeat(Seat):
    """The app at one sample. `position`: its place in the list."""

    def __init__(self, path: Path, position: int = 0, *, size: tuple[int, int] = (120, 40)) -> None:
        super().__init__(path, size=size)
        self._position = position

    async def arrive(self) -> None:
        self._review = ReviewScreen(self.workbench, self.app.keymap, self._position)
        await self.app.push_screen(self._review)
        await self.settled()

    @property
    def screen(self) -> ReviewScreen:
        return self._review

    @property
    def index(self) -> int | None:
        return self.screen._view.sample.index if self.screen._view else None

    @property
    def head(self) -> str:
        """The version that is shown, and where it comes from."""
        return self.shown("#head-right")

    @property
    def numbers(self) -> str:
        return str(self.screen.query_one(VerdictPanel).content)

    @property
    def criticism(self) -> str:
        return self.screen.query_one(Critique).text

    def part(self, name: str) -> PartDiff:
        return self.screen.query_one(f"#{name}", PartDiff)

    async def settled(self) -> None:
        """Wait until everything that was begun is done."""
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

    async def go_to(self, sample: int) -> None:
        self.screen._load(lambda _: sample)
        await self.settled()

    async def review(self, sample: int) -> Review | None:
        return await self.workbench.reader.ask_workspace(lambda workspace: workspace.reviews.standing(sample))


WEIGHED = scores(0.8, 0.4)


def with_student(seat: ReviewSeat, *, wrong: BurnishError | None = None) -> list[Version]:
    """Give the app a student that scores everything alike; returns the list of the versions it is given."""
    given: list[Version] = []

    async def weigh(_: int, versions: Sequence[Version]) -> list[Scores]:
        given.extend(versions)
        if wrong:
            raise wrong
        return [WEIGHED for _ in versions]

    vars(seat.workbench)["scores"] = weigh
    return given


async def a_review(seat: ReviewSeat, sample: int) -> Review:
    version = (await seat.workbench.reader.ask_workspace(lambda workspace: workspace.sample(sample))).original
    return Review(index=sample, decision=Decision.ORIGINAL, version=version)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path
