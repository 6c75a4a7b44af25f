"""Editing a version in Review, in place and in a person's own editor."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from textual.events import Paste
from textual.widgets import TextArea

from engine.export.export import ExportRequest, RowProgress, write
from engine.sample import Decision, Scores, Version
from engine.store.leaving import ExportRule
from engine.store.workspace import Workspace
from models.errors import BurnishError, UsageError
from tests import hostile
from tests.scene import scene
from tests.tui.screens.review_seat import (
    NEAR_TIE,
    WAITING,
    WEIGHED,
    ReviewSeat,
    script,
    with_student,
)
from tui.app import BurnishApp
from tui.platform.external_editor import EditorError, EditorText, edited, editor
from tui.widgets.part_editor import Masked

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


def test_an_edit_is_saved_before_it_is_weighed_and_then_shows_its_numbers(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        waiting, weigh = asyncio.Event(), asyncio.Event()

        async def slowly(_: int, __: Sequence[Version]) -> list[Scores]:
            waiting.set()
            await weigh.wait()
            return [WEIGHED]

        vars(seat.workbench)["scores"] = slowly
        await seat.pilot.press("e")
        area = seat.screen.query_one("#edit-response", TextArea)
        assert seat.app.focused is area
        await seat.pilot.press("M", "i", "n", "e")
        await seat.pilot.press("ctrl+s")
        await waiting.wait()
        await seat.pilot.pause(0.05)
        saved = await seat.review(0)
        assert saved is not None
        assert (saved.decision, saved.scores) == (Decision.EDITED, None)
        assert saved.version.response.startswith("Mine")
        assert "weighing …" in seat.numbers
        weigh.set()
        await seat.settled()
        saved = await seat.review(0)
        assert saved is not None
        assert saved.scores == WEIGHED
        assert "0.8000" in seat.numbers
        assert (seat.shown("#decision"), seat.screen.editing) == ("✎ edited by you", False)
        await seat.press("u")
        assert await seat.review(0) is None
        assert "Your version" not in seat.head
        await seat.press("U")
        redone = await seat.review(0)
        assert redone == saved, "the numbers come back with the edit"

        await seat.pilot.press("e")
        seat.part("response").left.focus()
        await seat.press("j", "a")
        assert (seat.index, await seat.review(0)) == (0, saved), "nothing else is done meanwhile"
        await seat.press("escape")
        assert not seat.screen.editing
        with_student(seat, wrong=UsageError("no student: give --student"))
        await seat.go_to(WAITING)
        await seat.pilot.press("e")
        seat.screen.query_one("#edit-instruction", TextArea).text = "Ask."
        await seat.press("ctrl+s")
        assert "saved, but not weighed: no student" in seat.toasts[-1]
        review = await seat.review(WAITING)
        assert review is not None
        assert review.scores is None
        await seat.pilot.press("e")
        seat.screen.query_one("#edit-response", TextArea).text = " "
        await seat.press("ctrl+s")
        assert "one of them is empty" in seat.toasts[-1]
        assert seat.screen.editing

    ReviewSeat(scene(tmp_path, reviewed=False)).play(claims)


@pytest.mark.whole
def test_an_edit_that_is_left_is_kept_among_the_versions_and_decides_nothing(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        before = await seat.review(0)
        assert before is not None
        await seat.pilot.press("e", "M", "i", "n", "e")
        await seat.press("escape")
        assert not seat.screen.editing
        assert "kept among the versions" in seat.toasts[-1]
        assert await seat.review(0) == before
        assert seat.shown("#decision") == "✓ accepted"
        assert "Your version  edited by hand" in seat.head
        assert seat.part("response").right.text.startswith("Mine")
        await seat.pilot.press("e")
        assert seat.screen.query_one("#edit-response", TextArea).text.startswith("Mine"), (
            "one can go on with it"
        )
        await seat.press("escape")
        assert "Your version" in seat.head
        await seat.press("u")
        assert "Your version" not in seat.head
        assert "an edit, put aside (sample 0)" in seat.toasts[-1]
        await seat.press("U", "k", "j")
        assert seat.index == 1
        await seat.press("k")
        assert seat.index == 0
        while "Your version" not in seat.head:
            await seat.press("full_stop")
        with_student(seat)
        await seat.press("a")
        taken = await seat.review(0)
        assert taken is not None
        assert (taken.decision, taken.version.response[:4]) == (Decision.EDITED, "Mine")

    ReviewSeat(scene(tmp_path)).play(claims)


@pytest.mark.parametrize("way", ["ctrl+q", "elsewhere", "a signal"])
def test_an_edit_is_kept_whichever_way_the_screen_is_left(tmp_path: Path, way: str) -> None:
    path = scene(tmp_path, reviewed=False)

    async def steps(seat: ReviewSeat) -> None:
        await seat.pilot.press("e", "M", "i", "n", "e")
        match way:
            case "ctrl+q":
                await seat.pilot.press("ctrl+q")
            case "elsewhere":
                seat.app.action_go_distribution()
                await seat.pilot.pause()
            case _:
                seat.app.action_leave()

    ReviewSeat(path, NEAR_TIE).play(steps)
    with Workspace.open(path) as workspace:
        assert workspace.reviews.standing(NEAR_TIE) is None
        (kept,) = workspace.reviews.history(NEAR_TIE)
        assert kept.version.response.startswith("Mine")
        assert workspace.acts.undo() is not None
        assert workspace.reviews.history(NEAR_TIE) == []


@pytest.mark.whole
def test_an_edit_with_nothing_in_it_can_be_kept_but_not_accepted(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        await seat.pilot.press("e")
        seat.screen.query_one("#edit-response", TextArea).text = ""
        await seat.press("escape", "a")
        assert "an instruction and a response are needed" in seat.toasts[-1]
        assert (seat.index, await seat.review(NEAR_TIE)) == (NEAR_TIE, None)

    ReviewSeat(scene(tmp_path, reviewed=False), NEAR_TIE).play(claims)


@pytest.mark.whole
def test_an_edit_that_cannot_be_kept_stays_until_a_person_gives_it_up(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        async def full(*_: object) -> int:
            raise BurnishError("the disk is full")

        vars(seat.workbench)["decide"] = full
        await seat.pilot.press("e", "M")
        await seat.press("escape")
        assert seat.screen.editing
        assert "escape again throws the changes away" in seat.toasts[-1]
        await seat.pilot.press("i")
        await seat.press("escape")
        assert seat.screen.editing, "what was typed since was not meant"
        await seat.press("escape")
        assert not seat.screen.editing

    ReviewSeat(scene(tmp_path)).play(claims)


def test_what_an_edit_does_not_touch_stays_byte_for_byte(tmp_path: Path) -> None:
    odd = "Stop.\x1b[2J\r\nEnd\x00\ud800\x85 \u202e"
    rows = [{"instruction": "Say stop.", "input": "", "output": odd}]

    async def claims(seat: ReviewSeat) -> None:
        await seat.pilot.press("e")
        area = seat.screen.query_one("#edit-response", TextArea)
        assert not hostile.acting(area.text.split("\n"))
        area.insert("Please. ", (0, 0))
        await seat.press("ctrl+s")
        saved = await seat.review(0)
        assert saved is not None
        assert saved.version.response == f"Please. {odd}"

    ReviewSeat(scene(tmp_path, rows, ("waiting",), reviewed=False)).play(claims)
    assert not Masked("\x1b and ␛").exact
    assert Masked("\x1b").back("␛␛") == "\x1b\x1b"


def test_pasted_lines_are_saved_and_exported_as_lines_and_never_as_pictures(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        with_student(seat)
        await seat.pilot.press("e")
        area = seat.screen.query_one("#edit-response", TextArea)
        area.text = ""
        seat.app.post_message(Paste("one\rtwo\r\nthree\nfour"))
        await seat.pilot.pause()
        assert not seat.toasts
        seat.app.post_message(Paste("\x1b[2J\u202e five"))
        await seat.pilot.pause()
        assert seat.toasts[-1] == "control characters in what was pasted were left out"
        await seat.press("ctrl+s")
        saved = await seat.review(0)
        assert saved is not None
        assert saved.version.response == "one\ntwo\nthree\nfour[2J five"

        await seat.pilot.press("e")
        seat.app.post_message(Paste("␍"))
        await seat.press("ctrl+s")
        assert "the response holds ␍: saved as such" in seat.toasts[-1]

    path = scene(tmp_path, reviewed=False)
    ReviewSeat(path).play(claims)
    write(path, tmp_path / "out.json", ExportRequest(ExportRule.ACCEPTED), RowProgress())
    (row,) = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert row["output"].replace("␍", "") == "one\ntwo\nthree\nfour[2J five"


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal can be lent, as it cannot in a test."""
    monkeypatch.setattr(BurnishApp, "suspend", lambda _: nullcontext())


