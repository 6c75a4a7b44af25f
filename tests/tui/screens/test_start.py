"""The Start screen: whatever is chosen reaches the workbench, and whatever is wrong is said in a line."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual.widgets import Button, OptionList, Select

from engine.formats.names import Format
from engine.formats.read import Dataset, demo_dataset
from engine.health.models_here import list_models
from engine.health.remembered import Remembered, recall, remember
from engine.run.settings import load_settings
from engine.sample import PassedRow, Sample
from tests import hostile
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.parts import in_part
from tests.running import SHORT, dataset
from tests.scene import scene
from tests.tui.screens.start_seat import StartSeat
from tui.screens.run.screen import RunScreen
from tui.screens.start.browse import BrowseScreen
from tui.screens.start.data_pane import DataPane
from tui.screens.start.doctor_dialog import DoctorDialog
from tui.screens.start.models_pane import ModelsPane
from tui.screens.start.path_input import PathField, completions
from tui.widgets.model_picker import ModelPicker
from tui.widgets.plain_input import PlainInput

NASTY = "\x1b[2J[b] \u202egn\x9b.json"
"""A file's name."""

pytestmark = pytest.mark.usefixtures("nothing_of_this_machine_s")


# Data


def test_a_dataset_is_opened_by_its_path_and_summed_up() -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.press("escape", "o")  # to the path, from wherever one is
        await seat.open(demo_dataset())
        await seat.until(lambda: seat.workbench.is_open and "35" in seat.shown("#facts"))
        facts = seat.shown("#facts")
        assert "alpaca, a JSON array" in facts
        assert "instruction, input, output" in facts
        assert "none yet" in facts
        assert seat.workbench.path == Path("instructions.burnish")
        await seat.until(lambda: "instructions.burnish" in seat.text)
        assert recall().recent == (str(Path("instructions.burnish").absolute()),)

    StartSeat().play(steps)
    assert Path("instructions.burnish").stat().st_mode & 0o777 == 0o600


def test_a_dataset_is_read_with_the_names_and_the_encoding_that_are_given() -> None:
    rows = "".join(f"Où {number}?;À {number}\n" for number in range(4))
    Path("data.csv").write_bytes(f"frage;antwort\n{rows}".encode("cp1252"))

    async def steps(seat: StartSeat) -> None:
        await seat.open("data.csv")
        await seat.wait_for("perhaps cp1252", within="#error")
        await seat.type("#encoding", "cp1252")
        await seat.open("data.csv")
        await seat.wait_for('found "frage", "antwort"', within="#error")
        await seat.type("#columns", "instruction=frage,answer=antwort")
        await seat.open("data.csv")
        await seat.wait_for("--columns: expected PART=COLUMN", within="#error")
        await seat.type("#columns", "instruction=frage,response=antwort")
        await seat.open("data.csv")
        await seat.wait_for("csv, CSV", within="#facts")
        assert seat.workbench.source is not None
        assert str(seat.workbench.source.columns) == "instruction=frage,response=antwort"
        assert seat.workbench.source.encoding == "cp1252"

    StartSeat().play(steps)


@pytest.mark.whole
def test_a_dataset_that_has_grown_is_taken_up() -> None:
    data = dataset(Path("data.json"), SHORT[:2])

    async def steps(seat: StartSeat) -> None:
        await seat.open(data)
        await seat.until(lambda: seat.workbench.samples == 2 and "rows 2" in seat.shown("#facts"))
        dataset(data, SHORT[:4])
        await seat.open(data)
        await seat.wait_for("before it changed", within="#error")
        seat.screen.query_one("#append", Button).press()
        await seat.until(lambda: seat.workbench.samples == 4 and "rows 4" in seat.shown("#facts"))
        dataset(data, [*SHORT[1:4], *SHORT[:2]])
        await seat.open(data)
        await seat.wait_for("before it changed", within="#error")
        seat.screen.query_one("#append", Button).press()
        await seat.wait_for("is another than it was", within="#error")
        assert seat.workbench.samples == 4

    StartSeat().play(steps)


