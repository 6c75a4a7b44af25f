"""The pane beside the list of samples, and the marks of a search in both."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sample import Version
from engine.store.sample_list import SampleFilter, SampleList
from engine.store.workspace import Workspace
from tests import factory
from tests.factory import SOURCE
from tests.scene import scene
from tests.tui.screens.samples_seat import SamplesSeat
from tui.screens.samples.preview import LONGEST, drawn, preview_of
from tui.screens.samples.table import SampleTable
from tui.text.matches import matches, pattern

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


async def the_pane_follows_the_cursor_from_160_columns_on(seat: SamplesSeat) -> None:
    assert not seat.screen.preview.size, "120 columns have no room"
    await seat.pilot.resize_terminal(160, 30)
    await seat.wait_for("Sample 0", "✓ accepted", "both rewrites taken", "IFD 0.5500 → 0.6000 ▲")
    assert "+ Give three tips for staying healthy. Give a reason" in seat.text
    await seat.press("j")
    await seat.wait_for("Sample 1", "rejected: by r-IFD, margin −0.3000", "rejected")
    await seat.press("j", "j")
    await seat.wait_for("Sample 3", "✗ failed")
    await seat.press("o")  # a decision, which goes on to the next
    await seat.press("k")
    await seat.wait_for("Sample 3", "○ original")
    await seat.press("G", "k", "s")  # another order: the cursor stays on its sample
    await seat.wait_for("Sample 22")
    await seat.press("G")
    await seat.wait_for(f"Sample {seat.current}")
    await seat.pilot.resize_terminal(159, 30)
    await seat.until(lambda: not seat.screen.preview.size)


async def what_a_search_found_is_marked(seat: SamplesSeat) -> None:
    await seat.pilot.resize_terminal(160, 30)
    await seat.press("slash", *"INSTRUCTION:tip", "enter")
    await seat.wait_for("Sample 0")
    assert marked(seat.table) == ["tip"]
    assert [mark for part in preview_parts(seat) for mark in part] == ["tip", "tip"], "before and after"
    await seat.press("slash", "end", "ctrl+u", *"response:tip")
    await seat.wait_for("nothing matches")
    assert seat.screen.preview._preview is None


def marked(table: SampleTable) -> list[str]:
    style = table._style("cursor")
    return [part.text for part in table.draw_row(table.cursor, 90) if part.style not in (style, None)][:1]


def preview_parts(seat: SamplesSeat) -> list[list[str]]:
    shown = seat.screen.preview._preview
    assert shown is not None
    return [
        [excerpt.text[start:end] for start, end, name in excerpt.marks if name == "match"]
        for part in shown.parts
        for excerpt in (part.before, part.after)
        if excerpt is not None
    ]


def test_the_pane_and_the_marks_of_a_search(tmp_path: Path) -> None:
    SamplesSeat(scene(tmp_path)).visit(
        the_pane_follows_the_cursor_from_160_columns_on, what_a_search_found_is_marked
    )


def test_long_and_hostile_texts_fit_the_pane_and_a_match_far_on_is_in_sight(tmp_path: Path) -> None:
    far = Version(
        instruction="Look [/here]\x1b[31m\r\nnow.", response="word " * 4000 + "Needle and more. " + "x" * 9000
    )
    wide = Version(instruction="漢字かな混じり" * 200, response="👩‍👩‍👧 " * 300)
    versions = [far, wide, Version(instruction="a", response="b")]
    rows = (factory.sample(n, original=version) for n, version in enumerate(versions))
    Workspace.create(tmp_path / "long.burnish", SOURCE, rows).close()
    with Workspace.read(tmp_path / "long.burnish") as workspace:
        listing = SampleList(workspace, None)
        only = SampleFilter(text="needle")
        for at in range(3):
            for width, height in ((60, 20), (70, 50), (20, 4)):
                shown = preview_of(listing, None, at, only)
                assert shown is not None
                lines = drawn(shown, width, height)
                assert len(lines) <= height
                assert all(line.cell_length <= width + 2 for line in lines[3:]), (
                    "an emoji may be a cell wider"
                )
                text = "\n".join(line.plain for line in lines)
                assert "\x1b" not in text
                assert "\r" not in text
                if at == 0 and height > 4:
                    assert "Look [/here]␛[31m␍" in text
                    assert "Needle and more." in text
                assert all(len(part.before.text) <= 4 * LONGEST for part in shown.parts)
        assert preview_of(listing, None, 3, only) is None
        listing.close()


def test_a_search_s_matches_are_those_that_sqlite_finds() -> None:
    """ASCII letters of either case, any other as it is; a pattern's own signs mean nothing."""
    found = pattern(["straße", "a.b", ""])
    assert found is not None
    assert matches("STRASSE Straße STRAßE a.B axb", found) == [(8, 14), (15, 21), (22, 25)]
    assert pattern([""]) is None
    assert matches("anything", None) == []
