"""A run from its settings: names become models, `auto` becomes a decision, and the pipeline does the rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.database import WorkspaceError
from engine.events import Event, Notice
from engine.formats import Format
from engine.forms import FORMS, FormName, form_for
from engine.pipeline import Pipeline, Schedule
from engine.reading import BadRow, open_dataset
from engine.refine import Method, Recipe
from engine.settings import Settings, StudentSettings, TeacherSettings
from engine.stored import Generation
from engine.workspace import Run, Source, Workspace
from models import catalog, machine
from models.catalog import ModelFile
from models.digest import sha256_of
from models.embedded import EmbeddedTeacher
from models.errors import UsageError
from models.loopback import server_url
from models.ollama import OllamaTeacher
from models.student import Student
from models.teacher import Teacher, TeacherInfo

Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run ended."""

    run: Run
    total: int  # samples asked for
    done: int
    failed: int  # of those done: a stage had no usable reply
    waiting: tuple[int, ...]  # samples that need replies nobody asked for, with no teacher to ask


@dataclass(frozen=True, slots=True)
class _Plan:
    """A run with everything decided."""

    settings: Settings
    form: FormName
    generation: Generation
    teacher: Teacher | None
    teacher_info: TeacherInfo | None
    student_file: ModelFile | None

    def recipe_key(self) -> dict[str, Any]:
        """All that decides an outcome: two runs with the same key are the same run."""
        run, student = self.settings.run, self.settings.student
        return {
            "method": run.method,
            "template": run.template,
            "candidates": run.candidates,
            "near_tie": run.near_tie,
            "form": self.form,
            "teacher": self.teacher_info and self.teacher_info.digest,
            "max_tokens": self.generation.max_tokens,
            "temperature": self.generation.temperature,
            "seed": self.generation.seed,
            "student": self.student_file and _digest(self.student_file),
            "context": student.context,
            "exact": student.exact,
        }

    def record(self) -> dict[str, Any]:
        """What else a run is remembered by."""
        file = self.student_file
        return {
            "settings": self.settings.model_dump(mode="json"),
            "teacher": self.teacher_info and asdict(self.teacher_info),
            "student": file and {"name": file.name, "path": str(file.path), "digest": _digest(file)},
        }


def open_workspace(
    path: Path, data: Path, format: Format | None, on_bad: Callable[[BadRow], None] | None
) -> Workspace:
    """The workspace at `path`, made from the dataset `data` if it is not there yet.

    Raises `DatasetError` as `Dataset.samples` does, `WorkspaceError` if it holds another dataset, `UsageError` if
    `data` is the workspace itself.
    """
    if not path.exists():
        dataset = open_dataset(data, format)
        source = Source(
            path=str(data.absolute()),
            format=dataset.format,
            fields=dataset.fields,
            sha256=sha256_of(data),
        )
        return Workspace.create(path, source, dataset.samples(on_bad))
    workspace = Workspace.open(path)
    source = workspace.source()
    if data.exists() and data.samefile(path):
        workspace.close()
        raise UsageError(f"{data}: a workspace; give the dataset that it was made from, {source.path}")
    if data.exists() and sha256_of(data) != source.sha256:
        workspace.close()
        raise WorkspaceError(
            f"{path}: was made from another dataset, or from {source.path} before it changed; choose another -w"
        )
    return workspace


def check(settings: Settings, *, allow_remote_teacher: bool = False) -> None:
    """Raise what can be said against the settings without loading a model, asking a server or reading a dataset.

    `UsageError`: they contradict each other, or name no model where one is needed. `ModelFileError`: a model's file
    cannot serve. `TeacherError`: the teacher's server is not on this machine.
    """
    run = settings.run
    if run.method is Method.REFLECT and run.candidates > 1:
        raise UsageError("more than one candidate needs a student to choose: method selective")
    if run.method is not Method.SCORE and _teacher_file(settings.teacher) is None:
        server_url(settings.teacher.host, allow_remote=allow_remote_teacher)
    if run.method is not Method.REFLECT:
        _student_file(settings.student)


async def refine_workspace(
    workspace: Workspace,
    settings: Settings,
    emit: Emit,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
    allow_remote_teacher: bool = False,
) -> Summary:
    """Refine a workspace's samples, or the first `limit`, as the settings say; take up what was begun.

    Raises as `check` and `Pipeline.run` do.
    """
    check(settings, allow_remote_teacher=allow_remote_teacher)
    async with AsyncExitStack() as stack:
        teacher = info = None
        form, generation = FormName.JSON, _generation(settings.teacher)
        if settings.run.method is not Method.SCORE:
            teacher = _teacher(settings.teacher, allow_remote=allow_remote_teacher)
            stack.push_async_callback(teacher.close)
            info = await teacher.open()
            form = _form(settings, info, emit)
            generation = _fitting(generation, info, emit)
        file = None if settings.run.method is Method.REFLECT else _student_file(settings.student)
        plan = _Plan(settings, form, generation, teacher, info, file)
        return await _carry_out(plan, workspace, emit, limit, retry_failed=retry_failed)


