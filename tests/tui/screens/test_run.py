"""The Run screen: what a run is at, whatever happens to it, and what a person can do about it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.run.settings import Settings
from tests.ollama.script import Answer, Chat, Refusal, Scripted, Tap
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, TEACHER, brief, settings, workspace
from tests.scene import scene
from tests.stand_in import StandIn, stand_in
from tests.tui.screens.run_seat import RunSeat, made
from tests.tui.seat import SIZES
from tui.screens.run.decision_log import DecisionLog
from tui.screens.run.result_plots import ResultPlots

__all__ = ["stand_in"]

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s", "stand_in")


def unhurried(chat: Chat) -> Scripted:
    return Answer(brief(chat), seconds=0.05)


@in_part("schedule", ["interleaved", "staged"])
def test_a_whole_run_from_what_would_be_run_to_what_to_do_next(
    tmp_path: Path, stand_in: type[StandIn], schedule: str
) -> None:
    stand_in.scoring = 0.2
    tap = Tap(1, unhurried)

    async def work(seat: RunSeat) -> None:
        await seat.wait_for(
            "Ready to run", TEACHER, "the student chooses", "vicuna", schedule, "0 of 4 samples"
        )
        assert seat.keys() == {"begin"}
        turns: set[str] = set()
        await seat.pilot.press("s")
        await seat.wait_for("running", "in flight", "tokens/s")
        assert seat.keys() == {"hold", "cancel"}
        assert set(seat.bars()) >= {"instruction", "response", "samples"}
        tap.opened.set()

        def done() -> bool:
            turns.update(label for label in seat.bars() if label.endswith("turn"))
            return not seat.workbench.run_job.running

        await seat.until(done)
        assert turns == ({"teacher's turn", "student's turn"} if schedule == "staged" else set())
        await seat.wait_for("✓ done", "4 of 4 samples", "8 replies", "writes the refined dataset")
        await seat.wait_for("none below 10 scored samples")
        assert not seat.screen.query_one(ResultPlots).display
        assert seat.toasts == [], "its own line says that it is done"
        assert seat.bars() == {"instruction": (4, 4), "response": (4, 4), "samples": (4, 4)}
        tally = seat.workbench.run_job.tally
        assert tally.decided == 8
        for index in range(4):
            assert f"{index}  instruction" in seat.text
        assert ("replaced" in seat.text) == (sum(tally.replaced.values()) > 0)
        await seat.until(lambda: seat.keys() == set())
        assert "Q8_0" in seat.text, "which student it was"
        log = seat.screen.query_one(DecisionLog)
        await seat.press("G", "up", "enter")
        shown = log.current
        await seat.wait_for(f"Sample {shown}")
        await seat.press("escape", "3")
        await seat.wait_for("✓ done")
        await seat.pilot.click(DecisionLog, offset=(6, 1), times=2)
        await seat.until(lambda: log.current != shown)
        await seat.wait_for(f"Sample {log.current}")

    with FakeOllama(tap) as server:
        RunSeat(
            made(tmp_path), settings=settings(server, student={"name": "demo"}, run={"schedule": schedule})
        ).play(work)


@pytest.mark.whole
def test_held_it_says_so_and_goes_on_at_a_key(tmp_path: Path) -> None:
    tap = Tap(2, unhurried)

    async def work(seat: RunSeat) -> None:
        await seat.pilot.press("s")
        await seat.until(lambda: seat.workbench.run_job.tally.replies == 2)
        await seat.wait_for("1 in flight")
        await seat.pilot.press("space")
        tap.opened.set()
        await seat.wait_for("‖ held", "space lets it go on", "nothing just now")
        await seat.until(lambda: seat.workbench.run_job.tally.replies == 3)
        asked = len(server.chats)
        assert seat.workbench.run_job.tally.replies == asked == 3, "what was under way is kept"
        await seat.pilot.pause(0.5)
        assert len(server.chats) == asked < 8
        await seat.pilot.press("space")
        await seat.wait_for("✓ done")

    with FakeOllama(tap) as server:
        RunSeat(made(tmp_path), settings=settings(server)).play(work)


@pytest.mark.whole
def test_a_run_whose_first_samples_all_fail_is_held_with_what_to_try_and_goes_on_at_a_key(
    tmp_path: Path,
) -> None:
    rows = [{**SHORT[0], "instruction": f"Name a fruit that begins with {letter}."} for letter in "abcdefg"]

    async def work(seat: RunSeat) -> None:
        await seat.pilot.press("s")
        for size in SIZES:
            await seat.pilot.resize_terminal(*size)
            await seat.wait_for(
                "held: ", "first 5 samples all failed (unparsable)", "--reply-form markers", "‖ held"
            )
        assert "It is [/]" in seat.text.replace("\n", " ")
        assert seat.workbench.run_job.tally.done < len(rows)
        await seat.pilot.press("space")
        await seat.wait_for("✓ done", "7 of 7 samples")
        assert "held: " not in seat.text

    with workspace(tmp_path / "w.burnish", rows):
        pass
    with FakeOllama(lambda chat: "It is [/] fine as it is.") as server:
        RunSeat(tmp_path / "w.burnish", settings=settings(server)).play(work)


def test_stopped_and_taken_up_again_asks_nothing_twice(tmp_path: Path) -> None:
    tap = Tap(3, unhurried)

    async def work(seat: RunSeat) -> None:
        await seat.pilot.press("s", "s")  # one run, however hasty
        await seat.until(lambda: seat.workbench.run_job.tally.replies == 3)
        await seat.pilot.press("c")
        await seat.wait_for("■ stopped", "nothing that was answered will be asked again", "takes it up again")
        assert seat.keys() == {"begin"}
        assert not any("stopped" in toast for toast in seat.toasts), "its own line says so"
        await seat.pilot.press("s", "2")
        tap.opened.set()
        await seat.until(lambda: "done: 4 of 4 samples, 0 failed" in seat.toasts)
        await seat.pilot.press("3")
        await seat.wait_for("✓ done", "4 of 4 samples")
        await seat.wait_for("instruction replaced", "of 4, response replaced")
        assert seat.workbench.run_job.tally.replies == 8 - 3
        assert server.asked_again() == []

    with FakeOllama(tap) as server:
        RunSeat(made(tmp_path), settings=settings(server)).play(work)


@pytest.mark.whole
def test_a_run_over_the_first_few_that_was_stopped_is_taken_up_over_these(tmp_path: Path) -> None:
    tap = Tap(1, unhurried)

    async def work(seat: RunSeat) -> None:
        run = asyncio.create_task(seat.workbench.refine(limit=2))
        await seat.wait_for("in flight")
        await seat.pilot.press("c")
        await run
        await seat.wait_for("■ stopped")
        tap.opened.set()
        await seat.pilot.press("s")
        await seat.wait_for("✓ done", "2 of 2 samples")
        await seat.until(lambda: seat.keys() == {"begin"})
        await seat.wait_for("2 samples to do")
        await seat.pilot.press("s")
        await seat.wait_for("✓ done", "4 of 4 samples", "this session 2 samples in", "2 done before")
        await seat.wait_for("of 4, response replaced")

    with FakeOllama(tap) as server:
        RunSeat(made(tmp_path), settings=settings(server)).play(work)


def test_a_server_that_goes_away_is_a_banner_until_it_is_back_and_the_run_goes_on_by_itself(
    tmp_path: Path,
) -> None:
    tap = Tap(2, unhurried)
    first = FakeOllama(tap)
    port = int(first.url.rpartition(":")[2])
    back: list[FakeOllama] = []

    async def work(seat: RunSeat) -> None:
        await seat.pilot.press("s")
        await seat.until(lambda: seat.workbench.run_job.tally.replies == 2)
        await asyncio.to_thread(first.close)
        tap.opened.set()
        await seat.wait_for("waiting:", "ollama serve", "goes on by itself", "waiting for Ollama")
        assert seat.keys() == {"hold", "cancel"}
        for size in SIZES:
            await seat.pilot.resize_terminal(*size)
            await seat.wait_for("waiting:", "ollama serve")
        back.append(FakeOllama(brief, port=port).__enter__())
        await seat.until(lambda: "waiting:" not in seat.text)
        await seat.wait_for("✓ done", "4 of 4 samples")
        assert seat.workbench.run_job.tally.failed == 0

    with first:
        try:
            RunSeat(made(tmp_path), settings=settings(first)).play(work)
        finally:
            for server in back:
                server.close()


@pytest.mark.whole
def test_failures_show_by_kind_and_are_tried_again_at_a_key(tmp_path: Path) -> None:
    broken = True

    def script(chat: Chat) -> Scripted:
        if not broken:
            return brief(chat)
        if "fruit" in chat.prompt:
            return "not json"
        return (
            Refusal(400, "input length exceeds the context length")
            if "two plus" in chat.prompt
            else brief(chat)
        )

    async def work(seat: RunSeat) -> None:
        nonlocal broken
        await seat.pilot.press("s")
        await seat.wait_for(
            "✓ done", "✗ 2 samples", "unparsable 2", "too-long 2", "refused replies: unparsable 6"
        )
        assert "0  instruction  ✗ failed    unparsable" in seat.text
        await seat.until(lambda: seat.keys() == {"retry"})
        broken = False
        await seat.pilot.press("r")
        await seat.until(lambda: seat.keys() == set() and "failures   none" in seat.text)
        assert seat.workbench.run_job.tally.failed == 0
        assert server.asked_again() == []

    with FakeOllama(script) as server:
        RunSeat(made(tmp_path), settings=settings(server)).play(work)


def test_a_run_that_cannot_go_on_says_why_and_can_be_started_again(tmp_path: Path) -> None:
    async def work(seat: RunSeat) -> None:
        await seat.pilot.press("s")
        await seat.wait_for("✗ ended before it was done", "no student", "starts the run")
        assert seat.toasts == [], "the banner says why"
        assert seat.keys() == {"begin"}

    with FakeOllama(brief) as server:
        given = settings(server).model_copy(update={"student": Settings().student})
        RunSeat(made(tmp_path), settings=given).play(work)


def test_a_workspace_that_was_begun_says_what_is_done_and_what_failed(tmp_path: Path) -> None:
    async def work(seat: RunSeat) -> None:
        await seat.wait_for(
            "A run to be taken up again", "qwen3:8b", "21 of 24 samples", "✗ 3 failed (unparsable 3)"
        )
        await seat.wait_for("takes it up again: 3 samples to do", "tries the failed again")
        assert seat.keys() == {"begin", "retry"}
        await seat.workbench.decide_from("dropped", lambda opened: opened.reviews.dropping((3, 7)))
        seat.app.post_changed()
        await seat.wait_for("20 of 22 samples", "✗ 2 failed (unparsable 2)", "2 dropped, in no run")
        await seat.wait_for("takes it up again: 2 samples to do")
        seat.workbench.settings = settings("127.0.0.1:1")
        seat.app.post_changed()
        await seat.wait_for("these settings differ", "starts the run")

    RunSeat(scene(tmp_path), settings=settings("127.0.0.1:1")).play(work)


def test_every_setting_that_changes_an_outcome_makes_another_run(tmp_path: Path) -> None:
    async def work(seat: RunSeat) -> None:
        await seat.wait_for("21 of 24 samples")
        before = seat.workbench.settings
        for group, name, value in (
            ("teacher", "think", True),
            ("teacher", "context", 4096),
            ("run", "both_branches", True),
            ("run", "near_tie", 0.5),
        ):
            changed = getattr(before, group).model_copy(update={name: value})
            seat.workbench.settings = before.model_copy(update={group: changed})
            seat.app.post_changed()
            await seat.wait_for("these settings differ", "starts the run")
            seat.workbench.settings = before
            seat.app.post_changed()
            await seat.wait_for("takes it up again: 3 samples to do")

    RunSeat(scene(tmp_path), settings=settings("127.0.0.1:1")).play(work)


@pytest.mark.whole
def test_the_rest_of_the_app_works_while_it_runs(tmp_path: Path) -> None:
    tap = Tap(3, unhurried)

    async def work(seat: RunSeat) -> None:
        await seat.pilot.press("s")
        await seat.wait_for("in flight")
        for name in ("samples", "distribution", "export", "start", "run"):
            getattr(seat.app, f"action_go_{name}")()
            await seat.pilot.pause(0.1)
        tap.opened.set()
        await seat.wait_for("✓ done", "4 of 4 samples")
        await seat.until(lambda: seat.workbench.run_job.tally.decided == 8)

    with FakeOllama(tap) as server:
        RunSeat(made(tmp_path), settings=settings(server)).play(work)


@pytest.mark.whole
def test_it_looks_right_at_every_size_and_when_the_size_changes(tmp_path: Path) -> None:
    tap = Tap(3, unhurried)

    async def work(seat: RunSeat) -> None:
        for size in (*SIZES, (40, 12), (8, 4), SIZES[0]):
            await seat.pilot.resize_terminal(*size)
            await seat.pilot.pause(0.1)
        await seat.pilot.press("s")
        await seat.wait_for("in flight")
        for size in (*SIZES, (40, 12), (8, 4), *SIZES):
            await seat.pilot.resize_terminal(*size)
            await seat.pilot.pause(0.1)
        for words in ("instruction", "teacher", "student", "decisions", "failures"):
            assert words in seat.text
        tap.opened.set()
        await seat.wait_for("✓ done")

    with FakeOllama(tap) as server:
        RunSeat(made(tmp_path), settings=settings(server)).play(work)
