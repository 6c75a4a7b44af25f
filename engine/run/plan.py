"""A run from its settings: names become models, `auto` becomes a decision, and the pipeline does the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.events import Event, Notice
from engine.method.recipe import Recipe, Sampling
from engine.method.reflection import PROMPTS
from engine.method.reply_forms import ReplyFormName, form_for
from engine.run.fitting import MemoryNeed, auto_schedule
from engine.run.gates import Gate
from engine.run.pipeline import Pipeline
from engine.run.settings import Schedule, Settings, StudentSettings
from engine.run.teachers import digest_of, serving_of
from engine.store.run_record import RunRecord, StudentFile
from engine.store.workspace import Run, Workspace
from models.errors import UsageError
from models.files import catalog
from models.files.catalog import ModelFile
from models.files.needs import memory_needed, memory_of_tag
from models.llamacpp.teacher import EmbeddedTeacher
from models.student import Student
from models.teacher import Teacher, TeacherInfo

Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended."""

    run: Run
    total: int  # samples asked for
    done: int
    failed: int  # of those done: a stage had no usable reply
    waiting: tuple[int, ...]  # samples that need replies nobody asked for, with no teacher to ask


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run with everything decided."""

    settings: Settings
    recipe: Recipe
    teacher: Teacher | None
    teacher_info: TeacherInfo | None
    student_file: ModelFile | None

    def record(self) -> RunRecord:
        """The record of the run."""
        file = self.student_file
        return RunRecord(
            settings=self.settings.model_dump(mode="json"),
            teacher=self.teacher_info,
            student=file and StudentFile(name=file.name, path=str(file.path), digest=digest_of(file)),
        )

    async def execute(
        self,
        workspace: Workspace,
        student: Student | None,
        emit: Emit,
        gate: Gate,
        limit: int | None,
        *,
        retry_failed: bool,
    ) -> RunSummary:
        """Refine the workspace's samples, or the first `limit`; take up what was begun. Raises as `Pipeline.run`."""
        run = workspace.run(self.recipe, self.record())
        if retry_failed and (again := workspace.retry_failed(run)):
            emit(Notice(f"trying {again} failed samples again"))
        pipeline = Pipeline(
            workspace,
            run,
            serving_of(self.settings.teacher),
            emit,
            teacher=self.teacher,
            teacher_info=self.teacher_info,
            student=student,
            gate=gate,
        )
        waiting = await pipeline.run(self._schedule(emit), limit)
        total = len(workspace) if limit is None else min(limit, len(workspace))
        done, failed = workspace.count(run, total)
        return RunSummary(run, total, done, failed, tuple(waiting))

    def _schedule(self, emit: Emit) -> Schedule:
        """What was asked for, or what the models' sizes and the free memory allow."""
        asked, info, file = self.settings.run.schedule, self.teacher_info, self.student_file
        if asked != "auto" or self.teacher is None or info is None or file is None:
            return Schedule.INTERLEAVED if asked == "auto" else asked
        load = MemoryNeed(
            teacher=memory_of_tag(info.size),
            student=memory_needed(file.header, self.settings.student.context),
            embedded=isinstance(self.teacher, EmbeddedTeacher),
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
