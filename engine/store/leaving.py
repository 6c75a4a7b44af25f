"""The version of each sample that would leave the workspace now, and which samples an export lets through.

A person's decision comes before the student's, and that before the original. One piece of SQL says so of the figures
(`leaving_view`), one function of the texts (`_leaving`): the samples' list, the distribution, the report, the judge and
the export read these. Export rules are separate from selection: the student's verdicts stay what they are, and any rule
may be tried later.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import islice
from typing import Any

from engine.formats.following import with_thoughts
from engine.method.selective_ifd import TOKEN_RATIO
from engine.sample import Annotation, Candidate, Outcome, Reasoning, Review, Sample, Version, thoughts_before
from engine.store.annotations import NONE
from engine.store.choosing import ORDERS, ChosenBy
from engine.store.dropped import DROPPED_ROWS, count_dropped
from engine.store.leaving_view import FINISHED, LEAVING
from engine.store.token_scores import rsrs, s_ifd_name, s_ifds
from engine.store.workspace import SAMPLE_COLUMNS, WINDOW, Run, Source, Workspace
from models.errors import UsageError


def with_thoughts_of(run: Run, source: Source, sample: Sample, version: Version, thoughts: str) -> Version:
    """A version with the teacher's thoughts, where the run is set to take them; see `with_thoughts`."""
    if run.record.reasoning != Reasoning.TEACHER:
        return version
    return with_thoughts(sample, version, thoughts, source.format, source.columns)


class ExportRule(StrEnum):
    """A rule for the samples that leave; `_CONDITIONS` says each in SQL."""

    ALL = "all"
    PAPER = "paper"
    STRICT = "strict"
    ACCEPTED = "accepted"
    TOP = "top"  # at an IFD of 1 and above, the instruction does not help (arXiv 2308.12032)


@dataclass(frozen=True, slots=True)
class TopShare:
    """The first by a measure: a count, or a share of all that may leave with `top`, of a rule's own with another."""

    count: int | None = None
    percent: float | None = None
    by: ChosenBy = ChosenBy.IFD
    seed: int = 0  # of the draw, where it is by chance
    token_ratio: float = TOKEN_RATIO  # of the tokens that S-IFD is of to all

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

    def __str__(self) -> str:
        """As it is typed."""
        return f"{self.percent:.12g}%" if self.count is None else str(self.count)

    def of(self, total: int) -> int:
        if self.count is not None:
            return self.count
        # Exactly: in binary, 16.1 percent of 1000 is a little more than 161.
        return math.ceil(Fraction(str(self.percent)) * total / 100)


_DECIDED = "outcome, review, annotation, rating_before, rating_after"
"""The columns of `LEAVING` about what was made of a sample."""

USUAL_TOP = TopShare(percent=5)
"""The share that the rule `top` takes where none is asked for."""


@dataclass(frozen=True, slots=True)
class LeavingSample:
    """A sample with the version of it that leaves, and all that was decided about it."""

    sample: Sample
    version: Version
    outcome: Outcome | None
    review: Review | None
    annotation: Annotation
    candidates: tuple[Candidate, ...] = ()  # that a person asked for, where one decided
    ratings: tuple[int | None, ...] = (None, None)  # a judge's, of the original and of `version`

    def reasoned(self, run: Run, source: Source) -> Version:
        """The version as a row is to hold it: with the teacher's thoughts, where the run is set to take them."""
        thoughts = thoughts_before(self.version.response, self.outcome, self.candidates)
        return with_thoughts_of(run, source, self.sample, self.version, thoughts)

    def trace(self, run: Run) -> dict[str, Any]:
        """The history of this row; the README documents the fields."""
        outcome, review = self.outcome, self.review
        return {
            "index": self.sample.index,
            "row": self.sample.number,
            "turn": self.sample.turn,
            "history": len(self.sample.history),
            "original": self.sample.original.model_dump(),
            "choices": [choice.model_dump(mode="json") for choice in outcome.choices] if outcome else [],
            "before": outcome.before.model_dump() if outcome and outcome.before else None,
            "after": outcome.after.model_dump() if outcome and outcome.after else None,
            "review": review.model_dump(mode="json") if review else None,
            "ratings": dict(zip(("before", "after"), self.ratings, strict=True)),
            **self.annotation.model_dump(mode="json"),
            "run": run.recipe.in_short(),
            **run.record.model_dump(include={"teacher", "student", "verifier"}),
        }


def exported(
    workspace: Workspace,
    run: Run,
    rule: ExportRule = ExportRule.ALL,
    share: TopShare | None = None,
    min_rating: int | None = None,
) -> Iterator[LeavingSample]:
    """The samples a rule lets through, in the dataset's order; with a share, the first of them by its measure.

    min_rating: only those that the latest rater gave so much, as they would leave.
    """
    return _leaving(workspace, run, *condition_of(workspace, run, rule, share, min_rating))


