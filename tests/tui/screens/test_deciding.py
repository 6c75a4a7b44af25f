"""Deciding in Review: the way from decision to decision, what is said of it, and undo, which goes to its sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ollama.script import Tap
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, settings, workspace
from tests.scene import scene
from tests.stand_in import StandIn, stand_in
from tests.tui.screens.review_seat import ReviewSeat
from tests.tui.screens.samples_seat import SamplesSeat
from tests.tui.seat import Seat
from tui.screens.leave_dialog import LeaveDialog

__all__ = ["stand_in"]

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


def test_a_decision_is_echoed_and_counted_and_leads_to_the_next_that_is_not_decided(tmp_path: Path) -> None:
    async def steps(seat: ReviewSeat) -> None:
        assert "0 of 24 decided" in seat.shown("#where")
        await seat.press("j", "o")
        assert seat.index == 2
        assert "1 of 24 decided  sample 1: kept the original" in seat.shown("#where")
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
        assert "1 of 24 decided  sample 0: dropped" in seat.shown("#where")
        await seat.press("k")
        assert seat.shown("#decision") == "⊗ dropped"
        await seat.press("u")
        assert seat.shown("#decision") == "? not decided"

    ReviewSeat(scene(tmp_path, reviewed=False)).play(steps)


def test_undo_in_review_shows_the_sample_it_is_about(tmp_path: Path) -> None:
    async def steps(seat: ReviewSeat) -> None:
        await seat.press("o", "j", "j")
        assert seat.index == 3
        await seat.press("u")
        assert seat.index == 0
        assert seat.shown("#decision") == "? not decided"
        assert seat.toasts[-1] == "undone: kept the original (sample 0)"

    ReviewSeat(scene(tmp_path, reviewed=False)).play(steps)


def test_undo_in_the_list_goes_to_the_sample_it_is_about(tmp_path: Path) -> None:
    async def steps(seat: SamplesSeat) -> None:
        await seat.press("o", "G")
        assert seat.current == 23
        await seat.press("u")
        assert seat.current == 0

    SamplesSeat(scene(tmp_path, reviewed=False)).play(steps)


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
