"""One sample's way through the method: figure 1 of Selective Reflection-Tuning (V2, arXiv 2402.10110).

    (x0, y0) --the teacher reflects on the instruction--> (x', y')
             --the student: larger IFD of (x0, y0), (x', y')--> (x1, y1)
             --the teacher reflects on the response of (x1, y1)--> y''
             --the student: smaller r-IFD of (x1, y1), (x1, y'')--> (x2, y2)

Reflection-Tuning (V1, arXiv 2310.11716) is the same without the student: every rewrite is taken. Score only is
neither reflection. Of an exchange that another turn follows only the response is reflected on: what follows was said
to that instruction, and (x1, y1) is (x0, y0).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.method.candidates import (
    OF_RESPONSES,
    CandidatesBy,
    Worth,
    worth_by_chance,
    worth_by_length,
    worth_by_losses,
)
from engine.method.noise import NearTies
from engine.method.prompts import Prompts
from engine.method.recipe import Method, Recipe
from engine.method.reflection import AskTeacher, Reflection, UnusableReply, failure_of
from engine.method.reply_forms import ReplyFormName, reflect_on_instruction, reflect_on_response
from engine.method.scores import Measure, TokenRatio, ifd_passages, r_ifd_passages
from engine.method.selection import ComparedLength, Selected, larger_ifd, smaller_r_ifd
from engine.sample import (
    Choice,
    Failure,
    History,
    Outcome,
    Rule,
    Sample,
    Scores,
    Stage,
    Verdict,
    Verification,
    Version,
)
from models.teacher import TeacherError


class SampleModels(Protocol):
    """The models that one sample is put to, and a listener."""

    def ask(self, stage: Stage, candidate: int) -> AskTeacher:
        """The teacher, for the n-th candidate of a stage."""

    async def ratios(self, measure: Measure, versions: Sequence[Version]) -> list[TokenRatio]:
        """The student's IFD, or r-IFD, of each version, with its token losses."""

    async def verified_ratios(self, measure: Measure, versions: Sequence[Version]) -> list[TokenRatio]:
        """The same by better weights of the student."""

    async def scores(self, version: Version) -> Scores:
        """The student's IFD and r-IFD of a version."""

    def chosen(self, choice: Choice) -> None:
        """Told of each stage's end."""


@dataclass(frozen=True, slots=True)
class StageRule:
    """A stage: what the teacher reflects on, and by which score the student chooses."""

    stage: Stage
    reflect: Callable[
        [ReplyFormName, Prompts, Version, AskTeacher, History, str], Coroutine[Any, Any, Reflection]
    ]
    ratio: Measure
    better: Callable[[TokenRatio, Sequence[TokenRatio], NearTies, ComparedLength, Worth | None], Selected]


INSTRUCTION = StageRule(
    Stage.INSTRUCTION, reflect=reflect_on_instruction, ratio=ifd_passages, better=larger_ifd
)
RESPONSE = StageRule(Stage.RESPONSE, reflect=reflect_on_response, ratio=r_ifd_passages, better=smaller_r_ifd)
STAGES = {rule.stage: rule for rule in (INSTRUCTION, RESPONSE)}


async def refine(sample: Sample, recipe: Recipe, models: SampleModels) -> Outcome:
    """A sample's outcome. Raises only what stops the whole run: a lost server, a dead student, a full disk."""
    if recipe.method is Method.SCORE:
        return await score_only(sample, models)
    stages = Stages(recipe, models, sample)
    if recipe.both_branches:
        await ask_for_any_student(sample, stages)
    if recipe.method is Method.REFLECT:
        return await reflection_tuning(sample, stages)
    return await selective_reflection_tuning(sample, stages, models)


async def selective_reflection_tuning(sample: Sample, stages: Stages, models: SampleModels) -> Outcome:
    """V2: the student chooses in both stages."""
    x0y0 = x1y1 = sample.original
    choices = []
    if sample.next is None:
        x1y1, first = await stages.choose(INSTRUCTION, x0y0)
        choices.append(first)
    before = await models.scores(x0y0)  # now: while the teacher is at work on others
    x2y2, second = await stages.choose(RESPONSE, x1y1)
    after = await models.scores(x2y2)
    choices.append(second)
    return Outcome(index=sample.index, final=x2y2, choices=tuple(choices), before=before, after=after)


async def reflection_tuning(sample: Sample, stages: Stages) -> Outcome:
    """V1: the rewrite is taken in both stages."""
    x1y1 = sample.original
    choices = []
    if sample.next is None:
        x1y1, first = await stages.take(INSTRUCTION, x1y1)
        choices.append(first)
    x2y2, second = await stages.take(RESPONSE, x1y1)
    choices.append(second)
    return Outcome(index=sample.index, final=x2y2, choices=tuple(choices))


async def score_only(sample: Sample, models: SampleModels) -> Outcome:
    """The student's scores of the sample as it is; no teacher."""
    scores = await models.scores(sample.original)
    return Outcome(index=sample.index, final=sample.original, before=scores, after=scores)


async def ask_for_any_student(sample: Sample, stages: Stages) -> None:
    """Have the teacher reflect on every response that a student might take in the first stage."""
    if sample.next is not None:
        return
    reflections, _ = await stages.reflections(INSTRUCTION, sample.original)
    for branch in (sample.original, *(reflection.version for reflection in reflections)):
        await stages.reflections(RESPONSE, branch)


