"""Which samples leave the workspace, as what, and what is told about them.

Rules are separate from selection: the student's verdicts stay what they are, and any rule may be tried later.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from engine.sample import Decision, Outcome, Review, Sample, Stage, Verdict, Version
from engine.workspace import Run, Workspace
from models.errors import UsageError


class ExportRule(StrEnum):
    ALL = "all"  # every sample, refined as far as it came
    PAPER = "paper"  # samples whose response was replaced by a reflected one
    STRICT = "strict"  # of those, the ones whose final IFD and r-IFD are both below 1
    ACCEPTED = "accepted"  # samples a person has decided on, as decided
    TOP = "top"  # the largest IFD below 1 (at 1 and above, the instruction does not help: arXiv 2308.12032)


@dataclass(frozen=True, slots=True)
class Share:
    """How much `top` takes: a count, or a share of all samples."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> Share:
        """`5%` or `500`; `UsageError` for anything else."""
        number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
        try:
            value = float(number) if percent else int(number)
        except ValueError:
            value = -1
        if not 0 < value <= (100 if percent else math.inf):
            raise UsageError(f"--top {text}: expected a count such as 500, or a share such as 5%")
        return cls(percent=float(value)) if percent else cls(count=int(value))

    def of(self, total: int) -> int:
        if self.count is not None:
            return self.count
        # Exactly: in binary, 16.1 percent of 1000 is a little more than 161.
        return math.ceil(Fraction(str(self.percent)) * total / 100)


@dataclass(frozen=True, slots=True)
class Exported:
    """A sample on its way out, with all that was decided about it."""

    sample: Sample
    outcome: Outcome | None
    review: Review | None

    @property
    def version(self) -> Version:
        """What leaves: a person's decision comes before the student's, and that before the original."""
        if self.review is not None:
            return self.review.version
        return self.outcome.final if self.outcome is not None else self.sample.original

    def trace(self, run: Run) -> dict[str, Any]:
        """How this row came to be; README documents the fields."""
        outcome, review = self.outcome, self.review
        return {
            "index": self.sample.index,
            "original": self.sample.original.model_dump(),
            "choices": [choice.model_dump(mode="json") for choice in outcome.choices] if outcome else [],
            "before": outcome.before.model_dump() if outcome and outcome.before else None,
            "after": outcome.after.model_dump() if outcome and outcome.after else None,
            "review": review.model_dump(mode="json") if review else None,
            "run": run.recipe,
            "teacher": run.settings["teacher"],
            "student": run.settings["student"],
        }


def exported(workspace: Workspace, run: Run, rule: ExportRule, share: Share) -> Iterator[Exported]:
    """The samples a rule lets through, in the dataset's order, each with the version that leaves.

    `share` counts only for `ExportRule.TOP`.
    """
    top = _top(workspace, run, share) if rule is ExportRule.TOP else frozenset()
    for sample, outcome, review in workspace.decided(run):
        match rule:
            case ExportRule.ALL:
                wanted = True
            case ExportRule.PAPER:
                wanted = outcome is not None and response_replaced(outcome) and not undone(review)
            case ExportRule.STRICT:
                replaced = outcome is not None and response_replaced(outcome) and not undone(review)
                wanted = replaced and outcome is not None and below_one(outcome)
            case ExportRule.ACCEPTED:
                wanted = review is not None
            case ExportRule.TOP:
                wanted = sample.index in top
        if wanted:
            yield Exported(sample, outcome, review)


def response_replaced(outcome: Outcome) -> bool:
    """Whether the response stage's rewrite was taken: what the V2 paper trains on."""
    return any(c.stage is Stage.RESPONSE and c.verdict is Verdict.REPLACED for c in outcome.choices)


def undone(review: Review | None) -> bool:
    """Whether a person has put the original back."""
    return review is not None and review.decision is Decision.ORIGINAL


def below_one(outcome: Outcome) -> bool:
    """Whether both final scores are there and below 1: instruction and response each help to say the other."""
    after = outcome.after
    return after is not None and all(r.value is not None and r.value < 1 for r in (after.ifd, after.r_ifd))


def _top(workspace: Workspace, run: Run, share: Share) -> frozenset[int]:
    """The samples with the largest IFD below 1; of equals, the earlier."""
    scored: list[tuple[float, int]] = []
    for _, outcome, _ in workspace.decided(run):
        value = outcome.after.ifd.value if outcome and outcome.after else None
        if outcome and value is not None and value < 1:
            scored.append((value, -outcome.index))
    return frozenset(-minus for _, minus in heapq.nlargest(share.of(len(workspace)), scored))
