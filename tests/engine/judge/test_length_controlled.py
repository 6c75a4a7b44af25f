"""The length-controlled win rate is the package alpaca_eval's without its penalty, and says where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.formats.names import DatasetError
from engine.judge.length_controlled import LengthControlled, WhyNone, length_controlled, read_difficulties
from engine.judge.prompt import Judged
from tests.factory import opinion, pair


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.judge.length_controlled.DRAWS", 20)


SCORES = {1.0: (4, 7), 0.5: (5, 5), 0.0: (7, 4)}
"""A judge's for a and for b, by how far b is preferred."""


def verdict(preferred: float, a: int, b: int, row: int = 0, *, compared: bool = True) -> Judged:
    """One on answers of so many characters."""
    first, second = SCORES[preferred]
    return Judged(
        pair=pair("a" * a, "b" * b, row, compared=compared),
        forward=opinion(first, second),
        swapped=opinion(second, first),
    )


def fixture() -> Iterator[tuple[float, int, int, float]]:
    """How far b is preferred, both lengths and the difficulty, of 120 pairs whose judge likes what is longer."""
    for n in range(120):
        a, b, difficulty = 40 + n * 37 % 211, 50 + n * 53 % 307, (n * 31 % 23 - 11) / 6
        score = (b - a) / 120 + (n * 29 % 17 - 7) / 5 + 0.4 * difficulty
        yield 1.0 if score > 0.35 else 0.0 if score < -0.35 else 0.5, a, b, difficulty


def of_fixture(*, difficult: bool = False) -> LengthControlled:
    rows = list(fixture())
    judged = [verdict(preferred, a, b, row) for row, (preferred, a, b, _) in enumerate(rows)]
    difficulties = {row: difficulty for row, (*_, difficulty) in enumerate(rows)}
    return length_controlled(judged, difficulties if difficult else None)


# The package's own numbers, by the command in tests/README.md.


def test_the_rates_are_those_of_the_package_without_its_penalty() -> None:
    plain, difficult = of_fixture(), of_fixture(difficult=True)
    assert plain.raw is not None
    assert plain.controlled is not None
    assert difficult.controlled is not None
    assert (plain.raw.percent, plain.raw.error) == pytest.approx((65.0, 3.95173968))
    assert plain.controlled.percent == pytest.approx(55.15458868, abs=1e-4)
    assert difficult.controlled.percent == pytest.approx(55.20539487, abs=1e-4)
    # With its penalty: 55.163 and 55.212.
    assert plain.coefficients is not None
    assert plain.coefficients.length > 0
    assert plain.coefficients.instruction is None


def test_the_bootstrap_s_error_is_about_that_of_the_likelihood_s_curvature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.judge.length_controlled.DRAWS", 150)
    found = of_fixture()
    assert found.controlled is not None
    assert found.controlled.interval is not None
    assert found.coefficients is not None
    longer = np.array([float(b - a) for _, a, b, _ in fixture()])
    terms = np.column_stack([np.ones(len(longer)), np.tanh(longer / longer.std(ddof=1))])
    odds = terms @ [found.coefficients.model, found.coefficients.length]
    curvature = (terms.T / (2 + np.exp(odds) + np.exp(-odds))) @ terms
    rate = found.controlled.percent / 100
    expected = 100 * rate * (1 - rate) * np.sqrt(np.linalg.inv(curvature)[0, 0])
    assert found.controlled.error == pytest.approx(
        expected, rel=0.25
    )  # a tie varies less than the model says
    low, high = found.controlled.interval
    assert low < found.controlled.percent < high
    assert found.controlled.error is not None
    assert high - low == pytest.approx(3.92 * found.controlled.error, rel=0.2)


def test_a_b_that_is_only_longer_is_no_better_at_equal_length() -> None:
    judged = [verdict(float(d > 0), 200, 200 + d) for d in (-60, -30, 30, 60, 90, 120) for _ in range(8)]
    judged += [verdict(float(d < 0), 200, 200 + d) for d in (-60, -30, 30, 60) * 3]  # so that a fit exists
    found = length_controlled(judged)
    assert found.raw is not None
    assert found.raw.percent > 55
    assert found.controlled is not None
    assert found.controlled.interval is not None
    assert found.controlled.interval[0] < 50 < found.controlled.interval[1]


# Where there is none


@pytest.mark.parametrize(
    ("judged", "why"),
    [
        ([], WhyNone.FEW),
        ([verdict(1.0, 10, 20 + n) for n in range(9)] + [verdict(0.5, 10, 5)] * 30, WhyNone.FEW),
        ([verdict(float(n % 2), 10, 20) for n in range(20)], WhyNone.ONE_DIFFERENCE),
        ([verdict(float(n > 7), 30, 20 + n) for n in range(20)], WhyNone.SEPARATED),
        ([verdict(1.0, 10, 5 + n) for n in range(20)], WhyNone.SEPARATED),
    ],
)
def test_where_there_is_no_such_rate_there_is_none_and_a_reason(judged: list[Judged], why: WhyNone) -> None:
    found = length_controlled(judged)
    assert (found.controlled, found.coefficients, found.why) == (None, None, why)
    assert found.counts.total == len(judged)
    assert (found.raw is None) == (not judged)
    if why is WhyNone.FEW and found.raw is not None:
        assert (found.raw.error, found.raw.interval) == (None, None), "nothing is claimed"


def test_equal_lengths_leave_the_rate_as_it_is() -> None:
    found = length_controlled([verdict(float(n % 3 > 0), 10, 10) for n in range(21)])
    assert found.raw is not None
    assert found.controlled is not None
    assert found.controlled.percent == pytest.approx(found.raw.percent, abs=1e-4)


def test_draws_without_a_rate_leave_no_interval() -> None:
    judged = [verdict(float(n > 7), 30, 20 + n) for n in range(20)] + [verdict(1.0, 30, 25)]
    found = length_controlled(judged)
    assert found.controlled is not None
    assert (found.controlled.interval, found.controlled.error) == (None, None)


def test_only_compared_pairs_with_a_verdict_count() -> None:
    no_verdict = verdict(1.0, 1, 2).model_copy(update={"forward": None})
    found = length_controlled([verdict(1.0, 1, 2, compared=False), no_verdict, verdict(0.5, 1, 2)])
    assert (found.counts.wins, found.counts.ties, found.counts.losses) == (0, 1, 0)


# Difficulties


def test_difficulties_are_read_as_alpaca_eval_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "instruction_difficulty.csv"
    path.write_text("index,instruction_difficulty\n0,-1.5\n1,2.25\n")
    assert read_difficulties(path) == {0: -1.5, 1: 2.25}
    with pytest.raises(DatasetError, match="instruction 2 has no difficulty"):
        length_controlled([verdict(1.0, 1, 2, row=2)], read_difficulties(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "holds no difficulties"),
        (b"a,b\n", "holds no difficulties"),
        (b"a,b\n0,1\n1\n", "line 3: expected"),
        (b"a,b\n0,nan\n", "line 2: expected"),
        (b"a,b\n0,1,2\n", "line 2: expected"),
        (b"a,b\nx,1\n", "line 2: expected"),
        (b"a,b\n0,\xff\n", "UTF-8"),
        (b'a,b\n0,"' + b"1" * 140_000, "CSV|line 2: expected"),  # as long as csv takes a field
    ],
)
def test_what_is_no_such_file_is_refused_in_one_line(tmp_path: Path, text: bytes, expected: str) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(text)
    with pytest.raises(DatasetError, match=expected) as refused:
        read_difficulties(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_difficulties(tmp_path)
