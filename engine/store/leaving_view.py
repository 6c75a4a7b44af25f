"""The figures of every sample as it would leave the workspace now, in SQL. A person's decision comes first."""

from __future__ import annotations

from engine.store.dropped import DROPPED
from engine.store.ratings import LATEST


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
    ifd = "json_extract({}, '$.{}.ifd')"
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
    # +: found by the sample, so that a key is worked out only of those that have a rating.
    rating = (
        f"(SELECT g.score FROM ratings AS g WHERE g.rater = {LATEST} AND g.sample = {sample} "
        "AND +g.version = version_key({}))"
    )
    leaves = f"coalesce(json_extract(t.body, '$.version'), json_extract({outcome}, '$.final'), {body})"
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
    (t.decision IS NULL AND f.input_lost) AS input_lost,  -- what a person decided needs no second look
    f.instruction_margin, f.instruction_equal_margin, f.instruction_growth, f.response_margin, f.response_growth,
    f.ifd_before,
    {score.format("ifd")} AS ifd_after,
    f.r_ifd_before,
    {score.format("r_ifd")} AS r_ifd_after,
    CASE WHEN t.decision IN ('original', 'dropped') THEN {ifd.format(outcome, "before")}
        WHEN t.decision IN ('chosen', 'edited') THEN {ifd.format("t.body", "scores")}
        ELSE {ifd.format(outcome, "after")} END
        AS ifd_ratio,                                     -- `ifd_after` with its losses: a `Ratio`
    {rating.format(body)} AS rating_before,               -- the latest rater's, of the original
    {rating.format(leaves)} AS rating_after,              -- and of what leaves, also where that is the original
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
    f"figures AS f LEFT JOIN standing AS t ON t.sample = f.sample WHERE f.run = :run AND f.sample NOT IN {DROPPED}",
    "f.sample",
    "(SELECT s.{} FROM samples AS s WHERE s.sample = f.sample)",
)
"""The same of the samples that have an outcome and were not dropped: twice as fast where no text is asked for, as those
are passed by."""
