"""What a judge finds of the arms' answers is said as far as its verdicts carry it."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from engine.judge.prompt import Result
from engine.trial.judged import ArmVerdicts, verdicts
from engine.trial.kept import kept_trial
from engine.trial.results import Finding
from tests.trial_scene import judged, judged_scene, trial_scene
from tui.text.trial_answers import print_judged


def found(results: Sequence[Result], a_row: int = 1) -> ArmVerdicts:
    """The verdicts on samples of which so many are of a row."""
    verdicts_ = [(number, judged(result, number)) for number, result in enumerate(results)]
    return verdicts(verdicts_, same=1, rows={number: number // a_row for number in range(len(results))})


WIN, TIE, LOSE, INVALID = Result.WIN, Result.TIE, Result.LOSE, Result.INVALID


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([WIN] * 16 + [LOSE] * 4, Finding.BETTER),
        ([LOSE] * 16 + [WIN] * 4 + [TIE] * 9, Finding.WORSE),
        ([WIN] * 11 + [LOSE] * 9, Finding.NOTHING),
        ([WIN] * 9 + [TIE] * 40, Finding.TOO_FEW),
        ([WIN] * 9 + [INVALID] * 9, Finding.TOO_FEW),
        ([WIN] * 12, Finding.BETTER),
        ([LOSE] * 12 + [INVALID], Finding.WORSE),
        ([INVALID] * 3, Finding.TOO_FEW),
        ([], Finding.TOO_FEW),
    ],
)
def test_no_more_is_said_than_the_interval_carries_and_nothing_of_fewer_than_ten_decided_pairs(
    results: list[Result], said: Finding
) -> None:
    assert found(results).finding is said


def test_the_interval_is_over_rows() -> None:
    results = ([WIN] * 4 + [LOSE] * 4) * 5 + [WIN] * 8
    alone, together = found(results), found(results, a_row=4)
    assert alone.results.counts == together.results.counts
    assert (alone.rows, together.rows) == (48, 12)
    (low, high), (wider_low, wider_high) = (
        alone.results.interval or (0, 0),
        together.results.interval or (0, 0),
    )
    assert low < 1 + 8 / 48 < high
    assert wider_low < low < high < wider_high
    assert found([WIN] * 30 + [LOSE], a_row=4).finding is Finding.TOO_FEW, "of eight rows"


def test_where_length_decided_that_is_told() -> None:
    won = [judged(WIN, number, (8, 40)) for number in range(20)]
    even = [judged((WIN, LOSE)[number % 2], number) for number in range(20, 40)]
    length = verdicts(list(enumerate(won + even)), 0, {n: n for n in range(40)}).results.length
    assert (length.longer_won, length.decided) == (20, 20)
    assert (length.equal.wins, length.equal.losses, length.explained) == (10, 10, 1.0)


def test_it_is_kept_with_the_trial_and_told_in_tables_and_a_sentence_for_each_arm(tmp_path: Path) -> None:
    folder = trial_scene(tmp_path / "w.burnish")
    before = kept_trial(folder)
    assert before is not None
    assert before.judged is None
    found_ = judged_scene(folder, unanswered=2)
    kept = kept_trial(folder, before)
    assert kept is not None
    assert kept.judged == found_
    print_judged(Console(file=(out := StringIO()), width=80), found_)
    told = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    for line in (
        "refined 22 88.5 372 0",
        "no answer 2 of refined: what they ask fills the student's context, or llama.cpp fails at it",
        "refined original 24 17 4 3 1.583 1.292 to 1.833",
        "original no difference shown between its answers and base's",
        "refined better: the judge prefers its answers to original's; beside base's: better",
        "longest too little to tell its answers from original's: 5 decided pairs in 24 rows, and it takes 10 in "
        "10; beside base's: too little to tell",
        "length refined beside original: the longer answer won 12 of 12 decided pairs; 71% of the advantage is "
        "gone where lengths are equal (0.8 to 1.25); of 12 pairs of about equal length it won 5 and lost 3",
    ):
        assert line in told
