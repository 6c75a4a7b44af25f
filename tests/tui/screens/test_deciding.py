"""Deciding in Review: the way from decision to decision, what is said of it, and undo, which goes to its sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sample import Decision
from engine.store.sample_list import FilterTerm, SampleColumn, SampleFilter
from engine.store.workspace import Workspace
from tests.ollama.script import Tap
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, settings, workspace
from tests.scene import scene
from tests.stand_in import StandIn, stand_in
from tests.tui.screens.review_seat import (
    KEPT,
    WEIGHED,
    ReviewSeat,
    a_review,
    with_student,
)
from tests.tui.screens.samples_seat import SamplesSeat
from tests.tui.seat import Seat
from tui.messages import WorkspaceChanged
from tui.screens.leave_dialog import LeaveDialog
from tui.screens.review.dialogs import MixDialog

__all__ = ["stand_in"]

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


def test_a_decision_is_echoed_and_counted_and_leads_to_the_next_that_is_not_decided(tmp_path: Path) -> None:
    async def steps(seat: ReviewSeat) -> None:
        assert "0/24 decided" in seat.shown("#where")
        await seat.press("j", "o")
        assert seat.index == 2
        assert "1/24 decided  sample 1: kept the original" in seat.shown("#where")
        await seat.press("k", "k")
        assert seat.index == 0
        assert "sample 1" not in seat.shown("#where"), "said once"
        await seat.press("o")
        assert seat.index == 2, "sample 1 is decided"

    ReviewSeat(scene(tmp_path, reviewed=False)).play(steps)


def test_a_sample_is_dropped_and_undone(tmp_path: Path) -> None:
    async def steps(seat: ReviewSeat) -> None:
        await seat.press("d")
        assert seat.index == 1
        assert "1/24 decided  sample 0: dropped" in seat.shown("#where")
        await seat.press("k")
        assert seat.shown("#decision") == "⊗ dropped"
        await seat.press("u")
        assert seat.shown("#decision") == "? not decided"

    ReviewSeat(scene(tmp_path, reviewed=False)).play(steps)


def test_a_sample_is_gone_to_by_its_number_and_what_is_typed_for_that_acts_on_nothing_else(
    tmp_path: Path,
) -> None:
    async def steps(seat: ReviewSeat) -> None:
        await seat.press("colon", *"17", "enter")
        assert seat.index == 17
        await seat.press("colon", *"a240", "enter")
        assert seat.toasts[-1] == "there is no sample 240; they go from 0 to 23"
        await seat.press("colon", "3", "escape", "o")
        assert (seat.app.screen, seat.index) == (seat.screen, 18), "the line is left, and keys act again"
        assert await seat.review(17) is not None
        await seat.press("escape")
        assert seat.app.screen is not seat.screen

    ReviewSeat(scene(tmp_path, reviewed=False)).play(steps)


def test_undo_in_review_shows_the_sample_it_is_about(tmp_path: Path) -> None:
    async def steps(seat: ReviewSeat) -> None:
        await seat.press("o", "j", "j")
        assert seat.index == 3
        await seat.press("u")
        assert seat.index == 0
        assert seat.shown("#decision") == "? not decided"
        assert "undone: kept the original (sample 0)" in seat.shown("#where")
        assert not seat.toasts, "it stands on the screen"
        with_student(seat)
        await seat.press("o", "e", "M")
        seat.app.action_undo()  # as the palette does, also while one types
        await seat.settled()
        assert (seat.index, seat.screen.editing) == (1, True), "an edit is of its sample"
        assert seat.toasts[-1] == "undone: kept the original (sample 0)"
        await seat.press("ctrl+s")
        edited = await seat.review(1)
        assert edited is not None
        assert edited.version.response.startswith("M")
        assert await seat.review(0) is None
        await seat.press("3", "u")
        assert seat.toasts[-1] == "undone: edited (sample 1)", "told where it is out of sight"

    ReviewSeat(scene(tmp_path, reviewed=False)).play(steps)


def test_undo_in_the_list_goes_to_the_sample_it_is_about(tmp_path: Path) -> None:
    async def steps(seat: SamplesSeat) -> None:
        await seat.press("o", "G")
        assert seat.current == 23
        await seat.press("u")
        assert seat.current == 0

    SamplesSeat(scene(tmp_path, reviewed=False)).play(steps)


@pytest.mark.whole
def test_quitting_asks_once_while_a_model_is_at_work(tmp_path: Path, stand_in: type[StandIn]) -> None:
    tap = Tap(1, brief)
    with workspace(tmp_path / "w.burnish", SHORT):
        pass

    async def steps(seat: Seat) -> None:
        await seat.until(lambda: seat.workbench.is_open)
        seat.workbench.settings = settings(server.url)
        running = seat.app.run_worker(seat.workbench.refine())
        await seat.until(lambda: server.chats)
        await seat.press("ctrl+q")
        await seat.until(lambda: isinstance(seat.app.screen, LeaveDialog))
        await seat.press("escape")
        await seat.until(lambda: not isinstance(seat.app.screen, LeaveDialog))
        assert seat.workbench.run_job.running
        await seat.press("ctrl+q", "ctrl+q")
        await seat.until(lambda: seat.app.unfinished is not None)
        running.cancel()

    with FakeOllama(tap) as server:
        Seat(tmp_path / "w.burnish").play(steps)
        tap.opened.set()


def test_quitting_asks_nothing_while_nothing_is_at_work(tmp_path: Path) -> None:
    async def steps(seat: SamplesSeat) -> None:
        await seat.pilot.press("ctrl+q")
        assert seat.app.unfinished is None
        assert seat.app._exit

    SamplesSeat(scene(tmp_path)).play(steps)


def test_a_decision_is_saved_at_once_and_leads_to_the_next_sample(tmp_path: Path) -> None:
    path = scene(tmp_path, reviewed=False)

    async def claims(seat: ReviewSeat) -> None:
        given = with_student(seat)
        await seat.press("a")
        assert seat.index == 1
        with Workspace.read(path) as other:
            taken = other.reviews.standing(0)
            assert taken is not None
            assert taken.decision is Decision.ACCEPTED
            run = other.latest_run()
            assert run is not None
            outcome = other.outcome(run, 0)
            assert outcome is not None
            assert taken.version == outcome.final
        await seat.press("t")
        chosen = await seat.review(1)
        assert chosen is not None
        assert (chosen.decision, chosen.scores) == (Decision.CHOSEN, WEIGHED), "turned down, and yet taken"
        assert chosen.version.response.endswith("keep going.")
        assert given == [chosen.version]
        await seat.press("o")
        kept = await seat.review(2)
        assert kept is not None
        assert kept.decision is Decision.ORIGINAL
        assert seat.index == 3
        await seat.press("k")
        assert seat.shown("#decision") == "○ original kept"
        await seat.press("x")
        assert await seat.review(2) is None
        assert seat.shown("#decision") == "? not decided"
        await seat.press("x")
        assert "nothing was decided" in seat.toasts[-1]
        await seat.press("u", "u")
        assert await seat.review(2) is None
        assert seat.shown("#decision") == "? not decided", "taken back, and then the decision itself undone"
        await seat.press("U")
        assert seat.shown("#decision") == "○ original kept"
        await seat.go_to(23)
        await seat.press("o")
        assert seat.index == 23
        assert "the last sample of the list: n goes to one nobody has decided on" in seat.toasts[-1]

    ReviewSeat(path).play(claims)


def test_keys_that_come_too_soon_decide_nothing_that_was_not_seen(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        seat.screen.action_accept()
        seat.screen.action_accept()
        await seat.settled()
        assert seat.index == 1
        assert await seat.review(1) is None

    ReviewSeat(scene(tmp_path, reviewed=False)).play(claims)


@pytest.mark.whole
def test_leafing_goes_as_far_as_it_was_asked_to(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        for _ in range(9):
            seat.screen.action_next()
        seat.screen.action_previous()
        await seat.settled()
        assert seat.index == 8
        await seat.press("j")
        assert seat.index == 9
        await seat.press("n")
        assert seat.index == 10, "the next that is refined and not decided on"
        await seat.press("N")
        assert seat.index == 12, "its input is lost"
        await seat.press("N")
        assert seat.index == 18, "a near tie"
        await seat.go_to(0)
        await seat.press("k")
        assert "the first sample" in seat.toasts[-1]

    ReviewSeat(scene(tmp_path)).play(claims)


@pytest.mark.whole
def test_the_next_sample_is_the_next_of_the_list_though_this_one_leaves_it(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        reader, undecided = seat.workbench.reader, SampleFilter(marks=frozenset({FilterTerm.UNREVIEWED}))
        await reader.arrange(SampleColumn.NUMBER, descending=True, only=undecided)
        await seat.go_to(18)
        place = seat.shown("#where")
        assert " of 18" in place
        await seat.workbench.decide("elsewhere", [(18, await a_review(seat, 18))])
        await reader.arrange(SampleColumn.NUMBER, descending=True, only=undecided)
        seat.screen.post_message(WorkspaceChanged())
        await seat.settled()
        assert (seat.index, "left out of the list" in seat.shown("#where")) == (18, True)
        await seat.press("j")
        assert seat.index == 17
        await seat.press("k")
        assert seat.index == 19

    ReviewSeat(scene(tmp_path)).play(claims)


@pytest.mark.whole
def test_a_mix_takes_a_half_of_each_side_and_stays_to_show_its_numbers(tmp_path: Path) -> None:
    async def claims(seat: ReviewSeat) -> None:
        given = with_student(seat)
        await seat.press("m")
        assert isinstance(seat.app.screen, MixDialog)
        await seat.pilot.press("escape")
        await seat.settled()
        assert await seat.review(0) is None
        await seat.press("m")
        await seat.pilot.press("enter")
        await seat.settled()
        mixed = await seat.review(0)
        assert mixed is not None
        original = (await a_review(seat, 0)).version
        assert mixed.version.instruction == original.instruction
        assert mixed.version.response.endswith("keep going.")
        assert (mixed.decision, mixed.scores) == (Decision.CHOSEN, WEIGHED)
        assert given == [mixed.version]
        assert (seat.index, "Your mix" in seat.head) == (0, True)
        assert "0.8000" in seat.numbers
        await seat.go_to(KEPT)
        await seat.press("comma", "comma", "m")
        assert "both sides are the same" in seat.toasts[-1]

    ReviewSeat(scene(tmp_path, reviewed=False)).play(claims)
