"""A trial's folder as the command leaves it, at work or done, without a model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from engine.judge.prompt import Judged, Result
from engine.method.reply_forms import JudgeForm
from engine.method.templates import TemplateName
from engine.trial.answers import ArmAnswers
from engine.trial.arms import BASE
from engine.trial.judged import ArmVerdicts, JudgedAnswers, keep_judged, verdicts
from engine.trial.kept import keep_result
from engine.trial.losses import HeldOutLosses, keep_losses
from engine.trial.plan import TrialPlan, keep_plan, trial_path
from engine.trial.results import ArmResult, Finding, Interval, Sides, TrialResult, finding
from models.teacher import TeacherInfo
from models.training.job import ADAPTER, LOSSES
from tests.factory import opinion, pair

BETTER_BY = {
    "original": (0.0, 0.0),
    "refined": (0.02, -0.19),
    "random": (0.05, -0.08),
    "longest": (0.09, -0.1),
}
"""The losses of each arm less those of `original`, on original and on refined answers."""

ROWS, SEEDS, STEPS = 24, 3, 60


def trial_scene(workspace: Path, steps_done: int | None = None) -> Path:
    """A trial of four arms and three seeds; `steps_done`: of all trainings together, None for a trial that is done."""
    folder = trial_path(workspace)
    folder.mkdir(mode=0o700)
    keep_plan(
        folder,
        TrialPlan(
            student="sha256:1",
            base=None,
            template=TemplateName.VICUNA,
            context=2048,
            held_out=tuple(range(ROWS)),
            answers="a",
            rank=16,
            alpha=32,
            rate=2e-4,
            tokens=512,
            steps=STEPS,
            arms=dict.fromkeys(BETTER_BY, "b"),
            seeds=SEEDS,
        ),
    )
    left = len(BETTER_BY) * SEEDS * STEPS if steps_done is None else steps_done
    for seed in range(1, SEEDS + 1):
        for arm in BETTER_BY:
            if left:
                train(folder / arm / str(seed), arm, seed, min(left, STEPS))
            left -= min(left, STEPS)
    if steps_done is None:
        evaluate(folder)
    return folder


SCORES = {Result.WIN: (4, 8), Result.TIE: (6, 6), Result.LOSE: (8, 4)}


def judged(result: Result, sample: int, lengths: tuple[int, int] = (8, 8)) -> Judged:
    """A verdict on answers of these lengths."""
    of = pair("a" * lengths[0], "b" * lengths[1], sample)
    if result is Result.INVALID:
        return Judged(pair=of, forward=None, swapped=None)
    first, second = SCORES[result]
    return Judged(pair=of, forward=opinion(first, second), swapped=opinion(second, first))


WON = {"original": (9, 8), "refined": (17, 3), "random": (12, 9), "longest": (3, 2)}
"""Pairs that each arm has won and lost; the rest are ties. The refined answers that win are the longer ones."""


def judged_scene(folder: Path, unanswered: int = 0) -> JudgedAnswers:
    """The judge's part of a trial that is done. `unanswered`: instructions, by the arm refined."""

    def beside(arm: str) -> ArmVerdicts:
        won, lost = WON[arm]
        results = [Result.WIN] * won + [Result.LOSE] * lost + [Result.TIE] * (ROWS - won - lost)
        longer = 40 if arm == "refined" else 9
        found = [judged(result, n, (9, longer if n < won - 5 else 9)) for n, result in enumerate(results)]
        return verdicts(list(enumerate(found)), 0, {n: n for n in range(ROWS)})

    by_arm = {arm: beside(arm) for arm in WON}
    tokens = {BASE: 512.0, "original": 57.0, "refined": 88.5, "random": 90.0, "longest": 140.0}
    found = JudgedAnswers(
        judge=TeacherInfo("qwen3:8b", "sha256:2", 8e9, "Q4_K_M", 5 << 30, 8192),
        wrote_refined=False,
        form=JudgeForm.JSON,
        seed=1,
        limit=512,
        samples=ROWS,
        answers={
            arm: ArmAnswers(
                answered=ROWS - unanswered * (arm == "refined"),
                cut=ROWS * (arm == BASE),
                tokens=median,
                characters=round(4.2 * median),
            )
            for arm, median in tokens.items()
        },
        beside={BASE: by_arm, "original": {arm: by_arm[arm] for arm in WON if arm != "original"}},
    )
    keep_judged(folder, found)
    return found


def train(folder: Path, arm: str, seed: int, steps: int) -> None:
    """A training after so many steps, the last of them 40 seconds after 1970 began."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng([seed, len(arm)]).normal(0, 0.06, STEPS)
    losses = 2.4 + BETTER_BY[arm][1] - 0.7 * (1 - np.exp(-np.arange(STEPS) / 15)) + noise
    lines = [json.dumps({"step": n, "loss": round(loss, 4)}) for n, loss in enumerate(losses[:steps], 1)]
    (folder / LOSSES).write_text("".join(f"{line}\n" for line in lines), "ascii")
    os.utime(folder / LOSSES, (40, 40))
    if steps == STEPS:
        (folder / ADAPTER).write_bytes(b"")


def evaluate(folder: Path) -> None:
    """The held-out losses of all trainings, and a result, whose intervals are not those of these losses."""
    nothing = HeldOutLosses([], [])
    keep_losses(folder / BASE, nothing)
    arms = {}
    for arm, (original, refined) in BETTER_BY.items():
        for seed in range(1, SEEDS + 1):
            keep_losses(folder / arm / str(seed), nothing)
        beside = _sides(original, refined, 0.03)
        arms[arm] = ArmResult(
            samples=90,
            alike=2 * (arm == "refined"),
            too_long=0,
            answer_tokens=61 if arm == "original" else 98,
            epochs=3.4,
            losses=_sides(1.84 + original, 1.83 + refined, 0.13),
            beside_original=None if arm == "original" else beside,
            finding=None if arm == "original" else finding(beside),
        )
    keep_result(
        folder,
        TrialResult(
            rows=ROWS,
            samples=ROWS,
            seeds=SEEDS,
            steps=STEPS,
            tokens=512,
            base=_sides(2.34, 2.44, 0.13),
            arms=arms,
            same=(),
            beside_longest=Finding.BETTER,
        ),
    )


def _sides(original: float, refined: float, half: float) -> Sides:
    around = (Interval(mean=mean, low=mean - half, high=mean + half) for mean in (original, refined))
    return Sides(original=next(around), refined=next(around))
