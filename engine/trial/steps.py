"""An arm's answers data out in steps that each learn from the same number of answer tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from models.training.job import Part, Step


def steps(lengths: Sequence[tuple[int, int]], *, count: int, tokens: int, seed: int) -> Iterator[Step]:
    """`count` steps of exactly `tokens` answer tokens each. `lengths`: examples, with their answers' tokens, 1 or more.

    The answers come in an order of chance, each once before any a second time. One that is longer than what a step
    has left goes on in the next: two arms at equal steps have learnt from equally many tokens, whatever their answers.
    """
    order = _order(len(lengths), seed)
    (example, length), at = lengths[next(order)], 0
    for _ in range(count):
        step: list[Part] = []
        left = tokens
        while left:
            end = min(at + left, length)
            step.append(Part(example, at, end))
            left, at = left - (end - at), end
            if at == length:
                (example, length), at = lengths[next(order)], 0
        yield tuple(step)


def _order(count: int, seed: int) -> Iterator[int]:
    epoch = 0
    while True:
        yield from np.random.default_rng([seed, epoch]).permutation(count).tolist()
        epoch += 1
