"""S-IFD: IFD over the tokens that the instruction matters for (T-SHIRT, arXiv 2506.01317, section 3.1).

    gain  = L(token | y before it) - L(token | x, y before it)        nats; what the instruction tells of a token
    S-IFD = exp(- mean gain of the response's informative tokens)

A token is informative where |gain| is above a quantile of the |gain| of all tokens of all responses: these are a share
of all tokens, the paper's token selection ratio. A response of many tokens that gain next to nothing has an IFD just
below 1, as if it were difficult; its S-IFD is that of the few that count. The paper also asks for neighbours of a like
score; that is not here.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.method.scores import mean_loss
from engine.sample import Ratio

TOKEN_RATIO = 0.5
"""The published code's: half of all tokens are informative."""

CHUNK = 1 << 20
"""Gains that are in memory at a time."""

Gains = NDArray[np.float32]
"""Of a response's scored tokens, nats."""


def gains_of(score: Ratio, losses: Iterable[NDArray[np.float32]]) -> Gains | None:
    """The gains that an IFD is made of, out of a sample's token losses; None where they are not among these.

    The two passages are known by the mean losses that the score was made of: `math.fsum` gives the same everywhere.
    """
    if score.alone is None or score.given is None:
        return None
    scored = score.given.scored
    means = {mean_loss(nll, scored): nll[:scored] for nll in losses if 0 < scored <= len(nll)}
    alone, given = means.get(score.alone.mean), means.get(score.given.mean)
    return None if alone is None or given is None else alone - given


def s_ifd(gains: Gains, threshold: float) -> float | None:
    """S-IFD of a response whose informative tokens gain more than `threshold`, or lose more; None: it has none."""
    informative = gains[np.abs(gains) > np.float32(threshold)]
    return math.exp(-math.fsum(informative.tolist()) / len(informative)) if len(informative) else None


class AllGains:
    """The gains of all responses, one after the other in a temporary file. To be closed."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
        self._counts: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, gains: Gains) -> None:
        self._file.write(gains.tobytes())
        self._counts.append(len(gains))

    def scores(self, ratio: float) -> Iterator[float | None]:
        """S-IFD of each response, in the order in which they were added. `ratio`: of the informative tokens to all."""
        if not any(self._counts):
            return
        threshold = self._threshold((1 - ratio) * 100 / 100)  # rounded as the published code does
        self._file.seek(0)
        for count in self._counts:
            yield s_ifd(np.frombuffer(self._file.read(4 * count), np.float32), threshold)

    def _threshold(self, quantile: float) -> float:
        """The |gain| at the quantile, or the next smaller one that there is: what is above either is the same."""
        rank = math.floor((sum(self._counts) - 1) * quantile)
        # The bits of floats from 0 on are ordered as they are: first their upper half is found, then the lower.
        upper, below = _at_rank(((bits >> 16) for bits in self._sizes()), rank)
        lower, _ = _at_rank((bits[bits >> 16 == upper] & 0xFFFF for bits in self._sizes()), rank - below)
        return float(np.array([(upper << 16) + lower], np.uint32).view(np.float32)[0])

    def _sizes(self) -> Iterator[NDArray[np.uint32]]:
        """The bits of every |gain|."""
        self._file.seek(0)
        while data := self._file.read(4 * CHUNK):
            yield np.abs(np.frombuffer(data, np.float32)).view(np.uint32)


def _at_rank(parts: Iterable[NDArray[np.integer[Any]]], rank: int) -> tuple[int, int]:
    """The number of 16 bits that is at a rank, from 0, among all in order; and how many are smaller."""
    counts = np.zeros(1 << 16, np.int64)
    for part in parts:
        counts += np.bincount(part, minlength=1 << 16)
    up_to = np.cumsum(counts)
    found = int(np.searchsorted(up_to, rank, side="right"))
    return found, int(up_to[found] - counts[found])
