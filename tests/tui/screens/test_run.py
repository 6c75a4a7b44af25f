"""The Run screen: what a run is at, whatever happens to it, and what a person can do about it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from engine.events import (
    AttemptFailed,
    Chosen,
    Event,
    Notice,
    Paused,
    Place,
    ReplyGrew,
    Started,
    StudentOpened,
    TeacherOpened,
    TeacherQueue,
)
from engine.progress import Tally
from engine.run.plan import RunSummary
from engine.run.settings import Settings
from engine.sample import Choice, EqualLength, Failure, Rule, Stage, Verdict
from models.teacher import Fault, TeacherInfo
from tests import hostile
from tests.hostile import acting
from tests.ollama.script import Answer, Chat, Refusal, Scripted, Tap
from tests.ollama.server import FakeOllama
from tests.running import SHORT, TEACHER, brief, settings, workspace
from tests.scene import scene
from tests.stand_in import StandIn, stand_in
from tests.tui.seat import SIZES, Seat
from tui.screens.run.decision_log import DecisionLog, described
from tui.screens.run.wording import troubles
from tui.widgets.stage_bars import StageBar, StageBars, cells

__all__ = ["stand_in"]

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s", "stand_in")


class RunSeat(Seat):
    async def arrive(self) -> None:
        self.app.action_go_run()
        await self.wait_for("3 Run", "samples")

    def bars(self) -> dict[str, tuple[int, int]]:
        return {bar.label: (bar.done, bar.total) for bar in self.screen.query_one(StageBars).shown}

    def keys(self) -> set[str]:
        """The screen's actions that can be done now."""
        shown = self.screen.active_bindings.values()
        return {
            binding.binding.id.removeprefix("run.")
            for binding in shown
            if binding.binding.id and binding.binding.id.startswith("run.") and binding.enabled
        }


def made(folder: Path) -> Path:
    with workspace(folder / "w.burnish", SHORT):
        return folder / "w.burnish"


def unhurried(chat: Chat) -> Scripted:
    return Answer(brief(chat), seconds=0.05)


@pytest.mark.parametrize("schedule", ["interleaved", "staged"])
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
        assert seat.bars() == {"instruction": (4, 4), "response": (4, 4), "samples": (4, 4)}
        tally = seat.workbench.run_job.tally
        assert tally.decided == 8
        for index in range(4):
            assert f"{index}  instruction" in seat.text
        assert ("replaced" in seat.text) == (sum(tally.replaced.values()) > 0)
        await seat.until(lambda: seat.keys() == set())
        assert "Q8_0" in seat.text, "which student it was"

    with FakeOllama(tap) as server:
        RunSeat(
            made(tmp_path), settings=settings(server, student={"name": "demo"}, run={"schedule": schedule})
        ).play(work)


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
        tap.opened.set()
        await seat.pilot.press("s")
        await seat.wait_for("✓ done", "4 of 4 samples")
        await seat.wait_for("instruction replaced", "of 4, response replaced")
        assert seat.workbench.run_job.tally.replies == 8 - 3
        assert server.asked_again() == []

    with FakeOllama(tap) as server:
        RunSeat(made(tmp_path), settings=settings(server)).play(work)


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
        await seat.wait_for("✓ done", "4 of 4 samples", "2 of them in an earlier session")
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
        seat.workbench.settings = settings("127.0.0.1:1")
        seat.app.post_changed()
        await seat.wait_for("the settings are others", "starts the run")

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
            await seat.wait_for("the settings are others", "starts the run")
            seat.workbench.settings = before
            seat.app.post_changed()
            await seat.wait_for("takes it up again: 3 samples to do")

    RunSeat(scene(tmp_path), settings=settings("127.0.0.1:1")).play(work)


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


# --- with events that are made up ------------------------------------------------------------------------------


