"""The rows of a dataset, and the samples in them: each row is kept once, whatever the number of its exchanges.

A sample's number is given for good. Those of a dataset that is imported with all its exchanges follow its order; where
the others join samples that were worked on, they get the next numbers.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

from engine.formats.conversation import RowFacts, exchanges_in, facts_of, last_turn
from engine.formats.fields import Columns
from engine.formats.names import Layout, RowError, layout_named
from engine.sample import Frozen, PassedRow, Sample, Turns
from engine.store.database import Database
from engine.store.dependence import keep_dependence
from engine.store.file_errors import WorkspaceError

WINDOW = 256
"""Rows fetched at a time."""

_ROWS = """
CREATE TABLE rows (                                       -- of the dataset, those that can be read, in its order
    row INTEGER PRIMARY KEY,
    why TEXT,                                             -- engine.sample.WhyPassed; NULL: it has samples
    system INTEGER NOT NULL,                              -- formats.exchanges.RowFacts
    earlier INTEGER NOT NULL,
    tools INTEGER NOT NULL,
    last INTEGER NOT NULL,
    exchanges INTEGER NOT NULL,
    body TEXT NOT NULL
)
"""
# ends: nothing follows it in its row; history: something stands before it there.
_OF_SAMPLES = """
ALTER TABLE samples ADD COLUMN row INTEGER REFERENCES rows;
ALTER TABLE samples ADD COLUMN turn INTEGER NOT NULL DEFAULT 1;
ALTER TABLE samples ADD COLUMN ends INTEGER NOT NULL DEFAULT 1;
ALTER TABLE samples ADD COLUMN history INTEGER NOT NULL DEFAULT 0
"""
_INDEXES = """
CREATE UNIQUE INDEX samples_by_row ON samples (row, turn);
CREATE INDEX rows_by_facts ON rows (why, system, earlier, tools, last, exchanges);
DROP TABLE passed
"""


class Conversations(Frozen):
    """The conversations of a dataset, counted in rows."""

    rows: int
    system: int  # have a system message
    earlier: int  # have turns before their last question
    tools: int  # have tools, or turns that call one
    last: int  # exchanges that are refined with `Turns.LAST`
    all: int  # with `Turns.ALL`


def conversations(execute: Callable[[str], Sequence[Any]]) -> Conversations:
    """The counts, by a function that executes SQL."""
    sums = ", ".join(
        f"coalesce(sum({name}), 0)" for name in ("system", "earlier", "tools", "last", "exchanges")
    )
    ((rows, system, earlier, tools, last, exchanges),) = execute(f"SELECT count(*), {sums} FROM rows")
    return Conversations(rows=rows, system=system, earlier=earlier, tools=tools, last=last, all=exchanges)


def keep_rows(
    db: sqlite3.Connection, rows: Iterable[Sample | PassedRow], format: str, columns: Columns
) -> None:
    """Put new rows and their samples where they belong, with what follows the texts of each sample."""
    _keep_samples(db, _samples_in(rows, db, layout_named(format), columns), format, columns)


def _samples_in(
    rows: Iterable[Sample | PassedRow], db: sqlite3.Connection, layout: Layout | None, columns: Columns
) -> Iterator[Sample]:
    """The samples among the rows; each row is put where it belongs on the way."""
    last = -1
    for one in rows:
        if one.number != last:
            last = one.number
            why = one.why if isinstance(one, PassedRow) else None
            _keep_row(db, last, why, one.row, layout, columns)
        if isinstance(one, Sample):
            yield one


def _keep_row(
    db: sqlite3.Connection,
    number: int,
    why: str | None,
    row: dict[str, Any],
    layout: Layout | None,
    columns: Columns,
) -> None:
    facts = RowFacts() if layout is None else facts_of(row, layout, columns)
    db.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (number, why, *facts, json.dumps(row)))


def _keep_samples(db: sqlite3.Connection, samples: Iterable[Sample], format: str, columns: Columns) -> None:
    db.executemany(
        "INSERT INTO samples (sample, body, row, turn, ends, history) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (one.index, _body(one), one.number, one.turn, one.next is None, bool(one.history))
            for one in keep_dependence(db, samples, format, columns)
        ),
    )


def _body(sample: Sample) -> str:
    original = sample.original
    return json.dumps([original.instruction, original.input, original.response])


def rows_after(
    database: Database, rows: Iterable[Sample | PassedRow], path: str
) -> Iterator[Sample | PassedRow]:
    """Of the rows of a dataset that has grown, at `path`, those that are new, their samples numbered on.

    Raises `WorkspaceError` where an old row is not as it was.
    """
    by_row = groupby(rows, key=lambda one: one.number)
    number = -1
    query = "SELECT row, body FROM rows WHERE row > :last ORDER BY row LIMIT :window"
    for number, body in database.walk(query, WINDOW):
        _, row = next(by_row, (None, None))
        if row is None:
            raise WorkspaceError(
                f"{database.path}: holds more rows than {path}, which ends before row {number + 1}; its old rows must "
                "stay"
            )
        if next(row).row != database.parsed(dict, body):
            raise WorkspaceError(
                f"{database.path}: row {number + 1} of {path} is another than it was; new rows are taken up at the "
                "end only"
            )
    ((index,),) = database.execute("SELECT coalesce(max(sample) + 1, 0) FROM samples")
    for _, new in by_row:
        number += 1
        for one in new:
            if isinstance(one, Sample):
                yield one.model_copy(update={"index": index, "number": number})
                index += 1
            else:
                yield one.model_copy(update={"number": number})


# All exchanges in place of the last ones -----------------------------------------------------------------------

_WORK = (
    "replies",
    "losses",
    "outcomes",
    "reviews",
    "annotations",
    "candidates",
    "findings",
    "retries",
    "ratings",
)
"""The tables in which something was made of a sample."""


def take_up_all(db: sqlite3.Connection, format: str, columns: Columns) -> int:
    """Have every exchange of every row be a sample; how many are new. Those that were worked on stay what they are."""
    layout = layout_named(format)
    if layout is None:
        return 0
    ((before,),) = db.execute("SELECT count(*) FROM samples").fetchall()
    if not any(db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall() for table in _WORK):
        db.execute("DELETE FROM dependence")
        db.execute("DELETE FROM samples")
    _keep_samples(db, _lacking(db, layout, columns), format, columns)
    db.execute("UPDATE rows SET why = NULL WHERE row IN (SELECT row FROM samples)")
    ((after,),) = db.execute("SELECT count(*) FROM samples").fetchall()
    return int(after) - int(before)


def _lacking(db: sqlite3.Connection, layout: Layout, columns: Columns) -> Iterator[Sample]:
    """The exchanges that are no samples yet, numbered on from those that are."""
    ((index,),) = db.execute("SELECT coalesce(max(sample) + 1, 0) FROM samples").fetchall()
    last = -1
    query = (
        "SELECT r.row, r.body, (SELECT json_group_array(turn) FROM samples AS s WHERE s.row = r.row) "
        "FROM rows AS r WHERE r.row > ? ORDER BY r.row LIMIT ?"
    )
    while rows := db.execute(query, (last, WINDOW)).fetchall():
        for last, body, taken in rows:
            row, turns = json.loads(body), set(json.loads(taken))
            with suppress(RowError):
                for exchange in exchanges_in(row, layout, Turns.ALL, columns):
                    if exchange.turn not in turns:
                        yield Sample(
                            index=index,
                            original=exchange.version,
                            row=row,
                            number=last,
                            turn=exchange.turn,
                            history=exchange.history,
                            next=exchange.next,
                        )
                        index += 1


# Older workspaces ------------------------------------------------------------------------------------------------


def add_rows(db: sqlite3.Connection) -> None:
    """The workspace's step to schema 10: each row once, by its number, and each sample's place in it."""
    db.execute(_ROWS)
    for statement in _OF_SAMPLES.split(";"):
        db.execute(statement)
    ((source,),) = db.execute("SELECT body FROM source").fetchall() or (("{}",),)
    described = json.loads(source)
    columns = Columns.model_validate(described.get("columns") or {})
    layout = layout_named(str(described.get("format")))
    for number, (index, why, body) in enumerate(_old_rows(db)):
        if why is not None:
            _keep_row(db, number, why, json.loads(body), layout, columns)
            continue
        *texts, row = json.loads(body)
        _keep_row(db, number, None, row, layout, columns)
        turn = 1 if layout is None else last_turn(row, layout, columns)
        facts = RowFacts() if layout is None else facts_of(row, layout, columns)
        db.execute(
            "UPDATE samples SET body = ?, row = ?, turn = ?, history = ? WHERE sample = ?",
            (json.dumps(texts), number, turn, facts.system or facts.earlier, index),
        )
    for statement in _INDEXES.split(";"):
        db.execute(statement)


def _old_rows(db: sqlite3.Connection) -> Iterator[tuple[int, str | None, str]]:
    """The rows of a schema before 10: a sample's number, or why it is none, and the body, in the dataset's order."""
    passed = db.execute("SELECT number, place FROM passed ORDER BY number").fetchall()
    passed.reverse()

    def before(index: float) -> Iterator[tuple[int, str | None, str]]:
        while passed and passed[-1][1] <= index:
            number, _ = passed.pop()
            ((why, body),) = db.execute("SELECT why, body FROM passed WHERE number = ?", (number,)).fetchall()
            yield -1, why, body

    last = -1
    query = "SELECT sample, body FROM samples WHERE sample > ? ORDER BY sample LIMIT ?"
    while rows := db.execute(query, (last, WINDOW)).fetchall():
        for last, body in rows:
            yield from before(last)
            yield last, None, body
    yield from before(float("inf"))
