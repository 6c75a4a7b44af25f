"""A run from its settings: names become models, `auto` becomes a decision, and the pipeline does the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.events import Event, Notice
from engine.method.recipe import Recipe, Sampling
from engine.method.reflection import PROMPTS
from engine.method.reply_forms import ReplyFormName, form_for
from engine.run.gates import Gate
from engine.run.pipeline import Pipeline
from engine.run.settings import Schedule, Settings, StudentSettings
from engine.run.teachers import OpenTeacher, digest_of
from engine.store.run_record import RunRecord, StudentFile
from engine.store.workspace import Run, Workspace
from models.errors import UsageError
from models.files import catalog
from models.files.catalog import ModelFile
from models.files.needs import memory_needed, memory_of_tag
from models.llamacpp.teacher import EmbeddedTeacher
from models.student import Student
from models.system import machine
from models.teacher import TeacherInfo

Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """The machine's memory that a teacher and a student take, in bytes."""

    teacher: int
    student: int
    embedded: bool  # the teacher runs in this program, beside the student

    @property
    def together(self) -> int:
        return self.teacher + self.student


def auto_schedule(need: MemoryNeed) -> tuple[Schedule, str]:
    """The schedule that `auto` takes for these two on this machine now, and the reason."""
    if need.embedded:
        return Schedule.STAGED, "teacher and student would compete for the same processor"
    free = machine.memory().available
    schedule = Schedule.INTERLEAVED if need.together <= free else Schedule.STAGED
    return schedule, (
        f"the models need {need.together / 2**30:.1f} GiB together, and {free / 2**30:.1f} GiB are free"
    )


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run's end."""

    run: Run
    total: int  # samples asked for
    done: int
    failed: int  # of those done: a stage had no usable reply
    waiting: tuple[int, ...]  # samples that need replies nobody asked for, with no teacher to ask


@dataclass(frozen=True, slots=True)
class LoadableStudent:
    """A student that can be loaded, and its file."""

    student: Student
    file: ModelFile


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run with everything decided."""

    settings: Settings
    recipe: Recipe
    teacher: OpenTeacher | None  # None: the method needs none
    student: LoadableStudent | None  # None: likewise

    async def execute(
        self, workspace: Workspace, emit: Emit, gate: Gate, limit: int | None, *, retry_failed: bool
    ) -> RunSummary:
        """Refine the workspace's samples, or the first `limit`; take up what was begun. Raises as `Pipeline.run`."""
        teacher, student, file = self.teacher, None, None
        if self.student is not None:
            student, file = self.student.student, self.student.file
        record = RunRecord(
            settings=self.settings.model_dump(mode="json"),
            teacher=teacher and teacher.info,
            student=file and StudentFile(name=file.name, path=str(file.path), digest=digest_of(file)),
        )
        run = workspace.run(self.recipe, record)
        if retry_failed and (reopened := workspace.retry_failed(run)):
            emit(Notice(f"trying {reopened} failed samples again"))
        pipeline = Pipeline(workspace, run, emit, teacher=teacher, student=student, gate=gate)
        waiting = await pipeline.run(self._schedule(emit), limit)
        total = len(workspace) if limit is None else min(limit, len(workspace))
        done, failed = workspace.count(run, total)
        return RunSummary(run, total, done, failed, tuple(waiting))

    def _schedule(self, emit: Emit) -> Schedule:
        """The schedule that was asked for, or the one that the models' sizes and the free memory allow."""
        asked, teacher, student = self.settings.run.schedule, self.teacher, self.student
        if asked != "auto":
            return asked
        if teacher is None or teacher.model is None or student is None:
            return Schedule.INTERLEAVED
        load = MemoryNeed(
            teacher=memory_of_tag(teacher.info.size),
            student=memory_needed(student.file.header, self.settings.student.context),
            embedded=isinstance(teacher.model, EmbeddedTeacher),
        )
        schedule, why = auto_schedule(load)
        emit(Notice(f"schedule: {schedule}, because {why}"))
        return schedule


def recipe_of(
    settings: Settings,
    form: ReplyFormName,
    sampling: Sampling,
    teacher: TeacherInfo | None,
    student: ModelFile | None,
) -> Recipe:
    """All that decides an outcome, from the settings and the models that they name."""
    run = settings.run
    return Recipe(
        **{name: getattr(sampling, name) for name in Sampling.model_fields},
        method=run.method,
        prompts=PROMPTS,
        form=form,
        candidates=run.candidates,
        both_branches=run.both_branches,
        teacher=teacher and teacher.digest,
        teacher_context=teacher and teacher.context,
        student=student and digest_of(student),
        template=run.template,
        context=settings.student.context,
        exact=settings.student.exact,
        length=run.length,
        near_tie=run.near_tie,
    )


def student_file(settings: StudentSettings) -> ModelFile:
    if settings.name is None:
        raise UsageError(
            "no student: give --student with a GGUF file, ollama:TAG, or demo (see burnish models)"
        )
    return catalog.student_file(settings.name)


def reply_form(settings: Settings, info: TeacherInfo, emit: Emit) -> ReplyFormName:
    if settings.run.reply_form != "auto":
        return settings.run.reply_form
    form = form_for(info)
    size = (
        f"{info.parameters / 1e9:.2g}B parameters" if info.parameters else "an unknown number of parameters"
    )
    emit(Notice(f"reply form: {form}, for a teacher of {size}"))
    return form
