"""Samples, outcomes, decisions, recipes and models that no model was asked for, usual in all that a test leaves out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.formats.conversation import around, exchanges_in, last_turn
from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.names import Format, Layout
from engine.judge.prompt import PROMPTS as JUDGE_PROMPTS
from engine.judge.prompt import Opinion, Pair, StudentChoice
from engine.judge.rating import PROMPTS as RATING_PROMPTS
from engine.judge.record import Judging
from engine.method.candidates import CandidatesBy
from engine.method.prompts import PROMPTS, CritiqueLength, PromptSet
from engine.method.recipe import Method, Recipe
from engine.method.reply_forms import JudgeForm, RatingForm, ReplyFormName
from engine.method.rewrite_language import SAME
from engine.method.rules import PAPERS
from engine.method.scores import TokenRatio
from engine.method.selection import ComparedLength
from engine.method.templates import TemplateName
from engine.sample import (
    Choice,
    Decision,
    Failure,
    History,
    Loss,
    Outcome,
    Ratio,
    Review,
    Rule,
    Sample,
    Scores,
    Stage,
    Turns,
    Verdict,
    Version,
)
from engine.store.ratings import Rater
from engine.store.run_record import RunRecord
from engine.store.workspace import Source, Workspace
from models.student import StudentInfo
from models.teacher import Fault, TeacherInfo

# Datasets and workspaces

SOURCE = Source(path="/data/mine.json", format="alpaca", fields=("instruction", "output"), sha256="ab" * 32)


def sample(index: int = 0, text: str = "x", **changes: Any) -> Sample:
    """A sample with this text in every field, and a row that holds more than burnish reads of it."""
    original = Version(instruction=f"{text}{index}", input=text, response=text)
    row = {"instruction": text, text: [text, None, 1.5], "n": index}
    return Sample(**{"index": index, "original": original, "row": row, "number": index} | changes)


def samples(count: int) -> list[Sample]:
    return [sample(index) for index in range(count)]


def new_workspace(path: Path, count: int = 3) -> Path:
    """A workspace with so many samples, closed."""
    Workspace.create(path, SOURCE, samples(count)).close()
    return path


# Rows


def last_sample(row: dict[str, Any], format: Format, index: int = 0, columns: Columns = NO_COLUMNS) -> Sample:
    """The last exchange of a row."""
    (found,) = exchanges_in(row, format.layout, Turns.LAST, columns)
    return Sample(
        index=index,
        original=found.version,
        row=row,
        number=index,
        turn=found.turn,
        history=found.history,
        next=found.next,
    )


def history_of(row: dict[str, Any], layout: Layout, columns: Columns = NO_COLUMNS) -> History:
    """What stands before a row's last question."""
    return around(row, layout, columns, last_turn(row, layout, columns))[0]


# Scores


def ratio(
    value: float | None = None,
    *,
    log_ratio: float | None = None,
    truncated: bool = False,
    reason: str = "too long",
) -> Ratio:
    """A score by its value or by its logarithm; without either, one that could not be computed for this reason."""
    if value is None and log_ratio is None:
        return Ratio(value=None, reason=reason, truncated=truncated)
    value = math.exp(log_ratio or 0.0) if value is None else value
    log_ratio = math.log(value) if log_ratio is None else log_ratio
    return Ratio(
        value=value,
        log_ratio=log_ratio,
        alone=Loss(mean=3.0, scored=40),
        given=Loss(mean=3.0 + log_ratio, scored=40),
        truncated=truncated,
    )


def token_ratio(gains: Sequence[float] | None, reason: str = "too long") -> TokenRatio:
    """A score from the loss that each scored token gains by its context, in nats; None: there is none."""
    if gains is None:
        none = np.empty(0, np.float32)
        return TokenRatio(ratio(reason=reason), none, none)
    alone, given = np.zeros(len(gains), np.float32), np.asarray(gains, np.float32)
    mean = math.fsum(given.tolist()) / len(gains)
    about = ratio(log_ratio=mean).model_copy(
        update={
            "alone": Loss(mean=0.0, scored=len(gains)),
            "given": Loss(mean=mean, scored=len(gains)),
        }
    )
    return TokenRatio(about, alone, given)


def scores(ifd: float | None, r_ifd: float | None, *, truncated: bool = False) -> Scores:
    """`truncated`: IFD is that of the response's beginning."""
    return Scores(ifd=ratio(ifd, truncated=truncated), r_ifd=ratio(r_ifd))


# Outcomes

FAILURE = Failure(fault=Fault.CUT, message="the reply was cut at 9 tokens")


def choice(stage: Stage, verdict: Verdict = Verdict.KEPT, **changes: Any) -> Choice:
    """A stage that the student decided."""
    rule = Rule.LARGER_IFD if stage is Stage.INSTRUCTION else Rule.SMALLER_R_IFD
    return Choice(**{"stage": stage, "verdict": verdict, "rule": rule} | changes)


def failed(stage: Stage, failure: Failure = FAILURE) -> Choice:
    """A stage for which the teacher gave nothing usable."""
    return choice(stage, rule=Rule.TEACHER_FAILED, failure=failure)


def outcome(index: int, *choices: Choice, **changes: Any) -> Outcome:
    """An outcome of `sample(index)` that changed nothing, unless `final` is given."""
    return Outcome(**{"index": index, "final": sample(index).original, "choices": choices} | changes)


