"""A judge's ratings in a workspace: of which version each is, and what is chosen by them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.export.export import ExportRequest, RowProgress, preview, write
from engine.sample import Decision, Version
from engine.store.baselines import baselines
from engine.store.file_errors import WorkspaceError
from engine.store.leaving import (
    ExportRule,
    TopShare,
    count_exported,
    count_exported_rows,
    count_unrated,
    exported,
    exported_rows,
)
from engine.store.rating_figures import rating_figures
from engine.store.ratings import Rating
from engine.store.sample_list import SampleColumn, SampleFilter, SampleList
from engine.store.search_line import read_search
from engine.store.version_key import key_of, stored_key
from engine.store.workspace import Run, Workspace
from models.errors import UsageError
from tests.factory import rater, review
from tests.scene import rated, scene
from tui.text.export_words import rule_of

ROWS = [{"instruction": f"Say {n}.", "output": "So. " * (12 - n)} for n in range(12)]
AFTER = {0: 5, 1: 3, 2: 7, 3: 5, 5: 2, 6: 6, 7: 4, 8: 8, 9: 6, 11: 3}
"""The rating of what would leave: of samples 4 and 10 there is none."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of even samples a rewrite would leave, of odd ones the original."""
    return rated(scene(tmp_path, ROWS, ("replaced", "kept"), reviewed=False))


def chosen(opened: Workspace, run: Run, rule: ExportRule, share: TopShare | None, least: int) -> list[int]:
    found = [one.sample.index for one in exported(opened, run, rule, share, least)]
    assert count_exported(opened, run, rule, share, least) == len(found)
    assert [row.samples[0].sample.index for row in exported_rows(opened, run, rule, share, least)] == found
    assert count_exported_rows(opened, run, rule, share, least) == len(found)
    return found


def test_a_least_rating_goes_with_every_rule_and_a_share_is_taken_of_what_it_leaves(path: Path) -> None:
    with Workspace.open(path) as opened:
        run = opened.latest_run()
        assert chosen(opened, run, ExportRule.ALL, None, 5) == [n for n in AFTER if AFTER[n] >= 5]
        assert chosen(opened, run, ExportRule.PAPER, None, 6) == [2, 6, 8]
        assert chosen(opened, run, ExportRule.ACCEPTED, None, 1) == []
        longest = TopShare.parse("2")
        found = [one.sample.index for one in exported(opened, run, ExportRule.PAPER, longest, 6)]
        assert len(found) == 2
        assert set(found) < {2, 6, 8}
        half = chosen(opened, run, ExportRule.PAPER, TopShare.parse("34%"), 6)
        assert len(half) == 2, "of the three that are rated so"
        assert chosen(opened, run, ExportRule.ALL, None, 10) == []
        assert (count_unrated(opened, run, ExportRule.ALL), count_unrated(opened, run, ExportRule.PAPER)) == (
            2,
            2,
        )


def test_a_rating_is_of_a_version_and_another_decision_has_another(path: Path) -> None:
    with Workspace.open(path) as opened:
        run = opened.latest_run()
        opened.reviews.keep(review(2, Decision.ORIGINAL, version=opened.sample(2).original))
        mine = Version(instruction="Mine \x00 \ud800.", response="My own.")
        opened.reviews.keep(review(8, Decision.EDITED, version=mine))
        opened.reviews.keep(review(6, Decision.DROPPED, version=opened.sample(6).original))
        assert chosen(opened, run, ExportRule.ALL, None, 4) == [0, 2, 3, 7, 9]
        number = opened.ratings.begin(rater())
        opened.ratings.keep(number, 8, mine, Rating(critique="Odd.", score=9))
        assert chosen(opened, run, ExportRule.ALL, None, 4) == [0, 2, 3, 7, 8, 9]
        (trace,) = (one.trace(run)["ratings"] for one in exported(opened, run) if one.sample.index == 8)
        assert trace == {"before": 5, "after": 9}
        figures = rating_figures(opened, run)
        assert figures is not None
        # Of the twelve one was dropped, and two have no rating as they would leave.
        assert (figures.samples, figures.without) == (9, 2)
        assert (figures.better, figures.same, figures.worse) == (2, 0, 0)
        assert figures.scores == {9: 1, 6: 1, 5: 2, 4: 2, 3: 2, 2: 1}
        opened.acts.undo()
        opened.acts.undo()
        opened.acts.undo()
        assert chosen(opened, run, ExportRule.ALL, None, 5) == [n for n in AFTER if AFTER[n] >= 5]


