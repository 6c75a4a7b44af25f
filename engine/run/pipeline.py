"""A dataset's way through the method: many samples at once, and either model always busy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from engine.events import (
    Chosen,
    Event,
    Finished,
    Held,
    PhaseEnded,
    PhaseStarted,
    SampleAdvanced,
    Started,
    StudentOpened,
)
from engine.method.recipe import Method
from engine.method.refine import refine
from engine.method.reflection import AskTeacher, Question
from engine.method.scores import Measure, TokenRatio
from engine.method.templates import prompt_for
from engine.run.first_samples import FIRST, Asking, FirstSamples
from engine.run.gates import Gate
from engine.run.replay import (
    NeedsStudent,
    NeedsTeacher,
    NeedsVerifier,
    ReplayingStudent,
    ReplayingTeacher,
)
from engine.run.schema_watch import SchemaWatch
from engine.run.settings import Schedule
from engine.run.teachers import OpenTeacher
from engine.sample import Choice, Sample, Scores, Stage, Version
from engine.store.dropped import is_dropped
from engine.store.overview import refined_before
from engine.store.workspace import Run, Workspace
from models.student import Student, StudentInfo
from models.system.threads import on_daemon_thread
from models.teacher import Teacher

T = TypeVar("T")

SCORING_AHEAD = 32
"""Samples in hand while only the student has work: enough for it to fill its batches."""


@dataclass(frozen=True, slots=True)
class _ReplayingModels:
    """`refine.SampleModels` for one sample. Without reflection there is no teacher, without scores no student."""

    sample: Sample
    teacher: ReplayingTeacher | None
    student: asyncio.Task[ReplayingStudent] | None  # first replies may come while it is still loading
    verifier: asyncio.Task[ReplayingStudent] | None  # None: nothing is known of it yet
    on_choice: Callable[[int, Choice], None]
    check_dropped: Callable[[int], None]  # raises `_Dropped`

    def ask(self, stage: Stage, candidate: int) -> AskTeacher:
        teacher = self.teacher
        assert teacher is not None

        async def ask(question: Question[T], /) -> T:
            self.check_dropped(self.sample.index)
            return await teacher.ask(self.sample.index, stage, candidate, question)

        return ask

    async def ratios(self, measure: Measure, versions: Sequence[Version]) -> list[TokenRatio]:
        assert self.student is not None
        return await (await self.student).ratios(self.sample, measure, versions)

    async def verified_ratios(self, measure: Measure, versions: Sequence[Version]) -> list[TokenRatio]:
        if self.verifier is None:
            raise NeedsVerifier
        try:
            return await (await self.verifier).ratios(self.sample, measure, versions)
        except NeedsStudent:
            raise NeedsVerifier from None

    async def scores(self, version: Version) -> Scores:
        assert self.student is not None
        (scores,) = await (await self.student).scores(self.sample, [version])
        return scores

    def chosen(self, choice: Choice) -> None:
        self.on_choice(self.sample.index, choice)


class _Dropped(Exception):  # noqa: N818 - a sample's state, not an error
    """A person dropped the sample while the run went on."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The samples that a pass could not finish, by the model that they wait for."""

    teacher: list[int] = field(default_factory=list)
    student: list[int] = field(default_factory=list)
    verifier: list[int] = field(default_factory=list)


