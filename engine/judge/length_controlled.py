"""AlpacaEval's length-controlled win rate, of stored verdicts (Dubois et al., arXiv 2404.04475, section 3).

    P(b is preferred on x) = logistic(model + length * tanh(d / s) + instruction * difficulty(x))
    win rate               = the mean over x of logistic(model + instruction * difficulty(x))

d is length(b) - length(a) in characters, s the standard deviation of all d, and a tie counts as half preferred. SciPy
finds the largest likelihood, without a penalty: the package alpaca_eval has one (L1, its strength by cross-validation,
and two truncated baselines of its own judge against a negative `length`), which draws the rate of few pairs to 50 %.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.formats.names import DatasetError
from engine.judge.prompt import Judged, Result
from engine.judge.results import CONFIDENCE, ENOUGH, SEED, Counts, interval
from engine.sample import Frozen
from models.errors import UsageError

DRAWS = 1_000
"""Bootstrap draws of the pairs, each fitted anew."""

PREFERRED = {Result.WIN: 1.0, Result.TIE: 0.5, Result.LOSE: 0.0}

Numbers = npt.NDArray[np.float64]


class WhyNone(StrEnum):
    """Why there is no length-controlled win rate."""

    FEW = "few"  # decided pairs
    ONE_DIFFERENCE = "one difference"  # b is longer than a by the same everywhere
    SEPARATED = "separated"  # the terms tell every verdict: no finite coefficients fit best


class Rate(Frozen):
    """A win rate of b, in percent."""

    percent: float
    error: float | None  # its standard error; None: too few decided pairs
    interval: tuple[float, float] | None  # 95 %; None: likewise, or the draws do not carry one


class Coefficients(Frozen):
    """The fitted coefficients of the logistic model, in log-odds."""

    model: float
    length: float  # positive: the judge prefers what is longer
    instruction: float | None  # None: no difficulties were given


class LengthControlled(Frozen):
    """The win rates of b against a."""

    counts: Counts
    new_instruction: int  # of the pairs, those whose instruction was rewritten, too
    raw: Rate | None  # None: no pair has a verdict
    controlled: Rate | None = None
    why: WhyNone | None = None  # there is no controlled one
    coefficients: Coefficients | None = None


def check_scipy() -> None:
    """Raise `UsageError` where SciPy is not installed."""
    if find_spec("scipy") is None:
        raise UsageError("the logistic model needs SciPy: pip install 'burnish[alpaca-eval]'")


def length_controlled(
    judged: Iterable[Judged], difficulties: Mapping[int, float] | None = None
) -> LengthControlled:
    """The raw and the length-controlled win rate of b over the pairs of a and b that have a verdict.

    difficulties: of instructions, by their number, which is the pair's row; None: the model has no such term.
    Raises `DatasetError` where one is missing.
    """
    preferred: list[float] = []
    longer: list[float] = []
    difficulty: list[float] = []
    new_instruction = 0
    for one in judged:
        pair = one.pair
        if not pair.compared or one.result is Result.INVALID:
            continue
        preferred.append(PREFERRED[one.result])
        longer.append(len(pair.b.response) - len(pair.a.response))
        new_instruction += not pair.has_one_instruction
        if difficulties is not None:
            if pair.row not in difficulties:
                raise DatasetError(
                    f"instruction {pair.row} has no difficulty; add it, or leave out --difficulty"
                )
            difficulty.append(difficulties[pair.row])
    counts = Counts.of(*(preferred.count(value) for value in (1.0, 0.5, 0.0)))
    terms = None if difficulties is None else np.array(difficulty)
    data = _Data(np.array(preferred), np.array(longer), terms)
    rates = LengthControlled(counts=counts, new_instruction=new_instruction, raw=_raw(counts, data.preferred))
    fitted = WhyNone.FEW if counts.decided < ENOUGH else _fit(data)
    if isinstance(fitted, WhyNone):
        return rates.model_copy(update={"why": fitted})
    controlled = _rate(data, fitted.percent)
    return rates.model_copy(update={"controlled": controlled, "coefficients": fitted.coefficients})


def read_difficulties(path: Path) -> dict[int, float]:
    """AlpacaEval's `instruction_difficulty.csv`: lines of an instruction's number, from 0, and its difficulty.

    Raises `DatasetError`.
    """
    found: dict[int, float] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, line in enumerate(islice(csv.reader(file), 1, None), 2):
                try:
                    instruction, difficulty = int(line[0]), float(line[1])
                except (ValueError, IndexError):
                    instruction, difficulty = 0, math.nan
                if len(line) != 2 or not math.isfinite(difficulty):
                    raise DatasetError(
                        f"{path}: line {number}: expected an instruction's number and its difficulty"
                    )
                found[instruction] = difficulty
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: not a CSV file in UTF-8: {error}") from None
    if not found:
        raise DatasetError(f"{path}: holds no difficulties; expected a heading and lines such as `0,1.25`")
    return found


class _Data(NamedTuple):
    """The pairs, a number of each."""

    preferred: Numbers
    longer: Numbers
    difficulty: Numbers | None

    def drawn(self, which: npt.NDArray[np.intp]) -> _Data:
        difficulty = None if self.difficulty is None else self.difficulty[which]
        return _Data(self.preferred[which], self.longer[which], difficulty)


class _Fitted(NamedTuple):
    percent: float
    coefficients: Coefficients


def _fit(data: _Data) -> _Fitted | WhyNone:
    """The model of the largest likelihood; a reason where none is the largest, or more than one."""
    from scipy.optimize import minimize  # noqa: PLC0415 an extra
    from scipy.special import expit  # noqa: PLC0415

    terms = np.ones((len(data.longer), 1))
    if data.difficulty is not None:
        terms = np.column_stack([terms, data.difficulty])
    spread = data.longer.std(ddof=1)
    length = np.tanh(data.longer / spread) if spread else np.sign(data.longer)
    every = np.column_stack([terms, length])
    if length.any() and np.linalg.matrix_rank(every) == np.linalg.matrix_rank(terms):
        return WhyNone.ONE_DIFFERENCE
    if _separated(every, data.preferred):
        return WhyNone.SEPARATED

    def loss(weights: Numbers) -> tuple[float, Numbers]:
        log_odds = every @ weights
        wrong = expit(log_odds) - data.preferred
        return float((np.logaddexp(0, log_odds) - data.preferred * log_odds).mean()), every.T @ wrong / len(
            wrong
        )

    weights = minimize(loss, np.zeros(every.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-8}).x
    instruction = None if data.difficulty is None else float(weights[1])
    return _Fitted(
        100 * float(expit(terms @ weights[:-1]).mean()),
        Coefficients(model=float(weights[0]), length=float(weights[-1]), instruction=instruction),
    )


def _separated(terms: Numbers, preferred: Numbers) -> bool:
    """True where weights exist whose log-odds are on no pair's wrong side, and not all 0.

    The likelihood then grows for ever along them (Albert and Anderson 1984). A tie has both sides.
    """
    from scipy.optimize import linprog  # noqa: PLC0415 an extra

    tied = preferred == PREFERRED[Result.TIE]
    sides = terms[~tied] * np.sign(preferred[~tied] - 0.5)[:, None]
    found = linprog(
        -sides.sum(axis=0),
        A_ub=-sides,
        b_ub=np.zeros(len(sides)),
        A_eq=terms[tied] if tied.any() else None,
        b_eq=np.zeros(tied.sum()) if tied.any() else None,
        bounds=(-1, 1),
    )
    return bool(-found.fun > 1e-9)


def _rate(data: _Data, percent: float) -> Rate:
    """A fitted rate, with its bootstrap over the pairs.

    A draw that has no fit may stand at either end: where such are more than a tail, there is no interval.
    """
    random = np.random.default_rng(SEED)
    count = len(data.preferred)
    fits = (_fit(data.drawn(random.integers(0, count, count))) for _ in range(DRAWS))
    rates = np.array([fit.percent for fit in fits if not isinstance(fit, WhyNone)])
    tail = (1 - CONFIDENCE) / 2
    missing = DRAWS - len(rates)
    if missing > tail * DRAWS:
        return Rate(percent=percent, error=None, interval=None)
    low = np.quantile(np.concatenate([rates, np.zeros(missing)]), tail)
    high = np.quantile(np.concatenate([rates, np.full(missing, 100.0)]), 1 - tail)
    return Rate(percent=percent, error=float(rates.std(ddof=1)), interval=(float(low), float(high)))


def _raw(counts: Counts, preferred: Numbers) -> Rate | None:
    if counts.score is None:
        return None
    known = interval(counts)
    enough = counts.decided >= ENOUGH
    return Rate(
        percent=50 * counts.score,
        error=100 * float(preferred.std(ddof=1)) / math.sqrt(len(preferred)) if enough else None,
        interval=None if known is None else (50 * known[0], 50 * known[1]),
    )
