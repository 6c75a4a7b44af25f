"""Workspaces whose rows were written by somebody else: every column of every table, and the file's own bytes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import zlib
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from engine.export.export import ExportRequest, RowProgress, preview, write
from engine.formats.names import Format
from engine.method.scores import ratio
from engine.method.token_gain import half
from engine.run import session
from engine.run.settings import StudentSettings, load_settings
from engine.sample import Annotation, Decision, Review
from engine.store.acts import whole
from engine.store.annotations import AnnotationChange
from engine.store.distribution import MEASURES, Distribution
from engine.store.leaving import ExportRule, TopShare
from engine.store.overview import faults, overview
from engine.store.sample_list import FilterTerm, SampleColumn, SampleFilter, SampleList
from engine.store.workspace import Workspace
from models.errors import BurnishError
from models.student import Losses
from tests import scene
from tests.command import NOWHERE
from tests.running import SHORT
from tests.trust.fuzz.mutation import as_json, bent, mutated
from tests.trust.fuzz.watch import one_line

ROWS = [*SHORT, *SHORT]
RAW: tuple[Any, ...] = (
    *(
        None,
        0,
        -1,
        1,
        2**31,
        2**63 - 1,
        -(2**63),
        0.5,
        -0.0,
        1e308,
        float("inf"),
        "",
        "x",
        "null",
        "{",
        "[]",
        "{}",
        "1",
    ),
    *('"a"', "[[[[", "original", "edited", "accepted", "waiting", "a\0b", "\x1b[2J", "2026-01-01"),
    *(
        {"hex": ""},
        {"hex": "ff"},
        {"hex": "00" * 9},
        {"hex": "0000c07f" * 4},
        {"hex": "0000807f000080ff" * 2},
    ),
)
STATEMENTS = (
    *(
        f"DELETE FROM {table}"
        for table in (
            "samples",
            "source",
            "runs",
            "latest",
            "outcomes",
            "figures",
            "acts",
            "standing",
            "annotated",
        )
    ),
    *(
        "DELETE FROM samples WHERE sample = 3",
        "DELETE FROM latest",
        "INSERT INTO latest SELECT run FROM runs",
    ),
    *(
        "DROP TABLE figures",
        "DROP TABLE standing",
        "DROP TABLE latest",
        "DROP TABLE candidates",
        "DROP TABLE samples",
    ),
    *(
        "UPDATE samples SET sample = 9223372036854775807 WHERE sample = 7",
        "UPDATE samples SET sample = -5 WHERE sample = 0",
    ),
    *(
        "UPDATE latest SET run = 99",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = 1",
        "PRAGMA user_version = -1",
    ),
    *(
        "ALTER TABLE samples RENAME COLUMN body TO other",
        "CREATE VIEW v AS SELECT 1",
        "PRAGMA application_id = 7",
    ),
    *("UPDATE figures SET sample = sample + 1000", "UPDATE standing SET sample = 99 WHERE sample = 1"),
    "CREATE TRIGGER t BEFORE INSERT ON reviews BEGIN SELECT RAISE(ABORT, 'no'); END",
    "DROP TABLE samples; CREATE TABLE samples (sample TEXT, body BLOB)",
    "DROP TABLE figures; CREATE VIEW figures AS SELECT * FROM outcomes",
)
Cell = tuple[str, str, int]  # table, column, rowid


@cache
def _sound() -> tuple[bytes, dict[Cell, Any]]:
    """A workspace's file, and what is in every cell of it."""
    with tempfile.TemporaryDirectory() as name:
        path = scene.scene(Path(name), ROWS)
        with Workspace.open(path) as opened:
            _worked_on(opened)
        with closing(sqlite3.connect(path)) as connection:
            tables = [t for (t,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            cells: dict[Cell, Any] = {}
            for table in tables:
                columns = [column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")]
                for number, row in enumerate(connection.execute(f"SELECT * FROM {table}")):
                    cells |= {
                        (table, column, number): value for column, value in zip(columns, row, strict=True)
                    }
        return path.read_bytes(), cells


def _worked_on(opened: Workspace) -> None:
    """Rows for the tables that a scene leaves empty."""
    losses = Losses(np.ones(3, np.float32), np.full(4, 2, np.uint16), 4, 100)
    opened.keep_losses(0, {b"a" * 16: losses, b"b" * 16: losses})
    for index in (3, 4):
        opened.reviews.keep(
            Review(index=index, decision=Decision.ACCEPTED, version=opened.sample(index).original)
        )
    opened.acts.undo()
    opened.annotations.keep(1, Annotation(note="a\0b", tags=("bad",)))


def make(dice: Random) -> bytes:
    """Statements, or bytes to write over the file's own."""
    if not dice.randint(0, 5):
        whole = _sound()[0]
        at = dice.randint(0, len(whole) // 4096 - 1) * 4096
        page = mutated(whole[at : at + 4096], dice)
        return json.dumps({"at": at, "bytes": page.hex()}).encode()
    cells = _sound()[1]
    tables = sorted({table for table, _, _ in cells})
    changes: list[Any] = []
    for _ in range(dice.randint(1, 3)):
        if not dice.randint(0, 5):
            changes.append(dice.choice(STATEMENTS))
            continue
        table = dice.choice(tables)
        cell = dice.choice([cell for cell in cells if cell[0] == table])
        value = cells[cell]
        if isinstance(value, str) and value[:1] in "[{" and dice.randint(0, 3):
            value = as_json(bent(json.loads(value), dice))
        else:
            value = dice.choice(RAW)
        changes.append([*cell, value])
    return json.dumps({"changes": changes}).encode()


def put(case: bytes, folder: Path) -> Path:
    """The workspace of a case."""
    path = folder / "w.burnish"
    for file in folder.glob("w.burnish*"):
        file.unlink()
    whole = bytearray(_sound()[0])
    decoded = json.loads(case)
    if "at" in decoded:
        piece = bytes.fromhex(decoded["bytes"])
        whole[decoded["at"] : decoded["at"] + len(piece)] = piece
    path.write_bytes(whole)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for change in decoded.get("changes", ()):
            try:
                if isinstance(change, str):
                    connection.executescript(change)
                else:
                    _write(connection, *change)
            except (sqlite3.Error, OverflowError):  # the schema allows no such row
                continue
        if "at" not in decoded:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def _write(connection: sqlite3.Connection, table: str, column: str, number: int, value: Any) -> None:
    if isinstance(value, dict):
        value = bytes.fromhex(value["hex"])
    keys = [name for _, name, _, _, _, key in connection.execute(f"PRAGMA table_info({table})") if key]
    if table == "figures":  # without rowids
        row = connection.execute(
            f"SELECT {', '.join(keys)} FROM {table} LIMIT 1 OFFSET ?", (number,)
        ).fetchone()
        where = " AND ".join(f"{key} = ?" for key in keys)
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *(row or ())))
    else:
        connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT rowid FROM {table} LIMIT 1 OFFSET ?)",
            (value, number),
        )


