"""The Start screen: what is typed goes where it is meant, and what was chosen is there the next time."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Collapsible, OptionList

from engine.health.remembered import Remembered, recall, remember
from engine.run.settings import load_settings
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, dataset
from tests.scene import scene
from tests.tui.screens.start_seat import StartSeat
from tui.screens.start.path_input import PathField
from tui.widgets.model_picker import ModelPicker

pytestmark = pytest.mark.usefixtures("nothing_of_this_machine_s")


def test_at_first_keys_are_keys_and_the_path_is_typed_after_its_own() -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.pilot.pause()
        assert seat.screen.focused is None
        await seat.press("2")
        assert seat.shown("#ready") == "! open a dataset or a workspace first: o"
        assert not seat.toasts, "the line at the foot says it"
        field = seat.screen.query_one(PathField).input
        await seat.press("o", *"old.json")
        assert field.value == "old.json"
        await seat.press("escape", "escape", "o", *"new")
        assert field.value == "new", "the old path was selected"

    StartSeat().play(steps)


def test_without_a_path_enter_opens_the_last_workspace(tmp_path: Path) -> None:
    path = scene(tmp_path)
    remember(Remembered(recent=(str(path),)))

    async def steps(seat: StartSeat) -> None:
        recent = seat.screen.query_one("#recent", OptionList)
        await seat.until(lambda: recent.has_focus and recent.highlighted == 0)
        await seat.wait_for("nothing answers")
        assert seat.screen.query_one("#panes").scroll_y == 0, "the path stays in sight"
        await seat.press("2")
        assert seat.shown("#ready") == "! open a dataset or a workspace first: o", "no line has the focus"
        await seat.press("enter")
        await seat.until(lambda: seat.workbench.path == path)

    StartSeat(size=(80, 24)).play(steps)


def test_start_with_something_missing_goes_to_it() -> None:
    data = dataset(Path("data.json"), SHORT)

    async def steps(seat: StartSeat) -> None:
        await seat.press("ctrl+s")
        await seat.until(lambda: seat.screen.focused is seat.screen.query_one(PathField).input)
        await seat.open(data)
        await seat.until(lambda: seat.workbench.is_open)
        await seat.press("escape", "ctrl+s")
        teacher, student = (seat.screen.query_one(f"#{role}", ModelPicker) for role in ("teacher", "student"))
        await seat.until(lambda: teacher.input.has_focus)
        await seat.press(*"demo", "enter")
        await seat.until(lambda: student.input.has_focus)

    StartSeat().play(steps)


def test_a_name_that_cannot_serve_keeps_the_focus_and_its_correction_is_no_shortcut() -> None:
    async def steps(seat: StartSeat) -> None:
        teacher = seat.screen.query_one("#teacher", ModelPicker)
        teacher.input.focus()
        await seat.press(*"gguf:nope.gguf", "enter")
        await seat.wait_for("no such file", within="#teacher #said")
        await seat.press(*"pto")
        assert teacher.input.has_focus
        assert teacher.name_given == "gguf:nope.ggufpto"
        assert len(seat.app.screen_stack) == 2, "no dialog was opened"

    StartSeat().play(steps)


def test_what_is_typed_narrows_the_list_until_it_is_a_whole_name() -> None:
    with FakeOllama(models=[Model.named(name) for name in ("qwen3:8b", "qwen3:14b", "gemma3:4b")]) as server:

        async def steps(seat: StartSeat) -> None:
            teacher = seat.screen.query_one("#teacher", ModelPicker)
            listed = teacher.query_one(OptionList)
            await seat.until(lambda: listed.option_count == 4)
            teacher.input.focus()
            await seat.press(*"GEM")
            assert listed.option_count == 1
            await seat.press("enter", "enter")  # into the list, and its first
            assert seat.workbench.settings.teacher.name == "gemma3:4b"
            assert listed.option_count == 4, "all are there to choose another"
            teacher.input.focus()
            await seat.press("down", "enter")
            assert seat.workbench.settings.teacher.name == "qwen3:8b"
            await seat.type("#teacher PlainInput", "gguf:model.gguf")
            assert listed.option_count == 4, "none is like it"

        StartSeat(settings=load_settings({"teacher": {"host": server.url}})).play(steps)


@pytest.mark.whole
def test_the_models_of_the_last_run_stand_there_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset(Path("data.json"), SHORT)

    async def first(seat: StartSeat) -> None:
        monkeypatch.setattr(seat.app, "_refine", lambda message: None)
        await seat.open(data)
        await seat.until(lambda: seat.workbench.is_open)
        await seat.type("#teacher PlainInput", "demo")
        await seat.type("#student PlainInput", "demo")
        await seat.press("ctrl+s")
        await seat.until(lambda: recall().teacher == "demo")

    async def next_time(seat: StartSeat) -> None:
        await seat.until(lambda: seat.screen.query_one("#teacher", ModelPicker).name_given == "demo")
        assert seat.screen.query_one("#student", ModelPicker).name_given == "demo"

    async def with_another(seat: StartSeat) -> None:
        await seat.pilot.pause()
        assert seat.screen.query_one("#teacher", ModelPicker).name_given == "gguf:other.gguf"

    StartSeat().play(first)
    StartSeat().play(next_time)
    StartSeat(settings=load_settings({"teacher": {"name": "gguf:other.gguf"}})).play(with_another)


@pytest.mark.whole
def test_a_remembered_address_that_is_not_this_machine_s_is_not_taken() -> None:
    remember(Remembered(teacher="openai:m", teacher_url="http://192.0.2.1:80/v1", student="demo"))

    async def steps(seat: StartSeat) -> None:
        await seat.type("#student PlainInput", "demo")
        await seat.open(dataset(Path("data.json"), SHORT))
        await seat.until(lambda: seat.workbench.is_open)
        await seat.press("escape", "ctrl+s")
        await seat.until(lambda: seat.notified("192.0.2.1"))
        assert not seat.workbench.run_job.running

    StartSeat().play(steps)


@pytest.mark.whole
def test_settings_seldom_changed_are_folded_and_the_fold_names_the_changed_ones() -> None:
    async def steps(seat: StartSeat) -> None:
        more = seat.screen.query_one("#more", Collapsible)
        assert more.collapsed
        assert more.title == "More settings: changed candidates"
        more.query_one("CollapsibleTitle").focus()
        await seat.press("enter")
        assert not more.collapsed
        await seat.until(lambda: seat.screen.query("#run-candidates"))
        await seat.open(dataset(Path("data.json"), SHORT))
        await seat.until(lambda: seat.workbench.is_open)
        await seat.type("#teacher PlainInput", "demo")
        await seat.type("#student PlainInput", "demo")
        await seat.type("#run-candidates", "0")
        more.collapsed = True
        await seat.press("escape", "ctrl+s")
        await seat.until(lambda: seat.notified("candidates: "))
        assert not more.collapsed, "what is wrong is shown"

    StartSeat(settings=load_settings({"run": {"candidates": 2}})).play(steps)


@pytest.mark.whole
def test_the_first_samples_are_shown_where_there_is_room() -> None:
    data = dataset(Path("data.json"), SHORT)

    async def steps(seat: StartSeat) -> None:
        await seat.open(data)
        await seat.wait_for(SHORT[0]["instruction"][:30])

    async def narrow(seat: StartSeat) -> None:
        await seat.open(data)
        await seat.wait_for("rows")
        assert not seat.screen.query_one("#first-samples").display

    StartSeat().play(steps)
    StartSeat(size=(80, 24)).play(narrow)


def test_the_line_at_the_foot_names_both_models_on_eighty_columns() -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.open(dataset(Path("data.json"), SHORT))
        await seat.wait_for("qwen0.5b-instruct:latest teaches · demo decides")
        await seat.pilot.resize_terminal(120, 24)
        await seat.wait_for("method selective · qwen0.5b-instruct:latest teaches · demo decides")

    given = {"teacher": {"name": "qwen0.5b-instruct:latest"}, "student": {"name": "demo"}}
    StartSeat(settings=load_settings(given), size=(80, 24)).play(steps)


def test_on_a_small_terminal_the_line_one_types_in_is_in_sight_with_its_list() -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.open(dataset(Path("data.json"), SHORT))
        teacher = seat.screen.query_one("#teacher", ModelPicker)
        await seat.until(lambda: teacher.input.has_focus)
        await seat.wait_for("rows", within="DataPane Facts")
        panes = seat.screen.query_one("#panes")
        await seat.until(lambda: panes.region.contains_region(teacher.region))

    StartSeat(size=(80, 24)).play(steps)


def test_the_line_at_the_foot_counts_what_a_run_would_refine(tmp_path: Path) -> None:
    async def steps(seat: StartSeat) -> None:
        seat.app.action_go_start()
        await seat.wait_for("24 samples, method")
        await seat.workbench.decide_from("dropped", lambda opened: opened.reviews.dropping((3, 7)))
        seat.app.post_changed()
        await seat.wait_for("22 samples, method")
        await seat.type("#limit", "5")
        await seat.wait_for("4 samples, method")

    StartSeat(scene(tmp_path)).play(steps)
