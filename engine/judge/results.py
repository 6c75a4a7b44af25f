"""The results of a judge's verdicts: the papers' score with its interval, and the signs that it cannot be trusted.

    score = (wins - losses) / N + 1        over the N pairs that have a verdict; 1: neither side is better

Wins are b's. The interval is the percentile bootstrap's (Efron 1979): N pairs drawn again from these N, many times.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np

from engine.judge.prompt import Judged, Result, StudentChoice
from engine.sample import Frozen, Stage, Verdict

RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 0  # the same verdicts have the same interval

EDGES = (0.5, 0.8, 1.25, 2.0)
"""Of the bins of length(b) / length(a), in characters; between the middle two, lengths count as equal."""

MARGINS = (0.01, 0.05, 0.2)
"""Of the bins of the student's margin, in log-ratio; the first is the near ties' usual limit."""

ENOUGH = 10
"""Decided pairs that it takes for an interval, and pairs of equal length to say what is left of an advantage."""


class Counts(Frozen):
    """Verdicts of some pairs, for b."""

    wins: int
    ties: int
    losses: int
    score: float | None  # (W - L) / N + 1; None: no pairs

    @classmethod
    def of(cls, wins: int, ties: int, losses: int) -> Counts:
        total = wins + ties + losses
        score = (wins - losses) / total + 1 if total else None
        return cls(wins=wins, ties=ties, losses=losses, score=score)

    @property
    def total(self) -> int:
        return self.wins + self.ties + self.losses

    @property
    def decided(self) -> int:
        return self.wins + self.losses


class PlaceBias(Frozen):
    """The influence of the places on the verdicts."""

    judged: int  # pairs with a verdict, those that only the student chose between included
    changed: int  # of them, those whose verdict the order changed
    toward_first: int  # of them, toward the answer that was shown first
    toward_second: int


class LengthBin(Frozen):
    """Pairs whose answers' lengths are alike in ratio."""

    low: float  # of length(b) / length(a)
    high: float | None  # None: no limit
    counts: Counts


