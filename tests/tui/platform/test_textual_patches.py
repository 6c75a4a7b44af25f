"""Widgets of screens that a person has left are let go of, however long the app runs."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from textual.widget import Widget

from tests.scene import scene
from tests.tui.seat import Seat

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


def kept() -> int:
    gc.collect()
    return sum(isinstance(one, Widget) for one in gc.get_objects())


@pytest.mark.whole
def test_widgets_of_screens_that_were_left_are_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.app.TIDY", 0.1)

    async def steps(seat: Seat) -> None:
        await seat.workbench.open(scene(tmp_path))
        seat.app.action_go_samples()
        counts = []
        for _ in range(3):
            for _ in range(2):
                await seat.pilot.press("enter", "escape", "4", "2")
            await seat.pilot.pause(0.5)
            counts.append(kept())
        assert counts[2] <= counts[1] + 5

    Seat().play(steps)
