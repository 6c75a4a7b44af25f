"""Several teachers on the same samples: what the student makes of each one's rewrites, and what all samples would take.

Each teacher's trial is a run over these samples, so the run that follows with one of them asks for none again.

RSR is over all tokens of the answers that a teacher wrote in its response stage, taken or not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from engine.method.recipe import Method
from engine.method.rsr import rank_surprisal_ratio
from engine.pace import Measured
from engine.run.held import HeldError
from engine.run.session import check
from engine.run.settings import Settings, with_setting
from engine.run.tryout import Estimate, tryout
from engine.sample import Choice, Stage, Verdict, Version
from engine.store.workspace import Run, Workspace
from models.errors import UsageError
from models.ray.cluster import OverRay
from models.student import Losses
from models.teacher import TeacherError

COMPARED = 20
"""Samples that teachers are tried on where nobody says how many."""


@dataclass(frozen=True, slots=True)
class StageTrial:
    """One stage of all samples that were tried."""

    asked: int
    usable: int  # a rewrite came of it
    taken: int
    margin: float | None  # mean, in log-ratio, of those that the student weighed
    margin_at_equal_length: float | None  # likewise

    @classmethod
    def of(cls, choices: Sequence[Choice]) -> StageTrial:
        margins = [one.margin for one in choices if one.margin is not None]
        equal = [one.equal_length.margin for one in choices if one.equal_length is not None]
        return cls(
            asked=len(choices),
            usable=sum(one.failure is None for one in choices),
            taken=sum(one.verdict is Verdict.REPLACED for one in choices),
            margin=fmean(margins) if margins else None,
            margin_at_equal_length=fmean(equal) if equal else None,
        )


@dataclass(frozen=True, slots=True)
class TeacherTrial:
    """What came of one teacher."""

    teacher: str
    problem: str | None  # why it could not be tried to the end; the rest is empty then
    instruction: StageTrial
    response: StageTrial
    rsr: float | None  # None: the student ranked nothing
    answers: int  # the RSR is of
    length: float | None  # of these answers over that of the samples' own, in characters
    unusable_replies: int  # of those asked for now
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class TrialRun:
    """A teacher's run over the samples, and what the student found in it."""

    run: Run
    ranked: Sequence[Losses]  # of `answers`
    measured: Measured


async def try_teachers(
    each: Mapping[str, Settings],
    samples: Sequence[int],
    refine: Callable[[str, Settings], Awaitable[TrialRun | None]],
    read: Callable[[Callable[[Workspace], TeacherTrial]], Awaitable[TeacherTrial]],
) -> list[TeacherTrial]:
    """The trials of several teachers on the same samples, one after the other.

    each: the settings with a teacher, by its name. refine: runs with them; None ends it, and what was tried is
    returned. read: calls what reads the workspace. What keeps one teacher from its work is its trial's problem.
    """
    trials = []
    for name, settings in each.items():
        try:
            tried = await refine(name, settings)
        except (TeacherError, HeldError) as error:
            trials.append(failed_trial(name, str(error)))
            continue
        if tried is None:
            break
        trials.append(await read(partial(teacher_trial, name, tried=tried, samples=samples)))
    return trials


def settings_of_each(
    settings: Settings,
    names: Iterable[str],
    *,
    allow_remote_teacher: bool = False,
    ray: OverRay | None = None,
) -> dict[str, Settings]:
    """The settings with each of these teachers, by their names.

    Raises `UsageError` where there are none, and where no student compares them; else as `session.check`.
    """
    if settings.run.method is not Method.SELECTIVE:
        raise UsageError(
            f"method {settings.run.method}: teachers are compared by a student, so by method selective"
        )
    each = {name: with_setting(settings, "teacher", "name", name) for name in map(str.strip, names) if name}
    if not each:
        raise UsageError("no teachers: give --teachers with their names, such as qwen3:8b,gguf:PATH")
    for one in each.values():
        check(one, allow_remote_teacher=allow_remote_teacher, ray=ray)
    return each


def failed_trial(teacher: str, problem: str) -> TeacherTrial:
    """The trial of a teacher that could not be tried."""
    nothing = StageTrial.of(())
    return TeacherTrial(teacher, problem, nothing, nothing, None, 0, None, 0, None)


def teacher_trial(
    teacher: str, workspace: Workspace, *, tried: TrialRun, samples: Sequence[int]
) -> TeacherTrial:
    """The trial of a teacher that was tried on these samples."""
    run, ranked = tried.run, tried.ranked
    found = tryout(workspace, run, samples, tried.measured)
    choices = [choice for one in found.tried for choice in one.outcome.choices]
    written = answers(workspace, run, samples)
    own = sum(len(workspace.sample(index).original.response) for index in written)
    return TeacherTrial(
        teacher=teacher,
        problem=None,
        instruction=StageTrial.of([one for one in choices if one.stage is Stage.INSTRUCTION]),
        response=StageTrial.of([one for one in choices if one.stage is Stage.RESPONSE]),
        rsr=rank_surprisal_ratio([(one.ranks, one.nll) for one in ranked if one.ranks is not None]),
        answers=len(ranked),
        length=sum(len(version.response) for version in written.values()) / own if own else None,
        unusable_replies=tried.measured.unusable_replies,
        estimate=found.estimate,
    )


def answers(workspace: Workspace, run: Run, samples: Sequence[int]) -> dict[int, Version]:
    """The answers that a run's teacher wrote in the response stage, by sample, each with the instruction it is to."""
    found = {}
    for index in samples:
        outcome = workspace.outcome(run, index)
        for choice in outcome.choices if outcome is not None else ():
            if choice.stage is Stage.RESPONSE and choice.rewrite is not None:
                found[index] = choice.rewrite
    return found
