"""Margins at equal length, and how much longer each rewrite is, of outcomes from before they were kept.

A margin at equal length (`selection.at_equal_length`) needs the token losses of both versions. A workspace has them,
but not by the version: a passage's key is a digest of a text that takes the student's own template to write again. They
are known by what was made of them: of a sample's passages the two that give a score, to the last digits.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from engine.method.scores import TokenRatio, token_ratio
from engine.method.selection import at_equal_length
from engine.sample import Stage
from models.student import Losses

BETTER = {Stage.INSTRUCTION: 1, Stage.RESPONSE: -1}
"""By stage: 1 where the larger score is the better one, -1 where the smaller."""

SAME = 1e-12
"""The relative difference within which a score is the one that was kept: exp differs by a digit between machines."""

WINDOW = 256
"""Outcomes that are read at a time."""

_COLUMNS = (
    "length_decides INTEGER NOT NULL DEFAULT 0",
    *(f"{stage}_{figure} REAL" for stage in Stage for figure in ("margin", "equal_margin", "growth")),
)
"""The columns that the table `figures` gains. Of each stage's rewrite: its margin over what was there, the same at
equal length, and `growth` of its response."""


def growth(before: str, after: str) -> float | None:
    """The natural logarithm of a response's length over another's, in characters; None where either is empty."""
    return math.log(len(after) / len(before)) if before and after else None


def add_equal_lengths(db: sqlite3.Connection) -> None:
    """The workspace's step to schema 6: what the margin at equal length needs, in recipes, outcomes and figures.

    Until then whole responses decided. An outcome whose token losses are not here stays without the margin.
    """
    for column in _COLUMNS:
        db.execute(f"ALTER TABLE figures ADD COLUMN {column}")
    for run, body in db.execute("SELECT run, recipe FROM runs").fetchall():
        recipe = json.dumps(json.loads(body) | {"length": "whole"}, sort_keys=True)
        db.execute("UPDATE runs SET recipe = ? WHERE run = ?", (recipe, run))
    for row, run, sample, outcome, original in _outcomes(db):
        figures: dict[str, Any] = {"length_decides": False}
        before, ratios = original, _ratios(_losses(db, sample))
        for choice in outcome["choices"]:
            rewrite, stage = choice["rewrite"], choice["stage"]
            if choice["margin"] is not None:
                _add_margin(choice, ratios)
            equal = choice.get("equal_length")
            figures[f"{stage}_margin"] = choice["margin"]
            figures[f"{stage}_equal_margin"] = equal and equal["margin"]
            figures[f"{stage}_growth"] = rewrite and growth(before, rewrite["response"])
            figures["length_decides"] |= choice.get("length_decides", False)
            if rewrite and choice["verdict"] == "replaced":
                before = rewrite["response"]
        db.execute("UPDATE outcomes SET body = ? WHERE rowid = ?", (json.dumps(outcome), row))
        columns = ", ".join(f"{name} = :{name}" for name in figures)
        db.execute(
            f"UPDATE figures SET {columns} WHERE run = :run AND sample = :sample",
            figures | {"run": run, "sample": sample},
        )


def _outcomes(db: sqlite3.Connection) -> Iterator[tuple[int, int, int, dict[str, Any], str]]:
    """Every outcome: its row, run and sample, its content, and the response of the sample's original."""
    last = -1
    query = (
        "SELECT o.rowid, run, sample, o.body, s.body FROM outcomes AS o JOIN samples AS s USING (sample) "
        "WHERE o.rowid > ? ORDER BY o.rowid LIMIT ?"
    )
    while rows := db.execute(query, (last, WINDOW)).fetchall():
        for last, run, sample, body, original in rows:
            yield last, run, sample, json.loads(body), json.loads(original)[2]


def _losses(db: sqlite3.Connection, sample: int) -> list[Losses]:
    rows = db.execute("SELECT nll, lengths, tokens, room FROM losses WHERE sample = ?", (sample,))
    return [
        Losses(np.frombuffer(nll, np.float32), np.frombuffer(lengths, np.uint16), tokens, room)
        for nll, lengths, tokens, room in rows
    ]


def _ratios(losses: Sequence[Losses]) -> list[TokenRatio]:
    """The scores of every two passages that may be of one target."""
    pairs = (pair for pair in permutations(losses, 2) if pair[0].tokens == pair[1].tokens)
    return [found for found in (token_ratio(*pair) for pair in pairs) if found.ratio.value is not None]


def _add_margin(choice: dict[str, Any], ratios: Sequence[TokenRatio]) -> None:
    """Add the margin at equal length to a choice, where the two scores that it compares are found again."""
    before, after = (_with_value(choice[side], ratios) for side in ("before", "after"))
    if before is None or after is None:
        return
    equal = at_equal_length(before, after, BETTER[Stage(choice["stage"])])
    if equal is not None:
        choice["equal_length"] = equal.model_dump(mode="json")
        choice["length_decides"] = (choice["margin"] > 0) != (equal.margin > 0)


def _with_value(value: float, ratios: Sequence[TokenRatio]) -> TokenRatio | None:
    """The score that has a value; None where none has it, or several that differ."""
    found = [one for one in ratios if math.isclose(one.ratio.value or 0, value, rel_tol=SAME)]
    if not found or any(not _alike(found[0], other) for other in found[1:]):
        return None
    return found[0]


def _alike(a: TokenRatio, b: TokenRatio) -> bool:
    return np.array_equal(a.alone, b.alone) and np.array_equal(a.given, b.given)
