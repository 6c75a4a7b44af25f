"""The version of each sample that would leave the workspace now, and which samples an export lets through.

A person's decision comes before the student's, and that before the original. One piece of SQL says so of the figures
(`_leaving_of`), one function of the texts (`_leaving`): the samples' list, the distribution, the report, the judge and
the export read these. Export rules are separate from selection: the student's verdicts stay what they are, and any rule
may be tried later.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import islice
from typing import Any

from engine.formats.following import with_thoughts
from engine.sample import Annotation, Candidate, Outcome, Reasoning, Review, Sample, Version, thoughts_before
from engine.store.annotations import NONE
from engine.store.choosing import ORDERS, ChosenBy
from engine.store.workspace import SAMPLE_COLUMNS, WINDOW, Run, Source, Workspace
from models.errors import UsageError


def text_part(body: str, path: str, nul: str) -> str:
    """SQL for the text at a path in a `body` of JSON; in a sample's, its parts are at $[0], $[1] and $[2].

    SQLite reads a string up to a NUL, so the character `nul`, as JSON writes it, stands for that. (A backslash is
    written as two: out of the way, they begin no other character.)
    """
    freed = f"replace(replace(replace({body}, '\\\\', char(1)), '\\u0000', '{nul}'), char(1), '\\\\')"
    return f"json_extract(iif(instr({body}, '\\u0000'), {freed}, {body}), '{path}')"


SOH = "\\u0001"
"""Sorts as a NUL would, but for itself, and is as long."""


def _leaving_of(tables: str, sample: str, column: str) -> str:
    """SQL for what would leave now of samples in the run `:run`, a row each.

    `tables` has `figures AS f` and `standing AS t`; `sample` is SQL for the sample's number, `column` for a column of
    `samples`, by its name.
    """
    body = column.format("body")
    score = (
        "CASE WHEN t.decision IN ('original', 'dropped') THEN f.{0}_before "
        "WHEN t.decision IN ('chosen', 'edited') THEN t.{0} ELSE f.{0}_after END"
    )
    outcome = f"(SELECT o.body FROM outcomes AS o WHERE o.run = :run AND o.sample = {sample})"
    loss = "json_extract({}, '$.{}.ifd.given.mean')"
    version = (
        "CASE WHEN t.decision IS NOT NULL THEN json_extract(t.body, '$.version.{0}') ELSE json_extract("
        "(SELECT o.body FROM outcomes AS o WHERE o.run = :run AND o.sample = {1}), '$.final.{0}') END "
        "<> json_extract({2}, '$[{3}]')"
    )
    asked = "({} OR {})".format(
        *(version.format(*part) for part in (("instruction", sample, body, 0), ("input", sample, body, 1)))
    )
    answered = f"({version.format('response', sample, body, 2)})"
    thought_of = (
        "coalesce(json_extract({0}, '$.thoughts'), '') <> '' AND json_extract({0}, '$.{1}.response') IS "
    )
    reasoned = (
        "(SELECT json_extract(settings, '$.settings.run.reasoning') FROM runs WHERE run = :run) IS 'teacher' "
        f"AND (EXISTS (SELECT 1 FROM json_each({outcome}, '$.choices') AS c "
        f"WHERE {thought_of.format('c.value', 'rewrite')}"
        f"coalesce(json_extract(t.body, '$.version.response'), json_extract({outcome}, '$.final.response'))) "
        f"OR EXISTS (SELECT 1 FROM candidates AS c WHERE c.sample = {sample} "
        f"AND {thought_of.format('c.body', 'version')}json_extract(t.body, '$.version.response')))"
    )
    return f"""(
SELECT
    {sample} AS sample,
    {column.format("row")} AS number,                     -- of its row
    {column.format("turn")} AS turn,
    {column.format("ends")} AS ends,                      -- nothing follows it in its row
    {column.format("history")} AS history,                -- something stands before it
    (SELECT r.body FROM rows AS r WHERE r.row = {column.format("row")}) AS record,
    {body} AS body,                                       -- the original, see `samples`
    t.decision,                                           -- a person's; NULL without one
    t.body AS review,
    (SELECT a.body FROM annotated AS a WHERE a.sample = {sample}) AS annotation,
    f.sample IS NOT NULL AS finished,                     -- it has an outcome in the run
    (SELECT o.body FROM outcomes AS o WHERE o.run = :run AND o.sample = {sample}) AS outcome,
    coalesce(t.decision, iif(f.sample IS NULL, 'waiting', iif(f.failed, 'failed', 'done'))) AS state,
    f.failed, f.instruction, f.response, f.near_tie, f.length_decides, f.truncated, f.unscorable,
    f.instruction_margin, f.instruction_equal_margin, f.instruction_growth, f.response_margin, f.response_growth,
    f.ifd_before,
    {score.format("ifd")} AS ifd_after,
    f.r_ifd_before,
    {score.format("r_ifd")} AS r_ifd_after,
    CASE WHEN t.decision IN ('original', 'dropped') THEN {loss.format(outcome, "before")}
        WHEN t.decision IN ('chosen', 'edited') THEN {loss.format("t.body", "scores")}
        ELSE {loss.format(outcome, "after")} END
        AS loss_after,                                    -- of the response given the instruction, nats a token
    coalesce(f.length_before, length({text_part(body, "$[2]", SOH)})) AS length_before,
    coalesce(t.length, f.length_after) AS length_after,
    CASE WHEN t.decision IN ('original', 'dropped') THEN 0 WHEN t.decision IN ('chosen', 'edited') THEN 1
        ELSE coalesce(f.instruction = 'replaced' OR f.response = 'replaced', 0) END
        AS rewritten,                                     -- by a stage, or by a person
    CASE WHEN t.decision IN ('original', 'dropped') THEN 0
        WHEN t.decision = 'chosen' THEN json_extract(t.body, '$.version.response') <> json_extract({body}, '$[2]')
        ELSE f.response = 'replaced' END
        AS reflected,                                     -- the response is a rewrite of the teacher's
    EXISTS (SELECT 1 FROM dependence AS d WHERE d.sample = {sample} AND d.reasoning AND {answered} AND NOT ({reasoned}))
        AS reasoning_dropped,                             -- it led to another answer, and nothing takes its place
    EXISTS (
        SELECT 1 FROM dependence AS d WHERE d.sample = {sample} AND iif({asked}, d.asked, d.answered AND {answered})
    )
        AS fields_changed                                 -- beside the texts: see `formats.following.changes`
FROM {tables}
)"""


LEAVING = _leaving_of(
    "samples AS s LEFT JOIN figures AS f ON f.run = :run AND f.sample = s.sample "
    "LEFT JOIN standing AS t ON t.sample = s.sample",
    "s.sample",
    "s.{}",
)
"""Every sample, as it would leave now: a view but for `:run`, which no view can have. What is not asked of it costs
nothing."""

FINISHED = _leaving_of(
    "figures AS f LEFT JOIN standing AS t ON t.sample = f.sample WHERE f.run = :run",
    "f.sample",
    "(SELECT s.{} FROM samples AS s WHERE s.sample = f.sample)",
)
"""The same of the samples that have an outcome: twice as fast where no text is asked for, for those are passed by."""


_DROPPED_ROWS = (
    "(SELECT s.row FROM standing AS t JOIN samples AS s ON s.sample = t.sample WHERE t.decision = 'dropped')"
)
"""The rows of which a person dropped a sample, in SQL. No export has them: a conversation cannot lose an exchange."""


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
    """The first by a measure: a count of them, or a share of all samples with `top`, of a rule's own with another."""

    count: int | None = None
    percent: float | None = None
    by: ChosenBy = ChosenBy.IFD
    seed: int = 0  # of the draw, where it is by chance

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
            **self.annotation.model_dump(mode="json"),
            "run": run.recipe.in_short(),
            **run.record.model_dump(include={"teacher", "student", "verifier"}),
        }


