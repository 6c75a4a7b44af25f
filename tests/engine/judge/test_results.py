"""Verdicts are counted as by hand, and the interval is the one scipy finds."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import bootstrap

from engine.judge.prompt import Judged, Opinion, Pair, StudentChoice
from engine.judge.results import CONFIDENCE, ENOUGH, RESAMPLES, Counts, Results, interval, results
from engine.sample import Failure, Stage, Verdict, Version
from models.teacher import Fault
from tests.factory import opinion, pair

Judge = Callable[[str, str], tuple[int, int]]
"""Scores for what is shown first and what second."""


def judged_by(judge: Judge, pair: Pair) -> Judged:
    """A pair that was shown to a judge in both orders."""

    def in_order(first: Version, second: Version) -> Opinion:
        return opinion(*judge(first.response, second.response))

    return Judged(pair=pair, forward=in_order(pair.a, pair.b), swapped=in_order(pair.b, pair.a))


def come_to(judge: Judge, *pairs: Pair) -> Results:
    return results(enumerate(judged_by(judge, one) for one in pairs))


def first_place(_first: str, _second: str) -> tuple[int, int]:
    return 9, 4


def second_place(_first: str, _second: str) -> tuple[int, int]:
    return 4, 9


def longer(first: str, second: str) -> tuple[int, int]:
    return (5, 5) if len(first) == len(second) else (8, 3) if len(first) > len(second) else (3, 8)


def letters(first: str, second: str) -> tuple[int, int]:
    """The later in the alphabet the better; one step is a tie."""
    steps = ord(second[0]) - ord(first[0])
    return (5, 5) if abs(steps) < 2 else (4, 6) if steps > 0 else (6, 4)


# Score and interval


def test_the_score_is_the_papers() -> None:
    assert Counts.of(5, 3, 2).score == pytest.approx((5 - 2) / 10 + 1)
    assert (Counts.of(4, 0, 0).score, Counts.of(0, 4, 0).score, Counts.of(0, 0, 4).score) == (2, 1, 0)
    assert Counts.of(0, 0, 0).score is None
    found = come_to(letters, pair("a", "c"), pair("a", "d"), pair("a", "b"), pair("d", "a"))
    assert found.counts == Counts.of(2, 1, 1)
    assert found.mean_scores == ((4 + 4 + 5 + 6) / 4, (6 + 6 + 5 + 4) / 4)


@pytest.mark.parametrize("counts", [(25, 9, 6), (3, 1, 8), (140, 60, 100), (10, 180, 10)])
def test_the_interval_is_the_one_scipy_finds(counts: tuple[int, int, int]) -> None:
    outcomes = np.repeat([2.0, 1.0, 0.0], counts)
    theirs = bootstrap(
        (outcomes,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = interval(Counts.of(*counts))
    assert ours is not None
    # Two bootstraps of the same draw differ by chance: by some hundredths of the interval's width.
    assert ours == pytest.approx(tuple(theirs), abs=0.06 * (theirs.high - theirs.low) + 1 / len(outcomes))


def test_the_interval_is_the_same_every_time_and_narrower_with_more_pairs() -> None:
    assert interval(Counts.of(25, 9, 6)) == interval(Counts.of(25, 9, 6))
    few, many = interval(Counts.of(25, 9, 6)), interval(Counts.of(2500, 900, 600))
    assert few is not None
    assert many is not None
    assert few[0] < many[0] < many[1] < few[1]


@pytest.mark.parametrize("counts", [(0, 0, 0), (7, 0, 0), (9, 100, 0), (0, 50, 0), (50, 0, 0), (0, 0, 10)])
def test_there_is_no_interval_of_few_decided_pairs_and_none_that_is_a_point(
    counts: tuple[int, int, int],
) -> None:
    assert interval(Counts.of(*counts)) is None
    assert interval(Counts.of(9, 100, 1)) is not None


# Places


def test_a_judge_that_always_prefers_the_first_place_comes_out_as_all_ties_and_wholly_biased() -> None:
    pairs = [pair("a" * n, "b" * (20 - n), n) for n in range(1, 20)]
    found = come_to(first_place, *pairs)
    assert found.counts == Counts.of(0, 19, 0)
    assert found.interval is None
    assert (found.bias.changed, found.bias.toward_first, found.bias.toward_second) == (19, 19, 0)
    assert come_to(second_place, *pairs).bias.toward_second == 19
    assert come_to(letters, *pairs).bias.changed == 0


def test_a_tie_in_one_order_only_is_a_changed_verdict() -> None:
    shy = iter([(5, 5), (4, 6), (5, 5), (6, 4)])  # a pair's two orders, by turns
    found = come_to(lambda _first, _second: next(shy), pair("a", "c"), pair("a", "c"))
    assert found.counts == Counts.of(1, 0, 1)
    assert (found.bias.changed, found.bias.toward_first, found.bias.toward_second) == (2, 1, 1)


# Lengths


def test_a_judge_that_prefers_the_longer_answer_shows_in_the_length_table() -> None:
    dice = random.Random(1)
    lengths = [(dice.randint(20, 100), dice.randint(30, 160)) for _ in range(400)]
    found = come_to(longer, *(pair("a" * a, "b" * b) for a, b in lengths))
    assert found.counts.score is not None
    assert found.counts.score > 1.5
    scores = [bin.counts.score for bin in found.length.bins]
    assert (scores[0], scores[1], scores[3], scores[4]) == (0, 0, 2, 2)
    assert (found.length.longer_won, found.length.decided) == (
        *(sum(a != b for a, b in lengths),) * 2,
    )  # fmt: skip
    assert sum(bin.counts.total for bin in found.length.bins) == len(lengths)
    assert found.length.explained is not None
    assert 0.5 < found.length.explained < 1.5, "about all of it is gone where lengths are equal"


def test_of_a_judge_that_does_not_look_at_the_length_nothing_is_explained_by_it() -> None:
    dice = random.Random(2)
    pairs = [pair("a" * dice.randint(20, 80), "z" * dice.randint(20, 80)) for _ in range(200)]
    found = come_to(letters, *pairs)
    assert found.counts == Counts.of(200, 0, 0)
    assert found.length.explained == 0
    assert 0.3 < found.length.longer_won / found.length.decided < 0.7


def test_an_advantage_that_is_none_or_has_no_pairs_of_equal_length_is_not_explained() -> None:
    assert come_to(letters, *[pair("a", "b")] * 50).length.explained is None
    far = [pair("a", "z" * 9)] * 50
    assert come_to(letters, *far, *[pair("a", "z")] * (ENOUGH - 1)).length.explained is None
    assert come_to(letters, *far, *[pair("a", "z")] * ENOUGH).length.explained == 0


@pytest.mark.parametrize(
    ("a", "b", "bin"), [(10, 4, 0), (10, 5, 1), (10, 8, 2), (10, 12, 2), (8, 10, 3), (5, 10, 4), (0, 1, 4), (0, 0, 2)]
)  # fmt: skip
def test_a_bin_holds_its_lower_edge_and_an_empty_answer_is_shorter_than_any(a: int, b: int, bin: int) -> None:
    found = come_to(lambda _first, _second: (5, 5), pair("a" * a, "b" * b))
    assert [n for n, one in enumerate(found.length.bins) if one.counts.total] == [bin]


# Invalid pairs, and pairs that only the student chose between


def test_a_pair_without_a_verdict_is_counted_by_its_fault_and_nowhere_else() -> None:
    fault = Failure(fault=Fault.UNPARSABLE, message="why")
    lost = [
        Judged(pair=pair("a", "c"), forward=None, swapped=None, failure=fault),
        Judged(
            pair=pair("a", "c", 1, CHOICE),
            forward=opinion(1, 9),
            swapped=None,
            failure=fault,
        ),
        Judged(pair=pair("a", "c", compared=False), forward=None, swapped=None, failure=fault),
    ]
    whole = judged_by(letters, pair("a", "c"))
    found = results(enumerate([*lost, whole]))
    assert found.counts == Counts.of(1, 0, 0)
    assert (found.invalid, found.faults) == (2, {"unparsable": 3})
    assert sum(bin.counts.total for bin in found.length.bins) == 1
    assert (found.student, found.disagreements) == ((), ())


def test_nothing_judged_is_nothing_and_no_error() -> None:
    found = results([])
    assert (found.counts, found.interval, found.mean_scores) == (Counts.of(0, 0, 0), None, None)


# The student

CHOICE = StudentChoice(stage=Stage.RESPONSE, verdict=Verdict.REPLACED, margin=0.3)


def choice(stage: Stage, margin: float | None) -> StudentChoice:
    replaced = margin is not None and margin > 0
    return StudentChoice(stage=stage, verdict=Verdict.REPLACED if replaced else Verdict.KEPT, margin=margin)


def test_the_judge_meets_the_student_by_stage_verdict_and_margin() -> None:
    first, second = Stage.INSTRUCTION, Stage.RESPONSE
    pairs = [
        pair("a", "z", 0, choice(second, 0.3)),  # both prefer the rewrite
        pair("z", "a", 1, choice(second, 0.25), compared=False),  # the judge does not
        pair("a", "z", 2, choice(second, -0.005), compared=False),  # the student does not, by a hair
        pair("a", "b", 3, choice(second, -0.005)),  # a tie is no disagreement
        pair("z", "a", 4, choice(first, None)),  # no score, so kept; the judge agrees
        pair("a", "z", 5, choice(first, 0.2), choice(second, -0.19)),  # one pair, two questions
    ]
    found = come_to(letters, *pairs)
    assert [(bin.stage, bin.verdict, bin.low, bin.high, bin.counts) for bin in found.student] == [
        (first, "replaced", 0.2, None, Counts.of(1, 0, 0)),
        (first, "kept", None, None, Counts.of(0, 0, 1)),
        (second, "replaced", 0.2, None, Counts.of(1, 0, 1)),
        (second, "kept", 0.0, 0.01, Counts.of(1, 1, 0)),
        (second, "kept", 0.05, 0.2, Counts.of(1, 0, 0)),
    ]
    assert [(one.pair, one.row, one.stage, one.verdict) for one in found.disagreements] == [
        (1, 1, second, "replaced"),
        (2, 2, second, "kept"),
        (5, 5, second, "kept"),
    ]
    assert found.counts == Counts.of(2, 1, 1), "what the student turned down is not in the comparison"


def test_pairs_with_a_new_instruction_are_counted_by_themselves_as_well() -> None:
    new = pair("a", "z")
    new = new.model_copy(update={"b": new.b.model_copy(update={"instruction": "Say it again."})})
    found = come_to(letters, new, pair("a", "b"), pair("z", "a"))
    assert (found.new_instruction, found.same_instruction) == (Counts.of(1, 0, 0), Counts.of(0, 1, 1))