class ReportedRunSeat(RunSeat):
    """A workbench whose run is what a test reports of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, settings=settings("127.0.0.1:1"))

    async def arrive(self) -> None:
        await super().arrive()
        self.workbench.run_job._task = asyncio.create_task(self._for_ever())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.workbench.run_job._task is not None
        self.workbench.run_job._task.cancel()
        self.workbench.run_job._task = None
        await super().__aexit__(kind, error, trace)

    async def _for_ever(self) -> RunSummary:
        await asyncio.sleep(3600)
        raise AssertionError

    def report(self, *events: Event) -> None:
        self.workbench.run_job._reported.extend(events)


def chosen(sample: int, **changes: Any) -> Chosen:
    choice = {"stage": Stage.RESPONSE, "verdict": Verdict.KEPT, "rule": Rule.SMALLER_R_IFD, "margin": -0.25}
    return Chosen(sample, Choice.model_validate(choice | changes))


def test_the_end_is_followed_only_while_the_reader_is_near_it(tmp_path: Path) -> None:
    async def work(seat: ReportedRunSeat) -> None:
        seat.report(Started(5000, 0, 0, tuple(Stage)))
        seat.report(*(chosen(number) for number in range(300)))
        await seat.wait_for("299  response")
        decisions = seat.screen.query_one(DecisionLog)
        decisions.scroll_to(y=100, animate=False, force=True)  # also before its bar is drawn
        await seat.wait_for("100  response")
        seat.report(*(chosen(number) for number in range(300, 400)))
        await seat.until(lambda: len(seat.workbench.run_job.tally.decisions) == 400)
        await seat.pilot.pause(0.2)
        assert "100  response" in seat.text
        # Of those that were kept, the first go; what is read stays where it is.
        seat.report(*(chosen(number) for number in range(400, 1050)))
        await seat.until(lambda: seat.workbench.run_job.tally.decided == 1050)
        await seat.pilot.pause(0.2)
        assert "100  response" in seat.text
        decisions.scroll_end(animate=False)
        seat.report(chosen(1050, near_tie=True, margin=0.004))
        await seat.wait_for("1050  response", "≈ near tie", "+0.004")

    ReportedRunSeat(made(tmp_path)).play(work)


def test_a_thousand_events_at_once_are_shown_at_once(tmp_path: Path) -> None:
    async def work(seat: ReportedRunSeat) -> None:
        seat.report(Started(50_000, 0, 0, tuple(Stage)))
        request = Place(7, Stage.RESPONSE, "improve")
        seat.report(TeacherQueue((request,), 3))
        for _ in range(200):
            seat.report(*(ReplyGrew(*request, "word ") for _ in range(50)), chosen(8))
        await seat.wait_for("1 in flight, 3 waiting", "a better response", "word word word", "200/50,000")

    ReportedRunSeat(made(tmp_path)).play(work)


@pytest.mark.whole
def test_hostile_names_replies_and_messages_do_not_act(tmp_path: Path) -> None:
    async def work(seat: ReportedRunSeat) -> None:
        seat.report(Started(4, 0, 0, tuple(Stage)))
        student = await StandIn(tmp_path).open()
        for number, (name, text) in enumerate(hostile.CORPUS.items()):
            await seat.pilot.resize_terminal(*SIZES[number % len(SIZES)])
            first, second = Place(1, Stage.INSTRUCTION, text[:1000]), Place(2, Stage.RESPONSE, "reflect")
            info = TeacherInfo(text, "sha256:0", None, text[:1000], 1, 4096)
            seat.report(TeacherOpened(info), StudentOpened(replace(student, name=text, quantisation=text)))
            seat.report(Notice(text), Paused(Fault.BUSY, text), AttemptFailed(*first, 0, Fault.CUT, text))
            failure = Failure(fault=Fault.BROKEN, message=text)
            seat.report(chosen(1, rule=Rule.TEACHER_FAILED, margin=None, failure=failure))
            for request, reply in ((first, text), (second, '{"' + text + '": "' + text)):
                seat.report(TeacherQueue((request,), 0), ReplyGrew(*request, reply))
                await seat.pilot.pause(0.12)
                assert not acting(seat.lines), name

    ReportedRunSeat(made(tmp_path)).play(work)


def test_a_reply_is_read_while_it_grows(tmp_path: Path) -> None:
    async def work(seat: ReportedRunSeat) -> None:
        request = Place(3, Stage.INSTRUCTION, "reflect")
        seat.report(Started(4, 0, 0, tuple(Stage)), TeacherQueue((request,), 0))
        for piece in (
            '{"a_instruction_critique": {"b_level_of_',
            'detail": "It says \\"which\\", but not ',
            "wh\\u0",
        ):
            seat.report(ReplyGrew(*request, piece))
        await seat.wait_for("sample 3", "instruction", "level of detail", 'It says "which", but not wh')
        seat.report(ReplyGrew(*request, '065n."}, "d_new_instruction": "Name '))
        await seat.wait_for("new instruction", "Name")
        other = Place(4, Stage.RESPONSE, "improve")
        seat.report(TeacherQueue((other,), 0), ReplyGrew(*other, "Plain text, as it comes."))
        await seat.wait_for("sample 4", "a better response", "Plain text, as it comes.")

    ReportedRunSeat(made(tmp_path)).play(work)


# --- in small ----------------------------------------------------------------------------------------------------


def test_a_bar_is_full_only_at_the_end_and_empty_only_at_the_beginning() -> None:
    for total in (1, 3, 200, 100_000):
        for done in {0, 1, total // 2, total - 1, total} & set(range(total + 1)):
            drawn, rest = cells(done, total, 30)
            assert len(drawn + rest) == 30
            assert ("─" not in drawn + rest and "╾" not in drawn) == (done == total), (done, total)
            assert (drawn == "") == (done == 0)
    assert cells(0, 0, 5) == ("━━━━━", "")


def test_a_decision_says_what_decided_and_never_more_than_fits() -> None:
    scores = {"before": 0.9, "after": 0.7}
    wide = described(chosen(7, near_tie=True, margin=0.004, **scores), 3, 90).plain
    assert "7  response" in wide
    assert "= kept" in wide
    assert "r-IFD 0.900 → 0.700" in wide
    assert "≈ near tie" in wide
    narrow = described(chosen(7, near_tie=True, margin=0.004, **scores), 3, 58).plain
    assert "≈ near tie" in narrow
    assert len(narrow) <= 58
    assert "unscorable" in described(chosen(7, rule=Rule.UNSCORABLE, margin=None), 3, 58).plain

    equal = EqualLength(margin=0.004, scored=(9, 20))
    by_length = {"margin": -0.3, "equal_length": equal, "length_decides": True, **scores}
    assert "-0.300  r-IFD 0.900 → 0.700  ≠ length decides" in described(chosen(7, **by_length), 3, 90).plain
    at_equal = chosen(7, rule=Rule.SMALLER_R_IFD_EQUAL, near_tie=True, **by_length)
    assert "+0.004  ≈ near tie  ≠ length decides" in described(at_equal, 3, 80).plain, (
        "the margin that decided"
    )


def test_a_run_s_end_counts_what_length_decides() -> None:
    tally = Tally()
    tally.add(Started(3, 0, 0, tuple(Stage)))
    assert "by length" not in troubles(tally).plain + tally.counts()
    tally.add(chosen(1, length_decides=True))
    tally.add(chosen(2, length_decides=True, near_tie=True))
    assert "≈ 1 near tie  ≠ 2 decided by length" in troubles(tally).plain
    assert "near ties 1 · decided by length 2" in tally.counts()


def test_no_pace_is_made_up() -> None:
    from engine.pace import Pace, Pulse, Stopwatch  # noqa: PLC0415

    assert Pace(0, 10, 100.0).left_seconds is None
    assert Pace(5, 10, 100.0).left_seconds == pytest.approx(200)
    assert Pace(5, 10, 100.0).per_minute == pytest.approx(3)
    watch = Stopwatch()
    assert watch.seconds == 0
    pulse = Pulse()
    pulse.add(3)
    assert pulse.beats(10) == [3]
    assert StageBar("samples", 0, 0).pace is None
