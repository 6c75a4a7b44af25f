"""The Samples screen: every row of any number, in any order, and the ways through them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sample import Version
from engine.store.sample_list import FilterTerm, SampleColumn
from engine.store.workspace import Workspace
from tests import factory, hostile
from tests.factory import SOURCE
from tests.scene import KINDS, rated, scene
from tests.tui.screens.samples_seat import SamplesSeat
from tui.screens.review.screen import ReviewScreen
from tui.screens.samples.filter_bar import KINDS as BOXES
from tui.screens.samples.legend import MEANINGS
from tui.screens.samples.table import SampleTable

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return scene(tmp_path)


def plain(folder: Path, count: int) -> Path:
    """A workspace in which nothing was run."""
    path = folder / "plain.burnish"
    versions = (Version(instruction=f"Say what {n} is.", response=f"{n} is a number.") for n in range(count))
    rows = (factory.sample(n, original=version) for n, version in enumerate(versions))
    Workspace.create(path, SOURCE, rows).close()
    return path


async def every_column_has_its_place_at_every_width(seat: SamplesSeat) -> None:
    for width, height in ((80, 24), (120, 40), (200, 60), (280, 60)):  # from 160 on the pane has two fifths
        await seat.pilot.resize_terminal(width, height)
        await seat.settled()
        lines = seat.lines
        head = next(line for line in lines if "instruction" in line)
        assert head.split()[:2] == ["▲#", "state"]
        for title in ("IFD", "r-IFD", "flags", *(["length"] if width > 80 else [])):
            assert title in head
        row = next(line for line in lines if " 11 " in line)
        assert "✗ failed" in row
        assert ("0.57→0.62" if width == 80 else "0.571 → 0.624") in row
        kept = next(line for line in lines if "about dogs" in line)
        assert ("0.65=" if width == 80 else "0.649 = ") in kept, "as before: shown once"
        assert ("+ replaced" in row) == (width == 280)
        assert all(len(line) <= width for line in lines)
        assert "24 samples" in seat.text
        assert all(meaning in seat.text for meaning in MEANINGS), "the legend"


async def resizing_keeps_the_cursor_in_sight(seat: SamplesSeat) -> None:
    await seat.press("G")
    for size in ((80, 12), (200, 60), (30, 9), (120, 40)):
        await seat.pilot.resize_terminal(*size)
        await seat.settled()
        assert seat.current == 23
        assert 23 in seat.samples


async def the_cursor_moves_by_rows_screens_and_to_the_ends(seat: SamplesSeat) -> None:
    lines = seat.table.page
    for keys, position in (
        ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("up", 0), ("pagedown", lines), ("ctrl+d", 2 * lines),
        ("pageup", lines), ("ctrl+u", 0), ("G", 4999), ("j", 4999), ("g", 0), ("end", 4999), ("home", 0),
    ):  # fmt: skip
        await seat.press(keys)
        assert seat.table.cursor == position == seat.current
        assert position in seat.samples


async def enter_and_a_double_click_show_the_sample_in_review(seat: SamplesSeat) -> None:
    await seat.press("j", "j", "enter")
    assert isinstance(seat.app.screen, ReviewScreen)
    assert seat.app.screen.position == 2
    seat.workbench.at = 5
    seat.app.pop_screen()
    await seat.settled()
    assert seat.current == 5, "the list comes back to where Review was"
    await seat.pilot.click(SampleTable, offset=(30, 4))
    assert seat.current == 3
    await seat.pilot.click(SampleTable, offset=(30, 4), times=2)
    await seat.settled()
    assert isinstance(seat.app.screen, ReviewScreen)
    assert seat.app.screen.position == 3


async def the_wheel_scrolls(seat: SamplesSeat) -> None:
    table = seat.table
    before = table.top
    table._scroll_down_for_pointer(animate=False)
    await seat.settled()
    assert table.top > before
    assert seat.samples[0] == table.top
    assert table.cursor == 0


async def sorting_by_key_and_by_header_keeps_the_cursor_on_its_sample(seat: SamplesSeat) -> None:
    await seat.press("j", "j", "j", "s")
    assert seat.current == 3
    states = seat.states()
    assert states == sorted(states)
    assert "by state, A to Z" in seat.line
    await seat.press("S")
    states = seat.states()
    assert states == sorted(states, reverse=True)
    assert seat.current == 3
    await seat.press("g")
    head = next(line for line in seat.lines if "r-IFD" in line)
    for order in ("▲", "▼"):
        await seat.pilot.click(SampleTable, offset=(head.index("IFD") + 1, 0))
        await seat.settled()
        assert f"{order}IFD" in seat.text.replace(" ", "")
    scores = [row.ifd_before for position in range(24) if (row := seat.table.row(position))]
    known = [score for score in scores if score is not None]
    assert known == sorted(known, reverse=True)
    assert scores[len(known) :] == [None] * (24 - len(known))
    # Those that only rows of several samples, or rated ones, have.
    absent = {SampleColumn.ROW, SampleColumn.RATING_BEFORE, SampleColumn.RATING_AFTER}
    for _ in {*SampleColumn} - absent:
        await seat.press("s")
    assert "by IFD before" in seat.line, "the key goes around all columns"


async def the_search_narrows_while_one_types_and_escape_takes_it_back(seat: SamplesSeat) -> None:
    assert seat.workbench.path is not None
    with Workspace.read(seat.workbench.path) as workspace:
        texts = [sample.original for sample in workspace.samples()]
    await seat.press("slash")
    typed = ""
    for key in "the":
        await seat.press(key)
        typed += key
        expected = [
            n
            for n, text in enumerate(texts)
            if any(typed in part.lower() for part in (text.instruction, text.input, text.response))
        ]
        assert seat.samples == expected
    assert 0 < len(expected) < 24
    assert f"{len(expected)} of 24 samples" in seat.line
    assert "with “the”" in seat.line
    await seat.press("down")
    assert seat.table.cursor == 1, "the arrows go through what was found"
    at = seat.current
    await seat.press("enter")
    assert seat.table.has_focus
    assert seat.table.total == len(expected)
    await seat.press("escape")
    assert seat.table.total == 24
    assert seat.current == at
    assert not seat.screen.search.shown
    await seat.press("slash")
    assert seat.table.total == len(expected), (
        "the search that was left is there again, until another is typed"
    )
    await seat.press(*"zzzz")
    assert seat.screen.search.input.value == "zzzz"
    assert "nothing matches: esc" in seat.text.lower()
    await seat.press("j", "enter", "a", "space", "n")  # into the search; and nothing to act on


async def a_search_asks_for_ranges_and_for_words_in_a_field(seat: SamplesSeat) -> None:
    await seat.press("slash", *"ifd-before>0.6 instruction:the")
    rows = [seat.table.row(position) for position in range(seat.table.total)]
    assert 0 < len(rows) < 24
    for row in rows:
        assert row is not None
        assert "the" in row.instruction.lower()
        assert (row.ifd_before or 0) > 0.6
    assert "ifd-before > 0.6, instruction with “the”" in seat.line
    await seat.press("space", *"ifd<")
    assert "ifd< needs a number, as in ifd>0.8" in seat.line
    await seat.press("2")
    assert "ifd < 2" in seat.line
    await seat.press("escape")
    assert seat.table.total == 24
    await seat.press("slash", *"ifd<", "escape")
    assert "needs a number" not in seat.line


async def a_later_search_overtakes_an_earlier_one(seat: SamplesSeat) -> None:
    await seat.pilot.press("slash", *"say what 199")
    await seat.settled()
    assert seat.samples == [199, *range(1990, 2000)]


async def the_filter_asks_for_any_of_a_kind_and_all_kinds(seat: SamplesSeat) -> None:
    def of(*kinds: str) -> list[int]:
        return [n for n in range(24) if KINDS[n % 8] in kinds and n > 2]

    bar = seat.screen.filter
    await seat.press("f")
    assert bar.has_focus
    await seat.press("space")
    assert seat.samples == of("waiting")
    await seat.press("down", "down", "enter")
    assert seat.samples == of("waiting", "failed")
    assert "waiting or failed" in seat.line
    await seat.press("right", "down", "down", "down")
    assert any("[x] · waiting" in line for line in seat.lines)
    await seat.press("space")
    assert seat.samples == []
    await seat.press("escape")
    assert not bar.display
    assert seat.table.has_focus
    await seat.press("escape")
    assert seat.table.total == 24
    await seat.press("f")
    await seat.press("right", "right", "space")
    assert any("not looked for yet: X looks through" in line for line in seat.lines)
    await seat.press("space", "left")
    y = next(y for y, line in enumerate(seat.lines) if "near tie" in line)
    x = seat.lines[y].index("near tie")
    await seat.pilot.click(offset=(x, y))
    await seat.settled()
    assert bar.marks == {FilterTerm.NEAR_TIE}
    assert seat.samples == [2, 10, 18]
    await seat.press("f")
    assert not bar.display
    assert seat.table.total == 3


def test_every_mark_stands_on_the_filter_bar_once() -> None:
    assert sorted(mark for kind in BOXES.values() for mark in kind) == sorted(FilterTerm)


async def a_jump_goes_to_a_sample_s_number_in_any_order(seat: SamplesSeat) -> None:
    await seat.press("colon", "1", "7", "enter")
    assert seat.current == 17
    await seat.press("s", "S", "ctrl+g", "x", "4", "enter")
    assert seat.current == 4, "letters are no part of a number"
    await seat.press("colon", "2", "4", "enter")
    assert seat.toasts[-1] == "there is no sample 24; they go from 0 to 23"
    await seat.press("f", "space", "f", "colon", "0", "enter")
    assert seat.toasts[-1] == "sample 0 is left out by the search or the filter"
    await seat.press("colon", "7", "escape")
    assert not seat.screen.jump.shown
    assert seat.table.has_focus


async def next_unreviewed_and_next_doubtful_go_around(seat: SamplesSeat) -> None:
    for key, sample in zip("nnNNNNNNNn", (3, 4, 5, 8, 10, 12, 18, 20, 2, 3), strict=True):
        await seat.press(key)
        assert seat.current == sample
    await seat.press("f", "space", "f", "n")
    assert seat.toasts[-1] == "every sample that has an outcome is reviewed among these"
    await seat.press("N")
    assert seat.toasts[-1] == "there is no near tie and no lost input among these"


async def with_nothing_run_there_is_nothing_to_decide(seat: SamplesSeat) -> None:
    assert "nothing was run yet: 1 chooses models and starts" in seat.line
    assert seat.states([0, 1]) == ["waiting"] * 2
    for key in ("a", "o"):
        await seat.press(key)
        assert seat.toasts[-1] == "nothing was run yet: there is nothing to decide about"
    await seat.press("n")
    assert seat.toasts[-1] == "every sample that has an outcome is reviewed"
    await seat.press("d")
    assert seat.states([0, 1]) == ["dropped", "waiting"], "no outcome is needed, so that no run asks about it"
    await seat.press("u")


async def only_rows_near_those_in_sight_are_in_memory(seat: SamplesSeat) -> None:
    for _ in range(40):
        await seat.pilot.press("pagedown")
    await seat.settled()
    assert seat.samples == list(seat.table.in_sight)
    assert len(seat.table._rows) < 12 * seat.table.page
    seat.table.scroll_to(y=2000, animate=False)
    assert "⋯" in seat.text, "what is not known yet is quiet"
    await seat.settled()
    assert seat.samples == list(seat.table.in_sight)


async def another_workspace_is_shown_from_its_beginning(seat: SamplesSeat) -> None:
    await seat.press("G", "space", "s", "slash", "9")
    assert seat.workbench.path is not None
    await seat.workbench.open(scene(seat.workbench.path.parent))
    seat.app.post_changed()
    await seat.settled()
    assert seat.samples == list(range(24))
    assert seat.line == "24 samples"
    await seat.workbench.close()
    seat.app.post_changed()
    await seat.settled()
    assert "no workspace is open: 1 opens a dataset or a workspace" in seat.text
    await seat.press("j", "enter", "s", "f", "f", "slash", "n", "A", "a", "r", "colon", "escape")


async def hostile_text_does_not_act(seat: SamplesSeat) -> None:
    for size in ((80, 24), (200, 60)):
        await seat.pilot.resize_terminal(*size)
        for keys in (["j"], ["s", "s"], ["slash", "[", "/"], ["escape", "G"]):
            await seat.press(*keys)
            assert not hostile.acting(seat.lines)


@pytest.mark.long
def test_the_table_and_the_ways_through_it(path: Path) -> None:
    SamplesSeat(path).visit(
        every_column_has_its_place_at_every_width,
        resizing_keeps_the_cursor_in_sight,
        enter_and_a_double_click_show_the_sample_in_review,
        sorting_by_key_and_by_header_keeps_the_cursor_on_its_sample,
        the_search_narrows_while_one_types_and_escape_takes_it_back,
        a_search_asks_for_ranges_and_for_words_in_a_field,
        the_filter_asks_for_any_of_a_kind_and_all_kinds,
        a_jump_goes_to_a_sample_s_number_in_any_order,
        next_unreviewed_and_next_doubtful_go_around,
    )


@pytest.mark.whole
@pytest.mark.long
def test_many_samples_before_any_run(tmp_path: Path) -> None:
    SamplesSeat(plain(tmp_path, 5000)).visit(
        the_cursor_moves_by_rows_screens_and_to_the_ends,
        the_wheel_scrolls,
        only_rows_near_those_in_sight_are_in_memory,
        a_later_search_overtakes_an_earlier_one,
        with_nothing_run_there_is_nothing_to_decide,
        another_workspace_is_shown_from_its_beginning,
    )


@pytest.mark.whole
def test_hostile_text(tmp_path: Path) -> None:
    SamplesSeat(scene(tmp_path, hostile.rows())).visit(hostile_text_does_not_act)


def test_a_judge_s_ratings_have_columns_where_there_are_any_and_room(path: Path) -> None:
    async def steps(seat: SamplesSeat) -> None:
        head = next(line for line in seat.lines if "r-IFD" in line)
        assert head.index("r-IFD") < head.index("rating") < head.index("flags")
        await seat.pilot.click(SampleTable, offset=(head.index("rating") + 1, 0))
        await seat.settled()
        rows = [seat.table.row(position) for position in range(24)]
        ratings = [row.rating_before for row in rows if row]
        known = [rating for rating in ratings if rating is not None]
        assert known
        assert ratings == sorted(known) + [None] * (24 - len(known))
        await seat.press("s")
        assert "by rating after" in seat.line
        await seat.press("s")
        assert "by " not in seat.line, "and around to the dataset's own order"
        await seat.pilot.click(SampleTable, offset=(head.index("rating") + 1, 0))
        await seat.press("slash", *"nowhere at all", "enter")
        assert seat.samples == []
        await seat.press("s")
        assert "by rating" not in seat.line, "nothing that is left has a rating"

    SamplesSeat(rated(path)).play(steps)
