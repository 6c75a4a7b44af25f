"""The student's choice: nothing without a score wins, a tie keeps, and the order of asking does not matter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.method.selection import NEAR_TIE, Selected, larger_ifd, smaller_r_ifd
from engine.sample import Ratio, Rule, Verdict
from tests.factory import ratio

Select = Callable[[Ratio, list[Ratio]], Selected]

STAGES = [pytest.param(larger_ifd, 1, id="larger-ifd"), pytest.param(smaller_r_ifd, -1, id="smaller-r-ifd")]
"""Each stage's rule, and the sign that makes its better score the larger one."""


def scored(log_ratio: float) -> Ratio:
    return ratio(log_ratio=log_ratio)


NONE = ratio()
SCORED = st.floats(-5, 5).map(scored)
RATIOS = st.one_of(st.just(NONE), SCORED)
EXAMPLES = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=RATIOS, candidates=st.lists(RATIOS, min_size=1, max_size=5))
def test_the_winner_is_the_best_of_all_that_have_a_score(
    select: Select, sign: int, before: Ratio, candidates: list[Ratio]
) -> None:
    selected = select(before, candidates)
    stays = before if selected.winner is None else candidates[selected.winner]
    every = [r.log_ratio for r in (before, *candidates) if r.log_ratio is not None]
    if every:
        assert stays.log_ratio is not None, "a version without a score won over one that has one"
        assert sign * stays.log_ratio == max(sign * r for r in every)
    else:
        assert selected.winner is None
    assert selected.verdict is (Verdict.KEPT if selected.winner is None else Verdict.REPLACED)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=RATIOS, candidates=st.lists(RATIOS, min_size=1, max_size=5))
def test_the_contender_is_the_first_of_the_best_candidates(
    select: Select, sign: int, before: Ratio, candidates: list[Ratio]
) -> None:
    selected = select(before, candidates)
    known = [sign * r.log_ratio for r in candidates if r.log_ratio is not None]
    if known:
        assert candidates[selected.contender].log_ratio == sign * max(known)
        first = [r.log_ratio for r in candidates].index(sign * max(known))
        assert selected.contender == first
    assert selected.winner in (None, selected.contender)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=RATIOS, candidates=st.lists(RATIOS, min_size=1, max_size=5))
def test_a_choice_without_two_scores_has_no_margin_and_says_so(
    select: Select, sign: int, before: Ratio, candidates: list[Ratio]
) -> None:
    selected = select(before, candidates)
    comparable = before.log_ratio is not None and any(r.log_ratio is not None for r in candidates)
    assert (selected.margin is not None) == comparable
    assert (selected.rule is Rule.UNSCORABLE) == (not comparable)
    if not comparable:
        assert not selected.near_tie


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=SCORED, others=st.lists(RATIOS, max_size=3))
def test_an_exact_tie_keeps_what_was_there(
    select: Select, sign: int, before: Ratio, others: list[Ratio]
) -> None:
    assert before.log_ratio is not None
    limit = before.log_ratio
    worse = [r for r in others if r.log_ratio is None or sign * r.log_ratio <= sign * limit]
    selected = select(before, [*worse, before])
    assert (selected.winner, selected.margin, selected.near_tie) == (None, 0, True)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(a=RATIOS, b=RATIOS)
def test_swapping_the_two_swaps_the_verdict(select: Select, sign: int, a: Ratio, b: Ratio) -> None:
    assume(a.log_ratio != b.log_ratio)
    one, other = select(a, [b]), select(b, [a])
    assert {one.verdict, other.verdict} == {Verdict.KEPT, Verdict.REPLACED}
    if one.margin is not None and other.margin is not None:
        assert one.margin == -other.margin
        assert one.near_tie == other.near_tie


@EXAMPLES
@given(before=SCORED, candidates=st.lists(RATIOS, min_size=1, max_size=4))
def test_the_two_rules_want_opposite_things(before: Ratio, candidates: list[Ratio]) -> None:
    def mirrored(r: Ratio) -> Ratio:
        return NONE if r.log_ratio is None else scored(-r.log_ratio)

    larger = larger_ifd(before, candidates)
    smaller = smaller_r_ifd(mirrored(before), [mirrored(r) for r in candidates])
    assert (larger.winner, larger.contender, larger.margin) == (
        smaller.winner,
        smaller.contender,
        smaller.margin,
    )


def test_the_larger_ifd_and_the_smaller_r_ifd_stay() -> None:
    low, high = scored(-0.5), scored(0.25)
    assert larger_ifd(low, [high]).winner == 0
    assert larger_ifd(high, [low]).winner is None
    assert smaller_r_ifd(low, [high]).winner is None
    assert smaller_r_ifd(high, [low]).winner == 0
    assert larger_ifd(low, [high]).margin == smaller_r_ifd(high, [low]).margin == 0.75
    assert larger_ifd(low, [high]).rule is Rule.LARGER_IFD
    assert smaller_r_ifd(low, [high]).rule is Rule.SMALLER_R_IFD


def test_a_margin_below_the_near_tie_is_flagged_on_either_side_and_decides_all_the_same() -> None:
    for after, flagged in ((0.5, False), (0.25, False), (0.125, True), (-0.125, True), (-0.25, False)):
        selected = larger_ifd(scored(0), [scored(after)], near_tie=0.25)
        assert (selected.near_tie, selected.winner) == (flagged, 0 if after > 0 else None)
    assert larger_ifd(scored(0), [scored(NEAR_TIE * 0.99)]).near_tie
    assert not larger_ifd(scored(0), [scored(NEAR_TIE * 1.01)]).near_tie
