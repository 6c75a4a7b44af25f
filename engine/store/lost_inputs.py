"""Finds lost inputs among the outcomes of an older schema, which did not keep them."""

from __future__ import annotations

import json
import sqlite3

from engine.examine.lost_input import loses_input
from engine.sample import PARTS, Version


def add_lost_inputs(db: sqlite3.Connection) -> None:
    """The workspace's step to schema 19: the column `input_lost` of `figures`."""
    db.execute("ALTER TABLE figures ADD COLUMN input_lost INTEGER NOT NULL DEFAULT 0")
    outcomes = db.execute(
        "SELECT run, sample, s.body, o.body FROM outcomes AS o JOIN samples AS s USING (sample)"
    )
    lost = [(run, sample) for run, sample, *bodies in outcomes if _loses_input(*bodies)]
    db.executemany("UPDATE figures SET input_lost = 1 WHERE run = ? AND sample = ?", lost)


def _loses_input(sample: str, outcome: str) -> bool:
    original = Version(**dict(zip(PARTS, json.loads(sample), strict=False)))
    return loses_input(original, Version(**json.loads(outcome)["final"]))
