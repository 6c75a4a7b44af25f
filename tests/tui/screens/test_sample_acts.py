"""The Samples screen: what a person does to one sample or to many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from engine.events import Finished
from engine.method.reflection import UnusableReply
from engine.sample import Candidate, Stage, Version
from engine.store.file_errors import WorkspaceError
from engine.store.sample_list import SampleList
from engine.store.workspace import Workspace
from models.errors import BurnishError
from models.teacher import Fault
from tests.scene import outcome_of_kind, scene
from tests.tui.screens.samples_seat import SamplesSeat
from tui.screens.samples.table import SampleTable
from tui.state.marks import MarkedSamples

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


async def marks_stay_with_their_samples(seat: SamplesSeat) -> None:
    await seat.press("space", "j", "space")
    assert list(seat.screen._marked) == [0, 2]
    assert "◆ 2 marked" in seat.line
    await seat.press("S")
    assert list(seat.screen._marked) == [0, 2]
    assert sum(line.strip().startswith("◆") for line in seat.lines) == 2
    await seat.press("S", "g", "space")
    assert list(seat.screen._marked) == [2]
    await seat.pilot.click(SampleTable, offset=(1, 6))
    assert list(seat.screen._marked) == [2, 5]
    await seat.press("f", "space", "f", "A")
    assert list(seat.screen._marked) == [2, 5, 7, 15, 23], "those shown beside those before"
    await seat.press("A")
    assert list(seat.screen._marked) == []
    await seat.press("A", "escape")
    assert seat.table.total == 24, "first the filter is left"
    assert len(seat.screen._marked) == 3
    await seat.press("escape", "A")
    assert len(seat.screen._marked) == 24


async def a_decision_about_one_row_goes_on_to_the_next_and_is_undone(seat: SamplesSeat) -> None:
    await seat.press("colon", "3", "enter")
    await seat.pilot.press("a", "o")  # one at once after the other
    await seat.settled()
    assert seat.current == 5
    assert seat.states((3, 4)) == ["accepted", "original"]
    assert seat.workbench.path is not None
    with Workspace.read(seat.workbench.path) as workspace:
        run = workspace.latest_run()
        assert (review := workspace.reviews.standing(3))
        assert (made := workspace.outcome(run, 3))
        assert review.version == made.final
        assert (review := workspace.reviews.standing(4))
        assert review.version == workspace.sample(4).original
    await seat.press("u", "u")
    assert seat.states((3, 4)) == ["failed", "done"]
    await seat.press("colon", "7", "enter", "a")
    assert seat.toasts[-1] == "sample 7 has no outcome yet"
    assert seat.current == 7


async def what_is_decided_about_the_marked_is_one_act(seat: SamplesSeat) -> None:
    before = seat.states()
    await seat.press("A", "a")
    assert (
        seat.toasts[-1] == "accepted: 18 samples; 6 stay: no outcome yet, or decided before. u takes it back"
    )
    states = seat.states()
    assert states == ["accepted" if state in ("done", "failed") else state for state in before]
    assert "marked" not in seat.line
    await seat.press("space", "space", "o")
    assert seat.states((0, 1)) == ["original"] * 2
    await seat.press("u", "u")
    assert seat.states() == before
    await seat.press("U")
    assert seat.states() == states
    await seat.press("u")
    await seat.press("colon", "3", "enter", "o", "A", "a")
    assert "accepted: 17 samples; 7 stay: no outcome yet, or decided before" in seat.toasts[-1]
    assert seat.states((1, 3)) == ["original"] * 2
    await seat.press("u", "u")
    assert seat.states() == before


async def dropping_the_marked_or_the_one_is_an_act_that_can_be_filtered_for(seat: SamplesSeat) -> None:
    before = seat.states()
    await seat.press("colon", "7", "enter", "d")
    assert seat.states((7,)) == ["dropped"], "also one that nothing has become of yet"
    await seat.press("g", "space", "space", "d")
    assert seat.states((0, 1, 2)) == ["dropped", "dropped", before[2]]
    assert seat.toasts[-1] == "dropped: 2 samples. u takes it back"
    asked: list[int] = []

    async def regenerate(sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
        asked.append(sample)
        return Candidate(stage=stage, version=version, critique={})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seat.workbench, "regenerate", regenerate)
        await seat.press("g", "space", "space", "space", "r", "enter")
        await seat.settled()
    assert asked == [2], "of several, what was dropped is not asked about"
    assert seat.toasts[-1] == "a rewrite of one sample, to be seen in Review, without 2 that were dropped"
    await seat.press("escape", "f", *["down"] * 7, "space", "f")
    assert seat.samples == [0, 1, 7]
    assert "dropped" in seat.line
    await seat.press("escape", "u", "u")
    assert seat.states() == before


async def a_filtered_list_lets_go_of_what_was_decided(seat: SamplesSeat) -> None:
    await seat.press("f", "left", "left", "space", "f")
    assert "unreviewed" in seat.line
    total = seat.table.total
    first, second, third = seat.samples[:3]
    await seat.press("a")
    assert seat.samples[:2] == [second, third]
    assert (seat.current, seat.table.total) == (second, total - 1)
    await seat.press("u")
    assert seat.samples[:2] == [first, second]


async def an_act_on_many_can_be_stopped_and_leaves_nothing(seat: SamplesSeat) -> None:
    async def slowly(what: str, reviews: Callable[[Workspace], Sequence[object]]) -> int:
        bulk = seat.screen._bulk
        assert bulk is not None
        for _ in bulk.through(count()):
            await asyncio.sleep(0.01)
        return 24

    await seat.press("A")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seat.workbench, "decide_from", slowly)
        await seat.pilot.press("a")
        await seat.wait_for("deciding about", within="#line")
        assert "of 24" in seat.line
        await seat.pilot.press("o")
        assert "wait, or stop it" in seat.toasts[-1]
        await seat.press("escape")
        assert seat.toasts[-1] == "stopped: nothing was changed"
    assert len(seat.screen._marked) == 24


async def the_teacher_is_asked_again_one_sample_after_the_other(seat: SamplesSeat) -> None:
    asked: list[tuple[int, Stage, str]] = []
    answering = asyncio.Event()

    async def regenerate(sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
        asked.append((sample, stage, remark))
        if sample == 2 and not answering.is_set():
            await answering.wait()
        if sample == 1:
            raise UnusableReply(Fault.EMPTY, "the reply has no text")
        return Candidate(stage=stage, version=version, critique={})

    async def refuse(*_: object) -> Candidate:
        raise BurnishError("ollama is not running; start it with `ollama serve`")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seat.workbench, "regenerate", regenerate)
        await seat.press("r", *"oad", "escape")
        assert (asked, seat.states((0,))) == ([], ["accepted"]), (
            "a remark that is left asks nothing, and decides nothing"
        )
        await seat.pilot.press("space", "space", "space", "r")
        assert seat.screen.remark.input.value == "oad", "what was left stands there again"
        await seat.pilot.press("ctrl+u", *" Be brief", "enter")
        await seat.wait_for("asking the teacher again about 3 of 3, 1 failed", within="#line")
        await seat.pilot.press("r", *"More", "enter")
        assert seat.toasts[-1] == "asked when the rewrites before have come"
        await seat.pilot.press("r", *"never", "escape")
        assert "about 3 of 3" in seat.line, "the remark was left, and not the asking"
        seat.screen.remark.close()
        answering.set()
        await seat.settled()
        await seat.settled()
        assert asked == [(n, Stage.INSTRUCTION, remark) for remark in ("Be brief", "More") for n in range(3)]
        assert seat.toasts[-1] == (
            "rewrites of 2 samples, to be seen in Review; 1 gave nothing usable (sample 1: the reply has no text)"
        )
        assert "asking" not in seat.line
        answering.clear()
        await seat.pilot.press("r", "enter")
        await seat.wait_for("about 3 of 3", within="#line")
        await seat.pilot.press("r", *"Later", "enter")
        asked.clear()
        await seat.press("escape")
        await seat.settled()
        assert asked == [], "what waited is not asked either"
        assert seat.toasts[-1].startswith(
            "a rewrite of one sample, to be seen in Review, stopped before the other 1;"
        )
        assert len(seat.screen._marked) == 3
        patch.setattr(seat.workbench, "regenerate", refuse)
        await seat.press("r")
        assert seat.screen.remark.input.value == "Later", "so does what came to nothing"
        await seat.press("enter")
        assert "ollama is not running; start it with `ollama serve`" in seat.toasts
        await seat.press("r")
        assert seat.screen.remark.input.value == "Later"
        await seat.press("escape")


async def what_a_run_finishes_is_seen(seat: SamplesSeat) -> None:
    workspace = seat.workbench._workspace
    assert workspace is not None
    state = seat.table.row(7)
    assert state is not None
    assert state.state == "waiting"
    made = outcome_of_kind(workspace.sample(7), "replaced")
    assert made is not None
    assert seat.workbench.run is not None
    workspace.keep_outcome(seat.workbench.run, made)
    seat.workbench.run_job._reported.append(Finished(made))
    for _ in range(100):
        await seat.pilot.pause(0.05)
        if seat.states([7]) == ["done"]:
            return
    raise AssertionError(seat.states([7]))


async def a_file_that_cannot_be_read_is_a_toast(seat: SamplesSeat) -> None:
    def broken(*_: object) -> None:
        raise WorkspaceError("w.burnish: disk I/O error; check the disk")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SampleList, "window", broken)
        seat.app.post_changed()
        await seat.settled()
        assert seat.toasts[-1] == "w.burnish: disk I/O error; check the disk"
        await seat.press("s", "j", "f", "space", "N")


@pytest.mark.long
def test_what_is_done_to_samples(tmp_path: Path) -> None:
    SamplesSeat(scene(tmp_path)).visit(
        marks_stay_with_their_samples,
        a_decision_about_one_row_goes_on_to_the_next_and_is_undone,
        what_is_decided_about_the_marked_is_one_act,
        dropping_the_marked_or_the_one_is_an_act_that_can_be_filtered_for,
        a_filtered_list_lets_go_of_what_was_decided,
        an_act_on_many_can_be_stopped_and_leaves_nothing,
        the_teacher_is_asked_again_one_sample_after_the_other,
        what_a_run_finishes_is_seen,
        a_file_that_cannot_be_read_is_a_toast,
    )


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