def test_a_dataset_is_read_as_the_format_that_is_chosen() -> None:
    dataset(
        Path("data.json"), [{"instruction": row["instruction"], "output": row["output"]} for row in SHORT]
    )

    async def steps(seat: StartSeat) -> None:
        format = seat.screen.query_one("#format", Select)

        async def read_as(word: Format) -> None:
            format.focus()
            await seat.press("enter", "home", *["down"] * (1 + list(Format).index(word)), "enter")
            await seat.until(lambda: format.value is word)
            await seat.open("data.json")

        await read_as(Format.SHAREGPT)
        await seat.wait_for("conversations for sharegpt", within="#error")
        await read_as(Format.ALPACA)
        await seat.wait_for("alpaca, a JSON array", within="#facts")
        assert seat.workbench.source is not None
        assert seat.workbench.source.format == "alpaca"

    StartSeat().play(steps)


@pytest.mark.whole
def test_a_path_is_completed_by_tab_and_arrows() -> None:
    Path("data").mkdir()
    for name in ("alpha.json", "alpine.csv", "notes.txt"):
        dataset(Path("data", name), SHORT)

    async def steps(seat: StartSeat) -> None:
        await seat.press("o", "d", "a")
        field = seat.screen.query_one(PathField)
        await seat.until(lambda: field.has_class("-listing"))
        await seat.press("tab")
        assert field.input.value == "data/"
        await seat.until(lambda: field.query_one(OptionList).option_count == 3)
        await seat.press("a")
        await seat.until(lambda: field.query_one(OptionList).option_count == 2)
        await seat.press("tab")
        assert field.input.value == "data/alp"
        await seat.until(lambda: field.query_one(OptionList).option_count == 2)
        await seat.press("down", "enter")
        await seat.until(lambda: seat.workbench.is_open)
        assert seat.workbench.source is not None
        assert seat.workbench.source.path.endswith("data/alpha.json")

    StartSeat().play(steps)


def test_completions_know_the_home_folder_hide_what_is_hidden_and_do_not_mind_letter_case(
    tmp_path: Path,
) -> None:
    for name in ("Data.json", ".secret.json", "a.py"):
        (tmp_path / "home" / name).touch()
    (tmp_path / "home" / "datasets").mkdir()
    assert completions("~") == ["~/"]
    assert completions("~/") == ["~/datasets/", "~/Data.json", "~/a.py"]
    assert completions("~/d") == ["~/datasets/", "~/Data.json"]
    assert completions("~/.s") == ["~/.secret.json"]
    for nowhere in ("/nowhere/x", "~nobody-here/x", "a\0b/c", "x" * 4000):
        assert completions(nowhere) == []


@pytest.mark.whole
def test_rows_without_a_sample_are_listed_and_left_out_only_if_asked() -> None:
    bad = [{"text": "x"}] * 7
    dataset(Path("data.json"), [*SHORT, *bad])

    async def steps(seat: StartSeat) -> None:
        await seat.open("data.json")
        await seat.until(lambda: seat.screen.query_one("#bad").display)
        bad_rows = seat.shown("#rows-bad")
        assert "7 rows cannot be read" in bad_rows
        assert "row 5: expected the fields `instruction` and `output`" in bad_rows
        assert "and 2 more" in bad_rows
        assert not seat.workbench.is_open
        assert not Path("data.burnish").exists()
        assert seat.app.focused is seat.screen.query_one("#skip")
        await seat.press("enter")
        await seat.wait_for("left out", within="#facts")
        assert seat.workbench.samples == len(SHORT)
        assert not seat.screen.query_one("#bad").display

    StartSeat().play(steps)


