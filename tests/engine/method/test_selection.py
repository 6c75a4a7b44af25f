"""The student's choice: nothing without a score wins, a tie keeps, and the order of asking does not matter."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.method.noise import NEAR_TIE, RESPONSE, NearTies
from engine.method.scores import TokenRatio
from engine.method.selection import USUAL, ComparedLength, Selected, larger_ifd, smaller_r_ifd
from engine.sample import Rule, Verdict
from tests.factory import token_ratio

Select = Callable[..., Selected]

STAGES = [pytest.param(larger_ifd, 1, id="larger-ifd"), pytest.param(smaller_r_ifd, -1, id="smaller-r-ifd")]
"""Each stage's rule, and the sign that makes its better score the larger one."""


def scored(*gains: float) -> TokenRatio:
    return token_ratio(gains)


NONE = token_ratio(None)
SCORED = st.floats(-5, 5).map(scored)
TEXTS = st.lists(st.floats(-5, 5), min_size=1, max_size=12).map(token_ratio)
RATIOS = st.one_of(st.just(NONE), SCORED)
EXAMPLES = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=RATIOS, candidates=st.lists(RATIOS, min_size=1, max_size=5))
def test_the_winner_is_the_best_of_all_that_have_a_score(
    select: Select, sign: int, before: TokenRatio, candidates: list[TokenRatio]
) -> None:
    selected = select(before, candidates)
    stays = before if selected.winner is None else candidates[selected.winner]
    every = [r.ratio.log_ratio for r in (before, *candidates) if r.ratio.log_ratio is not None]
    if every:
        assert stays.ratio.log_ratio is not None, "a version without a score won over one that has one"
        assert sign * stays.ratio.log_ratio == max(sign * r for r in every)
    else:
        assert selected.winner is None
    assert selected.verdict is (Verdict.KEPT if selected.winner is None else Verdict.REPLACED)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=RATIOS, candidates=st.lists(RATIOS, min_size=1, max_size=5))
def test_the_contender_is_the_first_of_the_best_candidates(
    select: Select, sign: int, before: TokenRatio, candidates: list[TokenRatio]
) -> None:
    selected = select(before, candidates)
    known = [sign * r.ratio.log_ratio for r in candidates if r.ratio.log_ratio is not None]
    if known:
        assert candidates[selected.contender].ratio.log_ratio == sign * max(known)
        first = [r.ratio.log_ratio for r in candidates].index(sign * max(known))
        assert selected.contender == first
    assert selected.winner in (None, selected.contender)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=RATIOS, candidates=st.lists(RATIOS, min_size=1, max_size=5))
def test_a_choice_without_two_scores_has_no_margin_and_says_so(
    select: Select, sign: int, before: TokenRatio, candidates: list[TokenRatio]
) -> None:
    selected = select(before, candidates)
    comparable = before.ratio.log_ratio is not None and any(r.ratio.log_ratio is not None for r in candidates)
    assert (selected.margin is not None) == comparable
    assert (selected.rule is Rule.UNSCORABLE) == (not comparable)
    if not comparable:
        assert not selected.near_tie


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=SCORED, others=st.lists(RATIOS, max_size=3))
def test_an_exact_tie_keeps_what_was_there(
    select: Select, sign: int, before: TokenRatio, others: list[TokenRatio]
) -> None:
    assert before.ratio.log_ratio is not None
    limit = before.ratio.log_ratio
    worse = [r for r in others if r.ratio.log_ratio is None or sign * r.ratio.log_ratio <= sign * limit]
    selected = select(before, [*worse, before])
    assert (selected.winner, selected.margin, selected.near_tie) == (None, 0, True)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(a=RATIOS, b=RATIOS)
def test_swapping_the_two_swaps_the_verdict(select: Select, sign: int, a: TokenRatio, b: TokenRatio) -> None:
    assume(a.ratio.log_ratio != b.ratio.log_ratio)
    one, other = select(a, [b]), select(b, [a])
    assert {one.verdict, other.verdict} == {Verdict.KEPT, Verdict.REPLACED}
    if one.margin is not None and other.margin is not None:
        assert one.margin == -other.margin
        assert one.near_tie == other.near_tie


@EXAMPLES
@given(before=SCORED, candidates=st.lists(RATIOS, min_size=1, max_size=4))
def test_the_two_rules_want_opposite_things(before: TokenRatio, candidates: list[TokenRatio]) -> None:
    def mirrored(r: TokenRatio) -> TokenRatio:
        return NONE if r.ratio.log_ratio is None else scored(-r.ratio.log_ratio)

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


@EXAMPLES
@given(
    before=SCORED,
    after=SCORED,
    noise=st.floats(0, 2),
    tokens=st.tuples(*[st.integers(1, 500)] * 2),
    sign=st.booleans(),
)
def test_a_near_tie_by_noise_follows_the_tokens_and_is_half_as_wide_over_four_times_as_many(
    before: TokenRatio, after: TokenRatio, noise: float, tokens: tuple[int, int], sign: bool
) -> None:
    near_ties = NearTies(None, noise)
    limit, longer = (near_ties.limit(*(n * times for n in tokens)) for times in (1, 4))
    assert limit >= longer >= NEAR_TIE
    assert longer in (NEAR_TIE, pytest.approx(limit / 2))
    assert NearTies(0.25, noise).limit(*tokens) == 0.25, "a number given by hand holds"
    select = larger_ifd if sign else smaller_r_ifd
    selected = select(before, [after], near_ties)
    assert selected.limit is not None
    assert selected.margin is not None
    assert selected.near_tie == (abs(selected.margin) < selected.limit)
    assert selected.limit == near_ties.limit(1, 1, 1.0 if sign else RESPONSE)
    assert select(before, [after], NearTies(0.25, noise)).limit is None, "the recipe says it for all"


