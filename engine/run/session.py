"""The models behind a workspace, opened when they are first needed: for a run, and for what a person asks of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from engine.events import (
    Event,
    Notice,
    PhaseStarted,
    StudentOpened,
    StudentQueue,
    TeacherOpened,
    TeacherQueue,
)
from engine.formats.names import Format
from engine.formats.read import BadRow, open_dataset
from engine.method.recipe import Method, Sampling
from engine.method.reflection import Question, with_remark
from engine.method.reply_forms import FORMS, ReplyFormName
from engine.method.scores import distinct_passages, ifd_passages, r_ifd_passages, ratio
from engine.method.templates import Prompt, prompt_for
from engine.method.token_gain import TokenGains, half
from engine.run.gates import Gate
from engine.run.plan import RunPlan, RunSummary, recipe_of, reply_form, student_file
from engine.run.replay import ReplayingStudent, ReplayingTeacher
from engine.run.settings import Settings, StudentSettings
from engine.run.teachers import (
    digest_of,
    fitting,
    identified,
    sampling_of,
    serving_of,
    teacher_file,
    teacher_of,
)
from engine.run.turns import Model, ModelPhases, PhaseGate
from engine.sample import Candidate, Sample, Scores, Stage, Version
from engine.store.database import WorkspaceError
from engine.store.workspace import Source, Workspace
from models.errors import UsageError
from models.files.catalog import ModelFile
from models.files.digest import sha256_of
from models.files.needs import memory_needed, memory_of_tag
from models.llamacpp.student import EmbeddedStudent
from models.llamacpp.teacher import EmbeddedTeacher
from models.ollama.address import server_url
from models.student import Student, StudentInfo
from models.system.threads import on_daemon_thread
from models.teacher import Teacher, TeacherInfo

T = TypeVar("T")
Emit = Callable[[Event], None]

BY_HAND = 100
"""The number of the first candidate that a person asked for; a run's own are fewer."""


def open_workspace(
    path: Path,
    data: Path,
    format: Format | None,
    on_bad: Callable[[BadRow], None] | None,
    through: Callable[[Iterator[Sample]], Iterator[Sample]] = iter,
) -> Workspace:
    """The workspace at `path`, made from the dataset `data` if it is not there yet.

    A new workspace's samples go `through` a function on their way in, which may count them; if it raises, there is
    no new workspace. Raises `DatasetError` as `Dataset.samples` does, `WorkspaceError` if it holds another dataset,
    `UsageError` if `data` is the workspace itself.
    """
    if not path.exists():
        dataset = open_dataset(data, format)
        source = Source(
            path=str(data.absolute()),
            format=dataset.format,
            fields=dataset.fields,
            sha256=sha256_of(data),
        )
        return Workspace.create(path, source, through(dataset.samples(on_bad)))
    workspace = Workspace.open(path)
    source = workspace.source()
    if data.exists() and data.samefile(path):
        workspace.close()
        raise UsageError(f"{data}: a workspace; give the dataset that it was made from, {source.path}")
    try:
        check_source(path, source, data)
    except WorkspaceError:
        workspace.close()
        raise
    return workspace


def check_source(path: Path, source: Source, data: Path) -> None:
    """Raise `WorkspaceError` where the workspace at `path` was not made from `data` as it is now."""
    if data.exists() and sha256_of(data) != source.sha256:
        raise WorkspaceError(
            f"{path}: was made from another dataset, or from {source.path} before it changed; choose another -w"
        )


def check(settings: Settings, *, allow_remote_teacher: bool = False) -> None:
    """Raise what can be said against the settings without loading a model, asking a server or reading a dataset.

    `UsageError`: they contradict each other, or name no model where one is needed. `ModelFileError`: a model's file
    cannot serve. `TeacherError`: the teacher's server is not on this machine.
    """
    run = settings.run
    if run.method is Method.REFLECT and run.candidates > 1:
        raise UsageError("more than one candidate needs a student to choose: method selective")
    if run.method is not Method.SCORE and teacher_file(settings.teacher) is None:
        server_url(settings.teacher.host, allow_remote=allow_remote_teacher)
    if run.method is not Method.REFLECT:
        student_file(settings.student)