@dataclass(frozen=True, slots=True)
class LeavingRow:
    """A row of an export, with all its samples, by their turns; none: it passes through."""

    row: dict[str, Any]
    samples: tuple[LeavingSample, ...]


def exported_rows(
    workspace: Workspace,
    run: Run,
    rule: ExportRule = ExportRule.ALL,
    share: TopShare | None = None,
    min_rating: int | None = None,
) -> Iterator[LeavingRow]:
    """The rows of an export, in the dataset's order.

    A row leaves with all its exchanges where the rule lets one of them through, and with `ExportRule.ALL` also where
    it has none that can be refined: the other rules choose samples by what became of them.
    """
    let_through, values = condition_of(workspace, run, rule, share, min_rating)
    condition = f"EXISTS (SELECT 1 FROM {LEAVING} AS l WHERE l.number = r.row AND ({let_through}))"
    if pass_through(rule, share, min_rating):
        condition = "1"
    query = (
        "SELECT r.row, r.body FROM rows AS r WHERE r.row > :last "
        f"AND r.row NOT IN {DROPPED_ROWS} AND {condition} ORDER BY r.row LIMIT :window"
    )
    database = workspace.database
    found = database.walk(query, WINDOW, run=run.id, **values)
    while window := list(islice(found, WINDOW)):
        first, last = window[0][0], window[-1][0]
        samples = defaultdict(list)
        for sample in _of_rows(workspace, run, first, last):
            samples[sample.sample.number].append(sample)
        for number, body in window:
            yield LeavingRow(database.parsed(dict, body), tuple(samples[number]))


def _of_rows(workspace: Workspace, run: Run, first: int, last: int) -> Iterator[LeavingSample]:
    """The samples of some rows, by rows and turns."""
    query = (
        f"SELECT {SAMPLE_COLUMNS}, {_DECIDED} FROM {LEAVING} "
        "WHERE number BETWEEN :first AND :final ORDER BY number, turn"
    )
    for found in workspace.database.execute(query, run=run.id, first=first, final=last):
        yield _leaving_sample(workspace, found)


def pass_through(rule: ExportRule, share: TopShare | None, min_rating: int | None = None) -> bool:
    """True where rows that cannot be refined leave as they were: nothing is chosen by what became of the samples."""
    return rule is ExportRule.ALL and share is None and min_rating is None


def leaving_sample(workspace: Workspace, run: Run, sample: int) -> LeavingSample:
    """One sample, as it would leave now."""
    return next(_leaving(workspace, run, "sample = :number", {"number": sample}))


def refined(workspace: Workspace, run: Run) -> Iterator[LeavingSample]:
    """The samples that have an outcome in a run, in order."""
    return _leaving(workspace, run, "1", {}, FINISHED)


def failed(workspace: Workspace, run: Run) -> Iterator[LeavingSample]:
    """The samples of which a stage failed in a run, in order."""
    return _leaving(workspace, run, "failed", {}, FINISHED)


def near_ties(workspace: Workspace, run: Run) -> Iterator[LeavingSample]:
    """The samples of which a stage was decided by next to nothing in a run, in order."""
    return _leaving(workspace, run, "near_tie", {}, FINISHED)


def count_exported(
    workspace: Workspace,
    run: Run,
    rule: ExportRule,
    share: TopShare | None = None,
    min_rating: int | None = None,
    *,
    threshold: float | None = None,
) -> int:
    """The number of samples that `exported` gives; with a threshold, of those whose IFD after is at or above it."""
    condition, values = condition_of(workspace, run, rule, share, min_rating)
    if threshold is not None:
        condition += " AND ifd_after >= :threshold"
    query = f"SELECT count(*) FROM {LEAVING} WHERE {condition}"
    ((count,),) = workspace.database.execute(query, run=run.id, threshold=threshold, **values)
    return int(count)


def count_exported_rows(
    workspace: Workspace,
    run: Run,
    rule: ExportRule,
    share: TopShare | None = None,
    min_rating: int | None = None,
) -> int:
    """The number of rows that `exported_rows` gives."""
    if pass_through(rule, share, min_rating):
        return workspace.count_rows() - count_dropped_rows(workspace)
    condition, values = condition_of(workspace, run, rule, share, min_rating)
    query = f"SELECT count(DISTINCT number) FROM {LEAVING} WHERE {condition}"
    ((count,),) = workspace.database.execute(query, run=run.id, **values)
    return int(count)


