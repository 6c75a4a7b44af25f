"""Which samples leave the workspace, as what, and what is told about them.

Rules are separate from selection: the student's verdicts stay what they are, and any rule may be tried later.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from engine.sample import Outcome, Review, Sample, Version
from engine.store.workspace import AFTER, FIGURES, Run, Workspace
from models.errors import UsageError


class ExportRule(StrEnum):
    """Which samples leave, as `CONDITIONS` says in SQL."""

    ALL = "all"
    PAPER = "paper"
    STRICT = "strict"
    ACCEPTED = "accepted"
    TOP = "top"  # at an IFD of 1 and above, the instruction does not help (arXiv 2308.12032)


@dataclass(frozen=True, slots=True)
class TopShare:
    """How much `top` takes: a count, or a share of all samples."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> TopShare:
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
class LeavingSample:
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
        """How this row came to be; tui/cli/README.md documents the fields."""
        outcome, review = self.outcome, self.review
        return {
            "index": self.sample.index,
            "original": self.sample.original.model_dump(),
            "choices": [choice.model_dump(mode="json") for choice in outcome.choices] if outcome else [],
            "before": outcome.before.model_dump() if outcome and outcome.before else None,
            "after": outcome.after.model_dump() if outcome and outcome.after else None,
            "review": review.model_dump(mode="json") if review else None,
            "run": run.recipe.model_dump(mode="json"),
            **run.record.model_dump(include={"teacher", "student"}),
        }


def exported(workspace: Workspace, run: Run, rule: ExportRule, share: TopShare) -> Iterator[LeavingSample]:
    """The samples a rule lets through, in the dataset's order, each with the version that leaves.

    `share` counts only for `ExportRule.TOP`.
    """
    for sample, outcome, review in workspace.decided(run, *_condition(workspace, run, rule, share)):
        yield LeavingSample(sample, outcome, review)


def leaving(workspace: Workspace, run: Run, rule: ExportRule, share: TopShare) -> int:
    """How many samples `exported` would give, from the figures alone."""
    condition, values = _condition(workspace, run, rule, share)
    query = f"SELECT count(*) FROM {FIGURES} WHERE s.sample > ?1 AND ({condition})"  # noqa: S608 - our own words
    ((count,),) = workspace.database.execute(query, -1, run.id, *values)
    return int(count)


# Unless a person put the original back, or chose another version of the teacher's.
_REPLACED = (
    "CASE t.decision WHEN 'original' THEN 0 "
    "WHEN 'chosen' THEN json_extract(t.body, '$.version.response') <> json_extract(s.body, '$[2]') "
    "ELSE f.response = 'replaced' END"
)
_IFD, _R_IFD = AFTER.format("ifd"), AFTER.format("r_ifd")

CONDITIONS = {
    ExportRule.ALL: "1",
    ExportRule.PAPER: _REPLACED,
    ExportRule.STRICT: f"{_REPLACED} AND {_IFD} < 1 AND {_R_IFD} < 1",
    ExportRule.ACCEPTED: "t.sample IS NOT NULL",
    ExportRule.TOP: f"{_IFD} < 1",  # and of these, the first
}
"""Each rule as SQL over `FIGURES`."""


def _condition(
    workspace: Workspace, run: Run, rule: ExportRule, share: TopShare
) -> tuple[str, tuple[float, ...]]:
    """A rule as `Workspace.decided` takes it, with the values in it."""
    condition = CONDITIONS[rule]
    if rule is not ExportRule.TOP:
        return condition, ()
    # The last that leaves; of equals, the earlier do.
    last = workspace.database.execute(
        f"SELECT {_IFD} AS ifd, s.sample FROM {FIGURES} WHERE s.sample > ?1 AND {condition} "  # noqa: S608
        "ORDER BY ifd DESC, s.sample LIMIT 1 OFFSET ?3",
        *(-1, run.id, min(share.of(len(workspace)), 1 << 62) - 1),
    )
    if not last:
        return condition, ()
    return f"{condition} AND ({_IFD} > ?3 OR {_IFD} = ?3 AND s.sample <= ?4)", last[0]
