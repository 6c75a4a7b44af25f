"""Python looks for garbage where nobody feels it: in the pauses."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from tests.tui.seat import Seat
from tui.platform import memory

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


class Ring:
    """Garbage that only a look among all objects finds."""

    def __init__(self) -> None:
        self.itself = self


def dropped() -> weakref.ref[Ring]:
    return weakref.ref(Ring())


def test_what_is_dropped_goes_in_the_pause_after_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "PAUSE", 0.5)
    monkeypatch.setattr("tui.app.TIDY", 0.1)
    looks: list[int] = []

    async def main() -> None:
        async with Seat() as seat:
            await seat.pilot.pause(1.0)
            assert not looks, "nobody was there yet"
            gone = dropped()
            await seat.pilot.press("f1")
            for _ in range(100):
                await seat.pilot.pause(0.1)
                if gone() is None:
                    break
            assert gone() is None
            await seat.pilot.pause(1.0)
            assert len(looks) == 1, "once in a pause"

    collect = gc.collect

    def look(generation: int = 2) -> int:
        looks.append(generation)
        return collect(generation)

    monkeypatch.setattr(gc, "collect", look)
    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()
