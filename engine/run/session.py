"""The models behind a workspace, opened when they are first needed: for a run, and for what a person asks of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Self, TypeVar

from engine.events import (
    Event,
    Held,
    Notice,
    PhaseEnded,
    PhaseStarted,
    StudentOpened,
    StudentQueue,
    TeacherOpened,
    TeacherQueue,
)
from engine.formats.tools import definitions_in
from engine.method.language import load as load_languages
from engine.method.prompts import PROMPTS, PromptSet, Wording
from engine.method.recipe import Method
from engine.method.refine import STAGES
from engine.method.reflection import Question, with_remark
from engine.method.reply_forms import ReplyFormName
from engine.method.rewrite_language import ANY, names_a_language
from engine.method.templates import prompt_for
from engine.method.token_gain import TokenGains
from engine.run.gates import Gate, Model, ModelPhases, PhaseGate
from engine.run.held import ending_when_held
from engine.run.part import part_of
from engine.run.plan import RunPlan, RunSummary, recipe_of, reply_form
from engine.run.replay import ReplayingStudent, ReplayingTeacher
from engine.run.schema_watch import IGNORED, SchemaIgnoredError
from engine.run.settings import Settings, StudentSettings
from engine.run.students import (
    LoadableStudent,
    better_weights,
    placed,
    student_file,
    student_of,
    verifier_file,
    verifier_of,
)
from engine.run.teachers import (
    OpenTeacher,
    TeacherSource,
    check_teacher,
    cluster_at,
    sampling_of,
)
from engine.sample import Candidate, Reasoning, Scores, Stage, Turns, Version
from engine.store.dropped import without_dropped
from engine.store.workspace import Run, Workspace
from models.errors import UsageError
from models.files.needs import memory_needed, memory_of_tag
from models.ray.cluster import OverRay
from models.student import Losses, Passage, StudentInfo
from models.system.threads import on_daemon_thread

T = TypeVar("T")
Emit = Callable[[Event], None]

BY_HAND = 100
"""The number of the first candidate that a person asked for; a run's own are fewer."""


def check(settings: Settings, *, allow_remote_teacher: bool = False, ray: OverRay | None = None) -> None:
    """Raise what can be said against the settings without loading a model, asking a server or reading a dataset.

    `UsageError`: they contradict each other, or name no model where one is needed. `ModelFileError`: a model's file
    cannot serve. Else as `check_teacher`.
    """
    run = settings.run
    _check_prompts(settings)
    if ray is not None and allow_remote_teacher:
        raise UsageError("--ray asks each node's own models: leave --allow-remote-teacher out")
    if run.method is Method.REFLECT and run.candidates > 1:
        raise UsageError("more than one candidate needs a student to choose: method selective")
    if run.method is not Method.SCORE:
        check_teacher(settings.teacher, allow_remote=allow_remote_teacher)
    if run.method is not Method.REFLECT:
        student_file(settings.student)
    if run.method is Method.SELECTIVE:
        verifier_file(settings.student)


def _check_prompts(settings: Settings) -> None:
    """Raise `UsageError` where a person's rules are given, and their prompts do not tell them."""
    if not isinstance(words := settings.run.prompts, Wording):
        return
    rules = settings.reflection
    placeholders = ["guidelines"] * bool(rules.guidelines)
    if rules.criteria is not None:
        placeholders += ["instruction_criteria"] * bool(rules.criteria.instruction)
        placeholders += ["response_criteria"] * bool(rules.criteria.response)
    if untold := words.untold(placeholders):
        raise UsageError(
            f"the file of --prompts: {untold}, and such rules are given: put it where the teacher is to read them"
        )