@pytest.mark.usefixtures("lent")
def test_a_person_s_own_editor_gets_a_private_file_that_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note"
    vi = script(
        tmp_path / "vi",
        f'stat -c "%a %n" "$(dirname "$1")" "$1" > {note}\nsed -i "s/Eat well/Eat very well/" "$1"',
    )
    monkeypatch.setenv("VISUAL", str(vi))

    async def claims(seat: ReviewSeat) -> None:
        with_student(seat)
        await seat.press("E")
        saved = await seat.review(0)
        assert saved is not None
        assert saved.decision is Decision.EDITED
        assert saved.version.response.startswith("Eat very well")
        folder, file = (line.split(" ", 1) for line in note.read_text().splitlines())
        assert (folder[0], file[0]) == ("700", "600")
        assert not Path(folder[1]).exists()
        for broken, complaint in (
            ("exit 3", "exit code 3"),
            ('sed -i 1d "$1"', "a heading of the file was changed"),
            (
                'echo "half a sentence" >> "$1"; exit 1',
                "exit code 1); the sample is as it was, and what you wrote is in",
            ),
        ):
            script(vi, broken)
            await seat.press("E")
            assert complaint in seat.toasts[-1]
            assert await seat.review(0) == saved
        monkeypatch.setenv("VISUAL", "/nowhere/at/all")
        await seat.press("E")
        assert "there is no program /nowhere/at/all" in seat.toasts[-1]
        monkeypatch.delenv("VISUAL")
        monkeypatch.delenv("EDITOR", raising=False)
        await seat.press("E")
        assert "set $VISUAL or $EDITOR" in seat.toasts[-1]

    ReviewSeat(scene(tmp_path, reviewed=False)).play(claims)


