"""Export: what the screen promises is what is in the file, and nothing half written is ever there."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from textual.containers import Horizontal

from engine.export import export
from engine.export.export import ENDINGS, default_path
from engine.export.trainers import Trainer
from engine.formats.names import Format
from engine.store.choosing import ChosenBy
from engine.store.leaving import ExportRule, TopShare
from engine.store.workspace import Workspace
from tests import hostile
from tests.command import burnish
from tests.scene import scene
from tests.tui.screens.export_seat import ExportSeat
from tui.screens.export import screen as export_module
from tui.screens.export.row_text import row_text
from tui.screens.export.rule_list import RuleList
from tui.text.vocabulary import EXPORT_RULES
from tui.widgets.pick_one import PickOne
from tui.widgets.plain_input import PlainInput

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return scene(tmp_path)


# What is promised


def test_every_rule_has_its_sentence_and_its_count(workspace: Path) -> None:
    assert EXPORT_RULES.keys() == set(ExportRule)
    assert all(len(words.line) <= 48 for words in EXPORT_RULES.values())

    async def steps(seat: ExportSeat) -> None:
        rules = seat.screen.query_one(RuleList)
        for rule in ExportRule:
            assert rules.chosen is rule
            summary = f"{rules.counts[rule]} of 24 samples would be written as "
            await seat.until(lambda summary=summary: seat.report.startswith(summary))  # type: ignore[misc]
            await seat.press("down")
        by_command = {
            rule: json.loads(
                burnish("export", workspace, workspace.parent / "o.json", "--rule", rule, "--json").out
            )["rows"]
            for rule in ExportRule
        }
        assert rules.counts == by_command

    ExportSeat(workspace).play(steps)


def test_what_was_dropped_is_counted_before_and_after(workspace: Path) -> None:
    with Workspace.open(workspace) as opened:
        opened.reviews.keep_many("dropped", opened.reviews.dropping([3, 7]))

    async def steps(seat: ExportSeat) -> None:
        await seat.until(lambda: seat.report.startswith("22 of 24 samples would be written as "))
        assert seat.report.endswith("; 2 dropped")
        await seat.press("w")
        await seat.until(lambda: "written" in seat.report)
        assert "✓ written 22 of 24 samples" in seat.report
        assert "2 rows that a person dropped, in no export" in seat.report

    ExportSeat(workspace).play(steps)


def test_the_first_rows_are_shown_as_they_are_then_written(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        out = workspace.parent / "scene-refined.json"
        assert seat.path.value == str(out)
        shown = seat.shown("#rows")
        await seat.press("w")
        await seat.until(lambda: "written" in seat.report)
        lines = out.read_text("utf-8").splitlines()[1:-1]
        assert len(lines) == 24
        for line in lines[: export_module.ROWS]:
            assert line.removesuffix(",") in shown
        report = seat.report.splitlines()
        assert report[0] == "✓ written 24 of 24 samples"
        assert report[1].split() == ["file", f"{out},", f"{out.stat().st_size:,}", "bytes"]

    ExportSeat(workspace).play(steps)


def test_a_path_s_ending_chooses_the_kind_of_file_and_what_was_written_before_is_not_said_of_it(
    workspace: Path,
) -> None:
    async def steps(seat: ExportSeat) -> None:
        folder = workspace.parent
        await seat.press("w")
        await seat.until(lambda: "✓ written" in seat.report)
        seat.path.value = str(folder / "out.csv")
        await seat.until(lambda: "24 of 24 samples would be written as CSV" in seat.report)
        assert "✓ written" not in seat.report
        await seat.press("w")
        await seat.until(lambda: "✓ written" in seat.report)
        assert (folder / "out.csv").read_text("utf-8").startswith("instruction,")
        seat.path.value = str(folder / "missing" / "out.jsonl.gz")
        await seat.until(lambda: "would be written as JSON Lines" in seat.report)
        await seat.press("w")
        await seat.until(lambda: "✗ not written" in seat.report)
        assert "✓ written" not in seat.report
        seat.screen.query_one("#layout", PickOne).pick("messages")
        seat.path.value = str(folder / "out.json")
        await seat.until(lambda: "would be written as a JSON array" in seat.report)
        seat.screen.query_one("#container", PickOne).pick("jsonl")
        await seat.until(
            lambda: "would be written as JSON Lines: messages; the name says a JSON array" in seat.report
        )

    ExportSeat(workspace).play(steps)


@pytest.mark.whole
def test_every_format_can_be_picked_and_brings_its_ending(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        met = set()
        layouts = seat.screen.query_one("#layout", PickOne)
        layouts.focus()
        for _ in range(4):
            files = seat.screen.query_one("#container", PickOne)
            files.focus()
            for _ in range(4):
                met.add(seat.screen._request().format)
                assert seat.path.value.endswith(ENDINGS[seat.screen._format.container])
                await seat.press("right")
            layouts.focus()
            await seat.press("right")
        assert met == set(Format)
        files.focus()
        await seat.until(lambda: bool(seat.shown("#rows")))

    ExportSeat(workspace).play(steps)


@pytest.mark.whole
def test_a_trainer_s_layout_comes_with_its_config_and_how_to_use_it(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        for trainer in Trainer:
            seat.screen.query_one("#trainer", PickOne).focus()
            await seat.press("right")
            assert seat.screen._request().trainer is trainer
            assert seat.screen.query_one("#drop", PickOne).parent.display  # type: ignore[union-attr]
            layouts = seat.screen.query_one("#layout", PickOne)
            assert (list(layouts.words) == ["messages"]) == (trainer is Trainer.TRL)
            seat.path.value = str(workspace.parent / f"for-{trainer}.json")
            await seat.press("ctrl+s")
            await seat.until(lambda: "written" in seat.report)
            lines = dict(line.split(maxsplit=1) for line in seat.report.splitlines()[1:])
            assert Path(lines["config"]).is_file()
            assert lines["use"]
        await seat.press("right")
        assert len(seat.screen.query_one("#layout", PickOne).words) == 4
        assert not seat.screen.query_one("#drop", PickOne).parent.display  # type: ignore[union-attr]

    ExportSeat(workspace).play(steps)


@pytest.mark.whole
def test_a_trainer_s_format_can_be_picked_among_those_it_takes(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        seat.screen.query_one("#trainer", PickOne).focus()
        await seat.press("right", "right")
        assert seat.screen._request().trainer is Trainer.AXOLOTL
        containers = seat.screen.query_one("#container", PickOne)
        assert (containers.chosen, list(containers.words)) == ("jsonl", ["json", "jsonl", "parquet"])
        seat.screen.query_one("#layout", PickOne).focus()
        await seat.press("left")
        assert seat.screen._request().format is Format.MESSAGES
        await seat.until(lambda: '"messages"' in seat.shown("#rows"))
        await seat.press("w")
        await seat.until(lambda: "written" in seat.report)
        assert "field_messages: messages" in (workspace.parent / "scene-refined.axolotl.yaml").read_text(
            "utf-8"
        )
        seat.screen.query_one("#trainer", PickOne).focus()
        await seat.press("left", "left")
        assert seat.screen._request().format is Format.ALPACA, "what was picked without a trainer"

    ExportSeat(workspace).play(steps)


@pytest.mark.whole
def test_rows_that_a_trainer_will_not_train_on_are_named_and_left_out_on_request(tmp_path: Path) -> None:
    rows = [
        {"instruction": "a", "output": "b"},
        {"instruction": "c", "output": "d", "tools": "ham\x1bmer"},
    ] * 2
    path = scene(tmp_path, rows, reviewed=False)

    async def steps(seat: ExportSeat) -> None:
        seat.screen.query_one("#trainer", PickOne).focus()
        await seat.press("right")
        await seat.press("w")
        await seat.until(lambda: "2 rows in the file that LLaMA-Factory will not train on" in seat.report)
        assert "tools: 2 in the file, row 2 (sample 1), row 4 (sample 3)" in seat.report
        assert not hostile.acting(seat.lines)
        seat.screen.query_one("#drop", PickOne).focus()
        await seat.press("right")
        await seat.until(lambda: "sample 1" not in seat.shown("#rows") and "sample 2" in seat.shown("#rows"))
        await seat.press("w")
        await seat.until(lambda: "there already" in seat.report)
        await seat.press("y")
        await seat.until(lambda: "2 rows left out, for LLaMA-Factory" in seat.report)
        assert len(json.loads((tmp_path / "scene-refined.json").read_text("utf-8"))) == 2

    ExportSeat(path).play(steps)


@pytest.mark.whole
def test_an_entry_that_burnish_did_not_write_is_replaced_only_when_one_says_so(workspace: Path) -> None:
    info = workspace.parent / "dataset_info.json"
    info.write_text('{"scene-refined": {"file_name": "other.json"}}')

    async def steps(seat: ExportSeat) -> None:
        seat.screen.query_one("#trainer", PickOne).focus()
        await seat.press("right")
        await seat.press("w")
        await seat.until(
            lambda: "an entry scene-refined in dataset_info.json that burnish did not" in seat.report
        )
        await seat.press("escape")
        assert json.loads(info.read_text())["scene-refined"] == {"file_name": "other.json"}
        await seat.press("w")
        await seat.until(lambda: "there already" in seat.report)
        await seat.press("y")
        await seat.until(lambda: "✓ written 24" in seat.report)
        assert json.loads(info.read_text())["scene-refined"]["file_name"] == "scene-refined.json"

    ExportSeat(workspace).play(steps)


@pytest.mark.whole
def test_a_trace_goes_along_when_asked_for(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        assert '"burnish"' not in seat.shown("#rows")
        seat.screen.query_one("#trace", PickOne).focus()
        await seat.press("right")
        await seat.until(lambda: '"burnish"' in seat.shown("#rows"))

    ExportSeat(workspace).play(steps)


def test_a_person_s_decision_shows_at_once(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        before = seat.screen.query_one(RuleList).counts[ExportRule.ACCEPTED]
        await seat.press("u")
        await seat.until(lambda: seat.screen.query_one(RuleList).counts[ExportRule.ACCEPTED] == before - 1)

    ExportSeat(workspace).play(steps)


# What is there already


def test_a_file_that_is_there_is_replaced_only_when_one_says_so(workspace: Path) -> None:
    out = workspace.parent / "scene-refined.json"
    out.write_text("mine", "utf-8")

    async def steps(seat: ExportSeat) -> None:
        seat.path.focus()
        await seat.press("escape")
        assert seat.screen.focused is None, "keys act"
        await seat.press("w")
        await seat.until(lambda: "there already" in seat.report)
        await seat.press("escape")
        seat.path.focus()
        await seat.press("ctrl+s")
        await seat.until(lambda: "there already" in seat.report)
        assert "y replaces, esc leaves as is" in seat.report
        await seat.press("escape")
        assert "would be written as" in seat.report
        await seat.press("y")
        assert out.read_text("utf-8") == "mine"
        await seat.press("w")
        await seat.until(lambda: "there already" in seat.report)
        await seat.press("down", "up")  # another rule is another question
        assert "there already" not in seat.report
        await seat.press("w")
        await seat.until(lambda: "there already" in seat.report)
        await seat.press("y")
        await seat.until(lambda: "written" in seat.report)
        assert len(json.loads(out.read_text("utf-8"))) == 24

    ExportSeat(workspace).play(steps)


def test_a_path_that_cannot_be_written_is_one_line_and_the_source_never_is(workspace: Path) -> None:
    own = [workspace.with_name(name) for name in ("scene.json", "scene.burnish", "scene.burnish-wal")]
    complaints = {
        "": "the file needs a name",
        "/tmp/": "the file needs a name",
        "~nobody-here/x.json": "no file can be called that",
        "a\x00b.json": "no file can be called that",
        "\ud83d.json": "no file can be called that",
        "x" * 300 + ".json": "cannot be written",
        "/nowhere/x.json": "cannot be written",
        str(workspace.parent): "it is there and is not a file",
    } | {str(path): "its own source" for path in own}

    async def steps(seat: ExportSeat) -> None:
        before = [path.read_bytes() for path in own]
        for typed, complaint in complaints.items():
            seat.path.value = typed
            seat.app.clear_notifications()
            await seat.press("w")
            await seat.until(partial(seat.told, complaint))
            assert not hostile.acting(seat.lines)
        assert [path.read_bytes() for path in own] == before

    ExportSeat(workspace).play(steps)


@pytest.mark.whole
def test_a_share_that_is_none_is_told_where_one_types_it(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        await seat.press("down", "down", "down", "down")
        share = seat.screen.query_one("#share", PlainInput)
        assert isinstance(share.parent, Horizontal)
        assert share.parent.display
        share.value = "many"
        await seat.until(lambda: seat.report.startswith("many: take a share such as 5%"))
        share.value = "2"
        await seat.until(lambda: seat.report.startswith("2 of 24"))
        await seat.press("up", "up", "up", "up")
        assert not share.is_on_screen

    ExportSeat(workspace).play(steps)


def test_a_share_is_taken_of_any_rule_s_samples_and_each_rule_has_its_own(workspace: Path) -> None:
    async def steps(seat: ExportSeat) -> None:
        share = seat.screen.query_one("#share", PlainInput)
        await seat.press("down")
        assert (share.value, share.is_on_screen) == ("", True)
        assert seat.screen._request().share is None
        share.value = "1"
        await seat.until(lambda: seat.report.startswith("1 of 24"))
        await seat.press("down", "down", "down")
        assert (share.value, seat.screen._request().share) == ("5%", TopShare(percent=5))
        await seat.press("tab", "tab", "right", "right", "right")
        assert seat.screen._request().share == TopShare(percent=5, by=ChosenBy.LOSS)
        assert "the smallest loss given the instruction: 5% or a count" in seat.text
        seed = seat.screen.query_one("#seed", PlainInput)
        assert not seed.is_on_screen
        await seat.press("right", "right", "right")
        assert seat.screen._request().share == TopShare(percent=5, by=ChosenBy.RANDOM)
        await seat.press("tab", "7", "up")
        assert seat.screen._request().share == TopShare(percent=5, by=ChosenBy.RANDOM, seed=7)
        assert "Seed   7" in seat.text
        await seat.press("left", "left", "left", "left", "left", "tab", "right", "up")
        assert seat.screen._request().share == TopShare(percent=5, by=ChosenBy.S_IFD, token_ratio=0.75)
        assert "Seed" not in seat.text
        await seat.press("left", "up", "up")
        await seat.press("up", "up", "up")
        await seat.until(lambda: seat.report.startswith("1 of 24"))
        await seat.press("up")
        await seat.until(lambda: seat.report.startswith("24 of 24"))

    ExportSeat(workspace).play(steps)


# Any workspace


def test_nothing_was_run_yet(tmp_path: Path) -> None:
    path = scene(tmp_path, kinds=("waiting",), reviewed=False)

    async def steps(seat: ExportSeat) -> None:
        await seat.press("down")
        await seat.until(lambda: seat.report == "no sample of 24 passes this rule")
        assert seat.shown("#rows") == ""

    ExportSeat(path).play(steps)


def test_another_workspace_brings_another_path(workspace: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    other_path = scene(other, [{"instruction": "a", "output": "b"}], reviewed=False)

    async def steps(seat: ExportSeat) -> None:
        seat.path.value = "mine.json"
        await seat.workbench.open(other_path)
        seat.app.post_changed()
        await seat.until(lambda: seat.path.value == str(other / "scene-refined.json"))
        await seat.until(lambda: seat.report.startswith("1 of 1"))

    ExportSeat(workspace).play(steps)


@pytest.mark.whole
def test_hostile_rows_are_shown_at_every_size(tmp_path: Path) -> None:
    path = scene(tmp_path, hostile.rows())

    async def steps(seat: ExportSeat) -> None:
        for size in ((200, 60), (80, 24), (40, 12)):
            await seat.pilot.resize_terminal(*size)
            for format in ("json", "csv"):
                while seat.screen._format.container.name.lower() != format:
                    seat.screen.query_one("#container", PickOne).focus()
                    await seat.press("right")
                await seat.pilot.pause(0.2)
                seat.screen.query_one("#scroll").focus()
                for _ in range(6):
                    await seat.press("pagedown")
                    assert not hostile.acting(seat.lines)

    ExportSeat(path).play(steps)


def test_a_row_of_any_length_is_a_page_or_so() -> None:
    long = json.dumps({"instruction": "x" * 200_000, "output": "y", "n": list(range(50_000))})
    shown = str(row_text(long, Format.ALPACA))
    assert len(shown) < 8_000
    assert "‹199,662 characters›" in shown
    assert '"output": "y"' in shown
    assert shown.endswith("characters more›")
    assert len(str(row_text("a," * 10_000, Format.CSV))) < 8_000
    assert str(row_text('{"a": "b"}', Format.ALPACA)) == '{"a": "b"}'


def test_the_path_is_beside_the_workspace() -> None:
    assert default_path(Path("/d/mine.burnish"), Format.MESSAGES) == Path("/d/mine-refined.jsonl")
    assert export.ENDINGS.keys() == {format.container for format in Format}