def exported(
    workspace: Workspace, run: Run, rule: ExportRule = ExportRule.ALL, share: TopShare | None = None
) -> Iterator[LeavingSample]:
    """The samples a rule lets through, in the dataset's order; with a share, the first of them by its measure."""
    return _leaving(workspace, run, *condition_of(workspace, run, rule, share))


@dataclass(frozen=True, slots=True)
class LeavingRow:
    """A row of an export, with all its samples, by their turns; none: it passes through."""

    row: dict[str, Any]
    samples: tuple[LeavingSample, ...]


def exported_rows(
    workspace: Workspace, run: Run, rule: ExportRule = ExportRule.ALL, share: TopShare | None = None
) -> Iterator[LeavingRow]:
    """The rows of an export, in the dataset's order.

    A row leaves with all its exchanges where the rule lets one of them through, and with `ExportRule.ALL` also where
    it has none that can be refined: the other rules choose samples by what became of them.
    """
    let_through, values = condition_of(workspace, run, rule, share)
    condition = f"EXISTS (SELECT 1 FROM {LEAVING} AS l WHERE l.number = r.row AND ({let_through}))"
    if pass_through(rule, share):
        condition = "1"
    query = (
        "SELECT r.row, r.body FROM rows AS r WHERE r.row > :last "
        f"AND r.row NOT IN {_DROPPED_ROWS} AND {condition} ORDER BY r.row LIMIT :window"
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
        f"SELECT {SAMPLE_COLUMNS}, outcome, review, annotation FROM {LEAVING} "
        "WHERE number BETWEEN :first AND :final ORDER BY number, turn"
    )
    for found in workspace.database.execute(query, run=run.id, first=first, final=last):
        yield _leaving_sample(workspace, found)


