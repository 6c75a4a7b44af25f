"""A toast never lies over a line at a screen's foot: what is counted there, and what one types there."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets._toast import Toast

from tests.scene import scene
from tests.tui.seat import Seat

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


class SeatWithToasts(Seat):
    DRAWS_TOASTS = True


def test_toasts_stand_above_the_lines_at_the_foot(tmp_path: Path) -> None:
    async def steps(seat: SeatWithToasts) -> None:
        await seat.wait_for("takes it up again")
        for go, typing, lines in (
            ("1", (), "#bar"),
            ("2", ("slash",), "#line, Legend, AskLine"),
            ("4", ("colon",), "ThresholdBar"),
            ("2", ("i",), "TextArea, PlainInput, #dialog-keys"),
        ):
            await seat.press(go, *typing)
            seat.app.notify("a line that says what was done, and how it is taken back")
            await seat.until(lambda: seat.screen.query(Toast))
            await seat.pilot.pause()
            for toast in seat.screen.query(Toast):
                for line in seat.screen.query(lines):
                    assert not line.display or not toast.region.overlaps(line.region), line
            seat.app.clear_notifications()
            await seat.until(lambda: not seat.screen.query(Toast))
            await seat.press("escape", "escape")

    SeatWithToasts(scene(tmp_path), size=(80, 24)).play(steps)


def test_what_only_informs_about_a_screen_does_not_go_along_to_the_next(tmp_path: Path) -> None:
    async def steps(seat: Seat) -> None:
        await seat.wait_for("takes it up again")
        seat.app.notify("done")
        seat.app.notify("the disk is full", severity="error")
        await seat.press("2")
        assert seat.toasts == ["the disk is full"]
        seat.app.notify("done")
        await seat.press("enter")
        await seat.wait_for("Sample 0")
        assert seat.toasts == ["the disk is full"], "nor to one that opens over it"

    Seat(scene(tmp_path)).play(steps)
