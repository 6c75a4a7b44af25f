"""Progress in a file or a pipe: a line when something has changed, and no line twice."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from engine.events import (
    AttemptFailed,
    Chosen,
    Event,
    Finished,
    Generated,
    Notice,
    Paused,
    PhaseStarted,
    RefinedBefore,
    ReplyGrew,
    Resumed,
    SampleAdvanced,
    Scored,
    Started,
)
from engine.pace import Stopwatch
from engine.sample import Stage, Verdict
from models.teacher import Fault
from tests.factory import choice, outcome
from tui.cli import progress

GREW = ReplyGrew(0, Stage.INSTRUCTION, "reflect", "a piece")
GENERATED = Generated(0, Stage.INSTRUCTION, "reflect", 10, 1.0)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY", -1.0)


def lines(events: list[Event]) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, markup=False, emoji=False, highlight=False)
    with progress.display(console) as shown:
        for event in events:
            shown.on_event(event)
    return out.getvalue().splitlines()


def run(count: int) -> Iterator[Event]:
    """The events of a run, of which most change nothing that a line of progress tells."""
    yield Started(count, 0, 0, (Stage.INSTRUCTION,))
    for number in range(count):
        for _ in range(100):
            yield GREW
            yield Scored(number, 7, 0.1)
        yield Finished(outcome(number))


def test_each_change_is_one_line() -> None:
    told = lines(list(run(5)))
    assert [line.split(" · ")[0] for line in told] == [
        "5 samples, 0 of them done before", *(f"{number}/5 samples" for number in range(6))
    ]  # fmt: skip


def test_a_run_taken_up_again_counts_what_was_done_before() -> None:
    before = RefinedBefore({Stage.INSTRUCTION: 3}, 2, 1, 1, {"cut": 1})
    taken = Chosen(4, choice(Stage.INSTRUCTION, Verdict.REPLACED))
    refused = AttemptFailed(4, Stage.INSTRUCTION, "reflect", 0, Fault.CUT, "cut")
    told = lines(
        [
            Started(5, 4, 1, (Stage.INSTRUCTION,)),
            before,
            refused,
            taken,
            Finished(outcome(4), input_lost=True),
        ]
    )
    assert told[0] == "5 samples, 4 of them done before"
    assert told[-1] == (
        "5/5 samples · instruction replaced 4 · near ties 2 · decided by length 1 · inputs lost 2 · failed 1"
        " · refused replies this session: cut 1"
    )


def test_a_pause_that_goes_on_is_told_once() -> None:
    paused = Paused(Fault.UNREACHABLE, "no server at 127.0.0.1; start it")
    told = lines([Started(3, 0, 0, ()), *[paused] * 300, *[GREW] * 300, Resumed(), Resumed(), paused])
    assert told == [
        "3 samples, 0 of them done before",
        "paused: no server at 127.0.0.1; start it",
        "0/3 samples",
        "going on",
        "paused: no server at 127.0.0.1; start it",
    ]


def test_a_notice_that_comes_again_and_again_is_told_once() -> None:
    assert lines([Started(3, 0, 0, ()), *[Notice("the server is busy")] * 300])[1:] == [
        "the server is busy", "0/3 samples"
    ]  # fmt: skip


def test_a_model_s_turn_tells_how_far_it_has_come() -> None:
    phase = PhaseStarted("teacher", 2)
    steps: list[Event] = [GREW, SampleAdvanced(0)]
    told = lines([Started(2, 0, 0, ()), phase, *steps * 2])
    assert told[1:] == [
        "the teacher's turn, over 2 samples",
        *(f"0/2 samples · the teacher's turn {number}/2" for number in range(3)),
    ]


def test_in_a_turn_the_time_that_is_left_is_the_turn_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stopwatch, "seconds", 90.0)
    finished = Finished(outcome(0))
    told = lines(
        [Started(9, 0, 0, ()), PhaseStarted("teacher", 4), SampleAdvanced(0), SampleAdvanced(1), finished]
    )
    assert told[-1].startswith("1/9 samples · the teacher's turn 2/4 · 01:30 left")


def test_a_reply_is_a_change() -> None:
    told = lines([Started(2, 0, 0, ()), GENERATED, GENERATED, GREW, GREW])
    assert len(told) == 1 + 2