class Session:
    """The models that work on a workspace, each opened when it is first needed; a run and a person share them.

    Everything happens in the loop it is used from, and `emit` is called there. The settings' students and teachers
    may change between sessions, not within one. Every method raises as `check` and `Pipeline.run` do.
    """

    def __init__(
        self, workspace: Workspace, settings: Settings, emit: Emit, *, allow_remote_teacher: bool = False
    ) -> None:
        self.gate = Gate()
        self._phases = ModelPhases()
        self._workspace = workspace
        self._settings = settings
        self._emit = emit
        self._allow_remote = allow_remote_teacher
        self._open_teacher: _OpenTeacher | None = None
        self._openable_student: _OpenableStudent | None = None
        self._student_info: StudentInfo | None = None  # once it was loaded
        self._finding = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._numbers: dict[int, int] = {}  # by sample, of the last candidate a person asked for

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of both models."""
        asked, self._open_teacher = self._open_teacher, None
        weighs, self._openable_student = self._openable_student, None
        try:
            if weighs is not None:
                await weighs.student.close()
        finally:
            if asked is not None:
                await asked.teacher.close()

    @property
    def children(self) -> dict[str, int]:
        """The process id of each model that runs in a process of burnish's: "teacher", "student"."""
        teacher = self._open_teacher.teacher if self._open_teacher is not None else None
        pids = {
            "teacher": teacher.pid if isinstance(teacher, EmbeddedTeacher) else None,
            "student": self._openable_student.student.pid if self._openable_student is not None else None,
        }
        return {model: pid for model, pid in pids.items() if pid is not None}

    async def refine(self, *, limit: int | None = None, retry_failed: bool = False) -> RunSummary:
        """Refine the workspace's samples, or the first `limit`, as the settings say; take up what was begun.

        Held by `gate`, which is open when it begins.
        """
        self.gate.go()
        check(self._settings, allow_remote_teacher=self._allow_remote)
        method = self._settings.run.method
        asked = None if method is Method.SCORE else await self._teacher()
        if asked is not None:
            self._emit(TeacherOpened(asked.info))
        weighs = None if method is Method.REFLECT else await self._student()
        teacher, info = (asked.teacher, asked.info) if asked else (None, None)
        file = weighs.file if weighs else None
        recipe = recipe_of(
            self._settings,
            asked.form if asked else ReplyFormName.JSON,
            asked.sampling if asked else sampling_of(self._settings.teacher),
            info,
            file,
        )
        plan = RunPlan(self._settings, recipe, teacher, info, file)
        student = None if weighs is None else weighs.student
        try:
            return await plan.execute(
                self._workspace, student, self._emit_of_run, self.gate, limit, retry_failed=retry_failed
            )
        finally:
            self._phases.begin(None)

    async def scores(self, sample: int, versions: Sequence[Version]) -> list[Scores]:
        """What the student says of some versions of a sample."""
        questions = []
        stored, prompt = await self._prompted_student()
        for version in versions:
            questions += [ifd_passages(version, prompt), r_ifd_passages(version, prompt)]
        losses = await stored.losses(sample, distinct_passages(questions))
        ratios = [ratio(losses[question.alone], losses[question.given]) for question in questions]
        return [Scores(ifd=a, r_ifd=b) for a, b in zip(ratios[::2], ratios[1::2], strict=True)]

    async def heat(self, sample: int, version: Version) -> TokenGains:
        """What each half of a version buys of the other, token by token."""
        stored, prompt = await self._prompted_student()
        ifd, r_ifd = ifd_passages(version, prompt), r_ifd_passages(version, prompt)
        losses = await stored.losses(sample, distinct_passages([ifd, r_ifd]))
        return TokenGains(
            response=half(version.response, losses[ifd.alone], losses[ifd.given]),
            instruction=half(r_ifd.alone.target, losses[r_ifd.alone], losses[r_ifd.given]),
        )

    async def regenerate(self, sample: int, version: Version, stage: Stage, remark: str = "") -> Candidate:
        """Another rewrite of a version, asked for by a person, weighed where there is a student, and kept.

        Raises `UnusableReply` where no attempt gave a usable reply.
        """
        asked = await self._teacher()
        gate = self._gate("teacher", lambda: memory_of_tag(asked.info.size))
        stored = ReplayingTeacher(
            self._workspace,
            asked.info,
            asked.sampling,
            serving_of(self._settings.teacher),
            self._emit_for_person,
            asked.teacher,
            gate,
        )
        number = self._number(sample)

        async def ask(question: Question[T], /) -> T:
            return await stored.ask(sample, stage, number, with_remark(question, remark))

        form = FORMS[asked.form]
        reflect = form.instruction if stage is Stage.INSTRUCTION else form.response
        reflection = await reflect(version, ask)
        scores = None
        if self._settings.student.name is not None:
            (scores,) = await self.scores(sample, [reflection.version])
        candidate = Candidate(
            stage=stage,
            version=reflection.version,
            critique=reflection.critique,
            remark=remark,
            scores=scores,
        )
        self._workspace.reviews.keep_candidate(sample, candidate)
        return candidate

    def _number(self, sample: int) -> int:
        """A candidate's that nobody has asked for: the same number would be the same question."""
        asked = [about.get("candidate", 0) for about, _ in self._workspace.replies(sample)]
        number = max(BY_HAND, 1 + max(asked, default=0), 1 + self._numbers.get(sample, 0))
        self._numbers[sample] = number
        return number

    def _emit_of_run(self, event: Event) -> None:
        match event:
            case PhaseStarted(model=model):
                self._phases.begin(model)
            case StudentOpened(info=info):
                self._student_info = info
            case _:
                pass
        self._emit(event)

    def _emit_for_person(self, event: Event) -> None:
        """What a person asked for is not in a run's queues."""
        if not isinstance(event, TeacherQueue | StudentQueue):
            self._emit(event)

    async def _teacher(self) -> _OpenTeacher:
        async with self._finding:
            if self._open_teacher is None:
                settings = self._settings.teacher
                file = teacher_file(settings)
                if file is not None:
                    file = await identified(file)
                teacher = teacher_of(settings, file, allow_remote=self._allow_remote)
                try:
                    info = await teacher.open()
                    form = reply_form(self._settings, info, self._emit)
                    sampling = fitting(sampling_of(settings), info, self._emit)
                except BaseException:
                    await teacher.close()
                    raise
                self._open_teacher = _OpenTeacher(teacher, info, form, sampling)
            return self._open_teacher

    async def _student(self) -> _OpenableStudent:
        async with self._reading:
            if self._openable_student is None:
                file = await identified(student_file(self._settings.student))
                self._openable_student = _OpenableStudent(_loadable(file, self._settings.student), file)
            return self._openable_student

    def _gate(self, model: Model, needed: Callable[[], int]) -> Gate:
        def on_wait() -> None:
            self._emit(
                Notice(f"what you asked of the {model} waits for its turn: both models do not fit in memory")
            )

        return PhaseGate(self._phases, model, needed, on_wait)

    async def _prompted_student(self) -> tuple[ReplayingStudent, Prompt]:
        weighs = await self._student()
        student, file = weighs.student, weighs.file

        def needed() -> int:
            return 0 if student.pid else memory_needed(file.header, self._settings.student.context)

        gate = self._gate("student", needed)
        if self._student_info is None:
            await gate.passed()
            self._student_info = await student.open()
        info = self._student_info
        stored = ReplayingStudent(self._workspace, info, self._emit_for_person, student, gate)
        return stored, await on_daemon_thread(prompt_for, self._settings.run.template, info)


