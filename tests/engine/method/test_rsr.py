"""RSR is ranks over losses, as published."""

from __future__ import annotations

import numpy as np
import pytest

from engine.method.rsr import RankedLosses, rank_surprisal_ratio


def test_rsr_is_ranks_over_losses_as_published() -> None:
    def answer(ranks: list[int], nll: list[float]) -> RankedLosses:
        return np.array(ranks, np.uint8), np.array(nll, np.float32)

    likely, rare = answer([1, 1, 2], [0.5, 0.25, 0.25]), answer([100, 7], [8.0, 1.0])
    assert rank_surprisal_ratio([likely]) == pytest.approx(4.0)
    assert rank_surprisal_ratio([likely, rare]) == pytest.approx(111 / 10)
    assert rank_surprisal_ratio([]) is None
