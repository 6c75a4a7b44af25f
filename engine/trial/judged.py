"""A judge's verdicts on the arms' answers: beside the base's and beside `original`'s, and what may be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from engine.judge.prompt import Judged, Result
from engine.judge.results import ENOUGH, Results
from engine.judge.results import results as counted_verdicts
from engine.method.reply_forms import JudgeForm
from engine.sample import Frozen
from engine.trial.answers import ArmAnswers
from engine.trial.arms import ArmName
from engine.trial.intervals import interval
from engine.trial.plan import TrialError
from engine.trial.results import ENOUGH_ROWS, Finding
from models.system.atomic_file import atomic_file
from models.teacher import TeacherInfo

JUDGED = "judged.json"

_SIGNS = {Result.WIN: 1, Result.TIE: 0, Result.LOSE: -1}


class ArmVerdicts(Frozen):
    """The verdicts on an arm's answers beside another's to the same instructions; wins are the arm's."""

    same: int  # pairs of two equal answers, which are not judged
    rows: int  # with a verdict
    results: Results  # its interval is over rows
    finding: Finding


class JudgedAnswers(Frozen):
    """The arms' own answers, and what a judge finds of them."""

    judge: TeacherInfo
    wrote_refined: bool  # it is the teacher of the run, too
    form: JudgeForm
    seed: int  # whose adapters answered
    limit: int  # tokens that an answer might have
    samples: int  # held out, whose instructions were answered
    answers: dict[ArmName, ArmAnswers]  # by arm, that of the base included
    beside: dict[ArmName, dict[ArmName, ArmVerdicts]]  # by whose answers they are compared with, then by arm

    @property
    def missing(self) -> int:
        """Answers and verdicts that there should be."""
        answers = sum(self.samples - one.answered for one in self.answers.values())
        return answers + sum(
            one.results.invalid for by_arm in self.beside.values() for one in by_arm.values()
        )


def verdicts(judged: Sequence[tuple[int, Judged]], same: int, rows: Mapping[int, int]) -> ArmVerdicts:
    """Verdicts summed up. `judged`: with their pairs' numbers; `rows`: of the samples, by their index."""
    usable = [one for _, one in judged if one.result is not Result.INVALID]
    found = counted_verdicts(judged)
    of_row = np.unique([rows[one.pair.row] for one in usable], return_inverse=True)[1]
    if found.interval is not None:  # else there is nothing to draw, as in Compare
        signs = np.array([[_SIGNS[one.result] for one in usable]], np.float64)
        _, low, high = interval(signs, of_row)
        found = found.model_copy(update={"interval": (low + 1, high + 1)})
    count = len(set(of_row.tolist()))
    return ArmVerdicts(same=same, rows=count, results=found, finding=finding(found, count))


def finding(found: Results, rows: int) -> Finding:
    """The finding of verdicts over so many rows, which says no more than their interval does."""
    counts = found.counts
    if counts.decided < ENOUGH or rows < ENOUGH_ROWS:
        return Finding.TOO_FEW
    low, high = found.interval or (counts.score, counts.score)  # none: all were decided alike
    assert low is not None
    assert high is not None
    if low <= 1 <= high:
        return Finding.NOTHING
    return Finding.BETTER if low > 1 else Finding.WORSE


def keep_judged(folder: Path, judged: JudgedAnswers) -> None:
    with atomic_file(folder / JUDGED, mode=0o600) as file:
        file.write(judged.model_dump_json(indent=1).encode())


def kept_judged(folder: Path) -> JudgedAnswers | None:
    """What the latest judge found of a trial's answers; None: no judge was asked. Raises `TrialError`."""
    path = folder / JUDGED
    if not path.exists():
        return None
    try:
        return JudgedAnswers.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise TrialError(
            f"{path}: cannot be read; the same burnish trial command with --judge computes it anew"
        ) from None
