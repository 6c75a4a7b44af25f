"""A trial from beginning to end: hold rows out, divide the rest among the arms, train each arm, evaluate it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path

from engine.events import Notice, Started
from engine.export.export import share_of
from engine.formats.read import BadRow
from engine.judge.results import ENOUGH
from engine.method.templates import prompt_for
from engine.pace import clock
from engine.run.settings import StudentSettings
from engine.run.teachers import check_teacher, identified
from engine.store.choosing import ChosenBy
from engine.store.leaving import ExportRule, TopShare
from engine.store.workspace import Run, Workspace
from engine.trial.arms import ARMS, BASE, Arms, arms_of, file_exchanges, samples_of, usual_rule
from engine.trial.events import DoneBefore, Trained
from engine.trial.judged import JudgedAnswers, keep_judged, kept_judged
from engine.trial.judging import AtWork, Emit, JudgeRequest, Respondent, answer_folder, judged_answers
from engine.trial.kept import keep_result
from engine.trial.losses import HeldOutLosses, held_out_losses, keep_losses, kept_losses
from engine.trial.needs import memory_to_train, operations, seconds_to_train
from engine.trial.part_progress import keeping_progress
from engine.trial.passages import after_answer, examples_of, passages_of
from engine.trial.plan import (
    TrialPlan,
    digest_of_checkpoint,
    digest_of_data,
    keep_plan,
    trial_folder,
)
from engine.trial.results import ArmData, TrialResult, results
from engine.trial.steps import steps
from models.errors import UsageError
from models.files.catalog import ModelFile, student_file
from models.llamacpp.student import EmbeddedStudent
from models.llamacpp.writer import EmbeddedWriter
from models.student import Passage
from models.system.machine import memory
from models.system.threads import on_daemon_thread
from models.system.units import counted, size
from models.training.job import ADAPTER, Example, Job, Loaded, Report, Stepped, TakenUp, Training
from models.training.process import check_installed, train

EPOCHS = 3
"""Of the smallest arm, where no number of steps is given."""
SCALE = 2
"""Alpha over the rank."""


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """The choices of a person for a trial."""

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
    judge: JudgeRequest | None = None  # of the arms' own answers; None: they are not asked for any


@dataclass(frozen=True, slots=True)
class _TrialData:
    """The training examples of each arm, and the held-out answers that all of them are evaluated on."""

    examples: dict[str, list[Example]]
    too_long: dict[str, int]
    original: list[Passage | None]  # of each held-out sample
    refined: list[Passage | None]  # likewise; None where the rule does not let it through


async def trial(
    workspace: Workspace, settings: StudentSettings, asked: TrialRequest, at_work: AtWork
) -> tuple[TrialResult, JudgedAnswers | None]:
    """Train and evaluate, or go on with it. Raises `BurnishError` of many kinds, before training if it can.

    The judge's findings are those of an earlier time where none is asked for.
    """
    check_installed()
    if settings.name is None:
        raise UsageError(
            "a trial trains a student: give --student with the GGUF of the model you will fine-tune"
        )
    if asked.base is not None and not (asked.base / "config.json").is_file():
        raise UsageError(f"--base {asked.base}: expected a folder with a model's config.json and safetensors")
    if asked.judge is not None:
        check_teacher(asked.judge.settings)
    file = await identified(student_file(settings.name))
    run = workspace.latest_run()
    with at_work("steps") as emit:
        arms = _divided(workspace, run, asked, emit)
        if asked.judge is not None and (count := len(arms.rows)) < ENOUGH:
            few = f"{counted(count, 'row is', 'rows are')} held out, and a judge needs {ENOUGH} decided pairs"
            emit(Notice(f"{few} to tell arms apart: --held-out takes more"))
        with trial_folder(asked.out):
            data = await _trial_data(_student(file, run, settings), run, arms)
            found = await _trained(file, run, settings, asked, arms, data, emit)
            keep_result(asked.out, found)
    if asked.judge is not None:
        respondents = _respondents(file, run, settings, asked, data)
        teacher = None if run.record.teacher is None else run.record.teacher.digest
        with trial_folder(asked.out):
            judged = await judged_answers(
                asked.out,
                asked.judge,
                arms.held_out,
                data.original,
                respondents,
                teacher,
                partial(keeping_progress, asked.out, at_work),
            )
            keep_judged(asked.out, judged)
    return found, kept_judged(asked.out)


async def _trained(
    file: ModelFile,
    run: Run,
    settings: StudentSettings,
    asked: TrialRequest,
    arms: Arms,
    data: _TrialData,
    emit: Emit,
) -> TrialResult:
    """Train every arm, and evaluate its losses."""
    for name, examples in data.examples.items():
        if not examples:
            raise UsageError(f"arm {name}: no sample to train on; see --rule and --held-out")
    count = asked.steps or _usual_steps(data.examples, asked.tokens)
    assert file.digest is not None
    plan = TrialPlan(
        student=file.digest,
        base=None if asked.base is None else await on_daemon_thread(digest_of_checkpoint, asked.base),
        template=run.recipe.template,
        context=run.recipe.context,
        held_out=tuple(arms.rows),
        answers=digest_of_data([*data.original, *data.refined]),
        rank=asked.rank,
        alpha=SCALE * asked.rank,
        rate=asked.rate,
        tokens=asked.tokens,
        steps=count,
        arms={name: digest_of_data(examples) for name, examples in data.examples.items()},
        seeds=asked.seeds,
    )
    keep_plan(asked.out, plan)
    await _train(file, asked, plan, data.examples, emit)
    base, losses = await _evaluate(file, run, settings, asked, data, emit)
    learnt = {
        name: _arm_data(examples, arms.alike[name], data.too_long[name], count * asked.tokens)
        for name, examples in data.examples.items()
    }
    rows = [sample.row for sample in arms.held_out]
    return results(learnt, base, losses, rows, steps=count, tokens=asked.tokens, same=arms.same)


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


async def _trial_data(student: EmbeddedStudent, run: Run, arms: Arms) -> _TrialData:
    try:
        info = await student.open()
        template = prompt_for(run.recipe.template, info)
        after = await on_daemon_thread(after_answer, template)
        examples, too_long = {}, {}
        for name, exchanges in arms.exchanges.items():
            passages = await on_daemon_thread(passages_of, exchanges, template)
            found = await examples_of(student, passages, after, info.context)
            examples[name] = [example for example in found if example is not None]
            too_long[name] = len(found) - len(examples[name])
        sides = ([one.original for one in arms.held_out], [one.refined for one in arms.held_out])
        original, refined = [await on_daemon_thread(passages_of, side, template) for side in sides]
    finally:
        await student.close()
    through = zip(arms.held_out, refined, strict=True)
    return _TrialData(examples, too_long, original, [one if of.by_rule else None for of, one in through])


def _usual_steps(examples: dict[str, list[Example]], tokens: int) -> int:
    smallest = min(sum(len(one.answer) for one in found) for found in examples.values())
    return math.ceil(EPOCHS * smallest / tokens)


def _arm_data(examples: Sequence[Example], alike: int, too_long: int, tokens: int) -> ArmData:
    whole = sum(len(one.answer) for one in examples)
    return ArmData(
        samples=len(examples),
        alike=alike,
        too_long=too_long,
        answer_tokens=whole / len(examples),
        epochs=tokens / whole,
    )


def _folder(out: Path, arm: str, seed: int) -> Path:
    return out / arm / str(seed)


# Training --------------------------------------------------------------------------------------------------------


async def _train(
    file: ModelFile, asked: TrialRequest, plan: TrialPlan, examples: dict[str, list[Example]], emit: Emit
) -> None:
    """Train every arm with every seed, the first seed of all arms first: there is something to compare early."""
    places: dict[Example, int] = {}
    numbered = {
        arm: [(places.setdefault(one, len(places)), len(one.answer)) for one in found]
        for arm, found in examples.items()
    }
    which = list(product(range(1, asked.seeds + 1), examples))
    job = Job(
        student=file.path,
        parts=file.header.parts,
        base=asked.base,
        rank=plan.rank,
        alpha=plan.alpha,
        rate=plan.rate,
        examples=tuple(places),
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
        emit(DoneBefore(len(which) * plan.steps))
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
                emit(DoneBefore(report.steps))
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


# Evaluating ------------------------------------------------------------------------------------------------------


async def _evaluate(
    file: ModelFile, run: Run, settings: StudentSettings, asked: TrialRequest, data: _TrialData, emit: Emit
) -> tuple[HeldOutLosses, dict[str, list[HeldOutLosses]]]:
    """The losses of the student as it is, and of each arm's adapters, seed by seed."""

    async def of(folder: Path, adapter: Path | None) -> HeldOutLosses:
        if (before := kept_losses(folder)) is not None:
            return before
        student = _student(file, run, settings, adapter)
        try:
            found = await held_out_losses(student, data.original, data.refined)
        finally:
            await student.close()
        keep_losses(folder, found)
        return found

    emit(Notice("computing the losses of the held-out answers"))
    base = await of(asked.out / BASE, None)
    arms: dict[str, list[HeldOutLosses]] = {arm: [] for arm in data.examples}
    for seed, arm in product(range(1, asked.seeds + 1), data.examples):
        folder = _folder(asked.out, arm, seed)
        arms[arm].append(await of(folder, folder / ADAPTER))
    return base, arms


def _respondents(
    file: ModelFile, run: Run, settings: StudentSettings, asked: TrialRequest, data: _TrialData
) -> dict[str, Respondent]:
    """The student as it is and with each arm's adapter, to answer what was held out."""

    def one(arm: str) -> Respondent:
        folder = answer_folder(asked.out, arm)
        writer = EmbeddedWriter(
            file.path,
            name=f"{file.path.name}, arm {arm}",
            adapter=None if arm == BASE else folder / ADAPTER,
            context=run.recipe.context,
            gpu_layers=settings.gpu_layers,
            threads=settings.threads,
        )
        return Respondent(folder, writer)

    return {arm: one(arm) for arm in (BASE, *data.examples)}
