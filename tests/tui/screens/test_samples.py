"""The Samples screen: every row of any number, in any order, and what a person does to one or many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from engine.events import Finished
from engine.method.reflection import UnusableReply
from engine.sample import Candidate, Sample, Stage, Version
from engine.store.database import WorkspaceError
from engine.store.sample_list import FilterTerm, SampleColumn, SampleList
from engine.store.workspace import Source, Workspace
from models.errors import BurnishError
from models.teacher import Fault
from tests import hostile
from tests.scene import KINDS, outcome, scene
from tests.tui.screens.sampling import Here, at_samples
from tui.screens.review.screen import ReviewScreen
from tui.screens.samples.filter_bar import KINDS as BOXES
from tui.screens.samples.table import SampleTable
from tui.state.marks import MarkedSamples

SOURCE = Source(path="/data/mine.json", format="alpaca", fields=("instruction", "output"), sha256="ab" * 32)


pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


Claim = Callable[[Here], Awaitable[None]]


def visit(path: Path, *claims: Claim, size: tuple[int, int] = (120, 40)) -> None:
    """Look at each claim in turn, the screen as at first."""

    async def main() -> None:
        async with at_samples(path, size) as here:
            for claim in claims:
                await here.anew(size)
                await claim(here)

    asyncio.run(main())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return scene(tmp_path)


def plain(folder: Path, count: int) -> Path:
    """A workspace in which nothing was run."""
    path = folder / "plain.burnish"
    versions = (Version(instruction=f"Say what {n} is.", response=f"{n} is a number.") for n in range(count))
    rows = (Sample(index=n, original=version, row={}) for n, version in enumerate(versions))
    Workspace.create(path, SOURCE, rows).close()
    return path


async def every_column_has_its_place_at_every_width(here: Here) -> None:
    for width, height in ((80, 24), (120, 40), (200, 60)):
        await here.pilot.resize_terminal(width, height)
        await here.settled()
        lines = hostile.painted(here.app)
        head = next(line for line in lines if "instruction" in line)
        assert head.split()[:2] == ["▲#", "state"]
        for title in ("IFD", "r-IFD", "flags", *(["length"] if width > 80 else [])):
            assert title in head
        row = next(line for line in lines if " 11 " in line)
        assert "✗ failed" in row
        assert ("0.57→0.62" if width == 80 else "0.571 → 0.624") in row
        assert ("+ replaced" in row) == (width == 200)
        assert all(len(line) <= width for line in lines)
        assert "24 samples" in here.painted()
        assert "≈ near tie" in here.painted(), "the legend"


async def resizing_keeps_the_cursor_in_sight(here: Here) -> None:
    await here.press("G")
    for size in ((80, 12), (200, 60), (30, 9), (120, 40)):
        await here.pilot.resize_terminal(*size)
        await here.settled()
        assert here.current == 23
        assert 23 in here.samples


async def the_cursor_moves_by_rows_screens_and_to_the_ends(here: Here) -> None:
    lines = here.table.page
    for keys, position in (
        ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("up", 0), ("pagedown", lines), ("ctrl+d", 2 * lines),
        ("pageup", lines), ("ctrl+u", 0), ("G", 4999), ("j", 4999), ("g", 0), ("end", 4999), ("home", 0),
    ):  # fmt: skip
        await here.press(keys)
        assert here.table.cursor == position == here.current
        assert position in here.samples


async def enter_and_a_double_click_show_the_sample_in_review(here: Here) -> None:
    await here.press("j", "j", "enter")
    assert isinstance(here.app.screen, ReviewScreen)
    assert here.app.screen.position == 2
    here.workbench.at = 5
    here.app.pop_screen()
    await here.settled()
    assert here.current == 5, "the list comes back to where Review was"
    await here.pilot.click(SampleTable, offset=(30, 4))
    assert here.current == 3
    await here.pilot.click(SampleTable, offset=(30, 4), times=2)
    await here.settled()
    assert isinstance(here.app.screen, ReviewScreen)
    assert here.app.screen.position == 3


async def the_wheel_scrolls(here: Here) -> None:
    table = here.table
    before = table.top
    table._scroll_down_for_pointer(animate=False)
    await here.settled()
    assert table.top > before
    assert here.samples[0] == table.top
    assert table.cursor == 0


async def sorting_by_key_and_by_header_keeps_the_cursor_on_its_sample(here: Here) -> None:
    await here.press("j", "j", "j", "s")
    assert here.current == 3
    states = here.states()
    assert states == sorted(states)
    assert "by state, from A" in here.line
    await here.press("S")
    states = here.states()
    assert states == sorted(states, reverse=True)
    assert here.current == 3
    await here.press("g")
    head = next(line for line in hostile.painted(here.app) if "r-IFD" in line)
    for order in ("▲", "▼"):
        await here.pilot.click(SampleTable, offset=(head.index("IFD") + 1, 0))
        await here.settled()
        assert f"{order}IFD" in here.painted().replace(" ", "")
    scores = [row.ifd_before for position in range(24) if (row := here.table.row(position))]
    known = [score for score in scores if score is not None]
    assert known == sorted(known, reverse=True)
    assert scores[len(known) :] == [None] * (24 - len(known))
    for _ in SampleColumn:
        await here.press("s")
    assert "by IFD before" in here.line, "the key goes around all columns"


async def the_search_narrows_while_one_types_and_escape_takes_it_back(here: Here) -> None:
    assert here.workbench.path is not None
    with Workspace.read(here.workbench.path) as workspace:
        texts = [sample.original for sample in workspace.samples()]
    await here.press("slash")
    typed = ""
    for key in "the":
        await here.press(key)
        typed += key
        expected = [
            n
            for n, text in enumerate(texts)
            if any(typed in part.lower() for part in (text.instruction, text.input, text.response))
        ]
        assert here.samples == expected
    assert 0 < len(expected) < 24
    assert f"{len(expected)} of 24 samples" in here.line
    assert "with “the”" in here.line
    await here.press("down")
    assert here.table.cursor == 1, "the arrows go through what was found"
    at = here.current
    await here.press("enter")
    assert here.table.has_focus
    assert here.table.total == len(expected)
    await here.press("escape")
    assert here.table.total == 24
    assert here.current == at
    assert not here.screen.search.shown
    await here.press("slash", *"zzzz")
    assert "nothing matches: esc" in here.painted().lower()
    await here.press("j", "enter", "a", "space", "n")  # into the search; and nothing to act on


async def a_later_search_overtakes_an_earlier_one(here: Here) -> None:
    await here.pilot.press("slash", *"say what 199")
    await here.settled()
    assert here.samples == [199, *range(1990, 2000)]


async def the_filter_asks_for_any_of_a_kind_and_all_kinds(here: Here) -> None:
    def of(*kinds: str) -> list[int]:
        return [n for n in range(24) if KINDS[n % 8] in kinds and n > 2]

    bar = here.screen.filter
    await here.press("f")
    assert bar.has_focus
    await here.press("space")
    assert here.samples == of("waiting")
    await here.press("down", "down", "enter")
    assert here.samples == of("waiting", "failed")
    assert "waiting or failed" in here.line
    await here.press("right", "right", "up")
    assert any("[x] · waiting" in line for line in hostile.painted(here.app))
    await here.press("space")
    assert here.samples == []
    await here.press("escape")
    assert not bar.shown
    assert here.table.has_focus
    await here.press("escape")
    assert here.table.total == 24
    await here.press("f")
    await here.press("right", "space")
    assert any("not looked for yet: x looks through" in line for line in hostile.painted(here.app))
    await here.press("space", "left")
    y = next(y for y, line in enumerate(hostile.painted(here.app)) if "near tie" in line)
    x = hostile.painted(here.app)[y].index("near tie")
    await here.pilot.click(offset=(x, y))
    await here.settled()
    assert bar.marks == {FilterTerm.NEAR_TIE}
    assert here.samples == [2, 10, 18]
    await here.press("f")
    assert not bar.shown
    assert here.table.total == 3


def test_every_mark_stands_on_the_filter_bar_once() -> None:
    assert sorted(mark for kind in BOXES.values() for mark in kind) == sorted(FilterTerm)


async def a_jump_goes_to_a_sample_s_number_in_any_order(here: Here) -> None:
    await here.press("colon", "1", "7", "enter")
    assert here.current == 17
    await here.press("s", "S", "ctrl+g", "x", "4", "enter")
    assert here.current == 4, "letters are no part of a number"
    await here.press("colon", "2", "4", "enter")
    assert here.said == "there is no sample 24; they go from 0 to 23"
    await here.press("f", "space", "f", "colon", "0", "enter")
    assert here.said == "sample 0 is left out by the search or the filter"
    await here.press("colon", "7", "escape")
    assert not here.screen.jump.shown
    assert here.table.has_focus


async def next_unreviewed_and_next_near_tie_go_around(here: Here) -> None:
    for key, sample in (("n", 3), ("n", 4), ("t", 10), ("t", 18), ("t", 2), ("n", 3)):
        await here.press(key)
        assert here.current == sample
    await here.press("f", "space", "f", "n")
    assert here.said == "every sample that has an outcome is reviewed among these"
    await here.press("t")
    assert here.said == "there is no near tie among these"


async def marks_stay_with_their_samples(here: Here) -> None:
    await here.press("space", "j", "space")
    assert list(here.screen._marked) == [0, 2]
    assert "◆ 2 marked" in here.line
    await here.press("S")
    assert list(here.screen._marked) == [0, 2]
    assert sum(line.strip().startswith("◆") for line in hostile.painted(here.app)) == 2
    await here.press("S", "g", "space")
    assert list(here.screen._marked) == [2]
    await here.pilot.click(SampleTable, offset=(1, 6))
    assert list(here.screen._marked) == [2, 5]
    await here.press("f", "space", "f", "A")
    assert list(here.screen._marked) == [2, 5, 7, 15, 23], "those shown beside those before"
    await here.press("A")
    assert list(here.screen._marked) == []
    await here.press("A", "escape")
    assert here.table.total == 24, "first the filter is left"
    assert len(here.screen._marked) == 3
    await here.press("escape", "A")
    assert len(here.screen._marked) == 24


async def a_decision_about_one_row_goes_on_to_the_next_and_is_undone(here: Here) -> None:
    await here.press("colon", "3", "enter")
    await here.pilot.press("a", "o")  # one at once after the other
    await here.settled()
    assert here.current == 5
    assert here.states((3, 4)) == ["accepted", "original"]
    assert here.workbench.path is not None
    with Workspace.read(here.workbench.path) as workspace:
        run = workspace.latest_run()
        assert (review := workspace.reviews.standing(3))
        assert (made := workspace.outcome(run, 3))
        assert review.version == made.final
        assert (review := workspace.reviews.standing(4))
        assert review.version == workspace.sample(4).original
    await here.press("u", "u")
    assert here.states((3, 4)) == ["failed", "done"]
    await here.press("colon", "7", "enter", "a")
    assert here.said == "sample 7 has no outcome yet"
    assert here.current == 7


async def what_is_decided_about_the_marked_is_one_act(here: Here) -> None:
    before = here.states()
    await here.press("A", "a")
    assert here.said == "accepted: 21 samples; 3 have no outcome yet. u takes it back"
    states = here.states()
    assert states == ["waiting" if n % 8 == 7 else "accepted" for n in range(24)]
    assert "marked" not in here.line
    await here.press("space", "space", "o")
    assert here.states((0, 1)) == ["original"] * 2
    await here.press("u", "u")
    assert here.states() == before
    await here.press("U")
    assert here.states() == states
    await here.press("u")


async def a_filtered_list_lets_go_of_what_was_decided(here: Here) -> None:
    await here.press("f", "left", "left", "up", "space", "f")
    assert "unreviewed" in here.line
    total = here.table.total
    first, second, third = here.samples[:3]
    await here.press("a")
    assert here.samples[:2] == [second, third]
    assert (here.current, here.table.total) == (second, total - 1)
    await here.press("u")
    assert here.samples[:2] == [first, second]


async def an_act_on_many_can_be_stopped_and_leaves_nothing(here: Here) -> None:
    async def slowly(what: str, reviews: Callable[[Workspace], Sequence[object]]) -> int:
        bulk = here.screen._bulk
        assert bulk is not None
        for _ in bulk.through(count()):
            await asyncio.sleep(0.01)
        return 24

    await here.press("A")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(here.workbench, "decide_from", slowly)
        await here.pilot.press("a")
        await here.until("deciding about")
        assert "of 24" in here.line
        await here.pilot.press("o")
        assert "wait, or stop it" in here.said
        await here.press("escape")
        assert here.said == "stopped: nothing was decided"
    assert len(here.screen._marked) == 24


async def with_nothing_run_there_is_nothing_to_decide(here: Here) -> None:
    assert "nothing was run yet: 1 chooses models and starts" in here.line
    assert here.states([0, 1]) == ["waiting"] * 2
    for key in ("a", "o"):
        await here.press(key)
        assert here.said == "nothing was run yet: there is nothing to decide about"
    await here.press("n")
    assert here.said == "every sample that has an outcome is reviewed"


async def the_teacher_is_asked_again_one_sample_after_the_other(here: Here) -> None:
    asked: list[tuple[int, Stage, str]] = []
    answering = asyncio.Event()

    async def regenerate(sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
        asked.append((sample, stage, remark))
        if sample == 2:
            await answering.wait()
        if sample == 1:
            raise UnusableReply(Fault.EMPTY, "the reply has no text")
        return Candidate(stage=stage, version=version, critique={})

    async def refuse(*_: object) -> Candidate:
        raise BurnishError("ollama is not running; start it with `ollama serve`")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(here.workbench, "regenerate", regenerate)
        await here.pilot.press("space", "space", "space", "r")
        await here.until("asking the teacher again about 3 of 3, 1 failed")
        answering.set()
        await here.settled()
        assert asked == [(n, Stage.INSTRUCTION, "") for n in range(3)]
        assert here.said == (
            "rewrites of 2 samples, to be seen in Review; 1 gave nothing usable (sample 1: the reply has no text)"
        )
        assert "asking" not in here.line
        answering.clear()
        await here.pilot.press("r")
        await here.until("about 3 of 3")
        await here.press("escape")
        assert here.said.startswith(
            "a rewrite of one sample, to be seen in Review, stopped before the other 1;"
        )
        assert len(here.screen._marked) == 3
        patch.setattr(here.workbench, "regenerate", refuse)
        await here.press("r")
        assert "ollama is not running; start it with `ollama serve`" in here.toasts


async def what_a_run_finishes_is_seen(here: Here) -> None:
    workspace = here.workbench._workspace
    assert workspace is not None
    state = here.table.row(7)
    assert state is not None
    assert state.state == "waiting"
    made = outcome(workspace.sample(7), "replaced")
    assert made is not None
    assert here.workbench.run is not None
    workspace.keep_outcome(here.workbench.run, made)
    here.workbench.run_job._reported.append(Finished(made))
    for _ in range(100):
        await here.pilot.pause(0.05)
        if here.states([7]) == ["done"]:
            return
    raise AssertionError(here.states([7]))


async def only_rows_near_those_in_sight_are_in_memory(here: Here) -> None:
    for _ in range(40):
        await here.pilot.press("pagedown")
    await here.settled()
    assert here.samples == list(here.table.in_sight)
    assert len(here.table._rows) < 12 * here.table.page
    here.table.scroll_to(y=2000, animate=False)
    assert "⋯" in here.painted(), "what is not known yet is quiet"
    await here.settled()
    assert here.samples == list(here.table.in_sight)


async def another_workspace_is_shown_from_its_beginning(here: Here) -> None:
    await here.press("G", "space", "s", "slash", "9")
    assert here.workbench.path is not None
    await here.workbench.open(scene(here.workbench.path.parent))
    here.app.post_changed()
    await here.settled()
    assert here.samples == list(range(24))
    assert here.line == "24 samples"
    await here.workbench.close()
    here.app.post_changed()
    await here.settled()
    assert "no workspace is open: 1 opens a dataset or a workspace" in here.painted()
    await here.press("j", "enter", "s", "f", "f", "slash", "n", "A", "a", "r", "colon", "escape")


async def a_file_that_cannot_be_read_is_a_toast(here: Here) -> None:
    def broken(*_: object) -> None:
        raise WorkspaceError("w.burnish: disk I/O error; check the disk")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SampleList, "window", broken)
        here.app.post_changed()
        await here.settled()
        assert here.said == "w.burnish: disk I/O error; check the disk"
        await here.press("s", "j", "f", "space", "t")


async def hostile_text_does_not_act(here: Here) -> None:
    for size in ((80, 24), (200, 60)):
        await here.pilot.resize_terminal(*size)
        for keys in (["j"], ["s", "s"], ["slash", "[", "/"], ["escape", "G"]):
            await here.press(*keys)
            assert not hostile.acting(hostile.painted(here.app))


@pytest.mark.long
def test_the_table_and_the_ways_through_it(path: Path) -> None:
    visit(
        path,
        every_column_has_its_place_at_every_width,
        resizing_keeps_the_cursor_in_sight,
        enter_and_a_double_click_show_the_sample_in_review,
        sorting_by_key_and_by_header_keeps_the_cursor_on_its_sample,
        the_search_narrows_while_one_types_and_escape_takes_it_back,
        the_filter_asks_for_any_of_a_kind_and_all_kinds,
        a_jump_goes_to_a_sample_s_number_in_any_order,
        next_unreviewed_and_next_near_tie_go_around,
        marks_stay_with_their_samples,
    )


def test_what_is_done_to_samples(path: Path) -> None:
    visit(
        path,
        a_decision_about_one_row_goes_on_to_the_next_and_is_undone,
        what_is_decided_about_the_marked_is_one_act,
        a_filtered_list_lets_go_of_what_was_decided,
        an_act_on_many_can_be_stopped_and_leaves_nothing,
        the_teacher_is_asked_again_one_sample_after_the_other,
        what_a_run_finishes_is_seen,
        a_file_that_cannot_be_read_is_a_toast,
    )


@pytest.mark.long
def test_many_samples_before_any_run(tmp_path: Path) -> None:
    visit(
        plain(tmp_path, 5000),
        the_cursor_moves_by_rows_screens_and_to_the_ends,
        the_wheel_scrolls,
        only_rows_near_those_in_sight_are_in_memory,
        a_later_search_overtakes_an_earlier_one,
        with_nothing_run_there_is_nothing_to_decide,
        another_workspace_is_shown_from_its_beginning,
    )


def test_hostile_text(tmp_path: Path) -> None:
    visit(scene(tmp_path, hostile.rows()), hostile_text_does_not_act)


def test_marked_samples_are_a_set() -> None:
    marked = MarkedSamples(10, [3, 7])
    assert (len(marked), list(marked), 3 in marked, 4 in marked, 10 in marked) == (
        2,
        [3, 7],
        True,
        False,
        False,
    )
    before = marked.copy()
    marked.toggle(3)
    marked.add(MarkedSamples(10, [0, 9]))
    assert list(marked) == [0, 7, 9]
    assert list(before) == [3, 7]
    assert marked.covers(MarkedSamples(10, [7, 9]))
    assert not marked.covers(before)
    marked.clear()
    assert not marked
    assert list(marked) == []
