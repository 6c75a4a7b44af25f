"""One sample's way through the method.

    (x0, y0) --the teacher reflects on the instruction--> (x', y')
             --the student: larger IFD of (x0, y0), (x', y')--> (x1, y1)
             --the teacher reflects on the response of (x1, y1)--> y''
             --the student: smaller r-IFD of (x1, y1), (x1, y'')--> (x2, y2)

Selective Reflection-Tuning (V2, arXiv 2402.10110) is the whole of it. Reflection-Tuning (V1, arXiv
2310.11716) is the same without the student: every rewrite is taken. Score only is neither reflection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from engine.method.recipe import Method, Recipe
from engine.method.reflection import AskTeacher, Reflection, UnusableReply
from engine.method.reply_forms import FORMS
from engine.method.selection import larger_ifd, smaller_r_ifd
from engine.sample import Choice, Failure, Outcome, Ratio, Rule, Sample, Scores, Stage, Verdict, Version
from models.teacher import PAUSING, TeacherError


class SampleModels(Protocol):
    """Where one sample is worked on: its teacher, its student, and somebody who listens."""

    def ask(self, stage: Stage, candidate: int) -> AskTeacher:
        """The teacher, for the n-th candidate of a stage."""

    async def ifd(self, versions: Sequence[Version]) -> list[Ratio]: ...

    async def r_ifd(self, versions: Sequence[Version]) -> list[Ratio]: ...

    def chosen(self, choice: Choice) -> None:
        """Told of each stage's end."""


_Found = dict[tuple[Stage, Version], tuple[list[Reflection], Failure | None]]


async def refine(sample: Sample, recipe: Recipe, models: SampleModels) -> Outcome:
    """A sample's outcome. Raises only what stops the whole run: a lost server, a dead student, a full disk."""
    v0 = sample.original
    if recipe.method is Method.SCORE:
        scores = await _scores(v0, models)
        return Outcome(index=sample.index, final=v0, before=scores, after=scores)

    student = recipe.method is Method.SELECTIVE
    found: _Found = {}
    v1, first = await _stage(Stage.INSTRUCTION, v0, recipe, models, found)
    before = await _scores(v0, models) if student else None  # now: while the teacher is at work on others
    v2, second = await _stage(Stage.RESPONSE, v1, recipe, models, found)
    after = await _scores(v2, models) if student else None
    return Outcome(index=sample.index, final=v2, choices=(first, second), before=before, after=after)


async def _stage(
    stage: Stage, v: Version, recipe: Recipe, models: SampleModels, found: _Found
) -> tuple[Version, Choice]:
    """What a stage makes of a version, and how it was chosen."""
    if (stage, v) not in found:
        found[stage, v] = await _reflections(stage, v, recipe, models)
    reflections, failure = found[stage, v]
    rewrites = [reflection.version for reflection in reflections]
    if stage is Stage.INSTRUCTION and recipe.both_branches:
        for branch in (v, *rewrites):
            found[Stage.RESPONSE, branch] = await _reflections(Stage.RESPONSE, branch, recipe, models)

    if not reflections:
        choice = Choice(stage=stage, verdict=Verdict.KEPT, rule=Rule.TEACHER_FAILED, failure=failure)
        final = v
    elif recipe.method is Method.REFLECT:
        final = rewrites[0]
        choice = Choice(
            stage=stage,
            verdict=Verdict.REPLACED,
            rule=Rule.ALWAYS,
            rewrite=final,
            critique=reflections[0].critique,
        )
    else:
        if stage is Stage.INSTRUCTION:
            ratios = await models.ifd([v, *rewrites])
            selected = larger_ifd(ratios[0], ratios[1:], recipe.near_tie)
        else:
            ratios = await models.r_ifd([v, *rewrites])
            selected = smaller_r_ifd(ratios[0], ratios[1:], recipe.near_tie)
        choice = Choice(
            stage=stage,
            verdict=selected.verdict,
            rule=selected.rule,
            before=ratios[0].value,
            after=ratios[1 + selected.contender].value,
            margin=selected.margin,
            near_tie=selected.near_tie,
            rewrite=rewrites[selected.contender],
            critique=reflections[selected.contender].critique,
        )
        final = v if selected.winner is None else rewrites[selected.winner]
    models.chosen(choice)
    return final, choice


async def _reflections(
    stage: Stage, v: Version, recipe: Recipe, models: SampleModels
) -> tuple[list[Reflection], Failure | None]:
    """The usable rewrites of a version, and the last failure among the others."""
    form = FORMS[recipe.form]
    reflect = form.instruction if stage is Stage.INSTRUCTION else form.response
    reflections = []
    failure = None
    for candidate in range(recipe.candidates):
        try:
            reflections.append(await reflect(v, models.ask(stage, candidate)))
        except UnusableReply as unusable:
            failure = Failure(fault=unusable.fault, message=str(unusable))
        except TeacherError as error:
            if error.fault in PAUSING:
                raise
            failure = Failure(fault=error.fault, message=str(error))
    return reflections, failure


async def _scores(v: Version, models: SampleModels) -> Scores:
    (ifd,), (r_ifd,) = await asyncio.gather(models.ifd([v]), models.r_ifd([v]))
    return Scores(ifd=ifd, r_ifd=r_ifd)