@pytest.mark.whole
def test_rows_that_cannot_be_refined_are_counted_and_stop_nothing() -> None:
    dataset(Path("data.json"), [*SHORT, {"instruction": "And this?", "output": ""}])

    async def steps(seat: StartSeat) -> None:
        await seat.open("data.json")
        await seat.wait_for("cannot be refined: 1 row, as it was: no answer yet 1", within="#facts")
        assert seat.workbench.samples == len(SHORT)
        assert f"{len(SHORT) + 1}" in seat.shown("#facts")

    StartSeat().play(steps)


@pytest.mark.whole
def test_the_facts_of_what_is_open_know_nothing_of_an_import_that_was_left(tmp_path: Path) -> None:
    dataset(Path("data.json"), [*SHORT, {"text": "x"}])

    async def steps(seat: StartSeat) -> None:
        await seat.press("1")
        await seat.until(lambda: seat.workbench.is_open and "selective" in seat.shown("#facts"))
        await seat.open("data.json")
        await seat.until(lambda: seat.screen.query_one("#bad").display)
        seat.screen.query_one("#leave").focus()
        await seat.press("enter")
        await seat.until(lambda: not seat.screen.query_one("#bad").display)
        await seat.press("escape", "f5")
        await seat.pilot.pause(0.2)
        assert "24" in seat.shown("#facts")
        assert "left out" not in seat.shown("#facts")

    StartSeat(scene(tmp_path)).play(steps)


WRONG: dict[str, tuple[bytes | None, str]] = {
    "missing.json": (None, "No such file"),
    "empty.json": (b"", "empty"),
    "latin.json": (b'[{"instruction": "\xe9", "output": "x"}]', "not UTF-8"),
    "utf16.json": ("[".encode("utf-16"), "the file ends in this row"),
    "broken.json": (b'[{"instruction": ', "row 1"),
    "shape.json": (b'[{"text": "x"}]', "expected"),
    "packed.json": (b"\x1f\x8b\x08\x00", "cut off or damaged"),
    "table.xlsx": (b"PK\x03\x04", "save it as CSV"),
    "prose.txt": (b"once upon a time", "begins with"),
    "not.burnish": (b"hello", "workspace"),
    "other.db": (b"SQLite format 3\0" + b"\0" * 100, "workspace"),
}


def test_what_cannot_be_opened_is_said_in_a_line_and_the_app_goes_on() -> None:
    for name, (content, _) in WRONG.items():
        if content is not None:
            Path(name).write_bytes(content)
    Path("folder").mkdir()
    Path("locked.json").write_bytes(b"[]")
    Path("locked.json").chmod(0)

    async def steps(seat: StartSeat) -> None:
        lines = {name: expected for name, (_, expected) in WRONG.items()}
        lines |= {"folder": "a folder", "a\0b": "NUL", "~nobody-here/x": "no path", "\ud800": "no path"}
        lines |= {"x" * 1000: "too long"}
        if os.geteuid():
            lines["locked.json"] = "Permission denied"
        error = seat.screen.query_one("#error")
        for name, expected in lines.items():
            error.display = False
            await seat.open(name)
            await seat.until(lambda: error.display)
            assert expected in seat.shown("#error"), name
            assert not hostile.acting(seat.lines), name
        assert not seat.workbench.is_open
        assert seat.notified("too long")
        await seat.open(dataset(Path("good.json"), SHORT))
        await seat.until(lambda: seat.workbench.is_open)
        assert not seat.screen.query_one("#error").display

    StartSeat().play(steps)
    assert {path.name for path in Path().glob("*.burnish")} == {"good.burnish", "not.burnish"}


@pytest.mark.whole
def test_a_workspace_shows_the_settings_of_its_run_under_any_name_and_again(tmp_path: Path) -> None:
    path = scene(tmp_path)
    other = path.rename(tmp_path / "renamed.db")

    async def steps(seat: StartSeat) -> None:
        assert isinstance(seat.app.screen, RunScreen), "it is not done: here it is taken up again"
        await seat.press("1")
        await seat.until(lambda: seat.workbench.is_open and "selective: 21 of 24" in seat.shown("#facts"))
        assert "3 failed" in seat.shown("#facts")
        teacher = seat.screen.query_one("#teacher", ModelPicker)
        assert teacher.name_given == seat.workbench.settings.teacher.name == "qwen3:8b"
        assert seat.screen.query_one("#student", ModelPicker).name_given == "demo"
        assert "qwen3:8b teaches · demo decides" in seat.shown("#ready")
        # The same file again: it is locked by nobody but this app.
        await seat.open(other)
        await seat.pilot.pause(0.3)
        assert seat.workbench.is_open
        assert not seat.screen.query_one("#error").display

    StartSeat(other).play(steps)