def count_unrated(workspace: Workspace, run: Run, rule: ExportRule) -> int:
    """The number of samples that a rule lets through, and that no judge has rated as they would leave."""
    condition, values = condition_of(workspace, run, rule)
    query = f"SELECT count(*) FROM {LEAVING} WHERE ({condition}) AND rating_after IS NULL"
    ((count,),) = workspace.database.execute(query, run=run.id, **values)
    return int(count)


def count_remaining(workspace: Workspace) -> int:
    """The number of samples that may leave: all but the dropped ones."""
    return len(workspace) - count_dropped(workspace.database)


def count_dropped_rows(workspace: Workspace) -> int:
    """The number of rows that no export has, for a person dropped a sample of theirs."""
    ((count,),) = workspace.database.execute(f"SELECT count(*) FROM rows AS r WHERE r.row IN {DROPPED_ROWS}")
    return int(count)


_CONDITIONS = {
    ExportRule.ALL: "1",
    ExportRule.PAPER: "reflected",
    ExportRule.STRICT: "reflected AND ifd_after < 1 AND r_ifd_after < 1",
    ExportRule.ACCEPTED: "decision IS NOT NULL",
    ExportRule.TOP: "ifd_after < 1",  # and of these, the first
}


def condition_of(
    workspace: Workspace,
    run: Run,
    rule: ExportRule,
    share: TopShare | None = None,
    min_rating: int | None = None,
    name: str = "top",
) -> tuple[str, dict[str, Any]]:
    """A rule as SQL over `LEAVING`, with the values in it, whose names begin with `name`."""
    by_ifd = share is None or share.by is ChosenBy.IFD
    kept = _CONDITIONS[rule] if by_ifd or rule is not ExportRule.TOP else "1"
    condition = f"({kept}) AND number NOT IN {DROPPED_ROWS}"
    rated: dict[str, Any] = {}
    if min_rating is not None:
        condition, rated = f"{condition} AND rating_after >= :{name}_rating", {f"{name}_rating": min_rating}
    if share is None:
        return condition, rated
    if share.by is ChosenBy.S_IFD:
        s_ifds(workspace, run, share.token_ratio)
    elif share.by is ChosenBy.RSR:
        rsrs(workspace, run)
    of_rule = rule is not ExportRule.TOP
    total = count_exported(workspace, run, rule, None, min_rating) if of_rule else count_remaining(workspace)
    order = ORDERS[share.by].named(name)
    value = order.value
    values = rated | {f"{name}_seed": share.seed, f"{name}_s_ifd": s_ifd_name(share.token_ratio)}
    condition = f"({condition}) AND {order.condition}"
    # The last that leaves; of equals, the earlier do.
    last = workspace.database.execute(
        f"SELECT {value}, sample FROM {LEAVING} WHERE {condition} "
        f"ORDER BY 1 {'DESC' if order.largest else 'ASC'}, sample LIMIT 1 OFFSET :skipped",
        run=run.id,
        skipped=max(min(share.of(total), 1 << 62) - 1, 0),
        **values,
    )
    if not last:
        return condition, values
    least, at = f"{name}_least", f"{name}_at"
    first = f"{value} {'>' if order.largest else '<'} :{least} OR {value} = :{least} AND sample <= :{at}"
    return f"({condition}) AND ({first})", values | dict(zip((least, at), last[0], strict=True))


def _leaving(
    workspace: Workspace, run: Run, condition: str, values: Mapping[str, Any], samples: str = LEAVING
) -> Iterator[LeavingSample]:
    """The samples that a condition lets through, in order, a window at a time."""
    query = (
        f"SELECT {SAMPLE_COLUMNS}, {_DECIDED} FROM {samples} "
        f"WHERE sample > :last AND ({condition}) ORDER BY sample LIMIT :window"
    )
    for found in workspace.database.walk(query, WINDOW, run=run.id, **values):
        yield _leaving_sample(workspace, found)


def _leaving_sample(workspace: Workspace, found: tuple[Any, ...]) -> LeavingSample:
    """A sample from `SAMPLE_COLUMNS` and `_DECIDED`."""
    *stored, outcome_body, review_body, annotation_body, before, after = found
    database = workspace.database
    sample = workspace.stored_sample(*stored)
    outcome = database.parsed(Outcome.model_validate, outcome_body) if outcome_body else None
    review = database.parsed(Review.model_validate, review_body) if review_body else None
    annotation = database.parsed(Annotation.model_validate, annotation_body) if annotation_body else NONE
    version = review.version if review else outcome.final if outcome else sample.original
    candidates = tuple(workspace.reviews.candidates(sample.index)) if review else ()
    with database.understood():
        ratings = tuple(None if rating is None else operator.index(rating) for rating in (before, after))
    return LeavingSample(sample, version, outcome, review, annotation, candidates, ratings)