@dataclass(frozen=True, slots=True)
class _OpenTeacher:
    """A teacher that is open, and how it is asked."""

    teacher: Teacher
    info: TeacherInfo
    form: ReplyFormName
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class _OpenableStudent:
    """A student that can be opened, and its file."""

    student: Student
    file: ModelFile


async def refine_workspace(
    workspace: Workspace,
    settings: Settings,
    emit: Emit,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
    allow_remote_teacher: bool = False,
) -> RunSummary:
    """`Session.refine` by itself."""
    async with Session(workspace, settings, emit, allow_remote_teacher=allow_remote_teacher) as session:
        return await session.refine(limit=limit, retry_failed=retry_failed)


async def reselect(
    workspace: Workspace, student: StudentSettings, emit: Emit, *, ask_teacher: bool
) -> RunSummary:
    """Choose again with another student, over the replies that are here; all else is as in the latest run.

    Samples whose way needs a reply that was never asked for stay unfinished and are named in the summary; with
    `ask_teacher`, that run's teacher is asked for those replies, and only those.
    """
    latest = workspace.latest_run()
    if (info := latest.record.teacher) is None:
        raise UsageError(
            f"{workspace.path}: its latest run asked no teacher, so there is nothing to choose from; see burnish run"
        )
    with workspace.database.understood():
        before = Settings.model_validate(latest.record.settings)
    settings = before.model_copy(
        update={
            "student": student,
            "run": before.run.model_copy(update={"method": Method.SELECTIVE}),
        }
    )
    async with AsyncExitStack() as stack:
        teacher = None
        if ask_teacher:
            teacher = teacher_of(settings.teacher, teacher_file(settings.teacher), allow_remote=False)
            stack.push_async_callback(teacher.close)
            if (now := await teacher.open()).digest != info.digest:
                raise UsageError(
                    f"{info.name} is no longer the model that gave these replies ({now.digest[:19]}, then "
                    f"{info.digest[:19]}): start a new workspace"
                )
        file = student_file(student)
        recipe = recipe_of(settings, latest.recipe.form, latest.recipe, info, file)
        plan = RunPlan(settings, recipe, teacher, info, file)
        loaded = _loadable(file, student)
        stack.push_async_callback(loaded.close)
        return await plan.execute(workspace, loaded, emit, Gate(), None, retry_failed=False)


def _loadable(file: ModelFile, settings: StudentSettings) -> Student:
    return EmbeddedStudent(
        file.path,
        digest=digest_of(file),
        context=settings.context,
        exact=settings.exact,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
    )