class Stages:
    """The two stages of one sample: the teacher's rewrites of a version, and which version goes on."""

    def __init__(self, recipe: Recipe, models: SampleModels, sample: Sample) -> None:
        self._recipe = recipe
        self._sample = sample.index
        self._history = sample.history
        self._prompts = recipe.asked.at(sample.history, sample.next)
        self._models = models
        # Replies are replayed, but one that never came would be waited for again.
        self._found: dict[tuple[Stage, Version], tuple[list[Reflection], Failure | None]] = {}

    async def choose(self, rule: StageRule, v: Version) -> tuple[Version, Choice]:
        """The version that the student takes, `v` or a rewrite of it."""
        reflections, failure = await self.reflections(rule, v)
        if not reflections:
            return self._failed(rule, v, failure)
        versions = [v, *(found.version for found in reflections)]
        ratios = await self._models.ratios(rule.ratio, versions)
        worth = await self._worth(rule, versions[1:], ratios)
        selected = self._better(rule, ratios, worth)
        verdict, contender, near_tie, verified = selected.verdict, selected.contender, selected.near_tie, None
        if near_tie and self._recipe.verifier is not None:
            again = await self._models.verified_ratios(rule.ratio, versions)
            decided = self._better(rule, again, worth, verified=True)
            if decided.margin is not None:
                verdict, contender, near_tie = decided.verdict, decided.contender, decided.near_tie
                selected = self._better(rule, [ratios[0], ratios[1 + contender]])  # of the same candidate
                verified = _verification(decided, again, selected)
        best = reflections[contender]
        choice = Choice(
            stage=rule.stage,
            verdict=verdict,
            rule=selected.rule,
            before=ratios[0].ratio.value,
            after=ratios[1 + contender].ratio.value,
            margin=selected.margin,
            near_tie=near_tie,
            limit=selected.limit,
            verified=verified,
            equal_length=selected.equal_length,
            length_decides=selected.length_decides,
            rewrite=best.version,
            critique=best.critique,
            thoughts=best.thoughts,
        )
        return self._chosen(best.version if verdict is Verdict.REPLACED else v, choice)

    def _better(
        self,
        rule: StageRule,
        ratios: Sequence[TokenRatio],
        worth: Worth | None = None,
        *,
        verified: bool = False,
    ) -> Selected:
        """The choice between what was there and the candidates, by the student or by its better weights."""
        near_ties = self._recipe.verified_near_ties if verified else self._recipe.near_ties
        return rule.better(ratios[0], ratios[1:], near_ties, self._recipe.length, worth)

    async def _worth(
        self, rule: StageRule, candidates: Sequence[Version], ratios: Sequence[TokenRatio]
    ) -> Worth | None:
        """The measure that chooses among the candidates; None: the stage's own score does.

        ratios: the stage's score of what was there, then of each candidate.
        """
        by = self._recipe.candidates_by
        if by is CandidatesBy.PAPER or len(candidates) == 1:
            return None
        if by in OF_RESPONSES:
            of_stage = rule.ratio is ifd_passages
            ifds = ratios[1:] if of_stage else await self._models.ratios(ifd_passages, candidates)
            return worth_by_losses(by, ifds)
        match by:
            case CandidatesBy.MARGIN:
                at_equal_length = rule.better(
                    ratios[0], ratios[1:], self._recipe.near_ties, ComparedLength.EQUAL, None
                )
                return [float(number == at_equal_length.contender) for number in range(len(candidates))]
            case CandidatesBy.LENGTH:
                return worth_by_length(candidates)
            case _:
                return worth_by_chance(self._recipe.seed, self._sample, rule.stage, len(candidates))

    async def take(self, rule: StageRule, v: Version) -> tuple[Version, Choice]:
        """The rewrite of a version, unseen by any student."""
        reflections, failure = await self.reflections(rule, v)
        if not reflections:
            return self._failed(rule, v, failure)
        first = reflections[0]
        choice = Choice(
            stage=rule.stage,
            verdict=Verdict.REPLACED,
            rule=Rule.ALWAYS,
            rewrite=first.version,
            critique=first.critique,
            thoughts=first.thoughts,
        )
        return self._chosen(first.version, choice)

    async def reflections(self, rule: StageRule, v: Version) -> tuple[list[Reflection], Failure | None]:
        """The usable reflections on a version, and the last failure among the others."""
        if (rule.stage, v) not in self._found:
            reflections: list[Reflection] = []
            failure = None
            form, language = self._recipe.form, self._recipe.language
            for candidate in range(self._recipe.candidates):
                ask = self._models.ask(rule.stage, candidate)
                try:
                    reflections.append(
                        await rule.reflect(form, self._prompts, v, ask, self._history, language)
                    )
                except (UnusableReply, TeacherError) as error:
                    failure = failure_of(error)
            self._found[rule.stage, v] = reflections, failure
        return self._found[rule.stage, v]

    def _failed(self, rule: StageRule, v: Version, failure: Failure | None) -> tuple[Version, Choice]:
        choice = Choice(stage=rule.stage, verdict=Verdict.KEPT, rule=Rule.TEACHER_FAILED, failure=failure)
        return self._chosen(v, choice)

    def _chosen(self, v: Version, choice: Choice) -> tuple[Version, Choice]:
        self._models.chosen(choice)
        return v, choice


def _verification(decided: Selected, ratios: Sequence[TokenRatio], by_student: Selected) -> Verification:
    """The numbers of better weights that decided; `ratios`: of what was there, and of each candidate."""
    assert decided.deciding_margin is not None
    return Verification(
        before=ratios[0].ratio.value,
        after=ratios[1 + decided.contender].ratio.value,
        margin=decided.deciding_margin,
        limit=decided.limit,
        overruled=decided.verdict is not by_student.verdict,
    )