def test_a_margin_below_the_near_tie_is_flagged_on_either_side_and_decides_all_the_same() -> None:
    for after, flagged in ((0.5, False), (0.25, False), (0.125, True), (-0.125, True), (-0.25, False)):
        selected = larger_ifd(scored(0), [scored(after)], near_ties=NearTies(0.25, None))
        assert (selected.near_tie, selected.winner) == (flagged, 0 if after > 0 else None)
    assert larger_ifd(scored(0), [scored(NEAR_TIE * 0.99)]).near_tie
    assert not larger_ifd(scored(0), [scored(NEAR_TIE * 1.01)]).near_tie


# At equal length


def beginning(one: TokenRatio, tokens: int) -> TokenRatio:
    return token_ratio((one.given - one.alone)[:tokens].tolist())


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=TEXTS, after=TEXTS)
def test_the_margin_at_equal_length_is_that_of_the_beginnings_and_swaps_with_the_two(
    select: Select, sign: int, before: TokenRatio, after: TokenRatio
) -> None:
    found, swapped = select(before, [after]), select(after, [before])
    equal = found.equal_length
    assert equal is not None
    assert equal.scored == (len(before.given), len(after.given))
    short = select(beginning(before, equal.tokens), [beginning(after, equal.tokens)])
    assert short.margin == equal.margin
    assert not short.length_decides
    assert found.margin is not None
    assert found.length_decides == ((found.margin > 0) != (equal.margin > 0))

    assert swapped.equal_length is not None
    assert swapped.equal_length.margin == -equal.margin
    assert swapped.equal_length.scored == equal.scored[::-1]
    if 0 not in (found.margin, equal.margin):
        assert swapped.length_decides == found.length_decides


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(data=st.data(), tokens=st.integers(1, 12))
def test_of_equally_long_versions_both_margins_are_one(
    select: Select, sign: int, data: st.DataObject, tokens: int
) -> None:
    text = st.lists(st.floats(-5, 5), min_size=tokens, max_size=tokens).map(token_ratio)
    before, candidates = data.draw(text), data.draw(st.lists(text, min_size=1, max_size=3))
    published = select(before, candidates)
    assert published.equal_length is not None
    assert (published.equal_length.margin, published.length_decides) == (published.margin, False)
    at_equal = select(before, candidates, USUAL, ComparedLength.EQUAL)
    assert at_equal.verdict == published.verdict
    assert at_equal.margin is not None
    assert math.isclose(at_equal.margin, published.margin or 0, abs_tol=1e-12)


@pytest.mark.parametrize(("select", "sign"), STAGES)
@EXAMPLES
@given(before=TEXTS, candidates=st.lists(st.one_of(st.just(NONE), TEXTS), min_size=1, max_size=4))
def test_the_length_that_is_set_decides_and_both_margins_are_told(
    select: Select, sign: int, before: TokenRatio, candidates: list[TokenRatio]
) -> None:
    for length in ComparedLength:
        found = select(before, candidates, USUAL, length)
        if found.margin is None:
            assert (found.equal_length, found.length_decides) == (None, False)
            continue
        assert found.equal_length is not None
        deciding = found.margin if length is ComparedLength.WHOLE else found.equal_length.margin
        assert (found.winner is not None) == (deciding > 0)
        assert found.near_tie == (abs(deciding) < NEAR_TIE)
        alone = [select(before, [one], USUAL, length) for one in candidates]
        best = max(
            one.margin if length is ComparedLength.WHOLE else one.equal_length.margin
            for one in alone
            if one.margin is not None and one.equal_length is not None
        )
        assert deciding == best


@pytest.mark.parametrize(("select", "sign"), STAGES)
@pytest.mark.parametrize("length", ComparedLength)
def test_at_equal_length_too_nothing_without_a_score_wins(
    select: Select, sign: int, length: ComparedLength
) -> None:
    one = scored(0.5, 0.25)
    assert select(one, [NONE], USUAL, length) == Selected(None, 0, Rule.UNSCORABLE, None, near_tie=False)
    assert select(NONE, [NONE, one], USUAL, length) == Selected(1, 1, Rule.UNSCORABLE, None, near_tie=False)


def test_a_longer_version_wins_by_its_length_alone_and_not_at_equal_length() -> None:
    short, long = scored(-2.0, -1.0), scored(-2.5, -1.25, 0.0, 0.0)
    published = larger_ifd(short, [long])
    assert (published.rule, published.verdict, published.margin) == (
        Rule.LARGER_IFD,
        Verdict.REPLACED,
        0.5625,
    )
    assert published.equal_length is not None
    assert (published.equal_length.margin, published.equal_length.tokens) == (-0.375, 2)
    assert published.length_decides
    at_equal = larger_ifd(short, [long], length=ComparedLength.EQUAL)
    assert (at_equal.rule, at_equal.verdict) == (Rule.LARGER_IFD_EQUAL, Verdict.KEPT)
    assert (at_equal.margin, at_equal.equal_length) == (published.margin, published.equal_length)
