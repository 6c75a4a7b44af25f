"""A note and tags on a sample: written in Review, seen where the sample is, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sample import Annotation
from engine.store.workspace import Workspace
from tests import hostile
from tests.scene import scene
from tests.tui.screens.review_seat import ReviewSeat
from tui.screens.note_dialog import NoteDialog
from tui.widgets.part_editor import PartEditor

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")

ODD = Annotation(note="\x1b[2J\u202e a\x00b\n[bold]second[/]", tags=("bad-fact", "tone"))


async def type_in(seat: ReviewSeat, *keys: str) -> None:
    await seat.pilot.press(*keys)
    await seat.settled()


async def annotation(seat: ReviewSeat, sample: int) -> Annotation:
    return await seat.workbench.reader.ask_workspace(lambda reading: reading.annotations.of(sample))


def test_a_note_and_tags_are_written_shown_corrected_and_undone(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        await type_in(seat, "i", *"Is it", "ctrl+j", "T", "tab", *"Tone #bad", "right", "enter")
        assert await annotation(seat, 0) == Annotation(note="Is it\nT", tags=("bad-fact", "tone"))
        assert seat.shown("#annotation") == "#bad-fact  #tone  ¶ Is it T"
        assert "sample 0: note and tags kept" in seat.shown("#where")
        assert "? not decided" in seat.shown("#decision"), "it decides nothing"

        await type_in(seat, "i", "tab", *" a:b", "enter")
        assert "a:b: a tag is of letters and digits" in seat.text, "what cannot be kept is said, and stays"
        await type_in(seat, *["backspace"] * 4, "enter")
        assert not isinstance(seat.app.screen, NoteDialog)

        await type_in(seat, "i", "x", "escape")
        assert "escape again throws the changes away" in seat.text
        await seat.press("escape")
        assert (await annotation(seat, 0)).note == "Is it\nT"

        await seat.press("j", "u")
        assert (seat.index, seat.toasts[-1]) == (0, "undone: note and tags (sample 0)")
        assert not seat.screen.query_one("#annotation").display

        await seat.go_to(3)
        assert not hostile.acting(seat.lines)
        assert "#bad-fact  #tone  ¶ ␛[2J‹202E› a␀b [bold]second[/]" in seat.text
        await seat.press("i")
        assert not hostile.acting(seat.app.screen.query_one(PartEditor).text.split("\n"))
        await type_in(seat, "Y", "tab", "backspace", "enter")
        assert await annotation(seat, 3) == Annotation(note=f"Y{ODD.note}", tags=("bad-fact", "ton"))

    path = scene(tmp_path, reviewed=False)
    with Workspace.open(path) as opened:
        opened.annotations.keep(3, ODD)
    ReviewSeat(path).play(claims)
