"""Samples whose rewrite lost the input: found by the filter, counted and shown until a person decides."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from engine.sample import Decision, Stage, Verdict, Version
from engine.store.lost_inputs import add_lost_inputs
from engine.store.overview import overview, refined_before
from engine.store.run_record import RunRecord
from engine.store.sample_list import FilterTerm, SampleFilter, SampleList
from engine.store.workspace import Run, Workspace
from tests.command import burnish
from tests.factory import choice, outcome, recipe, review
from tests.running import workspace
from tui.state.versions import view_sample

LOST, QUOTED, NONE, WAITING = range(4)
ROWS = [
    {"instruction": "Double it.", "input": text, "output": "R"}
    for text in ("1729 \x00\ud800", "1729", "N/A", "4104")
]


def lost(opened: Workspace, run: Run) -> list[int]:
    """The samples that are flagged, by the filter, in their rows, in Review, and as many by the count."""
    listing = SampleList(opened, run)
    in_rows = [row.index for row in listing.window(0, len(ROWS)) if row.input_lost]
    in_review = [index for index in range(len(ROWS)) if view_sample(listing, run, index).input_lost]
    listing.arrange(only=SampleFilter(marks=frozenset({FilterTerm.INPUT_LOST})))
    found = list(listing.samples())
    listing.close()
    assert in_rows == in_review == found
    assert overview(opened, run).input_lost == len(found)
    return found


def test_a_lost_input_is_to_review_until_a_person_decides(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    with workspace(path, ROWS) as opened:
        run = opened.run(recipe(), RunRecord(settings={}))
        for index, instruction in enumerate(("Double a number.", "Double 1729.", "Name a number.")):
            final = Version(instruction=instruction, response="R")
            taken = choice(Stage.INSTRUCTION, Verdict.REPLACED, rewrite=final)
            opened.keep_outcome(run, outcome(index, taken, final=final))
        assert lost(opened, run) == [LOST]
        assert refined_before(opened, run, range(len(ROWS))).inputs_lost == 1

    shown = burnish("show", path, LOST)
    assert "input lost: less than half of the input's words" in " ".join(shown.out.split())
    told = [json.loads(burnish("show", path, index, "--json").out)["input_lost"] for index in range(WAITING)]
    assert told == [True, False, False]

    with closing(sqlite3.connect(path)) as older:  # as it was before schema 19
        older.execute("ALTER TABLE figures DROP COLUMN input_lost")
        add_lost_inputs(older)
        older.commit()
        assert older.execute("SELECT sample FROM figures WHERE input_lost").fetchall() == [(LOST,)]

    with Workspace.open(path) as opened:
        for decision in Decision:
            opened.reviews.keep(review(LOST, decision, version=opened.sample(LOST).original))
            assert lost(opened, run) == []
            opened.acts.undo()
        assert lost(opened, run) == [LOST]
