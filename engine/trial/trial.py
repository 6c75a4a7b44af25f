"""A trial, from its beginning to its result: hold out, deal out, train each arm, weigh each arm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from engine.events import Notice, Started
from engine.export.export import share_of
from engine.formats.read import BadRow
from engine.method.templates import prompt_for
from engine.pace import clock
from engine.run.settings import StudentSettings
from engine.run.teachers import identified
from engine.store.choosing import ChosenBy
from engine.store.leaving import ExportRule, TopShare
from engine.store.workspace import Run, Workspace
from engine.trial.arms import ARMS, BASE, Arms, arms_of, file_exchanges, samples_of, usual_rule
from engine.trial.events import Trained, TrainedBefore, TrialEvent
from engine.trial.lessons import steps
from engine.trial.needs import memory_to_train, operations, seconds_to_train
from engine.trial.passages import after_answer, lessons_of, passages_of
from engine.trial.plan import (
    TrialPlan,
    digest_of_checkpoint,
    digest_of_data,
    keep_plan,
    trial_folder,
)
from engine.trial.results import Learnt, TrialResult, results
from engine.trial.weighing import Weighed, keep_weighed, weigh, weighed_before
from models.errors import UsageError
from models.files.catalog import ModelFile, student_file
from models.llamacpp.student import EmbeddedStudent
from models.student import Passage
from models.system.machine import memory
from models.system.threads import on_daemon_thread
from models.system.units import counted, size
from models.training.job import ADAPTER, Job, Lesson, Loaded, Report, Stepped, TakenUp, Training
from models.training.process import check_installed, train

EPOCHS = 3
"""Of the smallest arm, where no number of steps is given."""
SCALE = 2
"""Alpha over the rank."""

Emit = Callable[[TrialEvent], None]


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """What a person asks a trial for."""

    out: Path
    rule: ExportRule | None = None  # None: the one that makes the run's method's data
    top: TopShare | None = (
        None  # of the rule's samples the first by `by`; None: all, with the rule top the usual share
    )
    by: ChosenBy | None = None  # None: IFD
    arms: tuple[str, ...] = ARMS  # of burnish's own
    files: dict[str, Path] = field(default_factory=dict)  # arms of one's own
    held_out: str = "10%"
    base: Path | None = None
    seeds: int = 3
    steps: int | None = None  # None: `EPOCHS` of the smallest arm
    tokens: int = 512  # of answers, a step
    rank: int = 16
    rate: float = 2e-4


@dataclass(frozen=True, slots=True)
class _Dealt:
    """What each arm learns from, as tokens, and what all of them are weighed on."""

    lessons: dict[str, list[Lesson]]
    too_long: dict[str, int]
    original: list[Passage | None]  # of each held-out sample
    refined: list[Passage | None]  # likewise; None where the rule does not let it through


async def trial(
    workspace: Workspace, settings: StudentSettings, asked: TrialRequest, emit: Emit
) -> TrialResult:
    """Train and weigh, or go on with it. Raises `BurnishError` of many kinds, before anything is trained if it can."""
    check_installed()
    if settings.name is None:
        raise UsageError(
            "a trial trains a student: give --student with the GGUF of the model you will fine-tune"
        )
    if asked.base is not None and not (asked.base / "config.json").is_file():
        raise UsageError(f"--base {asked.base}: expected a folder with a model's config.json and safetensors")
    file = await identified(student_file(settings.name))
    run = workspace.latest_run()
    arms = _divided(workspace, run, asked, emit)
    with trial_folder(asked.out):
        dealt = await _dealt(_student(file, run, settings), run, arms)
        for name, lessons in dealt.lessons.items():
            if not lessons:
                raise UsageError(f"arm {name}: no sample to train on; see --rule and --held-out")
        count = asked.steps or _usual_steps(dealt.lessons, asked.tokens)
        assert file.digest is not None
        plan = TrialPlan(
            student=file.digest,
            base=None if asked.base is None else await on_daemon_thread(digest_of_checkpoint, asked.base),
            template=run.recipe.template,
            context=run.recipe.context,
            held_out=tuple(arms.rows),
            weighed=digest_of_data([*dealt.original, *dealt.refined]),
            rank=asked.rank,
            alpha=SCALE * asked.rank,
            rate=asked.rate,
            tokens=asked.tokens,
            steps=count,
            arms={name: digest_of_data(lessons) for name, lessons in dealt.lessons.items()},
            seeds=asked.seeds,
        )
        keep_plan(asked.out, plan)
        await _train(file, asked, plan, dealt.lessons, emit)
        base, weighed = await _weigh(file, run, settings, asked, dealt, emit)
    learnt = {
        name: _learnt(lessons, arms.alike[name], dealt.too_long[name], count * asked.tokens)
        for name, lessons in dealt.lessons.items()
    }
    rows = [sample.row for sample in arms.held_out]
    return results(learnt, base, weighed, rows, steps=count, tokens=asked.tokens, same=arms.same)


def _divided(workspace: Workspace, run: Run, asked: TrialRequest, emit: Emit) -> Arms:
    def on_bad(bad: BadRow) -> None:
        emit(Notice(f"left out {bad.where}: {bad.message}"))

    rule = asked.rule or usual_rule(run.recipe.method)
    share = share_of(rule, asked.top)
    if share is None and asked.by is not None:
        raise UsageError(f"--by {asked.by} goes with --top or --rule top")
    emit(Notice(f"holding out {asked.held_out} of the rows, and looking for what is like them"))
    samples = samples_of(workspace, run, rule, share and replace(share, by=asked.by or share.by))
    if not samples:
        raise UsageError(f"{workspace.path}: no sample is refined yet; burnish run does that")
    files = {name: file_exchanges(path, on_bad) for name, path in asked.files.items()}
    return arms_of(samples, asked.arms, files, asked.held_out)


def _student(
    file: ModelFile, run: Run, settings: StudentSettings, adapter: Path | None = None
) -> EmbeddedStudent:
    assert file.digest is not None
    return EmbeddedStudent(
        file.path,
        digest=file.digest,
        adapter=adapter,
        context=run.recipe.context,
        exact=run.recipe.exact,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
    )


async def _dealt(student: EmbeddedStudent, run: Run, arms: Arms) -> _Dealt:
    try:
        info = await student.open()
        template = prompt_for(run.recipe.template, info)
        after = await on_daemon_thread(after_answer, template)
        lessons, too_long = {}, {}
        for name, exchanges in arms.exchanges.items():
            passages = await on_daemon_thread(passages_of, exchanges, template)
            found = await lessons_of(student, passages, after, info.context)
            lessons[name] = [lesson for lesson in found if lesson is not None]
            too_long[name] = len(found) - len(lessons[name])
        sides = ([one.original for one in arms.held_out], [one.refined for one in arms.held_out])
        original, refined = [await on_daemon_thread(passages_of, side, template) for side in sides]
    finally:
        await student.close()
    through = zip(arms.held_out, refined, strict=True)
    return _Dealt(lessons, too_long, original, [one if of.by_rule else None for of, one in through])


def _usual_steps(lessons: dict[str, list[Lesson]], tokens: int) -> int:
    smallest = min(sum(len(one.answer) for one in found) for found in lessons.values())
    return math.ceil(EPOCHS * smallest / tokens)


def _learnt(lessons: Sequence[Lesson], alike: int, too_long: int, tokens: int) -> Learnt:
    whole = sum(len(one.answer) for one in lessons)
    return Learnt(
        samples=len(lessons),
        alike=alike,
        too_long=too_long,
        answer_tokens=whole / len(lessons),
        epochs=tokens / whole,
    )


def _folder(out: Path, arm: str, seed: int) -> Path:
    return out / arm / str(seed)


# Training --------------------------------------------------------------------------------------------------------


async def _train(
    file: ModelFile, asked: TrialRequest, plan: TrialPlan, lessons: dict[str, list[Lesson]], emit: Emit
) -> None:
    """Train every arm with every seed, the first seed of all arms first: there is something to compare early."""
    places: dict[Lesson, int] = {}
    numbered = {
        arm: [(places.setdefault(one, len(places)), len(one.answer)) for one in found]
        for arm, found in lessons.items()
    }
    which = list(product(range(1, asked.seeds + 1), lessons))
    job = Job(
        student=file.path,
        parts=file.header.parts,
        base=asked.base,
        rank=plan.rank,
        alpha=plan.alpha,
        rate=plan.rate,
        lessons=tuple(places),
        trainings=tuple(
            Training(
                _folder(asked.out.absolute(), arm, seed),
                seed,
                tuple(steps(numbered[arm], count=plan.steps, tokens=plan.tokens, seed=seed)),
            )
            for seed, arm in which
        ),
    )
    emit(Started(total=len(which) * plan.steps, done=0, failed=0, stages=()))
    if all((one.folder / ADAPTER).exists() for one in job.trainings):
        emit(TrainedBefore(len(which) * plan.steps))
        return
    _tell_memory(memory_to_train(file.header, job), emit)

    def on_report(report: Report) -> None:
        match report:
            case Loaded():
                seconds = seconds_to_train(operations(file.header, job), report.speed)
                emit(
                    Notice(
                        f"training on {report.device}: {counted(report.layers, 'layer')} get an adapter of "
                        f"{report.trained:,} parameters; about {clock(seconds)} for {counted(len(which), 'training')}"
                    )
                )
            case TakenUp():
                emit(TrainedBefore(report.steps))
            case Stepped():
                seed, arm = which[report.training]
                emit(Trained(arm, seed, report.loss))

    await train(job, on_report)


def _tell_memory(needed: int, emit: Emit) -> None:
    have = memory()
    if needed > have.total:
        raise UsageError(
            f"training takes about {size(needed)} of memory, and this machine has {size(have.total)}: choose a smaller "
            "student, or fewer --tokens"
        )
    short = "; close other programs, for it may run out" if needed > have.available else ""
    emit(
        Notice(
            f"training takes about {size(needed)} of memory; {size(have.available)} are free{short}. The student's "
            "weights are read first"
        )
    )


# Weighing --------------------------------------------------------------------------------------------------------


async def _weigh(
    file: ModelFile, run: Run, settings: StudentSettings, asked: TrialRequest, dealt: _Dealt, emit: Emit
) -> tuple[Weighed, dict[str, list[Weighed]]]:
    """The losses of the student as it is, and of each arm's adapters, seed by seed."""

    async def of(folder: Path, adapter: Path | None) -> Weighed:
        if (before := weighed_before(folder)) is not None:
            return before
        student = _student(file, run, settings, adapter)
        try:
            found = await weigh(student, dealt.original, dealt.refined)
        finally:
            await student.close()
        keep_weighed(folder, found)
        return found

    emit(Notice("weighing what was held out"))
    base = await of(asked.out / BASE, None)
    arms: dict[str, list[Weighed]] = {arm: [] for arm in dealt.lessons}
    for seed, arm in product(range(1, asked.seeds + 1), dealt.lessons):
        folder = _folder(asked.out, arm, seed)
        arms[arm].append(await of(folder, folder / ADAPTER))
    return base, arms
