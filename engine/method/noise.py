"""The noise of a student's margins, and the near ties that it makes: what rounding of the weights alone may decide.

A student in Q8_0 or Q4_K is not the model in F32. Each weight is rounded, and so are, in llama.cpp's kernels for such
weights, the numbers that it is multiplied with. Each token's loss moves by an amount that does not depend on the text's
length, a mean over n tokens by its root less, and a margin between scores over n and m tokens by some

    noise x sqrt(1/n + 1/m),    noise = SCALE x error ^ POWER, in nats times the root of a token

(a standard deviation). `error` is the root of the mean square that all these numbers lose, relative to their own, over
the blocks of a model. At the response stage it is `RESPONSE` of that: both scores are of the same instruction, so that
what it costs by itself cancels, and what is left moves together in part.

tests/benchmarks/noise.py measures the constants, and tests/README.md has its table. A margin below `SAFETY` times its
noise, or below 0.01, is a near tie: of the verdicts that better weights would turn, nearly all are among these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

NEAR_TIE = 0.01
"""A smaller margin, in log-ratio, may come from rounding in another batch shape, whatever the weights."""

RELATIVE_ERROR: Mapping[str, float] = {
    "F16": 0.0002, "BF16": 0.0017, "Q8_0": 0.0054, "Q6_K": 0.0174, "MXFP4": 0.1141, "NVFP4": 0.1033,
    "Q5_0": 0.0405, "Q5_1": 0.0338, "Q5_K": 0.0354,
    "Q4_0": 0.0819, "Q4_1": 0.0700, "Q4_K": 0.0708, "IQ4_NL": 0.0750, "IQ4_XS": 0.0757,
    "Q3_K": 0.1447, "IQ3_S": 0.1370, "IQ3_XXS": 0.1816,
    "Q2_K": 0.2682, "IQ2_S": 0.2490, "IQ2_XS": 0.2997, "IQ2_XXS": 0.3435, "IQ1_M": 0.4512, "IQ1_S": 0.4857,
}  # fmt: skip
"""The relative error of random weights in each type. Not here, and taken for exact: F32, F64, and the types of one
and two bits that models are trained in (TQ1_0, TQ2_0, Q1_0, Q2_0)."""

UNROUNDED = frozenset({"F32", "F16", "BF16", "F64"})
ACTIVATIONS = 0.011
"""The relative error of the activations that quantised weights are multiplied with: 8 bits, a few very large."""

SCALE, POWER, RESPONSE = 13.0, 0.96, 0.6
SAFETY = 2.0


@dataclass(frozen=True, slots=True)
class NearTies:
    """The margins that are near ties: below a number given by hand, or below what noise explains."""

    fixed: float | None  # in log-ratio
    noise: float | None  # nats times the root of a token; None: not known

    def limit(self, before: int, after: int, share: float = 1.0) -> float:
        """The margin, in log-ratio, below which a choice between two scores is a near tie.

        `before`, `after`: the scored tokens of either. `share`: of the noise that reaches a margin.
        """
        if self.fixed is not None:
            return self.fixed
        return max(NEAR_TIE, SAFETY * share * (self.noise or 0.0) * math.sqrt(1 / before + 1 / after))


def noise_of(weights: Mapping[str, int]) -> float:
    """The noise of a student, nats times the root of a token, from the elements of its tensors by type."""
    return SCALE * math.pow(error_of(weights), POWER)


def error_of(weights: Mapping[str, int]) -> float:
    """The root of the mean square that a file's weights, and what they are multiplied with, lose to rounding."""
    total = max(sum(weights.values()), 1)
    square = sum(
        count * (RELATIVE_ERROR.get(kind, 0.0) ** 2 + (0.0 if kind in UNROUNDED else ACTIVATIONS**2))
        for kind, count in weights.items()
    )
    return math.sqrt(square / total)
