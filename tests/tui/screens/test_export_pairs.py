"""Export offers pairs of responses: what it shows first is what it writes, and a form that makes no sense says so."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from textual.widget import Widget

from tests.command import burnish
from tests.scene import scene
from tests.tui.screens.export_seat import ExportSeat
from tui.screens.export.pair_form import PairForm
from tui.widgets.plain_input import PlainInput

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return scene(tmp_path)


def test_pairs_leave_as_the_command_writes_them(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        form = seat.screen.query_one(PairForm)
        assert not form.query_one(".by").display
        seat.screen.query_one("#pairs").focus()
        await seat.press("right")
        await seat.until(lambda: "would be written for DPO as JSON Lines" in seat.report)
        assert form.query_one(".by").display
        out = workspace.parent / "scene-dpo.jsonl"
        assert seat.path.value == str(out)
        shown = seat.shown("#rows")
        await seat.press("escape", "w")
        await seat.until(lambda: "✓ written" in seat.report)
        lines = out.read_text("utf-8").splitlines()
        assert lines[0] in shown
        other = workspace.parent / "o.jsonl"
        result = json.loads(burnish("export", workspace, other, "--preferences", "dpo", "--json").out)
        assert other.read_bytes() == out.read_bytes()
        assert f"{result['pairs']['student']} by the student" in seat.report
        assert result["no_pair"]

    ExportSeat(workspace).play(steps)


def test_what_gives_no_pair_and_a_margin_that_is_none_are_told_in_a_line(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        seat.screen.query_one("#pairs").focus()
        await seat.press("right")
        await seat.until(lambda: "would be written for DPO" in seat.report)
        seat.screen.query_one("#margin", PlainInput).value = "much"
        await seat.until(lambda: "the least margin is a number from 0 on" in seat.report)
        seat.screen.query_one("#margin", PlainInput).value = "99"
        await seat.until(lambda: "sample 4" not in seat.shown("#rows"))
        seat.screen.query_one("#margin", PlainInput).value = ""
        seat.screen.query_one("#by").focus()
        await seat.press("right", "right")
        await seat.until(lambda: "burnish judge" in seat.report)

    ExportSeat(workspace).play(steps)


def test_with_every_line_of_the_form_on_a_small_terminal_what_has_the_focus_and_what_was_written_is_in_sight(
    workspace: Path,
) -> None:
    async def steps(seat: ExportSeat) -> None:
        for choice, times in (("rule", 4), ("pairs", 1), ("trainer", 1)):
            seat.screen.query_one(f"#{choice}").focus()
            await seat.press(*["down" if choice == "rule" else "right"] * times)
        await seat.until(lambda: "would be written for DPO" in seat.report)

        def in_sight(widget: Widget) -> bool:
            return seat.screen.query_one("#body").region.contains_region(widget.region)

        went = []
        for widget in seat.screen.focus_chain:
            widget.focus(scroll_visible=True)
            await seat.until(partial(in_sight, widget))
            went.append(widget.id)
        assert went[0] == "rule"
        assert went[-1] == "scroll", "the first rows"
        await seat.wait_for("First rows")
        await seat.press("escape", "w")
        await seat.wait_for("✓ written")

    ExportSeat(workspace, size=(80, 24)).play(steps)
