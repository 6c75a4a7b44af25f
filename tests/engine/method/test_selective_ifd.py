"""S-IFD is what the published code computes from the same losses (github.com/Dynamite321/T-SHIRT, compute_stat.py)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.method.scores import token_ratio
from engine.method.selective_ifd import AllGains, gains_of
from engine.sample import Ratio
from models.student import Losses


def losses(nll: list[float]) -> Losses:
    values = np.array(nll, np.float32)
    return Losses(values, np.ones(len(values), np.uint16), len(values), 999)


GAINS = st.one_of(st.floats(-9, 9, width=32), st.sampled_from([0.0, -0.0, 0.5, -0.5]))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(GAINS, min_size=1, max_size=9), min_size=1, max_size=9),
    st.sampled_from([0.1, 0.5, 0.7, 0.75, 1]),
)
def test_it_is_the_mean_gain_over_the_share_of_all_tokens_that_gain_or_lose_most(
    responses: list[list[float]], ratio: float
) -> None:
    rows = [np.array(gains, np.float32) for gains in responses]
    threshold = np.percentile(np.abs(np.concatenate(rows, dtype=np.float64)), (1 - ratio) * 100)
    expected = [
        np.exp(-row[mask].mean(dtype=np.float64)) if (mask := np.abs(row) > threshold).any() else None
        for row in rows
    ]
    with AllGains() as gains:
        for row in rows:
            gains.add(row)
        assert list(gains.scores(ratio)) == [one if one is None else pytest.approx(one) for one in expected]


def test_of_no_responses_there_is_none() -> None:
    with AllGains() as gains:
        assert list(gains.scores(0.5)) == []


def test_the_two_passages_of_a_score_are_found_among_a_sample_s() -> None:
    alone, given, cut = losses([3.1, 2.2, 0.7]), losses([1.3, 2.4, 0.1]), losses([1.3, 2.4])
    others = [losses([3.1, 2.2, 0.8]), losses([9.0]), losses([])]
    stored = [one.nll for one in (*others, given, cut, alone)]
    found = gains_of(token_ratio(alone, given).ratio, stored)
    assert found is not None
    assert found.tolist() == (alone.nll - given.nll).tolist()
    both = gains_of(token_ratio(alone, cut).ratio, stored)
    assert both is not None
    assert both.tolist() == (alone.nll - given.nll)[:2].tolist(), "over the tokens that both have"
    assert gains_of(token_ratio(alone, losses([1.0, 1.0, 1.0])).ratio, stored) is None, "not stored"
    assert gains_of(Ratio(value=None, reason="too long"), stored) is None
