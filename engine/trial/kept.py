"""A trial as its folder has it, read while it trains or after: the plan, the losses of each training, the results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from engine.trial.arms import BASE, ORIGINAL
from engine.trial.judged import JUDGED, JudgedAnswers, kept_judged
from engine.trial.losses import HELD_OUT
from engine.trial.part_progress import PROGRESS, PartProgress, kept_progress
from engine.trial.plan import PLAN, TrialError, TrialPlan, read_plan
from engine.trial.results import TrialResult
from models.system.atomic_file import atomic_file
from models.training.job import ADAPTER, LOSSES

RESULT = "result.json"

Written = dict[str, tuple[float, int]]
"""By name in the folder, when a file was written (seconds since 1970) and its size: the same where nothing changed."""

MeanLosses = NDArray[np.float64]
"""By step, nats a token."""


@dataclass(frozen=True, slots=True)
class KeptTraining:
    """A training that was begun."""

    arm: str
    seed: int
    losses: tuple[float, ...]  # of its steps so far, nats a token
    done: bool
    evaluated: bool  # its held-out losses are there
    last: float  # when its last step was, seconds since 1970


@dataclass(frozen=True, slots=True)
class KeptTrial:
    """A trial so far."""

    plan: TrialPlan
    trainings: list[KeptTraining]  # by arm as in the plan, and by seed
    base_evaluated: bool
    result: TrialResult | None  # the last that was computed: of more arms or seeds there may be none yet
    judged: JudgedAnswers | None  # by the judge that was asked last; None: none was
    progress: PartProgress | None  # of the answers or the verdicts that are being asked for; None: none are
    written: Written

    @property
    def total(self) -> int:
        """Trainings in all."""
        return len(self.plan.arms) * self.plan.seeds

    @property
    def trained(self) -> int:
        return sum(one.done for one in self.trainings)

    @property
    def evaluated(self) -> int:
        """How many of the adapters, and of the student as it is, have their held-out losses."""
        return self.base_evaluated + sum(one.evaluated for one in self.trainings)

    @property
    def progressed(self) -> float:
        """When its answers or verdicts last went on, seconds since 1970."""
        return self.written[PROGRESS][0]

    @property
    def curves(self) -> dict[str, MeanLosses]:
        """The losses of the steps, by arm that has one: the mean of its seeds."""
        seeds = {arm: [one.losses for one in self.of_arm(arm)] for arm in self.plan.arms}
        return {arm: mean_losses(losses) for arm, losses in seeds.items() if any(losses)}

    def of_arm(self, arm: str) -> list[KeptTraining]:
        return [one for one in self.trainings if one.arm == arm]


def keep_result(folder: Path, result: TrialResult) -> None:
    with atomic_file(folder / RESULT, mode=0o600) as file:
        file.write(result.model_dump_json(indent=1).encode())


def kept_trial(folder: Path, before: KeptTrial | None = None) -> KeptTrial | None:
    """The trial of a folder; `before` itself where nothing was written since, None where there is no trial.

    Raises `TrialError`. The command may be writing: a line that is not whole is read the next time.
    """
    try:
        written = _written(folder)
    except OSError as error:
        raise TrialError(f"{folder}: cannot be read: {error.strerror}") from None
    if PLAN not in written:
        return None
    if before is not None and before.written == written:
        return before
    plan = read_plan(folder / PLAN)
    return KeptTrial(
        plan=plan,
        trainings=[
            KeptTraining(
                arm=arm,
                seed=seed,
                losses=tuple(_losses(folder / arm / str(seed) / LOSSES)),
                done=f"{arm}/{seed}/{ADAPTER}" in written,
                evaluated=f"{arm}/{seed}/{HELD_OUT}" in written,
                last=written[f"{arm}/{seed}/{LOSSES}"][0],
            )
            for arm in plan.arms
            for seed in _seeds(written, arm)
            if seed <= plan.seeds
        ],
        base_evaluated=f"{BASE}/{HELD_OUT}" in written,
        result=_read_result(folder / RESULT) if RESULT in written else None,
        judged=kept_judged(folder),
        progress=kept_progress(folder) if PROGRESS in written else None,
        written=written,
    )


def mean_losses(seeds: Sequence[Sequence[float]]) -> MeanLosses:
    """By step, the mean of the seeds that have come so far; NaN where none of them has a loss."""
    steps = max(map(len, seeds))
    table = np.full((len(seeds), steps), np.nan)
    for row, losses in zip(table, seeds, strict=True):
        row[: len(losses)] = losses
    finite = np.isfinite(table)
    sums, counts = np.where(finite, table, 0).sum(axis=0), finite.sum(axis=0)
    means: MeanLosses = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def _written(folder: Path) -> Written:
    found: Written = {}
    for pattern in (
        PLAN,
        RESULT,
        JUDGED,
        PROGRESS,
        f"{BASE}/{HELD_OUT}",
        *(f"*/*/{name}" for name in (LOSSES, ADAPTER, HELD_OUT)),
    ):
        for path in folder.glob(pattern):
            try:
                facts = path.stat()
            except OSError:  # gone meanwhile
                continue
            found[path.relative_to(folder).as_posix()] = facts.st_mtime, facts.st_size
    return found


def _seeds(written: Written, arm: str) -> list[int]:
    """The seeds that an arm's training was begun with."""
    names = (Path(name).parts for name in written)
    begun = (parts[1] for parts in names if parts[0] == arm and parts[-1] == LOSSES)
    return sorted(int(seed) for seed in begun if seed.isdecimal() and str(int(seed)) == seed)


def _losses(path: Path) -> Iterator[float]:
    """The losses of a training's steps, up to one that is not whole."""
    try:
        for line in path.read_bytes().splitlines():
            yield float(json.loads(line)["loss"])
    except (OSError, ValueError, TypeError, LookupError):
        return


def _read_result(path: Path) -> TrialResult:
    try:
        result = TrialResult.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        result = None
    if result is None or ORIGINAL not in result.arms:
        raise TrialError(f"{path}: cannot be read; the same burnish trial command computes it anew")
    return result
