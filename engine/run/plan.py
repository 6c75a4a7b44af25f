"""A run from its settings: names become models, `auto` becomes a decision, and the pipeline does the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.events import DroppedMeanwhile, Event, Notice
from engine.method.candidates import CandidatesBy
from engine.method.noise import NEAR_TIE, noise_of
from engine.method.prompts import PROMPTS
from engine.method.recipe import Recipe, Sampling
from engine.method.reply_forms import ReplyFormName, form_for
from engine.run.gates import Gate
from engine.run.pipeline import Pipeline
from engine.run.schema_watch import SchemaIgnoredError, SchemaWatch
from engine.run.settings import Schedule, Settings
from engine.run.students import LoadableStudent
from engine.run.teachers import OpenTeacher, digest_of
from engine.sample import Reasoning
from engine.store.dropped import without_dropped
from engine.store.overview import followed
from engine.store.reply_order import answers_come_first
from engine.store.run_record import RandomPart, RunRecord
from engine.store.workspace import Run, Workspace
from models.files.catalog import ModelFile
from models.files.needs import memory_needed, memory_of_tag
from models.llamacpp.teacher import EmbeddedTeacher
from models.openai.teacher import OpenAITeacher
from models.ray.teacher import RayTeacher
from models.system import machine
from models.system.units import counted
from models.teacher import TeacherInfo

Emit = Callable[[Event], None]

AT_NODES = "each node's server keeps its model in memory as it likes"
SERVED = "the teacher's server keeps its model in memory as it likes"


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
class RunPlan:
    """A run with everything decided."""

    settings: Settings
    recipe: Recipe
    teacher: OpenTeacher | None  # None: the method needs none
    student: LoadableStudent | None  # None: likewise
    verifier: LoadableStudent | None = None  # None: near ties are not scored again
    form_may_change: bool = False  # where the first reply shows that the server leaves its schema out

    async def execute(
        self, workspace: Workspace, emit: Emit, gate: Gate, chosen: Sequence[int], *, retry_failed: bool
    ) -> RunSummary:
        """Refine some of the workspace's samples; take up what was begun. Raises as `Pipeline.run`.

        Raises `SchemaIgnoredError` where the form may change and has to, once that is kept in the workspace.
        """
        teacher, student, verifier = self.teacher, self.student, self.verifier
        recipe = as_begun(workspace, self.recipe)
        before = workspace.record(recipe)
        part = self.settings.run.sample
        record = RunRecord(
            settings=self.settings.model_dump(mode="json"),
            teacher=teacher and teacher.info,
            student=student.named if student else None,
            verifier=verifier.named if verifier else None,
            part=part and RandomPart(samples=part, seed=self.settings.run.seed),
            held=before is not None and before.held and not retry_failed,
        )
        if earlier := earlier_prompts(workspace, self.recipe) or other_rules(workspace, self.recipe):
            emit(Notice(earlier))
        run = workspace.run(recipe, record)
        if retry_failed and (reopened := workspace.retry_failed(run)):
            emit(Notice(f"trying {reopened} failed samples again"))
        pipeline = Pipeline(
            workspace,
            run,
            emit,
            teacher=teacher,
            student=student.student if student else None,
            gate=gate,
            verifier=verifier.student if verifier else None,
            schemas=SchemaWatch() if self.form_may_change else None,
        )
        try:
            waiting = await pipeline.run(self._schedule(emit), chosen)
        except SchemaIgnoredError:
            workspace.run(recipe, record.model_copy(update={"schema_ignored": True}))
            raise
        remaining = without_dropped(workspace.database, chosen)
        done, failed = workspace.count(run, remaining)
        if len(remaining) < len(chosen):
            emit(DroppedMeanwhile(len(remaining), done, failed))
        if dropped := followed(workspace, run)[0]:
            emit(
                Notice(
                    counted(dropped, "answer was replaced", "answers were replaced")
                    + ", and the reasoning that led there is dropped"
                )
            )
        return RunSummary(run, len(remaining), done, failed, tuple(waiting))

    def _schedule(self, emit: Emit) -> Schedule:
        """The schedule that was asked for, or the one that the models' sizes and the free memory allow."""
        asked, teacher, student = self.settings.run.schedule, self.teacher, self.student
        if asked != "auto":
            return asked
        if teacher is None or teacher.model is None or student is None:
            return Schedule.INTERLEAVED
        if isinstance(teacher.model, RayTeacher) and not teacher.model.computes:
            emit(Notice(f"schedule: {Schedule.INTERLEAVED}, because {AT_NODES}"))
            return Schedule.INTERLEAVED
        if isinstance(teacher.model, OpenAITeacher):
            emit(Notice(f"schedule: {Schedule.INTERLEAVED}, because {SERVED}"))
            return Schedule.INTERLEAVED
        load = MemoryNeed(
            teacher=memory_of_tag(teacher.info.size),
            student=max(  # one of them is in memory at a time
                memory_needed(one.file.header, self.settings.student.context)
                for one in (student, self.verifier)
                if one is not None
            ),
            embedded=isinstance(teacher.model, EmbeddedTeacher | RayTeacher),
        )
        schedule, why = auto_schedule(load)
        emit(Notice(f"schedule: {schedule}, because {why}"))
        return schedule


