"""A judge's ratings in Review: beside the student's numbers, and with the version that is shown."""

from __future__ import annotations

from pathlib import Path

from engine.store.sample_list import SampleList
from engine.store.workspace import Workspace
from tests.scene import rated, scene
from tests.tui.cli.test_judging import ACTIVE
from tui.screens.review.verdict import _ratings, in_brief
from tui.state.versions import SampleView, offers, original_of, view_sample

HOSTILE = "[/]\x1b[2J\u202e"


def views(path: Path, *indices: int) -> list[SampleView]:
    with Workspace.read(path) as opened:
        listing, run = SampleList(opened, opened.latest_run()), opened.latest_run()
        found = [view_sample(listing, run, index) for index in indices]
        listing.close()
    return found


def test_both_sides_have_their_rating_and_the_judge_s_critique_stands_with_the_version(
    tmp_path: Path,
) -> None:
    path = rated(scene(tmp_path, reviewed=False), judge=HOSTILE, says=HOSTILE)
    both, half = views(path, 0, 4)
    left, offer = original_of(both), offers(both)[0]
    lines = [line.plain for line in _ratings(both, left, offer)]
    assert lines[0].split() == ["Rating", "of", "10", "2", "5", "▲", "larger"]
    assert "confidence 0.75" in lines[1]
    assert in_brief(both, left, offer).plain.endswith("Rating 2 → 5 ▲")
    assert offer.criticism[-1] == (f"Rated 5 of 10 by {HOSTILE}", {"Critique": HOSTILE})
    assert not ACTIVE.search("".join(lines))

    left, offer = original_of(half), offers(half)[0]
    assert in_brief(half, left, offer).plain.endswith("Rating 6 → none")
    assert not any(about.startswith("Rated") for about, _ in offer.criticism)


def test_without_a_rating_nothing_is_said_of_any(tmp_path: Path) -> None:
    (view,) = views(scene(tmp_path, reviewed=False), 0)
    left, offer = original_of(view), offers(view)[0]
    assert list(_ratings(view, left, offer)) == []
    assert "Rating" not in in_brief(view, left, offer).plain