def pass_through(rule: ExportRule, share: TopShare | None) -> bool:
    """True where rows that cannot be refined leave as they were: nothing is chosen by what became of the samples."""
    return rule is ExportRule.ALL and share is None


def leaving_sample(workspace: Workspace, run: Run, sample: int) -> LeavingSample:
    """One sample, as it would leave now."""
    return next(_leaving(workspace, run, "sample = :number", {"number": sample}))


def refined(workspace: Workspace, run: Run) -> Iterator[LeavingSample]:
    """The samples that have an outcome in a run, in order, dropped ones too."""
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
    *,
    threshold: float | None = None,
) -> int:
    """The number of samples that `exported` gives; with a threshold, of those whose IFD after is at or above it."""
    condition, values = condition_of(workspace, run, rule, share)
    if threshold is not None:
        condition += " AND ifd_after >= :threshold"
    query = f"SELECT count(*) FROM {LEAVING} WHERE {condition}"
    ((count,),) = workspace.database.execute(query, run=run.id, threshold=threshold, **values)
    return int(count)


def count_exported_rows(
    workspace: Workspace, run: Run, rule: ExportRule, share: TopShare | None = None
) -> int:
    """The number of rows that `exported_rows` gives."""
    if pass_through(rule, share):
        return workspace.count_rows() - count_dropped_rows(workspace)
    condition, values = condition_of(workspace, run, rule, share)
    query = f"SELECT count(DISTINCT number) FROM {LEAVING} WHERE {condition}"
    ((count,),) = workspace.database.execute(query, run=run.id, **values)
    return int(count)


def count_dropped_rows(workspace: Workspace) -> int:
    """The number of rows that no export has, for a person dropped a sample of theirs."""
    ((count,),) = workspace.database.execute(f"SELECT count(*) FROM rows AS r WHERE r.row IN {_DROPPED_ROWS}")
    return int(count)


_CONDITIONS = {
    ExportRule.ALL: "1",
    ExportRule.PAPER: "reflected",
    ExportRule.STRICT: "reflected AND ifd_after < 1 AND r_ifd_after < 1",
    ExportRule.ACCEPTED: "decision IS NOT NULL",
    ExportRule.TOP: "ifd_after < 1",  # and of these, the first
}


def condition_of(
    workspace: Workspace, run: Run, rule: ExportRule, share: TopShare | None, name: str = "top"
) -> tuple[str, dict[str, Any]]:
    """A rule as SQL over `LEAVING`, with the values in it, whose names begin with `name`."""
    by_ifd = share is None or share.by is ChosenBy.IFD
    kept = _CONDITIONS[rule] if by_ifd or rule is not ExportRule.TOP else "1"
    condition = f"({kept}) AND number NOT IN {_DROPPED_ROWS}"
    if share is None:
        return condition, {}
    total = len(workspace) if rule is ExportRule.TOP else count_exported(workspace, run, rule)
    order, seed = ORDERS[share.by], f"{name}_seed"
    value, values = order.value.replace(":seed", f":{seed}"), {seed: share.seed}
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
        f"SELECT {SAMPLE_COLUMNS}, outcome, review, annotation FROM {samples} "
        f"WHERE sample > :last AND ({condition}) ORDER BY sample LIMIT :window"
    )
    for found in workspace.database.walk(query, WINDOW, run=run.id, **values):
        yield _leaving_sample(workspace, found)


def _leaving_sample(workspace: Workspace, found: tuple[Any, ...]) -> LeavingSample:
    """A sample from `SAMPLE_COLUMNS`, its outcome, its review and its annotation."""
    *stored, outcome_body, review_body, annotation_body = found
    database = workspace.database
    sample = workspace.stored_sample(*stored)
    outcome = database.parsed(Outcome.model_validate, outcome_body) if outcome_body else None
    review = database.parsed(Review.model_validate, review_body) if review_body else None
    annotation = database.parsed(Annotation.model_validate, annotation_body) if annotation_body else NONE
    version = review.version if review else outcome.final if outcome else sample.original
    candidates = tuple(workspace.reviews.candidates(sample.index)) if review else ()
    return LeavingSample(sample, version, outcome, review, annotation, candidates)