@pytest.mark.whole
def test_a_dataset_is_taken_up_again_unless_it_has_changed() -> None:
    data = dataset(Path("data.json"), SHORT)

    async def main() -> None:
        async with StartSeat(data) as seat:
            await seat.until(lambda: seat.workbench.is_open)
            await seat.open(data)
            await seat.pilot.pause(0.3)
            assert not seat.screen.query_one("#error").display
        async with StartSeat() as seat:
            await seat.open(data)
            await seat.until(lambda: seat.workbench.is_open)
        dataset(data, SHORT[:1])
        async with StartSeat() as seat:
            await seat.open(data)
            await seat.until(lambda: seat.screen.query_one("#error").display)
            assert "another dataset" in seat.shown("#error")

    asyncio.run(main())


@pytest.mark.whole
def test_recent_workspaces_are_listed_and_say_if_they_are_gone(tmp_path: Path) -> None:
    path = scene(tmp_path)
    remember(Remembered(recent=(str(path), str(tmp_path / "[b" / "gone\x1b.burnish"))))

    async def steps(seat: StartSeat) -> None:
        recent = seat.screen.query_one("#recent", OptionList)
        await seat.until(lambda: recent.option_count == 2)
        gone = str(recent.get_option_at_index(1).prompt)
        assert "gone␛.burnish" in gone
        assert "missing" in gone
        recent.focus()
        await seat.press("down", "down", "enter")
        await seat.until(lambda: seat.screen.query_one("#error").display)
        await seat.press("up", "enter")
        await seat.until(lambda: seat.workbench.is_open)

    StartSeat().play(steps)


def test_escape_leaves_the_line_one_types_in_and_keys_act_again(server: FakeOllama) -> None:
    async def steps(seat: StartSeat) -> None:
        for line in ("#path", "#teacher", "#student", "MethodForm"):
            seat.screen.query(f"{line} PlainInput").first().focus()
            await seat.press("2")
            assert seat.app.screen is seat.screen, "it was typed"
            await seat.until(lambda: "esc Leave line" in seat.text)
            await seat.press("escape")
            await seat.until(lambda: seat.app.focused is None and "Leave line" not in seat.text)
        await seat.press("d")
        await seat.until(lambda: isinstance(seat.app.screen, DoctorDialog))

    StartSeat(settings=load_settings({"teacher": {"host": server.url}})).play(steps)


@pytest.mark.whole
def test_a_file_is_chosen_from_a_tree() -> None:
    dataset(Path("data.json"), SHORT)

    async def steps(seat: StartSeat) -> None:
        seat.screen.query_one("#browse").focus()
        await seat.press("enter")
        await seat.until(lambda: isinstance(seat.app.screen, BrowseScreen) and "data.json" in seat.text)
        await seat.press("backspace")
        await seat.until(lambda: "home" in seat.text)
        await seat.press("escape", "enter")
        await seat.until(lambda: isinstance(seat.app.screen, BrowseScreen) and "data.json" in seat.text)
        await seat.press("down", "enter")
        await seat.until(lambda: seat.workbench.is_open)

    StartSeat().play(steps)


