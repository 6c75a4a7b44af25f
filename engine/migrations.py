"""The workspace's schema, as the numbered steps that lead to it. A released step is never changed."""

from __future__ import annotations

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

MIGRATIONS: tuple[str, ...] = (_FIRST,)