def judge(case: bytes, folder: Path) -> bool:
    path = put(case, folder)
    some = zlib.crc32(case)
    tried = [
        _tried(lambda: _looked_at(path)),
        _tried(lambda: _listed(path, some)),
        _tried(lambda: _counted(path)),
        *(_tried(lambda rule=rule: _left(path, rule, some)) for rule in ExportRule),  # type: ignore[misc]
        _tried(lambda: _decided(path)),
    ]
    if some % 4 == 0:
        tried.append(_tried(lambda: _run(path, folder)))
    return all(tried)


def _tried(work: Callable[[], object]) -> bool:
    try:
        work()
    except BurnishError as error:
        one_line(error)
        return False
    return True


def _looked_at(path: Path) -> None:
    with Workspace.read(path) as opened:
        opened.source()
        run = opened.latest_run()
        overview(opened, run)
        opened.annotations.tags()
        opened.annotations.noted()
        opened.count(run)
        faults(opened, run, range(len(opened)))
        for sample in opened.samples():
            outcome, _ = opened.outcome(run, sample.index), opened.reviews.standing(sample.index)
            assert outcome is None or outcome.final
            opened.reviews.history(sample.index)
            opened.replies(sample.index)
            opened.reviews.candidates(sample.index)
            opened.annotations.of(sample.index)
            opened.retries(sample.index)
        keys = [
            key for (key,) in opened.database.execute("SELECT passage FROM losses") if isinstance(key, bytes)
        ]
        found = list(opened.losses(0, keys).values())
        for losses in found:
            ratio(losses, found[0])
            half(SHORT[0]["output"], losses, found[0])


