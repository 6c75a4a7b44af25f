"""The Start screen: models, the method, and the way into a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual.widgets import OptionList

from engine.method.recipe import Method
from engine.method.templates import TemplateName
from engine.run.settings import Schedule, Settings, load_settings
from models.system import machine
from tests.ollama.server import FakeOllama
from tests.openai.server import FakeOpenAI
from tests.running import SHORT, dataset
from tests.tui.screens.start_seat import StartSeat
from tui.screens.start.doctor_dialog import DoctorDialog
from tui.screens.start.pull_bar import PullBar
from tui.state.workbench import Workbench
from tui.widgets.model_picker import ModelPicker
from tui.widgets.pick_one import PickOne
from tui.widgets.plain_input import PlainInput

pytestmark = pytest.mark.usefixtures("nothing_of_this_machine_s")


# Models


def test_models_are_listed_and_chosen_and_one_in_the_cloud_is_refused_with_the_reason(
    server: FakeOllama,
) -> None:
    async def steps(seat: StartSeat) -> None:
        teacher = seat.screen.query_one("#teacher", ModelPicker)
        listed = teacher.query_one(OptionList)
        await seat.until(lambda: listed.option_count == 3)
        rows = [str(listed.get_option_at_index(n).prompt) for n in range(3)]
        assert "qwen3:8b" in rows[0]
        assert "469 MiB" in rows[0]
        assert "Q4_K_M" in rows[0]
        assert "here" in rows[0]
        assert "your data would leave this machine" in rows[2]
        listed.focus()
        await seat.press("end", "enter")
        assert seat.workbench.settings.teacher.name is None
        assert seat.notified("your data would leave")
        await seat.press("home", "enter")
        assert seat.workbench.settings.teacher.name == "qwen3:8b"
        assert teacher.name_given == "qwen3:8b"
        await seat.wait_for("needs about 1.0 GiB", within="#teacher #said")
        await seat.type("#student PlainInput", "demo")
        await seat.wait_for("GiB free", "both models in memory (interleaved)", within="#memory")
        # Typed by hand, it is refused all the same.
        await seat.type("#teacher PlainInput", "far:cloud")
        await seat.wait_for("Ollama's cloud", within="#teacher #said")
        await seat.open(dataset(Path("data.json"), SHORT))
        await seat.until(lambda: seat.workbench.is_open)
        await seat.press("s")
        await seat.until(lambda: seat.notified("far:cloud runs in Ollama's cloud"))
        assert not seat.workbench.run_job.running

    StartSeat(settings=load_settings({"teacher": {"host": server.url}})).play(steps)


@pytest.mark.whole
def test_a_model_of_another_server_is_asked_for_with_its_url(tmp_path: Path) -> None:
    async def steps(seat: StartSeat) -> None:
        teacher = seat.screen.query_one("#teacher", ModelPicker)
        assert not teacher.url.display
        await seat.open(dataset(tmp_path / "data.json", SHORT))
        await seat.until(lambda: seat.workbench.is_open)
        await seat.type("#teacher PlainInput", "openai:nope")
        await seat.wait_for("--teacher-url", within="#teacher #said")
        assert teacher.url.display
        await seat.press("enter")
        assert teacher.url.has_focus, "its URL is the next thing to say"
        await seat.press(*other.base)
        await seat.wait_for(f"at {other.base}", within="#teacher #said")
        assert seat.workbench.settings.teacher.url == other.base
        await seat.type("#student PlainInput", "demo")
        await seat.press("escape", "s")
        await seat.until(lambda: seat.notified("it has small:1b"))
        assert not seat.screen.query_one(PullBar).has_class("-open"), "only Ollama can pull"
        assert not seat.workbench.run_job.running

    with FakeOpenAI() as other:
        StartSeat().play(steps)


@pytest.mark.whole
def test_the_models_of_another_server_are_in_the_teacher_s_list_alone() -> None:
    async def steps(seat: StartSeat) -> None:
        teacher, student = (
            seat.screen.query_one(f"#{role} OptionList", OptionList) for role in ("teacher", "student")
        )
        await seat.until(lambda: teacher.option_count == 2 and student.option_count == 1)
        teacher.focus()
        await seat.press("home", "enter")
        await seat.until(lambda: seat.workbench.settings.teacher.name == "openai:small:1b")
        await seat.wait_for(f"at {other.base}", within="#teacher #said")

    with FakeOpenAI() as other:
        StartSeat(settings=load_settings({"teacher": {"url": other.base}})).play(steps)


def test_a_model_that_does_not_fit_is_said_with_the_numbers(
    server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(2**30, 2**30))
    settings = load_settings(
        {"teacher": {"name": "qwen3:8b", "host": server.url}, "student": {"name": "demo"}}
    )

    async def steps(seat: StartSeat) -> None:
        await seat.wait_for("staged", within="#memory")
        assert "too little for both" in seat.shown("#memory")

    StartSeat(settings=settings).play(steps)


@pytest.mark.whole
def test_a_server_that_is_down_is_said_with_the_way_to_start_it_and_files_are_listed() -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.wait_for("ollama serve", within="#server")
        assert seat.screen.query_one("#student OptionList", OptionList).option_count == 1

    StartSeat().play(steps)


@pytest.mark.whole
def test_a_file_by_its_path_is_a_model_or_says_why_not() -> None:
    Path("bad.gguf").write_bytes(b"not one")

    async def steps(seat: StartSeat) -> None:
        for name, expected in {
            "bad.gguf": "another kind of file",
            "absent.gguf": "no such file",
            "demo": "needs about",
            "": "none chosen",
        }.items():
            await seat.type("#student PlainInput", name)
            await seat.wait_for(expected, within="#student #said")
        await seat.type("#teacher PlainInput", "./bad.gguf")
        await seat.wait_for("gguf:./bad.gguf", within="#teacher #said")

    StartSeat().play(steps)


@pytest.mark.whole
def test_a_missing_model_is_pulled_with_a_bar_and_chosen(server: FakeOllama) -> None:
    layer = {"status": "pulling 1d96", "digest": "sha256:1d96", "total": 2**30}
    server.registry["new:1b"] = [
        {"status": "pulling manifest"}, layer, {**layer, "completed": 2**29}, {"status": "success"},
    ]  # fmt: skip

    async def steps(seat: StartSeat) -> None:
        await seat.until(lambda: seat.screen.query_one("#teacher OptionList", OptionList).option_count)
        await seat.press("escape", "p")
        field = seat.screen.query_one("PullBar PlainInput", PlainInput)
        assert seat.app.focused is field
        await seat.type("PullBar PlainInput", "absent:7b")
        await seat.press("enter")
        await seat.wait_for("the registry has no model absent:7b", within="#status")
        assert seat.notified("absent:7b")
        await seat.type("PullBar PlainInput", "far:cloud")
        await seat.press("enter")
        await seat.wait_for("cloud", within="#status")
        await seat.type("PullBar PlainInput", "new:1b")
        await seat.press("enter")
        await seat.wait_for("new:1b is here", within="#status")
        assert seat.workbench.settings.teacher.name == "new:1b"
        listed = seat.screen.query_one("#teacher OptionList", OptionList)
        await seat.until(lambda: any("new:1b" in str(one.prompt) for one in listed.options))

    StartSeat(settings=load_settings({"teacher": {"host": server.url}})).play(steps)


def test_a_pull_shows_how_far_it_is_and_can_be_stopped(
    server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = {"status": "pulling 1d96", "digest": "sha256:1d96", "completed": 2**28, "total": 2**30}
    hanging = Event()

    class Slow(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            yield step
            hanging.wait(5)

    server.registry["slow:1b"] = Slow([step])

    async def main() -> None:
        async with StartSeat(settings=load_settings({"teacher": {"host": server.url}})) as seat:
            await seat.press("escape", "p")
            await seat.type("PullBar PlainInput", "slow:1b")
            await seat.press("enter")
            await seat.wait_for("256 MiB of 1.0 GiB", within="#status")
            bar = seat.screen.query_one(PullBar)
            assert bar.pulling
            await seat.press("escape")
            assert not bar.pulling
            assert "stopped" in seat.shown("#status")
            await seat.press("escape")
            assert not bar.has_class("-open")

    try:
        asyncio.run(main())
    finally:
        hanging.set()


@pytest.mark.whole
def test_the_check_lists_what_is_wrong_first_and_what_to_do(server: FakeOllama) -> None:
    settings = load_settings({"teacher": {"name": "absent", "host": server.url}, "student": {"name": "demo"}})

    async def steps(seat: StartSeat) -> None:
        await seat.press("escape", "d")
        await seat.until(lambda: isinstance(seat.app.screen, DoctorDialog) and "✗" in seat.text)
        assert "1 problem: a run would not work" in seat.text
        assert "burnish pull absent" in seat.text
        assert seat.text.index("teacher ") < seat.text.index("settings ")
        await seat.press("escape")
        assert seat.app.screen is seat.screen

    StartSeat(settings=settings).play(steps)


# Method


def test_what_is_set_in_the_form_reaches_the_desk() -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.unfold()
        for name, keys in {
            "run-method": ["right"], "run-template": ["right", "right", "right"], "run-schedule": ["left"],
            "run-reply_form": ["right"], "run-both_branches": ["space"], "student-exact": ["space"],
        }.items():  # fmt: skip
            seat.screen.query_one(f"#{name}", PickOne).focus()
            await seat.press(*keys)
        await seat.type("#run-candidates", "3")
        await seat.type("#teacher-parallel", "2")
        settings = seat.workbench.settings
        assert settings.run.method is Method.REFLECT
        assert settings.run.template is TemplateName.CHAT
        assert settings.run.schedule is Schedule.STAGED
        assert settings.run.reply_form == "json"
        assert (settings.run.both_branches, settings.student.exact) == (True, True)
        assert (settings.run.candidates, settings.teacher.parallel) == (3, 2)
        assert "Rewrites the teacher is asked for in each stage" in seat.shown("#help-run-candidates")
        await seat.type("#run-candidates", "99")
        assert "less than or equal to 16" in seat.shown("#help-run-candidates")
        assert seat.workbench.settings.run.candidates == 3

    StartSeat().play(steps)


@pytest.mark.whole
def test_near_ties_and_the_weights_that_verify_them_are_set_in_the_form() -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.unfold()

        def near_tie() -> object:
            return seat.workbench.settings.run.near_tie

        assert seat.screen.query_one("#run-near_tie", PlainInput).value == "auto"
        await seat.type("#run-near_tie", "0.05")
        assert near_tie() == 0.05
        await seat.type("#run-near_tie", "much")
        assert "✗" in seat.shown("#help-run-near_tie")
        assert near_tie() == 0.05
        await seat.type("#run-near_tie", "auto")
        assert near_tie() == "auto"
        await seat.type("#student-verify", "better.f16.gguf")
        assert seat.workbench.settings.student.verify == "better.f16.gguf"
        await seat.type("#student-verify", "")
        assert seat.workbench.settings.student.verify is None

    StartSeat().play(steps)


@pytest.mark.whole
def test_a_run_starts_with_the_limit_once_nothing_is_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[Settings, int | None]] = []

    async def refine(self: Workbench, *, limit: int | None = None, **_: Any) -> None:
        begun.append((self.settings, limit))
        await asyncio.sleep(60)

    monkeypatch.setattr(Workbench, "refine", refine)
    data = dataset(Path("data.json"), SHORT)

    async def steps(seat: StartSeat) -> None:

        async def refused(expected: str) -> None:
            await seat.press("ctrl+s")
            await seat.until(lambda: seat.toasts and expected in seat.toasts[-1])
            assert not begun

        async def asked(expected: str, line: str) -> None:
            """The very next key is typed where it is asked for."""
            seat.screen.action_begin()
            assert seat.screen.focused is seat.screen.query_one(line, PlainInput)
            await seat.until(lambda: expected in seat.shown("#ready"))
            assert not seat.toasts, "it stands on the screen already"
            assert not begun

        await asked("open a dataset", "#path PlainInput")
        await seat.open(data)
        await seat.until(lambda: seat.workbench.is_open)
        await asked("choose a teacher", "#teacher PlainInput")
        await seat.type("#teacher PlainInput", "qwen3:8b")
        await asked("choose a student", "#student PlainInput")
        await seat.type("#student PlainInput", "absent.gguf")
        await refused("no such file")
        await seat.type("#student PlainInput", "demo")
        await refused("ollama serve")
        seat.screen.query_one("#run-method", PickOne).focus()
        await seat.press("left")
        assert seat.workbench.settings.run.method is Method.SCORE
        await seat.type("#limit", "0")
        await refused("from 1 on")
        await seat.unfold()
        await seat.type("#run-candidates", "")
        await seat.type("#limit", "2")
        await refused("candidates")
        await seat.type("#run-candidates", "1")
        await seat.type("#run-sample", "3")
        assert seat.workbench.settings.run.sample == 3
        await seat.type("#run-sample", "")
        assert seat.workbench.settings.run.sample is None
        await seat.press("ctrl+s")
        await seat.until(lambda: begun)
        assert begun == [(seat.workbench.settings, 2)]

    StartSeat().play(steps)


@pytest.mark.whole
def test_a_teacher_the_server_has_not_got_leads_to_a_pull(server: FakeOllama) -> None:
    settings = load_settings(
        {"teacher": {"name": "absent:7b", "host": server.url}, "student": {"name": "demo"}}
    )

    async def steps(seat: StartSeat) -> None:
        await seat.until(lambda: seat.workbench.is_open and "p downloads it" in seat.shown("#teacher #said"))
        seat.screen.query_one("#begin").focus()
        await seat.press("s")
        await seat.until(lambda: seat.screen.query_one(PullBar).has_class("-open"))
        assert seat.screen.query_one("PullBar PlainInput", PlainInput).value == "absent:7b"

    StartSeat(dataset(Path("data.json"), SHORT), settings=settings).play(steps)
