"""Lessons data out in steps."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from engine.trial.steps import steps


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    count=st.integers(1, 20),
    tokens=st.integers(1, 50),
)
def test_every_step_learns_from_the_same_number_of_tokens_and_each_answer_once_before_any_twice(
    lengths: list[int], count: int, tokens: int
) -> None:
    data = list(steps(list(enumerate(lengths)), count=count, tokens=tokens, seed=1))
    assert [sum(part.end - part.start for part in step) for step in data] == [tokens] * count
    learnt = Counter(
        (part.example, at) for step in data for part in step for at in range(part.start, part.end)
    )
    assert (
        max(learnt.values())
        - min(learnt.get((n, at), 0) for n, size in enumerate(lengths) for at in range(size))
        <= 1
    )


def test_the_order_is_the_seed_s() -> None:
    examples = [(number, 5) for number in range(20)]
    one, again, other = (list(steps(examples, count=9, tokens=7, seed=seed)) for seed in (1, 1, 2))
    assert one == again != other
