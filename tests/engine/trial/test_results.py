"""A trial says no more than its intervals do."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from engine.trial.intervals import interval
from engine.trial.losses import HeldOutLosses
from engine.trial.results import ArmData, Finding, Interval, Sides, TrialResult, finding, results
from tui.text.trial_tables import print_trial

ROWS = 40
LEARNT = ArmData(samples=9, alike=0, too_long=0, answer_tokens=20, epochs=3)


def test_an_interval_over_rows_of_one_seed_is_the_bootstrap_s_of_others() -> None:
    values = np.random.default_rng(1).normal(1, 0.5, 60)
    mean, low, high = interval(values[None], np.arange(60))
    theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=0).confidence_interval
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_samples_of_one_row_do_not_make_it_narrower_and_seeds_that_differ_make_it_wider() -> None:
    values = np.random.default_rng(1).normal(0, 1, (3, 30))

    def width(values: np.ndarray, rows: np.ndarray) -> float:
        _, low, high = interval(values, rows)
        return high - low

    alone = width(values, np.arange(30))
    assert width(np.repeat(values, 4, axis=1), np.repeat(np.arange(30), 4)) == pytest.approx(alone, rel=0.05)
    apart = values + np.array([[-2], [0], [2]])
    assert width(apart, np.arange(30)) > 2 * alone


NEITHER, LESS, MORE = (
    Interval(mean=0, low=-1, high=1),
    Interval(mean=-1, low=-2, high=-0.1),
    Interval(mean=1, low=0.1, high=2),
)


@pytest.mark.parametrize(
    ("original", "refined", "said"),
    [
        (LESS, LESS, Finding.BETTER),
        (LESS, NEITHER, Finding.BETTER),
        (NEITHER, LESS, Finding.BETTER),
        (None, LESS, Finding.BETTER),
        (MORE, NEITHER, Finding.WORSE),
        (MORE, MORE, Finding.WORSE),
        (MORE, LESS, Finding.MIXED),
        (NEITHER, NEITHER, Finding.NOTHING),
        (None, None, Finding.NOTHING),
    ],
)
def test_nothing_is_said_that_the_intervals_do_not_say(
    original: Interval | None, refined: Interval | None, said: Finding
) -> None:
    assert finding(Sides(original=original, refined=refined)) is said


def losses(shift: float, refined_shift: float, seeds: int = 3, rows: int = ROWS) -> list[HeldOutLosses]:
    noise = np.random.default_rng(2).normal(2, 0.5, rows)
    own = [np.random.default_rng(seed).normal(0, 0.02, rows) for seed in range(seeds)]
    return [
        HeldOutLosses((noise + shift + one).tolist(), [None, *(noise + refined_shift - one).tolist()[1:]])
        for one in own
    ]


def found(
    refined: tuple[float, float], longest: tuple[float, float], seeds: int = 3, rows: int = ROWS
) -> TrialResult:
    arms = {"original": (0.0, 0.0), "refined": refined, "longest": longest}
    return results(
        dict.fromkeys(arms, LEARNT),
        losses(0.5, 0.5, 1, rows)[0],
        {name: losses(*shifts, seeds, rows) for name, shifts in arms.items()},
        range(rows),
        steps=9,
        tokens=64,
        same=(),
    )


@pytest.mark.parametrize(
    ("refined", "longest", "said", "length"),
    [
        ((-0.2, -0.3), (0.0, 0.0), "better than training on original: on original answers better, on refined answers "
         "better", "length does not explain that"),
        ((-0.2, -0.3), (-0.2, -0.3), "better than training on original", "length may explain all of it"),
        ((0.0, -0.3), (0.0, 0.0), "better than training on original: on original answers no difference shown, on "
         "refined answers better", "length does not explain that"),
        ((0.2, 0.1), (0.0, 0.0), "worse than training on original", "it is worse than longest"),
        ((0.2, -0.2), (0.0, 0.0), "neither better nor worse than training on original: on original answers worse, on "
         "refined answers better", "it is better at some answers and worse at others"),
        ((0.0, 0.0), (0.0, 0.0), "no difference shown between", "alone, no difference is shown"),
        ((0.2, 0.1), (0.2, 0.1), "worse than training on original", "alone, no difference is shown"),
    ],
)  # fmt: skip
def test_the_sentence(
    refined: tuple[float, float], longest: tuple[float, float], said: str, length: str
) -> None:
    out = StringIO()
    print_trial(Console(file=out, width=200), found(refined, longest))
    result, of_length = (
        next(line for line in reversed(out.getvalue().splitlines()) if line.startswith(name))
        for name in ("refined", "length")
    )
    assert said in result
    assert length in of_length
    for explains in ("explain all", "does not explain"):
        assert (explains in of_length) == (explains in length)


@pytest.mark.parametrize(("seeds", "rows"), [(2, 40), (3, 9)])
def test_of_too_few_seeds_or_rows_nothing_is_said(seeds: int, rows: int) -> None:
    result = found((-0.5, -0.5), (0, 0), seeds, rows)
    assert result.arms["refined"].finding is result.beside_longest is Finding.TOO_FEW
