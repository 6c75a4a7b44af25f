"""The workspace's schema, as the numbered steps that lead to it. A released step is never changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from engine.store.annotations import ANNOTATIONS
from engine.store.dependence import add_dependence
from engine.store.equal_lengths import add_equal_lengths
from engine.store.file_kind import Migration
from engine.store.limits import LIMITS
from engine.store.log import add_mark
from engine.store.lost_inputs import add_lost_inputs
from engine.store.ratings import RATINGS
from engine.store.rows import add_rows
from models.teacher import reply_key

APPLICATION_ID = 0x62726E73
"""'brns': what marks a SQLite file as a workspace."""

_FIRST = """
CREATE TABLE source (body TEXT NOT NULL);                 -- one row: workspace.Source
CREATE TABLE samples (sample INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE replies (                                    -- every teacher reply, word for word
    sample INTEGER NOT NULL REFERENCES samples,
    request BLOB NOT NULL,                                -- models.teacher.Request.digest
    body TEXT NOT NULL,
    about TEXT NOT NULL,
    received TEXT NOT NULL DEFAULT (datetime('now'))
);
-- Led by the sample, so that a run writes at the index's end and not all over it.
CREATE UNIQUE INDEX replies_by_request ON replies (sample, request);
CREATE TABLE losses (
    sample INTEGER NOT NULL REFERENCES samples,
    passage BLOB NOT NULL,                                -- engine.pipeline: student and passage
    nll BLOB NOT NULL,                                    -- float32, nats
    lengths BLOB NOT NULL,                                -- uint16, bytes of each token
    tokens INTEGER NOT NULL,
    room INTEGER NOT NULL
);
CREATE UNIQUE INDEX losses_by_passage ON losses (sample, passage);
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    recipe TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    started TEXT NOT NULL DEFAULT (datetime('now'))
);
CREATE TABLE latest (run INTEGER NOT NULL REFERENCES runs);
CREATE TABLE outcomes (
    run INTEGER NOT NULL REFERENCES runs,
    sample INTEGER NOT NULL REFERENCES samples,
    failed INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX outcomes_by_run ON outcomes (run, sample, failed);
CREATE TABLE retries (sample INTEGER PRIMARY KEY REFERENCES samples, rounds INTEGER NOT NULL);
CREATE TABLE reviews (                                    -- appended to; the last about a sample counts
    sample INTEGER NOT NULL REFERENCES samples,
    body TEXT NOT NULL,
    decided TEXT NOT NULL DEFAULT (datetime('now'))
);
CREATE INDEX reviews_by_sample ON reviews (sample)
"""

_SECOND = """
CREATE TABLE figures (                                    -- of each outcome, what lists and plots are made from
    run INTEGER NOT NULL REFERENCES runs,
    sample INTEGER NOT NULL REFERENCES samples,
    failed INTEGER NOT NULL,
    instruction TEXT,                                     -- each stage's verdict: kept, replaced or failed
    response TEXT,
    near_tie INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    unscorable INTEGER NOT NULL,
    ifd_before REAL,
    ifd_after REAL,
    r_ifd_before REAL,
    r_ifd_after REAL,
    length_before INTEGER NOT NULL,                       -- of the response, in characters
    length_after INTEGER NOT NULL,
    PRIMARY KEY (run, sample)
) WITHOUT ROWID;
INSERT INTO figures
SELECT run, sample, failed,
    (SELECT iif(json_extract(value, '$.failure') IS NULL, json_extract(value, '$.verdict'), 'failed')
        FROM json_each(o.body, '$.choices') WHERE json_extract(value, '$.stage') = 'instruction'),
    (SELECT iif(json_extract(value, '$.failure') IS NULL, json_extract(value, '$.verdict'), 'failed')
        FROM json_each(o.body, '$.choices') WHERE json_extract(value, '$.stage') = 'response'),
    (SELECT coalesce(max(json_extract(value, '$.near_tie')), 0) FROM json_each(o.body, '$.choices')),
    coalesce(json_extract(o.body, '$.before.ifd.truncated'), 0)
        OR coalesce(json_extract(o.body, '$.before.r_ifd.truncated'), 0)
        OR coalesce(json_extract(o.body, '$.after.ifd.truncated'), 0)
        OR coalesce(json_extract(o.body, '$.after.r_ifd.truncated'), 0),
    coalesce(json_extract(o.body, '$.before.ifd.reason'), json_extract(o.body, '$.before.r_ifd.reason'),
        json_extract(o.body, '$.after.ifd.reason'), json_extract(o.body, '$.after.r_ifd.reason')) IS NOT NULL,
    json_extract(o.body, '$.before.ifd.value'), json_extract(o.body, '$.after.ifd.value'),
    json_extract(o.body, '$.before.r_ifd.value'), json_extract(o.body, '$.after.r_ifd.value'),
    -- SQLite counts a text's characters up to a NUL, so another character stands for that.
    length(json_extract(replace(s.body, '\\u0000', '\\u0001'), '$[2]')),
    length(json_extract(replace(o.body, '\\u0000', '\\u0001'), '$.final.response'))
FROM outcomes AS o JOIN samples AS s USING (sample);

CREATE TABLE acts (                                       -- what a person did, in order: undone and redone as a whole
    act INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
ALTER TABLE reviews ADD COLUMN act INTEGER REFERENCES acts;
INSERT INTO acts SELECT rowid, 'reviewed', 0 FROM reviews ORDER BY rowid;
UPDATE reviews SET act = rowid;
CREATE INDEX reviews_by_act ON reviews (act);

CREATE TABLE standing (                                   -- of each sample, the last review that is not undone
    sample INTEGER PRIMARY KEY REFERENCES samples,
    decision TEXT NOT NULL,
    ifd REAL,                                             -- of the version, where it is chosen or edited
    r_ifd REAL,
    length INTEGER NOT NULL,                              -- of its response, in characters
    body TEXT NOT NULL
);
INSERT INTO standing
SELECT sample, json_extract(body, '$.decision'), NULL, NULL,
    length(json_extract(replace(body, '\\u0000', '\\u0001'), '$.version.response')), body
FROM reviews WHERE rowid IN (SELECT max(rowid) FROM reviews GROUP BY sample);

CREATE TABLE candidates (                                 -- rewrites that a person asked for
    sample INTEGER NOT NULL REFERENCES samples,
    body TEXT NOT NULL
);
CREATE INDEX candidates_by_sample ON candidates (sample)
"""

_THIRD = """
CREATE TABLE examined (body TEXT NOT NULL);               -- one row or none: flags.Stats
CREATE TABLE findings (                                   -- the samples it flagged, and what was found in them
    flag TEXT NOT NULL,
    sample INTEGER NOT NULL REFERENCES samples,
    details TEXT NOT NULL,
    PRIMARY KEY (flag, sample)
) WITHOUT ROWID
"""


_SEVENTH = """
CREATE TABLE passed (                                     -- rows that cannot be refined, in the dataset's order
    number INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,                               -- samples before it
    why TEXT NOT NULL,                                    -- engine.sample.WhyPassed
    body TEXT NOT NULL
);
CREATE INDEX passed_by_why ON passed (why)
"""


def _fourth(db: sqlite3.Connection) -> None:
    """Add thinking, context, the prompts' version and both branches to the keys of runs and of their replies.

    They were only in the settings that a run was last started with. Before this schema there was one version of the
    prompts. A reply gets the key that the latest run with its teacher would ask under: of the same teacher under
    other settings nothing was kept.
    """
    asked: dict[str | None, tuple[bool, int]] = {}
    runs = db.execute("SELECT run, recipe, settings FROM runs ORDER BY started, run").fetchall()
    for run, *texts in runs:
        recipe, record = map(json.loads, texts)
        settings, teacher = record.get("settings", {}), record.get("teacher")
        set_for_teacher = settings.get("teacher", {})
        think = set_for_teacher.get("think", False)
        context = teacher and teacher.get("context", set_for_teacher.get("context", DEFAULT_CONTEXT))
        both = settings.get("run", {}).get("both_branches", False)
        recipe |= {"think": think, "teacher_context": context, "both_branches": both, "prompts": 1}
        db.execute("UPDATE runs SET recipe = ? WHERE run = ?", (json.dumps(recipe, sort_keys=True), run))
        if context is not None:
            asked[recipe.get("teacher")] = think, context
    rekey_replies(db, asked)


def rekey_replies(db: sqlite3.Connection, asked: Mapping[str | None, tuple[bool, int]]) -> None:
    """Give each reply the key of a teacher that thinks and has a context, as `asked` says by the teacher's digest."""

    def key(question: bytes, teacher: str | None) -> bytes:
        think, context = asked.get(teacher, (False, DEFAULT_CONTEXT))
        return reply_key(question, think=think, context=context)

    db.create_function("reply_key", 2, key, deterministic=True)
    db.execute("UPDATE replies SET request = reply_key(request, json_extract(about, '$.teacher'))")


DEFAULT_CONTEXT = 8192
"""The context, in tokens, of a teacher or a judge without a recorded one, from before schema 4."""


def _near_ties_by_noise(db: sqlite3.Connection) -> None:
    """Add to the keys of runs that their near ties are those below a number, and that nothing was scored again."""
    for run, text in db.execute("SELECT run, recipe FROM runs").fetchall():
        recipe = json.loads(text) | {"noise": None, "verifier": None, "verifier_noise": None}
        db.execute("UPDATE runs SET recipe = ? WHERE run = ?", (json.dumps(recipe, sort_keys=True), run))


def _rules_of_one_s_own(db: sqlite3.Connection) -> None:
    """Add to the keys of runs that the teacher was told no house rules, and criticised on the papers' criteria."""
    for run, text in db.execute("SELECT run, recipe FROM runs").fetchall():
        recipe = json.loads(text) | {"guidelines": [], "criteria": None}
        db.execute("UPDATE runs SET recipe = ? WHERE run = ?", (json.dumps(recipe, sort_keys=True), run))


def _reasoning_skipped(db: sqlite3.Connection) -> None:
    """Add to the keys of runs that answers were scored without the reasoning that led to them."""
    for run, text in db.execute("SELECT run, recipe FROM runs").fetchall():
        recipe = json.loads(text) | {"reasoned": False}
        db.execute("UPDATE runs SET recipe = ? WHERE run = ?", (json.dumps(recipe, sort_keys=True), run))


def _candidates_as_published(db: sqlite3.Connection) -> None:
    """Add to the keys of runs that the best of several candidates was the best by the stage's own score."""
    for run, text in db.execute("SELECT run, recipe FROM runs").fetchall():
        recipe = json.loads(text) | {"candidates_by": "paper"}
        db.execute("UPDATE runs SET recipe = ? WHERE run = ?", (json.dumps(recipe, sort_keys=True), run))


MIGRATIONS: tuple[Migration, ...] = (
    _FIRST,
    _SECOND,
    _THIRD,
    _fourth,
    add_mark,
    add_equal_lengths,
    _SEVENTH,
    _near_ties_by_noise,
    add_dependence,
    add_rows,
    _rules_of_one_s_own,
    LIMITS,
    _reasoning_skipped,
    "-- from here on a person may drop a sample, which an earlier burnish would not understand",
    ANNOTATIONS,
    "ALTER TABLE losses ADD COLUMN ranks BLOB",  # uint8, as models.student.Losses; NULL where none were asked for
    RATINGS,
    _candidates_as_published,
    add_lost_inputs,
)