@pytest.mark.whole
def test_a_long_import_counts_its_rows_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset(Path("data.json"), SHORT)
    contents, stopped = Dataset.contents, Event()

    def slow(self: Dataset, *given: Any) -> Iterator[Sample | PassedRow]:
        for row in contents(self, *given):
            yield row
        assert isinstance(row, Sample)
        while not stopped.wait(0.01):
            row = row.model_copy(update={"index": row.index + 1, "number": row.number + 1})
            yield row

    monkeypatch.setattr(Dataset, "contents", slow)

    async def steps(seat: StartSeat) -> None:
        await seat.wait_for("samples so far", within="#rows")
        assert seat.shown("#ready") == "one moment: it is being read"
        await seat.press("escape", "ctrl+s")
        assert seat.notified("what was opened is still being read")
        await seat.open("other.json")
        await seat.wait_for("stop that first", within="#error")
        seat.screen.query_one("#stop").press()  # type: ignore[attr-defined]
        await seat.until(lambda: not seat.screen.query_one("#import").display)
        assert seat.notified("stopped")
        assert not seat.workbench.is_open

    StartSeat(data).play(steps)
    assert not {path.suffix for path in Path().iterdir()} & {".burnish", ".burnish-new"}


# Everywhere


@in_part(("columns", "across"), [(80, 1), (120, 2), (200, 3)])
def test_the_panes_stand_in_as_many_columns_as_there_is_room_for(columns: int, across: int) -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.pilot.pause()
        panes = [seat.screen.query_one(pane) for pane in (DataPane, ModelsPane, "#method")]
        assert len({pane.region.x for pane in panes}) == across
        await seat.unfold()
        await seat.pilot.pause()
        chain = [widget.id for widget in seat.screen.focus_chain]
        assert {"browse", "run-method", "student-exact", "limit", "begin"} <= set(chain)
        for name in ("#student-exact", "#limit", "#path PlainInput"):
            (widget := seat.screen.query_one(name)).focus()
            await seat.until(lambda: widget.region.bottom < 23)

    StartSeat(size=(columns, 24)).play(steps)


@pytest.mark.whole
def test_hostile_names_of_files_and_models_are_shown_as_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [text[:200] for text in hostile.CORPUS.values() if text.strip()]
    served = [
        name for name in names if name.isprintable() or "\ud800" not in name
    ]  # JSON on the wire is UTF-8
    data = dataset(Path(NASTY), SHORT)
    (folder := Path("[b]\x1b[0m")).mkdir()
    dataset(folder / "x\nytab\t.json", SHORT)
    models = [
        Model.named(name, details={"quantization_level": name, "parameter_size": name}) for name in served
    ]

    async def main() -> None:
        with FakeOllama(models=models) as running:
            settings = load_settings({"teacher": {"host": running.url}})
            async with StartSeat(data, size=(80, 60), settings=settings) as seat:
                listed = seat.screen.query_one("#teacher OptionList", OptionList)
                await seat.until(lambda: seat.workbench.is_open and listed.option_count >= len(served))

                def look() -> None:
                    assert not hostile.acting(seat.lines)

                listed.focus()
                for key in ("end", "pageup", "enter", "pageup", "enter", "home", "enter"):
                    await seat.press(key)
                    look()
                for name in names:
                    seat.screen.query_one("#student PlainInput", PlainInput).value = name
                    seat.screen.query_one("#path PlainInput", PlainInput).value = name
                    await seat.pilot.pause()
                    look()
                await seat.type("#path PlainInput", "[b]\x1b[0m/")
                await seat.until(lambda: "x␊ytab␉.json" in seat.text)
                look()
                await seat.press("down", "enter")
                await seat.pilot.pause(0.2)
                look()
                seat.screen.query_one("#browse").focus()
                await seat.press("enter")
                await seat.until(lambda: isinstance(seat.app.screen, BrowseScreen) and "␛[2J" in seat.text)
                look()

    asyncio.run(main())


def test_the_list_for_the_app_is_the_command_line_s(server: FakeOllama) -> None:
    found = asyncio.run(list_models(load_settings({"teacher": {"host": server.url}})))
    assert [model.name for model in found.models] == ["qwen3:8b", "far:cloud", "demo"]
    assert json.dumps([model.called("teacher") for model in found.models]) == '["qwen3:8b", null, "demo"]'
