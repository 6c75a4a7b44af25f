"""Keys that arrive in one chunk: each acts on what is there once those before it have acted."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key, Paste

from tests.scene import scene
from tests.tui.screens.start_seat import StartSeat
from tests.tui.seat import Seat
from tui.screens.dialog import Dialog
from tui.screens.review.screen import ReviewScreen
from tui.screens.start.path_input import PathField
from tui.state.versions import SampleView, view_sample
from tui.widgets.plain_input import PlainInput

pytestmark = pytest.mark.usefixtures("nothing_of_this_machine_s")


async def in_one_chunk(seat: Seat, *keys: str) -> None:
    """Have the app get these keys at once, as from a terminal that was pasted into."""
    for key in keys:
        seat.app.post_message(Key(key, key if len(key) == 1 else None))
    await seat.pilot.pause()


def test_keys_behind_one_that_goes_to_a_line_are_typed_there() -> None:
    async def steps(seat: StartSeat) -> None:
        line = seat.screen.query_one(PathField).input
        await in_one_chunk(seat, "ctrl+s", *"doTp12?q")
        await seat.until(lambda: line.value == "doTp12?q")
        await seat.press("escape", "escape")
        await in_one_chunk(seat, "o", *"new", "escape", "escape", "question_mark")
        await seat.until(lambda: len(seat.app.screen_stack) > 2)
        assert line.value == "new", "and those behind one that leaves it are keys again"
        await seat.press("escape")
        seat.app.post_message(Key("o", "o"))
        seat.app.post_message(Paste("pasted"))
        await seat.until(lambda: line.value == "pasted")

    StartSeat().play(steps)


def test_keys_behind_one_that_opens_a_dialog_or_closes_it_act_in_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = threading.Event()

    def slow(*given: Any) -> SampleView:
        read.wait(Seat.SECONDS)
        return view_sample(*given)

    monkeypatch.setattr("tui.screens.review.view.view_sample", slow)

    async def steps(seat: Seat) -> None:
        await seat.wait_for("takes it up again")
        await in_one_chunk(seat, "2", "enter", "r", *"quoted, da")
        await seat.until(lambda: isinstance(seat.screen, ReviewScreen))
        await seat.pilot.pause(0.1)
        assert isinstance(seat.screen, ReviewScreen), "r waits for the sample, and what follows it for r"
        read.set()
        await seat.until(lambda: isinstance(seat.screen, Dialog))
        line = seat.screen.query_one("#remark", PlainInput)
        await seat.until(lambda: line.value == "quoted, da")
        await in_one_chunk(seat, *"x", "escape", "escape", "slash", *"tip", "enter", "j")
        await seat.until(lambda: seat.screen.query_one(PlainInput).value == "tip")
        await seat.wait_for("of 24 samples")

    Seat(scene(tmp_path)).play(steps)