class Session:
    """The models that work on a workspace, each opened when it is first needed; a run and a person share them.

    Everything happens in the loop it is used from, and `emit` is called there. The settings' students and teachers
    may change between sessions, not within one. Every method raises as `check` and `Pipeline.run` do.
    """

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        emit: Emit,
        *,
        allow_remote_teacher: bool = False,
        ray: OverRay | None = None,
    ) -> None:
        """`ray`: the cluster whose nodes' models work, and not this machine's."""
        self.gate = Gate()
        self._phases = ModelPhases()
        self._workspace = workspace
        self._settings = settings
        self._emit = emit
        self._allow_remote = allow_remote_teacher
        self._ray = ray
        self._cluster = None if ray is None else cluster_at(ray.address, emit)
        self._teacher = TeacherSource(
            settings.teacher,
            emit,
            allow_remote=allow_remote_teacher,
            limits=workspace.limits,
            cluster=self._cluster,
        )
        self._form: ReplyFormName | None = None  # once the teacher was opened
        self._student: LoadableStudent | None = None
        self._verifier: LoadableStudent | None = None
        self._student_info: StudentInfo | None = None  # once it was loaded
        self._reading = asyncio.Lock()
        self._numbers: dict[int, int] = {}  # by sample, of the last candidate a person asked for

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of both models."""
        students, self._student, self._verifier = (self._student, self._verifier), None, None
        try:
            for loadable in students:
                if loadable is not None:
                    await loadable.student.close()
        finally:
            await self._teacher.close()
            if self._cluster is not None:
                await self._cluster.close()

    @property
    def children(self) -> dict[str, int]:
        """The process id of each model that runs in a process of burnish's: "teacher", "student", "verifier"."""
        children = self._teacher.children
        for name, loadable in (("student", self._student), ("verifier", self._verifier)):
            if loadable is not None and (pid := loadable.student.pid) is not None:
                children[name] = pid
        return children

    async def refine(
        self,
        *,
        limit: int | None = None,
        only: Sequence[int] | None = None,
        retry_failed: bool = False,
    ) -> RunSummary:
        """Refine all samples, the first `limit` or these `only`, as the settings say; take up what was begun.

        Samples that a person dropped are left out. Held by `gate`, which is open when it begins.
        """
        self.gate.go()
        check(self._settings, allow_remote_teacher=self._allow_remote, ray=self._ray)
        method = self._settings.run.method
        teacher = info = student = verifier = None
        form, sampling = ReplyFormName.JSON, sampling_of(self._settings.teacher)  # where nobody is asked
        if method is not Method.SCORE:
            teacher, form = await self._open_teacher()
            info, sampling = teacher.info, teacher.sampling
            self._emit(TeacherOpened(info))
            if self._settings.run.reasoning is Reasoning.TEACHER and not teacher.sampling.think:
                self._emit(
                    Notice("reasoning is to be the teacher's, which is asked without thinking: see --think")
                )
        if method is not Method.REFLECT:
            student = await self._loadable_student()
        if method is Method.SELECTIVE:
            verifier = await self._loadable_verifier()
        elif self._settings.student.verify is not None:
            self._emit(Notice(f"nothing is verified: by method {method} the student chooses nothing"))
        files = (one.file if one is not None else None for one in (student, verifier))
        recipe = recipe_of(self._settings, form, sampling, info, *files)
        plan = RunPlan(self._settings, recipe, teacher, student, verifier, self._form_may_change)
        if only is None:
            self._take_up_turns()
            chosen = part_of(self._workspace, self._settings.run, limit)
        else:
            chosen = without_dropped(self._workspace.database, only)
        try:
            return await plan.execute(
                self._workspace, self._emit_of_run, self.gate, chosen, retry_failed=retry_failed
            )
        except SchemaIgnoredError:
            self._form = None  # as the workspace has it now
        finally:
            self._phases.begin(None)
        return await self.refine(limit=limit, only=only, retry_failed=retry_failed)

    @property
    def _form_may_change(self) -> bool:
        return self._settings.run.reply_form == "auto" and self._form is ReplyFormName.JSON

    def _take_up_turns(self) -> None:
        """Have all exchanges of the rows be samples, where the settings are for them."""
        if self._settings.run.turns is Turns.ALL and (more := self._workspace.take_up_all()):
            self._emit(Notice(f"{more:,} earlier exchanges of the rows are taken up"))

    async def scores(self, sample: int, versions: Sequence[Version]) -> list[Scores]:
        """The student's scores of some versions of a sample."""
        return await (await self._replaying_student()).scores(self._workspace.sample(sample), versions)

    async def heat(self, sample: int, version: Version) -> TokenGains:
        """Token by token what each half of a version of a sample buys of the other."""
        return await (await self._replaying_student()).gains(self._workspace.sample(sample), version)

    async def ranked(self, versions: Mapping[int, Version]) -> list[Losses]:
        """The losses and ranks of a version's response after its instruction, for a version of each of some samples.

        Ranks are not kept, so the student itself is asked.
        """
        loadable = await self._loadable_student()
        info = self._student_info or await loadable.student.open()
        template = await on_daemon_thread(prompt_for, self._settings.run.template, info)
        passages = []
        for number, version in versions.items():
            sample = self._workspace.sample(number)
            asked = version.instruction, version.input
            context = template(*asked, sample.history, definitions_in(sample.row))
            passages.append(Passage(context, version.response, ranked=True))
        return await loadable.student.losses(passages)

    async def regenerate(self, sample: int, version: Version, stage: Stage, remark: str = "") -> Candidate:
        """Another rewrite of a version, asked for by a person, weighed where there is a student, and kept.

        Raises `UnusableReply` where no attempt gave a usable reply.
        """
        teacher, form = await self._open_teacher()
        gate = self._gate("teacher", lambda: memory_of_tag(teacher.info.size))
        replaying = ReplayingTeacher(self._workspace, teacher, self._emit_for_person, gate)
        number = self._number(sample)

        async def ask(question: Question[T], /) -> T:
            return await replaying.ask(sample, stage, number, with_remark(question, remark))

        one = self._workspace.sample(sample)
        if one.next is not None and stage is Stage.INSTRUCTION:
            raise UsageError(
                "the conversation goes on after this exchange, so its instruction is not rewritten"
            )
        recipe = recipe_of(self._settings, form, teacher.sampling, teacher.info, None)
        prompts = recipe.asked.at(one.history, one.next)
        language = ANY if names_a_language(remark) else self._settings.reflection.language
        reflection = await STAGES[stage].reflect(form, prompts, version, ask, one.history, language)
        scores = None
        if self._settings.student.name is not None:
            (scores,) = await self.scores(sample, [reflection.version])
        candidate = Candidate(
            stage=stage,
            version=reflection.version,
            critique=reflection.critique,
            thoughts=reflection.thoughts,
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
            case PhaseEnded():
                self._phases.begin(None)
            case StudentOpened(info=info):
                self._student_info = info
            case Held():
                self.gate.hold()
            case _:
                pass
        self._emit(event)

    def _emit_for_person(self, event: Event) -> None:
        """Emit an event, but for the queues: those are the run's."""
        if not isinstance(event, TeacherQueue | StudentQueue):
            self._emit(event)

    async def _open_teacher(self) -> tuple[OpenTeacher, ReplyFormName]:
        teacher = await self._teacher.open()
        if self._settings.reflection.language != ANY:
            await on_daemon_thread(load_languages)
        if self._form is None:
            self._form = reply_form(self._settings, teacher.info, self._emit)
            if self._form_may_change and self._workspace.schema_ignored(
                teacher.info.digest, teacher.sampling.think
            ):
                self._form = ReplyFormName.MARKERS
                self._emit(Notice(IGNORED.format(teacher=teacher.info.name)))
        if self._settings.run.prompts is PromptSet.PAPER:  # the papers ask at temperature 0
            teacher = replace(teacher, sampling=teacher.sampling.model_copy(update={"temperature": 0.0}))
        return teacher, self._form

    async def _loadable_student(self) -> LoadableStudent:
        async with self._reading:
            if self._student is None:
                settings = self._settings.student
                self._student = self._placed("student", await student_of(settings), settings)
            return self._student

    async def _loadable_verifier(self) -> LoadableStudent | None:
        settings = self._settings.student
        if self._verifier is None and (verifier := await verifier_of(settings)) is not None:
            self._verifier = self._placed("verifier", verifier, better_weights(settings))
        return self._verifier

    def _placed(self, model: str, own: LoadableStudent, settings: StudentSettings) -> LoadableStudent:
        patience = self._settings.teacher.patience
        return placed(model, own, settings, self._cluster, self._ray, patience=patience)

    def _gate(self, model: Model, needed: Callable[[], int]) -> Gate:
        def on_wait() -> None:
            self._emit(
                Notice(f"what you asked of the {model} waits for its turn: both models do not fit in memory")
            )

        return PhaseGate(self._phases, model, needed, on_wait)

    async def _replaying_student(self) -> ReplayingStudent:
        loadable = await self._loadable_student()
        student, header = loadable.student, loadable.file.header

        def needed() -> int:
            there = student.pid is not None or self._cluster is not None
            return 0 if there else memory_needed(header, self._settings.student.context)

        gate = self._gate("student", needed)
        if self._student_info is None:
            await gate.passed()
            self._student_info = await student.open()
        info = self._student_info
        template = await on_daemon_thread(prompt_for, self._settings.run.template, info)
        reasoned = self._settings.run.reasoning is Reasoning.SCORE
        return ReplayingStudent(
            self._workspace, info, template, self._emit_for_person, student, gate, reasoned=reasoned
        )


async def refine_workspace(
    workspace: Workspace,
    settings: Settings,
    emit: Emit,
    *,
    limit: int | None = None,
    only: Sequence[int] | None = None,
    retry_failed: bool = False,
    allow_remote_teacher: bool = False,
    ray: OverRay | None = None,
) -> RunSummary:
    """`Session.refine` by itself. Raises `HeldError` where the run is held: nobody is there to let it go on."""
    emit = ending_when_held(emit)
    async with Session(
        workspace, settings, emit, allow_remote_teacher=allow_remote_teacher, ray=ray
    ) as session:
        return await session.refine(limit=limit, only=only, retry_failed=retry_failed)


async def refine_and_rank(
    workspace: Workspace,
    settings: Settings,
    emit: Emit,
    answers: Callable[[Run], Mapping[int, Version]],
    *,
    only: Sequence[int],
    allow_remote_teacher: bool = False,
    ray: OverRay | None = None,
) -> tuple[RunSummary, list[Losses]]:
    """As `refine_workspace`; then `Session.ranked` of `answers`, a version of each of some samples of the run."""
    emit = ending_when_held(emit)
    async with Session(
        workspace, settings, emit, allow_remote_teacher=allow_remote_teacher, ray=ray
    ) as session:
        summary = await session.refine(only=only)
        return summary, await session.ranked(answers(summary.run))


async def reselect(
    workspace: Workspace,
    student: StudentSettings,
    emit: Emit,
    *,
    ask_teacher: bool,
    otherwise: Mapping[str, object] = MappingProxyType({}),
    teacher_url: str | None = None,
    ray: OverRay | None = None,
) -> RunSummary:
    """Choose again with a student, over the replies that are here; all else is as in the latest run.

    `otherwise`: the run's settings that are others, such as `length`; `teacher_url`: where the server of a teacher
    `openai:MODEL` listens, where that is elsewhere. `ray`: as `Session` takes it.

    Samples whose way needs a reply that was never asked for stay unfinished and are named in the summary; with
    `ask_teacher`, that run's teacher is asked for those replies, and only those.
    """
    latest = workspace.latest_run()
    if (info := latest.record.teacher) is None:
        raise UsageError(
            f"{workspace.path}: its latest run asked no teacher, so there is nothing to choose from; see burnish run"
        )
    if latest.recipe.prompts != PROMPTS:
        raise UsageError(
            f"{workspace.path}: its replies answer version {latest.recipe.prompts} of the prompts, now {PROMPTS}: "
            "`burnish run` asks anew; what it chose before stays as it is"
        )
    with workspace.database.understood():
        before = Settings.model_validate(latest.record.settings)
    settings = before.model_copy(
        update={
            "student": student,
            "teacher": before.teacher.model_copy(update={"url": teacher_url or before.teacher.url}),
            "reflection": before.reflection.model_copy(update={"language": latest.recipe.language}),
            "run": before.run.model_copy(update={**otherwise, "method": Method.SELECTIVE}),
        }
    )
    asked = settings.teacher
    teacher = OpenTeacher(info, latest.recipe, asked.parallel, asked.patience, None)
    emit = ending_when_held(emit)
    async with AsyncExitStack() as stack:
        cluster = None if ray is None else cluster_at(ray.address, emit)
        if cluster is not None:
            stack.push_async_callback(cluster.close)
        if ask_teacher:
            # Its sampling is in the recipe.
            source = TeacherSource(asked, lambda _: None, limits=workspace.limits, cluster=cluster)
            now = await (await stack.enter_async_context(source)).open()
            if now.info.digest != info.digest:
                raise UsageError(
                    f"{info.name} is no longer the model that gave these replies ({now.info.digest[:19]}, then "
                    f"{info.digest[:19]}): start a new workspace"
                )
            teacher = replace(teacher, model=now.model, parallel=now.parallel)
        place = partial(placed, cluster=cluster, ray=ray, patience=asked.patience)
        loadable = place("student", await student_of(student), student)
        stack.push_async_callback(loadable.student.close)
        if (verifier := await verifier_of(student)) is not None:
            verifier = place("verifier", verifier, better_weights(student))
            stack.push_async_callback(verifier.student.close)
        better = verifier.file if verifier is not None else None
        recipe = recipe_of(settings, latest.recipe.form, latest.recipe, info, loadable.file, better)
        plan = RunPlan(settings, recipe, teacher, loadable, verifier)
        return await plan.execute(
            workspace,
            emit,
            Gate(),
            part_of(workspace, settings.run),
            retry_failed=False,
        )
