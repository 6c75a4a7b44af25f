"""Everything that decides a sample's outcome, as one frozen value.

It is the key of a run, is kept and reported with it, and is all that the method is given: two runs with equal recipes
are the same run. A setting that changes an outcome, or a question on the way to one, belongs here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from engine.method.candidates import CandidatesBy
from engine.method.noise import NearTies
from engine.method.prompts import PROMPT_SETS, CritiqueLength, Prompts, PromptSet, Wording, prompts_of
from engine.method.reflection import Question
from engine.method.reply_forms import ReplyFormName
from engine.method.rewrite_language import ANY
from engine.method.rules import PAPERS, Criteria, Guidelines
from engine.method.selection import ComparedLength
from engine.method.templates import TemplateName
from engine.sample import Frozen
from models.teacher import Request, Think

T = TypeVar("T")


class Method(StrEnum):
    SELECTIVE = "selective"
    REFLECT = "reflect"
    SCORE = "score"


class Sampling(Frozen):
    """The part of every request that the question does not decide; also the key of an answer outside of a run."""

    think: Think
    max_tokens: int  # of one reply
    temperature: float  # of the first attempt
    seed: int  # of the first attempt

    def request(self, question: Question[T], candidate: int = 0, attempt: int = 0) -> Request:
        """The request for the n-th candidate, from 0, after `attempt` replies that were of no use."""
        warmth = self.temperature + 0.3 * attempt + 0.4 * (candidate > 0)
        return Request(
            messages=question.messages,
            seed=self.seed + 1000 * candidate + attempt,
            temperature=round(min(warmth, 1.2), 3),
            max_tokens=self.max_tokens,
            schema=question.schema,
            think=self.think,
            logprobs=question.logprobs,
            tools=question.tools,
        )


class Recipe(Sampling):
    """The method, both models, and how each is used."""

    method: Method
    prompts: int  # prompts.PROMPTS: the version of what the teacher is asked
    prompt_set: PromptSet | Wording = PromptSet.OWN  # a recipe from before version 2 has none
    critique: CritiqueLength = CritiqueLength.FULL  # one from before version 3 has none
    language: str = ANY  # of a rewrite, see rewrite_languages; of a recipe from before there was one, any
    guidelines: Guidelines  # house rules that every critique and rewrite keeps to
    criteria: Criteria | None  # that it criticises on; None: the papers'
    form: ReplyFormName
    candidates: int  # rewrites asked for in each stage
    candidates_by: CandidatesBy  # what tells the best of them; of one alone, the paper's
    both_branches: bool  # reflect on every response that a student might have taken
    teacher: str | None  # the digest of its weights; None: no teacher
    teacher_context: int | None  # tokens a request and its reply share
    student: str | None  # the digest of its weights; None: no student
    template: TemplateName
    context: int  # tokens of a passage the student scores
    reasoned: bool  # an answer is scored after the reasoning that led to it
    exact: bool  # the student computes in float32
    length: ComparedLength  # of the responses whose margin decides
    near_tie: float | None  # margins below it, in log-ratio, are flagged; None: those that `noise` explains
    noise: float | None  # of the student, see noise.py; None: near_tie is a number
    verifier: (
        str | None
    )  # the digest of the student's better weights, which decide near ties; None: nothing does
    verifier_noise: float | None  # as `noise`

    def in_short(self) -> dict[str, Any]:
        """The recipe as JSON, prompts of a person's own by their digest: they are long."""
        whole = self.model_dump(mode="json")
        if isinstance(self.prompt_set, Wording):
            whole["prompt_set"] = self.prompt_set.digest
        return whole

    @property
    def asked(self) -> Prompts:
        """The words that the teacher is asked in."""
        own = self.prompt_set
        words = own if isinstance(own, Wording) else PROMPT_SETS[own, self.critique]
        return prompts_of(words, self.criteria or PAPERS, self.guidelines)

    @property
    def near_ties(self) -> NearTies:
        """The student's near ties."""
        return NearTies(self.near_tie, self.noise)

    @property
    def verified_near_ties(self) -> NearTies:
        """The verifier's."""
        return NearTies(self.near_tie, self.verifier_noise)
