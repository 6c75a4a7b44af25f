"""The recorded verdicts on a workspace's two sides, a line for each pair. Reads files: not for the app's loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from engine.judge.prompt import Judged, Result, StudentChoice
from engine.judge.record import Comparison, Record, judged_path
from engine.judge.results import Results, results
from engine.store.workspace import Run

SHOWN = 120
"""Characters of an instruction that a line carries."""


class PairFilter(StrEnum):
    """A kind of pairs, for the list to show only these."""

    ALL = "pairs"
    DISAGREEMENTS = "pairs where the judge and the student disagree"
    WINS = "pairs where the rewrite is better"
    TIES = "ties"
    LOSSES = "pairs where the rewrite is worse"
    INVALID = "pairs without a verdict"


_RESULTS = {
    PairFilter.WINS: Result.WIN,
    PairFilter.TIES: Result.TIE,
    PairFilter.LOSSES: Result.LOSE,
    PairFilter.INVALID: Result.INVALID,
}


@dataclass(frozen=True, slots=True)
class PairLine:
    """A pair in the list."""

    pair: int  # its number in the comparison
    row: int  # the sample
    result: Result
    compared: bool  # else it is only what the student chose between
    scores: tuple[tuple[int, int], tuple[int, int]] | None  # of a and b: with a shown first, and with b
    choice: StudentChoice | None  # the student's, of several the one that the judge contradicts
    disagrees: bool
    instruction: str  # its beginning

    def passes(self, which: PairFilter) -> bool:
        if which is PairFilter.DISAGREEMENTS:
            return self.disagrees
        return which is PairFilter.ALL or self.result is _RESULTS[which]


@dataclass(frozen=True, slots=True)
class JudgeVerdicts:
    """The verdicts of one comparison, so far."""

    comparison: Comparison
    all: tuple[Comparison, ...]  # of this run, the latest first: other judges', or with other settings
    results: Results
    lines: tuple[PairLine, ...]

    @property
    def done(self) -> bool:
        return len(self.lines) >= self.comparison.about.pairs


def verdicts(path: Path, run: Run, wanted: int | None = None) -> JudgeVerdicts | None:
    """The verdicts on a workspace's run, of the comparison `wanted` or the latest; None where there is none.

    Raises `WorkspaceError`.
    """
    kept = judged_path(path)
    if not kept.exists():
        return None
    with Record.read(kept) as record:
        all = tuple(one for one in record.comparisons() if one.about.is_of(path, run.id))
        if not all:
            return None
        comparison = next((one for one in all if one.id == wanted), all[0])
        lines: dict[int, PairLine] = {}

        def counted() -> Iterator[tuple[int, Judged]]:
            for number, judged in record.judged(comparison):
                lines[number] = _line(number, judged)
                yield number, judged

        found = results(counted())
    for one in found.disagreements:
        choice = StudentChoice(stage=one.stage, verdict=one.verdict, margin=one.margin)
        lines[one.pair] = replace(lines[one.pair], choice=choice, disagrees=True)
    return JudgeVerdicts(comparison, all, found, tuple(lines.values()))


def verdict(path: Path, comparison: Comparison, pair: int) -> Judged:
    """The judge's two opinions on one pair, and its texts. Raises `WorkspaceError`."""
    with Record.read(judged_path(path)) as record:
        return record.verdict(comparison, pair)


def _line(number: int, judged: Judged) -> PairLine:
    pair, scores = judged.pair, None
    if judged.forward is not None and judged.swapped is not None:
        scores = (
            (judged.forward.first, judged.forward.second),
            (judged.swapped.second, judged.swapped.first),
        )
    choice = next(iter(pair.choices), None)
    instruction = pair.a.instruction[:SHOWN]
    return PairLine(number, pair.row, judged.result, pair.compared, scores, choice, False, instruction)