def test_the_latest_rater_counts_and_without_any_there_is_none(path: Path, tmp_path: Path) -> None:
    with Workspace.open(path) as opened:
        run = opened.latest_run()
        opened.ratings.keep(
            opened.ratings.begin(rater("other")),
            0,
            opened.sample(0).original,
            Rating(critique="No.", score=1),
        )
        assert chosen(opened, run, ExportRule.ALL, None, 1) == []
        opened.ratings.begin(rater())
        assert len(chosen(opened, run, ExportRule.ALL, None, 1)) == len(AFTER)
    (none := tmp_path / "none").mkdir()
    with Workspace.read(scene(none, ROWS)) as opened:
        assert rating_figures(opened, opened.latest_run()) is None
        assert opened.ratings.of(0, opened.sample(0).original) is None


def test_the_search_finds_samples_by_their_ratings(path: Path) -> None:
    with Workspace.open(path) as opened:
        listing = SampleList(opened, opened.latest_run())
        for line, found in (
            ("rating>=6", [2, 6, 8, 9]),
            ("rating-before=2", [0, 5, 10]),
            ("rating<4 length>40", [1]),
        ):
            listing.arrange(only=SampleFilter(ranges=read_search(line).ranges))
            assert list(listing.samples()) == found, line
        listing.close()


def test_samples_are_ordered_by_their_ratings_and_those_without_go_last(path: Path) -> None:
    with Workspace.open(path) as opened:
        listing = SampleList(opened, opened.latest_run())
        listing.arrange(SampleColumn.RATING_AFTER, descending=True)
        order = sorted(AFTER, key=lambda sample: (-AFTER[sample], sample))
        assert list(listing.samples()) == [*order, 4, 10]
        assert [row.rating_after for row in listing.window(0, 12)] == [
            *sorted(AFTER.values(), reverse=True),
            None,
            None,
        ]
        listing.arrange(SampleColumn.RATING_BEFORE)
        before = [row.rating_before for row in listing.window(0, 12)]
        assert before[:3] == [2, 2, 2], "of samples 0, 5 and 10"
        assert before == sorted(before, key=lambda rating: (rating is None, rating))
        listing.close()


def test_an_export_says_what_it_left_out_and_what_length_would_have_chosen(
    path: Path, tmp_path: Path
) -> None:
    wanted = ExportRequest(ExportRule.PAPER, min_rating=6)
    found = preview(path, wanted, rows=2)
    assert (found.leaving[ExportRule.PAPER], found.unrated, found.rated) == (3, 2, True)
    assert found.baselines is not None
    assert (found.baselines.among, found.baselines.chosen.samples) == (12, 3)
    done = write(path, tmp_path / "out.json", wanted, RowProgress())
    assert (done.rows, done.unrated, rule_of(done)) == (3, 2, "rule paper, rated 6 or more")
    assert len(json.loads((tmp_path / "out.json").read_text())) == 3
    with Workspace.read(path) as opened:
        run = opened.latest_run()
        assert baselines(opened, run, ExportRule.ALL, None) is None
        assert baselines(opened, run, ExportRule.ALL, None, min_rating=1) is not None


def test_where_nothing_is_rated_a_least_rating_is_one_line(tmp_path: Path) -> None:
    path = scene(tmp_path, ROWS)
    for act in (
        lambda wanted: preview(path, wanted, rows=1),
        lambda wanted: write(path, tmp_path / "out.json", wanted, RowProgress()),
    ):
        with pytest.raises(UsageError, match="nothing is rated here; `burnish rate` asks a judge"):
            act(ExportRequest(min_rating=8))
    assert not (tmp_path / "out.json").exists()


def test_a_version_has_one_key_however_it_is_stored() -> None:
    version = Version(instruction="a\x00b \ud800", input="ü", response="[/] \U0001f600")
    parts = version.model_dump()
    for stored in (parts, list(parts.values()), dict(reversed(parts.items()))):
        assert stored_key(json.dumps(stored)) == key_of(version)
    assert stored_key(json.dumps({**parts, "input": "u"})) != key_of(version)
    for odd in (None, "", "{", "[]", "{}", "3", "null", '{"instruction": 1}'):
        assert stored_key(odd) in (None, stored_key("[]"))


@pytest.mark.parametrize("change", ["score = 'high'", "score = x'ff'", "body = '{}'"])
def test_a_file_made_by_hand_is_damaged_and_said_so(path: Path, change: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE ratings SET {change}")
        connection.commit()

    def look(opened: Workspace) -> None:
        opened.ratings.of(0, opened.sample(0).original)
        rating_figures(opened, opened.latest_run())

    with Workspace.read(path) as opened, pytest.raises(WorkspaceError, match="damaged"):
        look(opened)