def earlier_prompts(workspace: Workspace, recipe: Recipe) -> str | None:
    """The notice that a workspace has replies to an older version of the prompts; None: it has none.

    recipe: of the run that is about to begin. Where that was begun before, its own replies are there.
    """
    latest = workspace.latest()
    if latest is None or recipe.teacher is None or latest.recipe.teacher is None:
        return None
    if latest.recipe.prompts >= recipe.prompts:
        return None
    order = (
        ", in which the critique was written after the answer (Ollama 0.30 and newer sort a reply's fields)"
        if answers_come_first(workspace)
        else ""
    )
    return (
        f"the earlier run here was asked with version {latest.recipe.prompts} of the prompts, now {recipe.prompts}: "
        f"its replies{order} are kept and not mixed in, and every sample is asked about anew"
    )


def other_rules(workspace: Workspace, recipe: Recipe) -> str | None:
    """The notice that the teacher is told other rules than in the run before this one; None: it is not.

    recipe: as for `earlier_prompts`.
    """
    latest = workspace.latest()
    if latest is None or recipe.teacher is None or latest.recipe.teacher is None:
        return None
    told = {
        "guidelines": "guidelines",
        "criteria": "criteria",
        "prompt_set": "prompts",
        "critique": "critiques",
    }
    others = [words for name, words in told.items() if getattr(latest.recipe, name) != getattr(recipe, name)]
    if not others:
        return None
    here = (
        "the run by these goes on"
        if workspace.has_run(recipe)
        else "every sample is asked about anew by these"
    )
    return f"the latest run here had other {' and '.join(others)}: its replies are kept and not mixed in, and {here}"


def recipe_of(
    settings: Settings,
    form: ReplyFormName,
    sampling: Sampling,
    teacher: TeacherInfo | None,
    student: ModelFile | None,
    verifier: ModelFile | None = None,
) -> Recipe:
    """All that decides an outcome, from the settings and the models that they name."""
    run = settings.run
    by_noise = run.near_tie == "auto"
    return Recipe(
        **{name: getattr(sampling, name) for name in Sampling.model_fields},
        method=run.method,
        prompts=PROMPTS,
        prompt_set=run.prompts,
        language=settings.reflection.language,
        critique=run.critique,
        guidelines=settings.reflection.guidelines or (),
        criteria=settings.reflection.criteria and settings.reflection.criteria_in_force,
        form=form,
        candidates=run.candidates,
        candidates_by=run.candidates_by if run.candidates > 1 else CandidatesBy.PAPER,
        both_branches=run.both_branches,
        teacher=teacher and teacher.digest,
        teacher_context=teacher and teacher.context,
        student=student and digest_of(student),
        template=run.template,
        context=settings.student.context,
        reasoned=run.reasoning is Reasoning.SCORE,
        exact=settings.student.exact,
        length=run.length,
        near_tie=None if run.near_tie == "auto" else run.near_tie,
        noise=noise_of(student.header.block_weights) if by_noise and student else None,
        verifier=verifier and digest_of(verifier),
        verifier_noise=noise_of(verifier.header.block_weights) if by_noise and verifier else None,
    )


def as_begun(workspace: Workspace, recipe: Recipe) -> Recipe:
    """The recipe of the workspace's run that is the same but for near ties below a fixed 0.01, if it has one.

    That was the default before near ties followed the student's noise: such a run is gone on with, not begun anew.
    """
    if recipe.near_tie is not None:
        return recipe
    older = recipe.model_copy(update={"near_tie": NEAR_TIE, "noise": None, "verifier_noise": None})
    return older if workspace.has_run(older) else recipe


def reply_form(settings: Settings, info: TeacherInfo, emit: Emit) -> ReplyFormName:
    if settings.run.reply_form != "auto":
        return settings.run.reply_form
    form = form_for(info)
    size = (
        f"{info.parameters / 1e9:.2g}B parameters" if info.parameters else "an unknown number of parameters"
    )
    emit(Notice(f"reply form: {form}, for a teacher of {size}"))
    return form