def _listed(path: Path, some: int) -> None:
    with Workspace.read(path) as opened:
        listing = SampleList(opened, opened.latest())
        try:
            marks, columns = list(FilterTerm), list(SampleColumn)
            for by, only in (
                (SampleColumn.NUMBER, SampleFilter()),
                (columns[some % len(columns)], SampleFilter()),
                (
                    SampleColumn.INSTRUCTION,
                    SampleFilter(text="a", marks=frozenset([marks[some // 8 % len(marks)]])),
                ),
                (SampleColumn.STATE, SampleFilter(text="name \0")),
            ):
                listing.arrange(by, descending=bool(some & 1), only=only)
                listing.window(0, 50)
                list(listing.samples())
                listing.next(0, marks[some // 64 % len(marks)])
                listing.position_of(2)
                if len(listing):
                    listing.sample_at(len(listing) - 1)
        finally:
            listing.close()


def _counted(path: Path) -> None:
    with Workspace.read(path) as opened:
        counted = Distribution(opened, opened.latest_run())
        counted.finished()
        for measure in MEASURES:
            spread = counted.spread(measure)
            counted.histogram(measure, spread.low or 0.0, spread.high or 1.0, 10)
        counted.scatter("ifd_before", "ifd_after", (0.0, 1.0), (0.0, 1.0), 4, 4)
        counted.growth()
        counted.flow()
        counted.kept_by(ExportRule.TOP, 0.5)


def _left(path: Path, rule: ExportRule, some: int) -> None:
    formats: list[Format | None] = [None, *Format]
    wanted = ExportRequest(
        rule, TopShare.parse("50%") if some % 3 else None, formats[some % len(formats)], trace=bool(some & 2)
    )
    preview(path, wanted, 5)
    write(path, path.with_name("out"), wanted, RowProgress())


def _decided(path: Path) -> None:
    with Workspace.open(path) as opened:
        run = opened.latest_run()
        every = range(len(opened) if len(opened) < 99 else 0)
        opened.reviews.keep_many("all", opened.reviews.accepting(run.id, every))
        opened.acts.undo()
        opened.reviews.keep_many("some", opened.reviews.restoring((0, 2)))
        opened.acts.undo()
        opened.acts.redo()
        change = AnnotationChange("new", added=("good",), removed=("bad",))
        whole(opened.annotations.keep_in_steps(opened.annotations.changed(every, change)))
        opened.acts.undo()
        opened.retry_failed(run)
        list(opened.pending(run, range(len(opened))))


def _run(path: Path, folder: Path) -> None:
    """As far as a run comes where no model answers."""
    given = load_settings(
        {"teacher": {"name": "qwen0.5b", "host": NOWHERE, "patience": 0.0}, "run": {"method": "reflect"}}
    )
    data = folder / "rows.json"
    data.write_text("[]", "utf-8")

    async def main() -> None:
        await session.reselect(
            opened, StudentSettings(name=str(folder / "none.gguf")), lambda _: None, ask_teacher=False
        )

    with Workspace.open(path) as opened:
        _tried(lambda: asyncio.run(main()))
        asyncio.run(session.refine_workspace(opened, given, lambda _: None))