def kept(index: int, failure: Failure | None = None) -> Outcome:
    """An outcome whose instruction stage kept what was there, for want of a usable reply if there is a failure."""
    return outcome(index, failed(Stage.INSTRUCTION, failure) if failure else choice(Stage.INSTRUCTION))


def full(index: int, text: str) -> Outcome:
    """An outcome with something in every field, and this text wherever there is one."""
    loss = Loss(mean=1 / 3, scored=7)
    extreme = Ratio(value=0.1 + 0.2, log_ratio=-1e-17, alone=loss, given=loss, truncated=True)
    both = Scores(ifd=extreme, r_ifd=ratio(reason=text))
    decided = choice(
        Stage.RESPONSE,
        Verdict.REPLACED,
        before=1e300,
        after=5e-324,
        margin=-0.1,
        near_tie=True,
        critique={"b": text, "a": "", "c": text},
        failure=Failure(fault=Fault.REFUSAL, message=text),
    )
    final = Version(instruction=text, input=text, response=text)
    return outcome(index, decided, decided, final=final, before=both, after=both)


# Decisions


def review(index: int, decision: Decision = Decision.ACCEPTED, **changes: Any) -> Review:
    """A person's decision for the original of `sample(index)`, unless a `version` is given."""
    return Review(**{"index": index, "decision": decision, "version": sample(index).original} | changes)


# Models


def teacher_info(name: str = "qwen3:8b", **changes: Any) -> TeacherInfo:
    usual: dict[str, Any] = {
        "digest": "sha256:" + "7" * 64,
        "parameters": 8.2e9,
        "quantisation": "Q4_K_M",
        "size": 5_200_000_000,
        "context": 8192,
    }
    return TeacherInfo(name, **usual | changes)


def student_info(**changes: Any) -> StudentInfo:
    usual: dict[str, Any] = {
        "path": "/models/base.gguf",
        "digest": "sha256:" + "5" * 64,
        "name": "base",
        "architecture": "llama",
        "quantisation": "Q8_0",
        "parameters": 135_000_000,
        "size": 150_000_000,
        "vocabulary": 1000,
        "bos": 1,
        "trained_context": 2048,
        "context": 2048,
        "exact": False,
        "backend": "CPU",
        "layers": 30,
        "offloaded": 0,
        "chat_template": None,
        "bos_text": "<bos>",
        "eos_text": "<eos>",
    }
    return StudentInfo(**usual | changes)


# Runs

USUAL_RECIPE: dict[str, Any] = {
    "method": Method.SELECTIVE,
    "prompts": PROMPTS,
    "prompt_set": PromptSet.OWN,
    "critique": CritiqueLength.SHORT,
    "language": SAME,
    "guidelines": (),
    "criteria": None,
    "form": ReplyFormName.JSON,
    "candidates": 1,
    "candidates_by": CandidatesBy.PAPER,
    "both_branches": False,
    "teacher": "sha256:" + "7" * 64,
    "teacher_context": 8192,
    "think": False,
    "max_tokens": 2048,
    "temperature": 0.2,
    "seed": 0,
    "student": "sha256:" + "5" * 64,
    "template": TemplateName.VICUNA,
    "context": 2048,
    "reasoned": False,
    "exact": False,
    "length": ComparedLength.WHOLE,
    "near_tie": 0.01,
    "noise": None,
    "verifier": None,
    "verifier_noise": None,
}
RECORD = RunRecord(settings={}, teacher=teacher_info())


def recipe(**changes: Any) -> Recipe:
    return Recipe(**USUAL_RECIPE | changes)


# Judgings


def judging(name: str = "gemma3:12b", **changes: Any) -> Judging:
    """A judging of three pairs of a dataset and its refined form."""
    usual: dict[str, Any] = {
        "a": "original",
        "b": "refined",
        "sources": (),
        "form": JudgeForm.JSON,
        "prompts": JUDGE_PROMPTS,
        "context": 8192,
        "think": False,
        "max_tokens": 1024,
        "temperature": 0.0,
        "seed": 0,
        "judge": teacher_info(name, digest=f"sha256:{name}", parameters=12e9, size=8_100_000_000),
        "pairs": 3,
        "same": 0,
        "unmatched": (0, 0),
    }
    return Judging(**usual | changes)


def rater(name: str = "gemma3:12b", **changes: Any) -> Rater:
    """A judge that rates by the papers' criteria."""
    usual = judging(name).model_dump(include={"context", "think", "max_tokens", "temperature", "seed"})
    asked = {"form": RatingForm.JSON, "criteria": PAPERS, "prompts": RATING_PROMPTS}
    return Rater.model_validate(usual | asked | {"judge": judging(name).judge} | changes)


def pair(
    a: str, b: str, row: int = 0, *choices: StudentChoice, instruction: str = "Say it.", compared: bool = True
) -> Pair:
    """Two responses to one instruction."""
    first, second = (Version(instruction=instruction, response=response) for response in (a, b))
    return Pair(row=row, a=first, b=second, choices=choices, compared=compared)


def opinion(first: int, second: int, *, critique: str = "c", reason: str = "r") -> Opinion:
    """A judge's opinion: the scores of the answer shown first and of the second."""
    return Opinion(critique=critique, reason=reason, first=first, second=second)
