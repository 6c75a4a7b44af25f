"""The samples whose rows hold what follows their texts: reasoning, and fields that repeat or depend on the texts.

What follows is told by the row alone and does not change, so that it is kept once, when a dataset is imported; a sample
without any has no row in the table. Whether it did follow depends on the version that leaves: see `leaving`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator

from engine.formats.conversation import last_turn
from engine.formats.fields import Columns
from engine.formats.following import Dependence, dependence
from engine.formats.names import DatasetError, Format, layout_named
from engine.sample import Sample, Version

WINDOW = 256
"""Rows fetched at a time."""

_TABLE = """
CREATE TABLE dependence (                                 -- of each sample, what in its row follows its texts
    sample INTEGER PRIMARY KEY REFERENCES samples,
    reasoning INTEGER NOT NULL,                           -- the answer has some
    asked INTEGER NOT NULL,                               -- fields that follow a new instruction and its answer
    answered INTEGER NOT NULL                             -- fields that follow a new answer
)
"""


def keep_dependence(
    db: sqlite3.Connection, samples: Iterable[Sample], format: str, columns: Columns
) -> Iterator[Sample]:
    """The samples again, what follows their texts kept on the way."""
    for sample in samples:
        yield sample
        found = _dependence(sample, format, columns)
        if any(found):
            db.execute("INSERT INTO dependence VALUES (?, ?, ?, ?)", (sample.index, *found))


def add_dependence(db: sqlite3.Connection) -> None:
    """The workspace's step to schema 9: what follows the texts of the samples that it holds.

    A sample that was imported with the reasoning in its answer's text keeps it there: its replies, scores and outcomes
    are about that text. Its reasoning still goes where its answer is replaced.
    """
    db.execute(_TABLE)
    ((source,),) = db.execute("SELECT body FROM source").fetchall() or (("{}",),)
    described = json.loads(source)
    columns = Columns.model_validate(described.get("columns") or {})
    format = str(described.get("format"))
    for _ in keep_dependence(db, _stored(db, format, columns), format, columns):
        pass


def _dependence(sample: Sample, format: str, columns: Columns) -> Dependence:
    try:
        return dependence(sample, Format(format), columns)
    except (DatasetError, ValueError):  # a row or a format that burnish did not write
        return Dependence(reasoning=False, asked=False, answered=False)


def _stored(db: sqlite3.Connection, format: str, columns: Columns) -> Iterator[Sample]:
    """The samples of a schema before 10: each its row's last exchange."""
    last, layout = -1, layout_named(format)
    query = "SELECT sample, body FROM samples WHERE sample > ? ORDER BY sample LIMIT ?"
    while rows := db.execute(query, (last, WINDOW)).fetchall():
        for last, body in rows:
            instruction, input, response, row = json.loads(body)
            version = Version(instruction=instruction, input=input, response=response)
            yield Sample(
                index=last,
                original=version,
                row=row,
                turn=1 if layout is None else last_turn(row, layout, columns),
            )
