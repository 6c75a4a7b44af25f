"""What was said before an exchange, and the tools there, as Review and Compare show them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.sample import Turns
from tests.command import burnish
from tests.hostile import CORPUS, acting
from tests.parts import in_part
from tests.scene import LIBRARY, conversation, judged, scene
from tests.tui.screens.review_seat import ReviewSeat
from tests.tui.seat import SIZES, Seat
from tui.messages import SettingsChanged
from tui.screens.compare.pair_screen import PairScreen
from tui.screens.compare.screen import CompareScreen
from tui.widgets.conversation import ConversationAfter, ConversationBefore

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")

ASKED = [turn["content"] for turn in LIBRARY["messages"] if turn["role"] == "user"]


def before(seat: Seat) -> str:
    shown = seat.app.screen.query_one(ConversationBefore)
    return shown.text if shown.display else ""


@in_part("size", SIZES)
def test_review_shows_the_last_turn_and_with_a_key_all_of_it_with_the_tools(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async def steps(seat: ReviewSeat) -> None:
        assert before(seat) == ""
        await seat.press("c")
        assert seat.notified("nothing was said before this exchange")
        await seat.go_to(1)
        assert "c opens all of it: 1 turn, 1 tool" in before(seat)
        after = seat.screen.query_one(ConversationAfter)
        assert after.display
        assert ASKED[1] in after.text
        await seat.go_to(2)
        assert "c opens all of it: 7 turns, 1 tool" in before(seat)
        assert "Yes, one of our two copies" in before(seat)
        assert ASKED[0] not in before(seat)
        assert "The copies" not in before(seat)
        assert not after.display
        await seat.press("c")
        opened = before(seat)
        assert all(asked in opened for asked in ASKED[:2])
        assert "shelf: The copies of a book that are there.\n{" in opened
        assert opened.index("The copies") < opened.index("You are the help desk")
        await seat.press("c")
        assert "The copies" not in before(seat)

    ReviewSeat(conversation(tmp_path), size=size).play(steps)


@in_part(
    ("tools", "shown"),
    [
        ([CORPUS["escape"], CORPUS["bidi"], CORPUS["markup"]], ["may call: "]),
        (json.dumps([{"name": "look"}, {"name": "find"}]), ["may call: look\n", "may call: find\n"]),
        ("look(what) -> text", ["look(what) -> text"]),
        ({"name": "look", "strict": True}, ['look\n{"strict": true}']),
        ({"look": {"at": 1}}, ['{"look": {"at": 1}}']),
        (["look", "find"], ["may call: look", "may call: find"]),
    ],
    kept=2,
)
def test_tools_are_read_in_whatever_form_a_row_has_them(tmp_path: Path, tools: Any, shown: list[str]) -> None:
    row = {"messages": LIBRARY["messages"][1:3], "tools": tools}

    async def steps(seat: ReviewSeat) -> None:
        assert "c opens all of it: " in before(seat)
        await seat.press("c")
        assert all(text in before(seat) for text in shown)
        assert not acting(seat.lines)

    ReviewSeat(scene(tmp_path, [row], reviewed=False)).play(steps)


def test_show_lists_the_tools_before_the_conversation(tmp_path: Path) -> None:
    shown = burnish("show", conversation(tmp_path), "2")
    assert "shelf: The copies of a book that are there." in shown.out
    assert shown.out.index("may call") < shown.out.index("You are the help desk")


@in_part("tools", [[], None, "", {}, 0, False])
def test_no_tools_are_none(tmp_path: Path, tools: Any) -> None:
    row = {"messages": LIBRARY["messages"][1:3], "tools": tools}

    async def steps(seat: ReviewSeat) -> None:
        assert before(seat) == ""

    ReviewSeat(scene(tmp_path, [row], reviewed=False)).play(steps)


@in_part("size", SIZES)
def test_compare_shows_what_the_judge_was_shown_before_a_pair(tmp_path: Path, size: tuple[int, int]) -> None:
    async def steps(seat: Seat) -> None:
        await seat.until(lambda: seat.workbench.is_open)
        seat.app.action_go_compare()
        await seat.until(lambda: isinstance(seat.app.screen, CompareScreen))
        await seat.wait_for("judged by")
        await seat.press("colon", "2", "enter", "enter")
        await seat.until(lambda: isinstance(seat.app.screen, PairScreen))
        await seat.until(lambda: "c opens all of it: 7 turns, 1 tool" in before(seat))
        await seat.press("c")
        assert all(asked in before(seat) for asked in ASKED[:2])
        assert "may call: shelf" in before(seat)
        await seat.press("k", "k", "k", "k", "k")
        await seat.until(lambda: not before(seat))
        await seat.press("c")
        assert seat.notified("nothing was said before this exchange")

    Seat(judged(conversation(tmp_path)), size=size).play(steps)


def test_run_counts_the_exchanges_that_its_settings_are_for(tmp_path: Path) -> None:
    async def steps(seat: Seat) -> None:
        await seat.wait_for("All samples are done", "2 of 2 samples")
        assert not seat.screen.check_action("begin", ())
        run = seat.workbench.settings.run
        for turns, sample, shown in (
            (Turns.ALL, None, "takes it up again: 1 sample to do"),
            (Turns.ALL, 1, "of 1 sample"),
            (Turns.LAST, None, "All samples are done"),
        ):
            changed = run.model_copy(update={"turns": turns, "sample": sample})
            seat.workbench.settings = seat.workbench.settings.model_copy(update={"run": changed})
            seat.screen.post_message(SettingsChanged())
            await seat.wait_for(shown)

    Seat(conversation(tmp_path, "waiting")).play(steps)


def test_run_counts_the_exchanges_that_it_would_take_up(tmp_path: Path) -> None:
    async def steps(seat: Seat) -> None:
        await seat.wait_for("Samples", "And if I bring it back late?")
        await seat.press("3")
        await seat.wait_for("All samples are done", "1 of 1 sample")
        run = seat.workbench.settings.run.model_copy(update={"turns": Turns.ALL})
        seat.workbench.settings = seat.workbench.settings.model_copy(update={"run": run})
        seat.screen.post_message(SettingsChanged())
        await seat.wait_for("1 of 2 samples", "takes it up again: 1 sample to do")

    Seat(scene(tmp_path, [LIBRARY], ("kept",), reviewed=False)).play(steps)
