"""A note and tags on a sample: written in Review, seen where the sample is, and found again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.events import Key

from engine.sample import Annotation
from engine.store.workspace import Workspace
from models.errors import BurnishError
from tests import hostile
from tests.scene import scene
from tests.tui.screens.review_seat import ReviewSeat
from tests.tui.screens.samples_seat import SamplesSeat
from tests.tui.seat import Seat
from tui.screens.note_dialog import NoteDialog
from tui.widgets.part_editor import PartEditor
from tui.widgets.plain_input import PlainInput

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")

ODD = Annotation(note="\x1b[2J\u202e a\x00b\n[bold]second[/]", tags=("bad-fact", "tone"))


def write(seat: Seat, note: str, tags: str) -> None:
    """At the cursors of the dialog that is open."""
    seat.app.screen.query_one(PartEditor).insert(note)
    seat.app.screen.query_one("#tags", PlainInput).insert_text_at_cursor(tags)


def cannot(_: object) -> asyncio.Future[int]:
    raise BurnishError("the disk is full")


async def type_in(seat: ReviewSeat | SamplesSeat, *keys: str) -> None:
    await seat.pilot.press(*keys)
    await seat.settled()


async def annotation(seat: Seat, sample: int) -> Annotation:
    return await seat.workbench.reader.ask_workspace(lambda reading: reading.annotations.of(sample))


def test_a_note_and_tags_are_written_shown_corrected_and_undone(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        await type_in(seat, "i", *"Is", "ctrl+j", "T", "tab", *"Tone #b", "right", "enter")
        assert await annotation(seat, 0) == Annotation(note="Is\nT", tags=("bad-fact", "tone"))
        assert seat.shown("#annotation") == "#bad-fact  #tone  ¶ Is T"
        assert "sample 0: noted" in seat.shown("#where")
        assert "? not decided" in seat.shown("#decision"), "it decides nothing"

        await type_in(seat, "i")
        write(seat, "", " a:b")
        await type_in(seat, "enter")
        assert "a:b: a tag is of letters and digits" in seat.text, "what cannot be kept is said, and stays"
        await type_in(seat, "escape")
        assert "escape again throws the changes away" in seat.text
        await type_in(seat, "escape")
        assert not isinstance(seat.app.screen, NoteDialog)
        assert (await annotation(seat, 0)).note == "Is\nT"

        vars(seat.workbench)["annotate"] = cannot
        await type_in(seat, "i")
        write(seat, " mine", " new")
        await type_in(seat, "enter")
        assert seat.toasts[-1] == "the disk is full"
        del vars(seat.workbench)["annotate"]
        await type_in(seat, "i", "enter")
        kept = Annotation(note="Is\nT mine", tags=("bad-fact", "new", "tone"))
        assert await annotation(seat, 0) == kept, "what could not be kept stands there again"
        await seat.press("u")

        await seat.press("j", "u")
        assert seat.index == 0
        assert "undone: note and tags (sample 0)" in seat.shown("#where")
        assert not seat.screen.query_one("#annotation").display

        await seat.go_to(3)
        assert not hostile.acting(seat.lines)
        assert "#bad-fact  #tone  ¶ ␛[2J‹202E› a␀b [bold]second[/]" in seat.text
        await seat.press("i")
        assert not hostile.acting(seat.app.screen.query_one(PartEditor).text.split("\n"))
        await type_in(seat, "Y", "tab", "backspace", "enter")
        assert await annotation(seat, 3) == Annotation(note=f"{ODD.note}Y", tags=("bad-fact", "ton"))

    path = scene(tmp_path, reviewed=False)
    with Workspace.open(path) as opened:
        opened.annotations.keep(3, ODD)
    ReviewSeat(path).play(claims)


def test_rows_are_noted_and_tagged_one_or_many_and_listed_by_it(tmp_path: Path) -> None:
    async def claims(seat: SamplesSeat) -> None:
        assert "note, tags" not in seat.text, "a column of nothing takes no room"
        await seat.press("j")
        for key in ("i", *"wh", "ctrl+j", "y", "tab", *"tone", "enter"):  # faster than the dialog opens
            seat.app.post_message(Key(key, key if len(key) == 1 else None))
        await seat.until(lambda: seat.table.current and seat.table.current.annotation.note)
        assert await annotation(seat, 1) == Annotation(note="wh\ny", tags=("tone",)), "each where it belongs"
        assert "note, tags" in seat.text
        assert "¶ #tone wh y" in seat.text
        assert seat.table.cursor == 1

        await type_in(seat, "g", *["space"] * 3, "i")
        assert "Note, for those of 3 samples that have none" in seat.text
        write(seat, "so", "bad -tone")
        await type_in(seat, "enter")
        assert seat.toasts[-1] == "note and tags: 3 samples. u takes it back"
        so = Annotation(note="so", tags=("bad",))
        found = [await annotation(seat, sample) for sample in range(4)]
        assert found == [so, Annotation(note="wh\ny", tags=("bad",)), so, Annotation()]

        seat.screen.search.ask()
        seat.screen.search.input.value = "tag:bad note:O"
        await type_in(seat, "enter")
        assert (seat.samples, seat.line) == ([0, 2], "2 of 24 samples  ·  with “O” in its note, tagged bad")
        await seat.press("u")
        assert (seat.samples, seat.toasts[-1]) == ([], "undone: note and tags (3 samples)")
        await seat.press("escape", "f", *"llj", "space")
        assert "has a note" in seat.line
        assert seat.samples == [1]
        await seat.press("U")
        assert seat.samples == [0, 1, 2]

    SamplesSeat(scene(tmp_path, reviewed=False)).play(claims)