class LengthBias(Frozen):
    """The influence of the answers' lengths on the verdicts."""

    bins: tuple[LengthBin, ...]
    longer_won: int  # of the pairs that were decided, those that the longer answer won
    decided: int  # wins and losses of pairs whose lengths differ
    explained: float | None
    """The share of the advantage, score - 1, that is gone where lengths are equal; None: it cannot be told."""

    @property
    def equal(self) -> Counts:
        """The pairs of about equal length."""
        return self.bins[len(self.bins) // 2].counts


class MarginBin(Frozen):
    """The verdicts where the student chose by about so much. Wins: the judge prefers the rewrite."""

    stage: Stage
    verdict: Verdict  # the student's: the original was kept, or replaced by the rewrite
    low: float | None  # of the margin's size, in log-ratio; None: the student had nothing to compare
    high: float | None  # None: no limit
    counts: Counts


class Disagreement(Frozen):
    """The student took what the judge finds worse, or turned down what it finds better."""

    pair: int  # its number in the comparison
    row: int  # the sample's index
    stage: Stage
    verdict: Verdict  # the student's
    margin: float | None
    confidence: float | None  # the judge's


class Confidence(Frozen):
    """The judge's confidence, `Judged.confidence`, of the verdicts whose server gave it."""

    verdicts: int
    mean: float
    changed: float | None  # the mean where the order changed the verdict; None: it changed none of these


class Results(Frozen):
    """The results of a comparison so far."""

    invalid: int  # pairs of A and B without a verdict that could be used: in none of the counts
    faults: dict[str, int]  # why there is none, by kind; what only the student chose between included
    counts: Counts  # of the pairs of A and B
    interval: tuple[float, float] | None  # 95 %, of the score; None: too few decided pairs, or all alike
    mean_scores: tuple[float, float] | None  # the judge's, of a and of b, over both orders
    bias: PlaceBias
    confidence: Confidence | None  # None: no server gave one
    length: LengthBias
    same_instruction: Counts  # of the counts, the pairs whose answers are to one instruction
    new_instruction: Counts  # and those whose instruction was rewritten, too
    student: tuple[MarginBin, ...]  # empty where no student chose
    disagreements: tuple[Disagreement, ...]


def results(judged: Iterable[tuple[int, Judged]]) -> Results:
    """Count verdicts, each with its pair's number. Memory grows by a few numbers a pair."""
    counted = _Tally()
    for number, one in judged:
        counted.add(number, one)
    return counted.results()


def interval(counts: Counts) -> tuple[float, float] | None:
    """The bootstrap interval of the score. Drawing N pairs again is drawing their three counts.

    None where fewer than `ENOUGH` pairs are decided, and where all have one verdict: every draw would be the same.
    """
    total = counts.total
    if counts.decided < ENOUGH or total in (counts.wins, counts.losses):
        return None
    shares = np.array([counts.wins, counts.ties, counts.losses]) / total
    drawn = np.random.default_rng(SEED).multinomial(total, shares, size=RESAMPLES)
    scores = (drawn[:, 0] - drawn[:, 2]) / total + 1
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(scores, [tail, 1 - tail])
    return float(low), float(high)


class _Tally:
    """Verdicts as they are counted."""

    def __init__(self) -> None:
        self._invalid = 0
        self._faults: Counter[str] = Counter()
        self._all: Counter[Result] = Counter()
        self._by_instruction: dict[bool, Counter[Result]] = {True: Counter(), False: Counter()}
        self._by_length: list[Counter[Result]] = [Counter() for _ in range(len(EDGES) + 1)]
        self._longer_won = self._decided = 0
        self._judged = 0  # pairs with a verdict, compared or not
        self._changed: Counter[bool] = Counter()  # whether toward the first place
        self._scores = [0, 0]
        self._sure: dict[bool, list[float]] = {False: [], True: []}  # whether the order changed the verdict
        self._student: dict[tuple[Stage, Verdict, int | None], Counter[Result]] = {}
        self._disagreements: list[Disagreement] = []

    def add(self, number: int, judged: Judged) -> None:
        pair = judged.pair
        if judged.result is Result.INVALID:
            self._invalid += pair.compared
            self._faults.update([judged.failure.fault] if judged.failure else [])
            return
        self._judged += 1
        if judged.pull:
            self._changed[judged.pull > 0] += 1
        if judged.confidence is not None:
            self._sure[judged.pull != 0].append(judged.confidence)
        if pair.compared:
            self._compare(judged)
        for choice in pair.choices:
            self._meet(number, judged, choice)

    def _compare(self, judged: Judged) -> None:
        result, pair = judged.result, judged.pair
        assert judged.forward is not None
        assert judged.swapped is not None
        self._all[result] += 1
        self._by_instruction[pair.has_one_instruction][result] += 1
        self._scores[0] += judged.forward.first + judged.swapped.second
        self._scores[1] += judged.forward.second + judged.swapped.first
        a, b = len(pair.a.response), len(pair.b.response)
        ratio = b / a if a else (math.inf if b else 1.0)
        self._by_length[sum(ratio >= edge for edge in EDGES)][result] += 1
        if a != b and result is not Result.TIE:
            self._decided += 1
            self._longer_won += (b > a) == (result is Result.WIN)

    def _meet(self, number: int, judged: Judged, choice: StudentChoice) -> None:
        margin = None if choice.margin is None else sum(abs(choice.margin) >= edge for edge in MARGINS)
        cell = self._student.setdefault((choice.stage, choice.verdict, margin), Counter())
        cell[judged.result] += 1
        against = Result.LOSE if choice.verdict is Verdict.REPLACED else Result.WIN
        if judged.result is against:
            self._disagreements.append(
                Disagreement(
                    pair=number,
                    row=judged.pair.row,
                    stage=choice.stage,
                    verdict=choice.verdict,
                    margin=choice.margin,
                    confidence=judged.confidence,
                )
            )

    def results(self) -> Results:
        counts = _counts(self._all)
        verdicts = 2 * counts.total
        return Results(
            invalid=self._invalid,
            faults=dict(self._faults.most_common()),
            counts=counts,
            interval=interval(counts),
            mean_scores=(self._scores[0] / verdicts, self._scores[1] / verdicts) if verdicts else None,
            bias=PlaceBias(
                judged=self._judged,
                changed=self._changed.total(),
                toward_first=self._changed[True],
                toward_second=self._changed[False],
            ),
            confidence=self._confidence(),
            length=self._length(counts),
            same_instruction=_counts(self._by_instruction[True]),
            new_instruction=_counts(self._by_instruction[False]),
            student=tuple(self._margins()),
            disagreements=tuple(self._disagreements),
        )

    def _confidence(self) -> Confidence | None:
        changed, all = self._sure[True], self._sure[False] + self._sure[True]
        if not all:
            return None
        return Confidence(
            verdicts=len(all),
            mean=math.fsum(all) / len(all),
            changed=math.fsum(changed) / len(changed) if changed else None,
        )

    def _length(self, counts: Counts) -> LengthBias:
        ends = (0.0, *EDGES, None)
        bins = tuple(
            LengthBin(low=ends[n] or 0.0, high=ends[n + 1], counts=_counts(counted))
            for n, counted in enumerate(self._by_length)
        )
        explained = _explained(counts, bins[len(EDGES) // 2].counts)
        return LengthBias(bins=bins, longer_won=self._longer_won, decided=self._decided, explained=explained)

    def _margins(self) -> Iterable[MarginBin]:
        """Every bin of the stages and verdicts there are, in order; what has no margin last."""
        ends = (0.0, *MARGINS, None)
        for stage in Stage:
            for verdict in (Verdict.REPLACED, Verdict.KEPT):
                for n in (*range(len(MARGINS) + 1), None):
                    if (counted := self._student.get((stage, verdict, n))) is not None:
                        low, high = (None, None) if n is None else (ends[n], ends[n + 1])
                        yield MarginBin(
                            stage=stage, verdict=verdict, low=low, high=high, counts=_counts(counted)
                        )


def _explained(all: Counts, equal: Counts) -> float | None:
    """Only of an advantage that is beyond chance, and where enough pairs are of equal length."""
    if all.decided < ENOUGH or equal.total < ENOUGH:
        return None
    if (sure := interval(all)) is not None and sure[0] <= 1 <= sure[1]:
        return None
    assert all.score is not None
    assert equal.score is not None
    return (all.score - equal.score) / (all.score - 1)


def _counts(counted: Counter[Result]) -> Counts:
    return Counts.of(counted[Result.WIN], counted[Result.TIE], counted[Result.LOSE])
