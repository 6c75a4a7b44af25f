"""Bootstrap intervals of mean losses, over rows and over seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
SEED = 0  # the same losses have the same interval
AT_ONCE = 1 << 22  # rows drawn, in all resamples that are in memory


def interval(values: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple[float, float, float]:
    """The mean of [seeds, samples] values, and its 95 percent interval.

    Rows (whose samples belong together: `rows` numbers each sample's from 0) and seeds are drawn with replacement,
    independently. For a difference of two arms, give the differences: they are paired.
    """
    chance = np.random.default_rng(SEED)
    seeds, count = values.shape[0], int(rows.max()) + 1
    sums = np.stack([np.bincount(rows, line, count) for line in values])  # [seeds, rows]
    sizes = np.bincount(rows, minlength=count)
    means: list[NDArray[np.float64]] = []
    for start in range(0, RESAMPLES, max(AT_ONCE // count, 1)):
        size = min(max(AT_ONCE // count, 1), RESAMPLES - start)
        drawn = chance.multinomial(count, np.full(count, 1 / count), size=size)  # how often each row
        of_seeds = chance.multinomial(seeds, np.full(seeds, 1 / seeds), size=size) / seeds
        means.append(np.einsum("bs,bs->b", of_seeds, (drawn @ sums.T) / (drawn @ sizes)[:, None]))
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return float(values.mean()), float(low), float(high)