async def reselect(
    workspace: Workspace, student: StudentSettings, emit: Emit, *, ask_teacher: bool
) -> Summary:
    """Choose again with another student, over the replies that are here; all else is as in the latest run.

    Samples whose way needs a reply that was never asked for stay unfinished and are named in the summary; with
    `ask_teacher`, that run's teacher is asked for those replies, and only those.
    """
    latest = workspace.latest_run()
    if latest.settings["teacher"] is None:
        raise UsageError(
            f"{workspace.path}: its latest run asked no teacher, so there is nothing to choose from; see burnish run"
        )
    info = TeacherInfo(**latest.settings["teacher"])
    before = Settings.model_validate(latest.settings["settings"])
    settings = before.model_copy(
        update={
            "student": student,
            "run": before.run.model_copy(update={"method": Method.SELECTIVE}),
        }
    )
    generation = replace(_generation(settings.teacher), max_tokens=latest.recipe["max_tokens"])
    async with AsyncExitStack() as stack:
        teacher = None
        if ask_teacher:
            teacher = _teacher(settings.teacher, allow_remote=False)
            stack.push_async_callback(teacher.close)
            if (now := await teacher.open()).digest != info.digest:
                raise UsageError(
                    f"{info.name} is no longer the model that gave these replies ({now.digest[:19]}, then "
                    f"{info.digest[:19]}): start a new workspace"
                )
        form = FormName(latest.recipe["form"])
        plan = _Plan(settings, form, generation, teacher, info, _student_file(student))
        return await _carry_out(plan, workspace, emit, None, retry_failed=False)


async def _carry_out(
    plan: _Plan, workspace: Workspace, emit: Emit, limit: int | None, *, retry_failed: bool
) -> Summary:
    settings, file = plan.settings, plan.student_file
    run = workspace.run(plan.recipe_key(), plan.record())
    if retry_failed and (again := workspace.retry_failed(run)):
        emit(Notice(f"trying {again} failed samples again"))
    student = None
    if file is not None:
        student = Student(
            file.path,
            digest=_digest(file),
            context=settings.student.context,
            exact=settings.student.exact,
            gpu_layers=settings.student.gpu_layers,
            threads=settings.student.threads,
        )
    recipe = Recipe(
        method=settings.run.method,
        form=FORMS[plan.form],
        candidates=settings.run.candidates,
        near_tie=settings.run.near_tie,
        both_branches=settings.run.both_branches,
    )
    pipeline = Pipeline(
        workspace,
        run,
        recipe,
        settings.run.template,
        plan.generation,
        emit,
        teacher=plan.teacher,
        teacher_info=plan.teacher_info,
        student=student,
    )
    try:
        waiting = await pipeline.run(_schedule(plan, emit), limit)
    finally:
        if student is not None:
            await student.close()
    total = len(workspace) if limit is None else min(limit, len(workspace))
    done, failed = workspace.count(run, total)
    return Summary(run, total, done, failed, tuple(waiting))


def _teacher_name(settings: TeacherSettings) -> str:
    if settings.name is None:
        raise UsageError(
            "no teacher: give --teacher with an Ollama model such as qwen3:8b, gguf:PATH, or demo (see burnish models)"
        )
    return settings.name


def _teacher_file(settings: TeacherSettings) -> ModelFile | None:
    return catalog.teacher_file(_teacher_name(settings))


def _teacher(settings: TeacherSettings, *, allow_remote: bool) -> Teacher:
    name, file = _teacher_name(settings), _teacher_file(settings)
    if file is None:
        return OllamaTeacher(
            name,
            host=settings.host,
            context=settings.context,
            think=settings.think,
            allow_remote=allow_remote,
        )
    return EmbeddedTeacher(file.path, name=name, digest=_digest(file), context=settings.context)


def _student_file(settings: StudentSettings) -> ModelFile:
    if settings.name is None:
        raise UsageError(
            "no student: give --student with a GGUF file, ollama:TAG, or demo (see burnish models)"
        )
    return catalog.student_file(settings.name)


def _digest(file: ModelFile) -> str:
    return file.digest or sha256_of(file.path)


def _generation(settings: TeacherSettings) -> Generation:
    return Generation(
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        seed=settings.seed,
        parallel=settings.parallel,
        patience=settings.patience,
    )


def _fitting(generation: Generation, info: TeacherInfo, emit: Emit) -> Generation:
    """A reply may take half of the teacher's context at most: the prompt needs the rest."""
    if generation.max_tokens <= info.context // 2:
        return generation
    emit(
        Notice(
            f"replies are limited to {info.context // 2} tokens: half of {info.name}'s context of {info.context}"
        )
    )
    return replace(generation, max_tokens=info.context // 2)


def _form(settings: Settings, info: TeacherInfo, emit: Emit) -> FormName:
    if settings.run.reply_form != "auto":
        return settings.run.reply_form
    form = form_for(info)
    size = (
        f"{info.parameters / 1e9:.2g}B parameters" if info.parameters else "an unknown number of parameters"
    )
    emit(Notice(f"reply form: {form}, for a teacher of {size}"))
    return form


def _schedule(plan: _Plan, emit: Emit) -> Schedule:
    """What was asked for, or what the models' sizes and the free memory allow."""
    asked, info, file = plan.settings.run.schedule, plan.teacher_info, plan.student_file
    if asked != "auto" or plan.teacher is None or info is None or file is None:
        return Schedule.INTERLEAVED if asked == "auto" else asked
    student = machine.memory_needed(file.header, plan.settings.student.context)
    if isinstance(plan.teacher, EmbeddedTeacher):
        schedule, why = Schedule.STAGED, "teacher and student would compete for the same processor"
    else:
        need, free = student + machine.memory_of_tag(info.size), machine.memory().available
        fits = need <= free
        schedule = Schedule.INTERLEAVED if fits else Schedule.STAGED
        why = f"the models need {need / 2**30:.1f} GiB together, and {free / 2**30:.1f} GiB are free"
    emit(Notice(f"schedule: {schedule}, because {why}"))
    return schedule