def test_what_cannot_be_read_back_is_not_thrown_away(tmp_path: Path) -> None:
    vi = script(tmp_path / "vi", 'echo "my hours of work" > "$1"')
    with pytest.raises(EditorError, match="what you wrote is in") as caught:
        edited([str(vi)], Version(instruction="x", response="y"))
    left = Path(str(caught.value).rpartition(" ")[2])
    assert left.read_text() == "my hours of work\n"
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    left.unlink()
    left.parent.rmdir()
    with pytest.raises(EditorError, match="cannot be read as a command"):
        editor({"EDITOR": "vi 'unfinished"})


@pytest.mark.parametrize(
    "text",
    [*hostile.CORPUS.values(), "=== input ===", "x\n", "\n\nx\r"],
    ids=lambda text: ascii(text[:12]),
)
def test_the_file_for_an_editor_carries_any_text(text: str) -> None:
    version = Version.model_construct(instruction=f"i{text}", input=text, response=f"r{text}")
    layout = EditorText(version)
    assert layout.version(layout.text(version)) == version


@pytest.mark.whole
def test_without_a_terminal_to_lend_the_screen_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "true")

    async def claims(seat: ReviewSeat) -> None:
        await seat.press("E")
        assert "e edits here" in seat.toasts[-1]

    ReviewSeat(scene(tmp_path)).play(claims)
