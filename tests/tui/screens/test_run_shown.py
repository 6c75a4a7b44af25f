"""The Run screen: what is shown of events, in a run that a test makes up, and each of its parts alone."""

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
    Finished,
    Notice,
    Paused,
    Place,
    ReplyGrew,
    Started,
    StudentOpened,
    TeacherOpened,
    TeacherQueue,
)
from engine.pace import Pace, Pulse, Stopwatch
from engine.progress import Tally
from engine.run.plan import RunSummary
from engine.sample import Choice, EqualLength, Failure, Rule, Stage, Verdict
from engine.store.distribution import PairedMedians
from models.teacher import Fault, TeacherInfo
from tests import hostile
from tests.factory import outcome
from tests.hostile import acting
from tests.running import settings
from tests.scene import scene
from tests.stand_in import StandIn, stand_in
from tests.tui.screens.run_seat import RunSeat, made
from tests.tui.seat import SIZES
from tui.screens.run.decision_log import DecisionLog, described
from tui.screens.run.result_plots import ResultPlots
from tui.screens.run.screen import RunScreen
from tui.screens.run.wording import medians, teacher_line, troubles
from tui.state.job import JobEnding
from tui.widgets.stage_bars import StageBar, cells

__all__ = ["stand_in"]

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s", "stand_in")


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
        self.end(None)
        await super().__aexit__(kind, error, trace)

    async def _for_ever(self) -> RunSummary:
        await asyncio.sleep(3600)
        raise AssertionError

    def end(self, result: RunSummary | None) -> None:
        job = self.workbench.run_job
        if job._task is not None:
            job._task.cancel()
            job._task = None
        job.ending = JobEnding(result)
        self.app.post_changed()

    def report(self, *events: Event) -> None:
        self.workbench.run_job._reported.extend(events)


def chosen(sample: int, **changes: Any) -> Chosen:
    choice = {"stage": Stage.RESPONSE, "verdict": Verdict.KEPT, "rule": Rule.SMALLER_R_IFD, "margin": -0.25}
    return Chosen(sample, Choice.model_validate(choice | changes))


@pytest.mark.whole
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


@pytest.mark.whole
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


def test_medians_go_with_a_run_and_its_end_shows_the_distribution(tmp_path: Path) -> None:
    async def work(seat: ReportedRunSeat) -> None:
        seat.report(Started(24, 0, 0, tuple(Stage)))
        await seat.wait_for("medians    IFD    0.649 → 0.663  of 17 pairs (2 as you decided)")
        run_screen = seat.screen
        assert isinstance(run_screen, RunScreen)
        assert not run_screen.query_one(ResultPlots).display
        for key, in_sight in (("f1", True), ("escape", True), ("2", False), ("3", True)):
            await seat.press(key)
            assert run_screen.in_sight is in_sight, key
        run = seat.workbench.run
        assert run is not None
        for done, sizes in ((False, (SIZES[1],)), (True, SIZES)):
            seat.end(RunSummary(run, 24, 21, 3, ()) if done else None)
            for size in sizes:
                await seat.pilot.resize_terminal(*size)
                await seat.wait_for("before · median 0.6", "unscored", "decisions")
                await seat.until(lambda: seat.screen.query_one(ResultPlots).fit)

    ReportedRunSeat(scene(tmp_path)).play(work)


def test_few_samples_have_no_median_and_words_are_left_out_whole() -> None:
    def told(width: int, pairs: int, after: float = 0.7) -> str:
        scores = {name: PairedMedians(pairs, 0, 0.6, after) for name in ("ifd", "r_ifd")}
        return "\n".join(line.plain for line in medians(scores, width, refined=True))

    assert told(200, 9) == "medians    none below 10 scored samples; so far 9"
    assert (
        "IFD    0.600 → 0.700  of 10 pairs  how little the instruction helps to say the response (the larger stays)"
        in (told(200, 10))
    )
    unlike = {"ifd": PairedMedians(3, 0, 0.6, 1.2), "r_ifd": PairedMedians(12, 0, 0.6, 0.7)}
    assert [" ".join(line.plain.split()[-3:]) for line in medians(unlike, 50, refined=True)] == [
        "of 3 pairs",
        "of 12 pairs",
    ]
    assert "1.2" not in medians(unlike, 80, refined=True)[0].plain
    assert "of 1,000 pairs  (the smaller stays)" in told(80, 1000)
    for width in range(60, 130):
        for line in told(width, 50_000).splitlines():
            assert len(line) <= width
            assert line.endswith((")", "response", "instruction", "50,000 pairs")), (width, line)
    assert "1 or more: the instruction does not help to say the response" in told(120, 10, after=1.0)
    assert "stays" not in told(120, 10, after=1.2)


def test_between_a_name_and_a_speed_there_is_a_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tally, "teacher_speed", 1_216_370.7)
    tally = Tally()
    tally.replies = 1
    for width in range(40, 140):
        told = teacher_line(tally, "a-teacher-with-a-long-name:latest" * 2, width).plain
        assert len(told) <= width
        assert "… 1,216,370.7 tokens/s"[: width - 22] in told


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

    near = chosen(49_999, near_tie=True, margin=-0.004, length_decides=True, **scores)
    whole = described(near, 5, 200).plain
    for width in range(20, 120):
        line = described(near, 5, width).plain
        assert len(line) <= max(width, len("49999  response     = kept      "))
        told = line.split()[4:]
        assert all(word in whole.split() for word in told), (width, "no number and no word is cut", line)

    equal = EqualLength(margin=0.004, scored=(9, 20))
    by_length = {"margin": -0.3, "equal_length": equal, "length_decides": True, **scores}
    assert "-0.300  r-IFD 0.900 → 0.700  ≠ length decides" in described(chosen(7, **by_length), 3, 90).plain
    at_equal = chosen(7, rule=Rule.SMALLER_R_IFD_EQUAL, near_tie=True, **by_length)
    assert "+0.004  ≈ near tie  ≠ length decides" in described(at_equal, 3, 80).plain, (
        "the margin that decided"
    )


def test_a_run_counts_near_ties_what_length_decides_and_inputs_that_are_lost() -> None:
    tally = Tally()
    tally.add(Started(3, 0, 0, tuple(Stage)))
    assert "by length" not in troubles(tally).plain + tally.counts()
    tally.add(chosen(1, length_decides=True))
    tally.add(chosen(2, length_decides=True, near_tie=True))
    assert "≈ 1 near tie  ≠ 2 decided by length" in troubles(tally).plain
    assert "near ties 1 · decided by length 2" in tally.counts()
    tally.add(Finished(outcome(1), input_lost=True))
    tally.add(Finished(outcome(2)))
    assert "≠ 2 decided by length  ∉ 1 input lost" in troubles(tally).plain
    assert "decided by length 2 · inputs lost 1" in tally.counts()


def test_no_pace_is_made_up() -> None:
    assert Pace(0, 10, 100.0).left_seconds is None
    assert Pace(5, 10, 100.0).left_seconds == pytest.approx(200)
    assert Pace(5, 10, 100.0).per_minute == pytest.approx(3)
    watch = Stopwatch()
    assert watch.seconds == 0
    pulse = Pulse()
    pulse.add(3)
    assert pulse.beats(10) == [3]
    assert StageBar("samples", 0, 0).pace is None
