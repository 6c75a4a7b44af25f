"""RSR, the rank-surprisal ratio: how an answer suits a student (arXiv 2601.14249).

It is the sum of the answer's tokens' ranks, each at most 100, over the sum of their losses, by the student and after
the instruction. An answer suits it where what it finds surprising is not far from what it would say itself: lower is
better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RankedLosses = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""The ranks and the losses of an answer's scored tokens."""


def rank_surprisal_ratio(answers: Sequence[RankedLosses]) -> float | None:
    """RSR over the tokens of all answers; None where there are none, or they surprise nobody."""
    ranks = sum(float(one.sum(dtype=np.float64)) for one, _ in answers)
    losses = sum(float(nll.sum(dtype=np.float64)) for _, nll in answers)
    return ranks / losses if losses > 0 else None
