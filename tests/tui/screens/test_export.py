"""Export: what the screen promises is what is in the file, and nothing half written is ever there."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.containers import Horizontal
from textual.pilot import Pilot
from textual.widgets import Static

from engine.export import export
from engine.export.export import ENDINGS, ExportRequest, ExportStopped, RowProgress, default_path, write
from engine.export.trainers import Trainer
from engine.formats.names import Format
from engine.store.leaving import ExportRule
from tests import hostile
from tests.command import burnish
from tests.scene import scene
from tui.app import BurnishApp
from tui.screens.export import screen as export_module
from tui.screens.export.row_text import row_text
from tui.screens.export.rule_list import RuleList
from tui.screens.export.screen import ExportScreen
from tui.state.workbench import Workbench
from tui.text.vocabulary import EXPORT_RULES
from tui.widgets.pick_one import PickOne
from tui.widgets.plain_input import PlainInput

Doing = Callable[[BurnishApp, ExportScreen, "Pilot[None]"], Awaitable[None]]


pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return scene(tmp_path)


def exporting_from(path: Path, doing: Doing, size: tuple[int, int] = (120, 40)) -> None:
    """The app with a workspace open and the screen on."""

    async def main() -> None:
        app = BurnishApp(Workbench(), path)
        async with app.run_test(size=size) as pilot:
            app.action_go_export()
            await pilot.pause()
            assert isinstance(app.screen, ExportScreen)
            await until(pilot, lambda: bool(text(app.screen, "#told")))
            await doing(app, app.screen, pilot)

    asyncio.run(main())


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError(text(pilot.app.screen, "#told"))


def text(screen: object, selector: str) -> str:
    assert isinstance(screen, ExportScreen)
    return str(screen.query_one(selector, Static).visual)


def path_line(screen: ExportScreen) -> PlainInput:
    return screen.query_one("#path", PlainInput)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".burnish-")]


# What is promised


def test_every_rule_has_its_sentence_and_its_count(workspace: Path) -> None:
    assert EXPORT_RULES.keys() == set(ExportRule)
    assert all(len(words.line) <= 48 for words in EXPORT_RULES.values())

    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        rules = screen.query_one(RuleList)
        for rule in ExportRule:
            assert rules.chosen is rule
            summary = f"{rules.counts[rule]} of 24 samples leave as "
            await until(pilot, lambda summary=summary: text(screen, "#told").startswith(summary))  # type: ignore[misc]
            await pilot.press("down")
        by_command = {
            rule: json.loads(
                burnish("export", workspace, workspace.parent / "o.json", "--rule", rule, "--json").out
            )["rows"]
            for rule in ExportRule
        }
        assert rules.counts == by_command

    exporting_from(workspace, doing)


def test_the_first_rows_are_shown_as_they_are_then_written(workspace: Path) -> None:
    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        out = workspace.parent / "scene-refined.json"
        assert path_line(screen).value == str(out)
        shown = text(screen, "#rows")
        await pilot.press("w")
        await until(pilot, lambda: "written" in text(screen, "#told"))
        lines = out.read_text("utf-8").splitlines()[1:-1]
        assert len(lines) == 24
        for line in lines[: export_module.ROWS]:
            assert line.removesuffix(",") in shown
        told = text(screen, "#told").splitlines()
        assert told[0] == "✓ written 24 of 24 samples"
        assert told[1].split() == ["file", f"{out},", f"{out.stat().st_size:,}", "bytes"]

    exporting_from(workspace, doing)


def test_every_format_can_be_picked_and_brings_its_ending(workspace: Path) -> None:
    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        met = set()
        layouts = screen.query_one("#layout", PickOne)
        layouts.focus()
        for _ in range(4):
            files = screen.query_one("#container", PickOne)
            files.focus()
            for _ in range(4):
                met.add(screen._wanted().format)
                assert path_line(screen).value.endswith(ENDINGS[screen._format.container])
                await pilot.press("right")
            layouts.focus()
            await pilot.press("right")
        assert met == set(Format)
        files.focus()
        await until(pilot, lambda: bool(text(screen, "#rows")))

    exporting_from(workspace, doing)


def test_a_trainer_s_layout_comes_with_its_config_and_how_to_use_it(workspace: Path) -> None:
    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        for trainer in Trainer:
            screen.query_one("#trainer", PickOne).focus()
            await pilot.press("right")
            assert screen._wanted().trainer is trainer
            assert screen.query_one("#layout", PickOne).disabled
            path_line(screen).value = str(workspace.parent / f"for-{trainer}.json")
            await pilot.press("ctrl+s")
            await until(pilot, lambda: "written" in text(screen, "#told"))
            lines = dict(line.split(maxsplit=1) for line in text(screen, "#told").splitlines()[1:])
            assert Path(lines["config"]).is_file()
            assert lines["use"]
        await pilot.press("right")
        assert not screen.query_one("#layout", PickOne).disabled

    exporting_from(workspace, doing)


def test_a_trace_goes_along_when_asked_for(workspace: Path) -> None:
    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        assert '"burnish"' not in text(screen, "#rows")
        screen.query_one("#trace", PickOne).focus()
        await pilot.press("right")
        await until(pilot, lambda: '"burnish"' in text(screen, "#rows"))

    exporting_from(workspace, doing)


def test_a_person_s_decision_shows_at_once(workspace: Path) -> None:
    async def doing(app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        before = screen.query_one(RuleList).counts[ExportRule.ACCEPTED]
        await pilot.press("u")
        await until(pilot, lambda: screen.query_one(RuleList).counts[ExportRule.ACCEPTED] == before - 1)

    exporting_from(workspace, doing)


# What is there already


def test_a_file_that_is_there_is_replaced_only_when_one_says_so(workspace: Path) -> None:
    out = workspace.parent / "scene-refined.json"
    out.write_text("mine", "utf-8")

    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        path_line(screen).focus()
        await pilot.press("escape")
        assert screen.focused is None, "keys act"
        await pilot.press("w")
        await until(pilot, lambda: "there already" in text(screen, "#told"))
        await pilot.press("escape")
        path_line(screen).focus()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "there already" in text(screen, "#told"))
        assert "y replaces, esc leaves as is" in text(screen, "#told")
        await pilot.press("escape")
        assert "leave as" in text(screen, "#told")
        await pilot.press("y")
        assert out.read_text("utf-8") == "mine"
        await pilot.press("w")
        await until(pilot, lambda: "there already" in text(screen, "#told"))
        await pilot.press("down", "up")  # another rule is another question
        assert "there already" not in text(screen, "#told")
        await pilot.press("w")
        await until(pilot, lambda: "there already" in text(screen, "#told"))
        await pilot.press("y")
        await until(pilot, lambda: "written" in text(screen, "#told"))
        assert len(json.loads(out.read_text("utf-8"))) == 24

    exporting_from(workspace, doing)


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

    async def doing(app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        before = [path.read_bytes() for path in own]
        for typed, complaint in complaints.items():
            path_line(screen).value = typed
            app.clear_notifications()
            await pilot.press("w")
            await until(pilot, lambda told=complaint: any(told in one.message for one in app._notifications))  # type: ignore[misc]
            assert not hostile.acting(hostile.painted(app))
        assert [path.read_bytes() for path in own] == before

    exporting_from(workspace, doing)


def test_a_share_that_is_none_is_told_where_one_types_it(workspace: Path) -> None:
    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        await pilot.press("down", "down", "down", "down")
        share = screen.query_one("#share", PlainInput)
        assert isinstance(share.parent, Horizontal)
        assert share.parent.display
        share.value = "many"
        await until(pilot, lambda: text(screen, "#told").startswith("many: take a share such as 5%"))
        share.value = "2"
        await until(pilot, lambda: text(screen, "#told").startswith("2 of 24"))
        await pilot.press("up")
        assert not share.parent.display

    exporting_from(workspace, doing)


# A writing takes its time


class Slow(RowProgress):
    """Waits at its third row until it is stopped or let go."""

    go = threading.Event()

    def step(self) -> None:
        super().step()
        if self.rows == 3:
            for _ in range(500):
                if self._stop.wait(0.01) or self.go.is_set():
                    break


@pytest.mark.parametrize("format", ["json", "csv"])
def test_a_writing_that_is_stopped_leaves_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr(export_module, "RowProgress", Slow)
    out = workspace.parent / f"scene-refined.{format}"
    out.write_text("mine", "utf-8")

    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        while screen._format.container.name.lower() != format:
            screen.query_one("#container", PickOne).focus()
            await pilot.press("right")
        await pilot.press("w")
        await until(pilot, lambda: "there already" in text(screen, "#told"))
        await pilot.press("y")
        await until(pilot, lambda: "writing 3 of 24 rows" in text(screen, "#told"))
        await pilot.press("w")
        assert "writing" in text(screen, "#told"), "one at a time"
        await pilot.press("escape")
        await until(pilot, lambda: text(screen, "#told") == "stopped; nothing was written")
        assert out.read_text("utf-8") == "mine"
        assert not leftovers(workspace.parent)

    exporting_from(workspace, doing)


def test_leaving_the_app_stops_a_writing_and_leaves_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "RowProgress", Slow)

    async def doing(_app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        await pilot.press("w")
        await until(pilot, lambda: "writing 3 of 24 rows" in text(screen, "#told"))
        await pilot.press("2", "ctrl+q")

    exporting_from(workspace, doing)
    assert not leftovers(workspace.parent)
    assert not (workspace.parent / "scene-refined.json").exists()


def test_one_may_go_on_working_and_is_told_when_it_is_written(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "RowProgress", Slow)

    async def doing(app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        await pilot.press("w")
        await until(pilot, lambda: "writing 3" in text(screen, "#told"))
        await pilot.press("2")
        Slow.go.set()
        await until(pilot, lambda: any("written: 24" in told.message for told in app._notifications))
        Slow.go.clear()
        await pilot.press("5")
        assert text(screen, "#told").startswith("✓ written 24")

    exporting_from(workspace, doing)


@pytest.mark.parametrize("format", [Format.ALPACA, Format.CSV, Format.PARQUET])
def test_progress_ends_at_the_rows_there_are(workspace: Path, format: Format) -> None:
    progress = RowProgress()
    report = write(workspace, workspace.parent / "out", ExportRequest(format=format), progress)
    assert progress.rows == progress.total == report.rows == 24
    progress.stop()
    with pytest.raises(ExportStopped):
        progress.step()


# Any workspace


def test_nothing_was_run_yet(tmp_path: Path) -> None:
    path = scene(tmp_path, kinds=("waiting",), reviewed=False)

    async def doing(app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        await pilot.press("down")
        await until(pilot, lambda: text(screen, "#told") == "no sample of 24 passes this rule")
        assert text(screen, "#rows") == ""

    exporting_from(path, doing)


def test_another_workspace_brings_another_path(workspace: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    other_path = scene(other, [{"instruction": "a", "output": "b"}], reviewed=False)

    async def doing(app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        path_line(screen).value = "mine.json"
        await app.workbench.open(other_path)
        app.post_changed()
        await until(pilot, lambda: path_line(screen).value == str(other / "scene-refined.json"))
        await until(pilot, lambda: text(screen, "#told").startswith("1 of 1"))

    exporting_from(workspace, doing)


@pytest.mark.whole
def test_hostile_rows_are_shown_at_every_size(tmp_path: Path) -> None:
    path = scene(tmp_path, hostile.rows())

    async def doing(app: BurnishApp, screen: ExportScreen, pilot: Pilot[None]) -> None:
        for size in ((200, 60), (80, 24), (40, 12)):
            await pilot.resize_terminal(*size)
            for word in ("json", "csv"):
                while screen._format.container.name.lower() != word:
                    screen.query_one("#container", PickOne).focus()
                    await pilot.press("right")
                await pilot.pause(0.2)
                screen.query_one("#scroll").focus()
                for _ in range(6):
                    await pilot.press("pagedown")
                    assert not hostile.acting(hostile.painted(app))

    exporting_from(path, doing)


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