class Pipeline:
    """One run over a workspace, with the models it may use.

    Near ties that are to be verified wait until all else is done: then the student is unloaded, and the verifier, which
    is the same model and may be larger, takes its place for them.
    """

    def __init__(
        self,
        workspace: Workspace,
        run: Run,
        emit: Callable[[Event], None],
        *,
        teacher: OpenTeacher | None,
        student: Student | None,
        gate: Gate,
        verifier: Student | None = None,
        schemas: SchemaWatch | None = None,
    ) -> None:
        """`emit` is called in the loop that runs the pipeline, and must not block. `schemas`: as `ReplayingTeacher`."""
        self._workspace = workspace
        self._run = run
        self._recipe = run.recipe
        self._emit = emit
        self._teacher = teacher
        self._student = student
        self._verifier = verifier
        self._schemas = schemas
        self._gate = gate
        self._student_info: StudentInfo | None = None
        self._verifier_info: StudentInfo | None = None
        self._decided: dict[Stage, bytearray] = {}  # a sample may pass a stage again: told of once
        self._first: FirstSamples | None = None  # None: the run is not held

    async def run(self, schedule: Schedule, chosen: Sequence[int]) -> list[int]:
        """Finish these samples of the workspace.

        Told to be `Held` where the first ones all fail in the same way, once in the run's life.
        Returns the samples that could not be finished without a teacher. Raises `TeacherError` when a pause
        outlasts its patience, `StudentError`, `WorkspaceError`. Whatever was answered stays answered.
        """
        self._decided = {stage: bytearray(len(self._workspace)) for stage in Stage}
        done, failed = self._workspace.count(self._run, chosen)
        stages = () if self._recipe.method is Method.SCORE else tuple(Stage)
        self._emit(Started(len(chosen), done, failed, stages))
        if done:
            self._emit(refined_before(self._workspace, self._run, chosen))
        if len(chosen) > FIRST and not self._run.record.held:
            self._first = FirstSamples(Asking.of(self._recipe), self._hold)
        while True:
            waiting = await self._without_verifier(schedule, chosen)
            if not waiting.verifier or self._verifier is None:
                return waiting.teacher
            waiting = await self._verify(self._verifier, schedule, chosen)
            asks = self._teacher is not None and self._teacher.model is not None
            if not waiting.student and not (asks and waiting.teacher):
                return waiting.teacher

    async def _without_verifier(self, schedule: Schedule, chosen: Sequence[int]) -> _Waiting:
        """Finish what teacher and student can finish by themselves."""
        teacher, student = self._teacher, self._student
        if teacher is None or teacher.model is None:
            return await self._pass(chosen, SCORING_AHEAD, teacher, student)
        if schedule is Schedule.STAGED and student is not None:
            return await self._staged(teacher, teacher.model, student, chosen)
        # While one sample waits for the student, others keep the teacher's slots full.
        return await self._pass(chosen, 2 * teacher.parallel + 2, teacher, student)

    async def _staged(
        self, teacher: OpenTeacher, model: Teacher, student: Student, chosen: Sequence[int]
    ) -> _Waiting:
        """Teacher and student in turn, each over the whole dataset, until no sample waits for either."""
        self._student_info = await student.open()
        self._emit(StudentOpened(self._student_info))
        await student.unload()
        while True:
            self._emit(PhaseStarted("teacher", self._left(chosen)))
            waiting = await self._pass(chosen, teacher.parallel + 1, teacher, None)
            if not waiting.student:
                return waiting
            await model.unload()
            self._emit(PhaseStarted("student", self._left(chosen)))
            waiting = await self._pass(chosen, SCORING_AHEAD, replace(teacher, model=None), student)
            await student.unload()
            if not waiting.teacher:
                return waiting

    async def _verify(self, verifier: Student, schedule: Schedule, chosen: Sequence[int]) -> _Waiting:
        """Score the near ties again that wait for it; in the staged schedule with no other model in memory."""
        teacher = self._teacher
        if self._student is not None:
            await self._student.unload()
        if teacher is not None and teacher.model is not None and schedule is Schedule.STAGED:
            await teacher.model.unload()
            teacher = replace(teacher, model=None)
        self._emit(PhaseStarted("verifier", self._left(chosen)))
        self._verifier_info = await verifier.open()
        waiting = await self._pass(chosen, SCORING_AHEAD, teacher, None, verifier)
        await verifier.unload()
        self._emit(PhaseEnded())
        return waiting

    def _left(self, chosen: Sequence[int]) -> int:
        return len(chosen) - self._workspace.count(self._run, chosen)[0]

    async def _pass(
        self,
        chosen: Sequence[int],
        at_once: int,
        teacher: OpenTeacher | None,
        student: Student | None,
        verifier: Student | None = None,
    ) -> _Waiting:
        """Take every unfinished one of the samples as far as these models can; what waits for another one then."""
        replaying = None
        if teacher is not None:
            replaying = ReplayingTeacher(
                self._workspace, teacher, self._emit, self._gate, self._first, self._schemas
            )
        samples = self._workspace.pending(self._run, chosen)
        waiting = _Waiting()

        async def work(
            opening: asyncio.Task[ReplayingStudent] | None, verifying: asyncio.Task[ReplayingStudent] | None
        ) -> None:
            for sample in samples:
                models = _ReplayingModels(
                    sample, replaying, opening, verifying, self._chosen, self._check_dropped
                )
                try:
                    self._check_dropped(sample.index)
                    outcome = await refine(sample, self._recipe, models)
                except _Dropped:
                    pass  # what was answered is kept, should it be taken back
                except NeedsTeacher:
                    waiting.teacher.append(sample.index)
                except NeedsStudent:
                    waiting.student.append(sample.index)
                except NeedsVerifier:
                    waiting.verifier.append(sample.index)
                else:
                    figures = self._workspace.keep_outcome(self._run, outcome)
                    self._emit(Finished(outcome, input_lost=figures["input_lost"]))
                self._emit(SampleAdvanced(sample.index))

        try:
            async with asyncio.TaskGroup() as group:
                scores = student is not None or self._student_info is not None
                opening = group.create_task(self._replaying_student(student)) if scores else None
                verifying = None
                if (info := self._verifier_info) is not None:
                    verifying = group.create_task(self._replaying(info, verifier))
                for _ in range(at_once):
                    group.create_task(work(opening, verifying))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return replace(waiting, teacher=sorted(waiting.teacher))

    async def _replaying_student(self, student: Student | None) -> ReplayingStudent:
        if student is not None:
            self._student_info = await student.open()
            self._emit(StudentOpened(self._student_info))
        assert self._student_info is not None
        return await self._replaying(self._student_info, student)

    async def _replaying(self, info: StudentInfo, student: Student | None) -> ReplayingStudent:
        template = await on_daemon_thread(prompt_for, self._recipe.template, info)
        return ReplayingStudent(
            self._workspace, info, template, self._emit, student, self._gate, reasoned=self._recipe.reasoned
        )

    def _check_dropped(self, sample: int) -> None:
        if is_dropped(self._workspace.database, sample):
            raise _Dropped

    def _hold(self, held: Held) -> None:
        """Have the run held; kept first, so that it is not held again when it is taken up."""
        self._workspace.run(self._recipe, self._run.record.model_copy(update={"held": True}))
        self._emit(held)

    def _chosen(self, sample: int, choice: Choice) -> None:
        if not self._decided[choice.stage][sample]:
            self._decided[choice.stage][sample] = 1
            self._emit(Chosen(sample, choice))
