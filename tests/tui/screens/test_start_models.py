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
from tests.running import SHORT, dataset
from tests.tui.screens.starting import run, started
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
    async def main() -> None:
        async with started(settings=load_settings({"teacher": {"host": server.url}})) as here:
            teacher = here.start.query_one("#teacher", ModelPicker)
            listed = teacher.query_one(OptionList)
            await here.until(lambda: listed.option_count == 3)
            rows = [str(listed.get_option_at_index(n).prompt) for n in range(3)]
            assert "qwen3:8b" in rows[0]
            assert "469 MiB" in rows[0]
            assert "Q4_K_M" in rows[0]
            assert "here" in rows[0]
            assert "your data would leave this machine" in rows[2]
            listed.focus()
            await here.press("end", "enter")
            assert here.workbench.settings.teacher.name is None
            assert any("your data would leave" in toast for toast in here.toasts)
            await here.press("home", "enter")
            assert here.workbench.settings.teacher.name == "qwen3:8b"
            assert teacher.name_given == "qwen3:8b"
            await here.shows("#teacher #said", "needs about 1.0 GiB")
            await here.type("#student PlainInput", "demo")
            await here.until(lambda: "GiB free" in here.said("#memory") and "because" in here.said("#memory"))
            # Typed by hand, it is refused all the same.
            await here.type("#teacher PlainInput", "far:cloud")
            await here.shows("#teacher #said", "Ollama's cloud")
            await here.open(dataset(Path("data.json"), SHORT))
            await here.until(lambda: here.workbench.is_open)
            await here.press("s")
            await here.until(
                lambda: any("far:cloud runs in Ollama's cloud" in toast for toast in here.toasts)
            )
            assert not here.workbench.run_job.running

    run(main)


def test_a_model_that_does_not_fit_is_said_with_the_numbers(
    server: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(2**30, 2**30))
    settings = load_settings(
        {"teacher": {"name": "qwen3:8b", "host": server.url}, "student": {"name": "demo"}}
    )

    async def main() -> None:
        async with started(settings=settings) as here:
            await here.shows("#memory", "staged")
            assert "too little for both" in here.said("#memory")

    run(main)


def test_a_server_that_is_down_is_said_with_the_way_to_start_it_and_files_are_listed() -> None:
    async def main() -> None:
        async with started() as here:
            await here.shows("#server", "ollama serve")
            assert here.start.query_one("#student OptionList", OptionList).option_count == 1

    run(main)


def test_a_file_by_its_path_is_a_model_or_says_why_not() -> None:
    Path("bad.gguf").write_bytes(b"not one")

    async def main() -> None:
        async with started() as here:
            for name, expected in {
                "bad.gguf": "another kind of file",
                "absent.gguf": "no such file",
                "demo": "needs about",
                "": "none chosen",
            }.items():
                await here.type("#student PlainInput", name)
                await here.shows("#student #said", expected)
            await here.type("#teacher PlainInput", "./bad.gguf")
            await here.shows("#teacher #said", "gguf:./bad.gguf")

    run(main)


def test_a_missing_model_is_pulled_with_a_bar_and_chosen(server: FakeOllama) -> None:
    layer = {"status": "pulling 1d96", "digest": "sha256:1d96", "total": 2**30}
    server.registry["new:1b"] = [
        {"status": "pulling manifest"}, layer, {**layer, "completed": 2**29}, {"status": "success"},
    ]  # fmt: skip

    async def main() -> None:
        async with started(settings=load_settings({"teacher": {"host": server.url}})) as here:
            await here.until(lambda: here.start.query_one("#teacher OptionList", OptionList).option_count)
            await here.press("escape", "p")
            field = here.start.query_one("PullBar PlainInput", PlainInput)
            assert here.app.focused is field
            await here.type("PullBar PlainInput", "absent:7b")
            await here.press("enter")
            await here.shows("#status", "the registry has no model absent:7b")
            assert any("absent:7b" in toast for toast in here.toasts)
            await here.type("PullBar PlainInput", "far:cloud")
            await here.press("enter")
            await here.shows("#status", "cloud")
            await here.type("PullBar PlainInput", "new:1b")
            await here.press("enter")
            await here.shows("#status", "new:1b is here")
            assert here.workbench.settings.teacher.name == "new:1b"
            listed = here.start.query_one("#teacher OptionList", OptionList)
            await here.until(lambda: any("new:1b" in str(one.prompt) for one in listed.options))

    run(main)


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
        async with started(settings=load_settings({"teacher": {"host": server.url}})) as here:
            await here.press("escape", "p")
            await here.type("PullBar PlainInput", "slow:1b")
            await here.press("enter")
            await here.shows("#status", "256 MiB of 1.0 GiB")
            bar = here.start.query_one(PullBar)
            assert bar.pulling
            await here.press("escape")
            assert not bar.pulling
            assert "stopped" in here.said("#status")
            await here.press("escape")
            assert not bar.has_class("-open")

    try:
        run(main)
    finally:
        hanging.set()


def test_the_check_lists_what_is_wrong_first_and_what_to_do(server: FakeOllama) -> None:
    settings = load_settings({"teacher": {"name": "absent", "host": server.url}, "student": {"name": "demo"}})

    async def main() -> None:
        async with started(settings=settings) as here:
            await here.press("escape", "d")
            await here.until(lambda: isinstance(here.app.screen, DoctorDialog) and "✗" in here.text)
            assert "1 problem: a run would not work" in here.text
            assert "burnish pull absent" in here.text
            assert here.text.index("teacher ") < here.text.index("settings ")
            await here.press("escape")
            assert here.app.screen is here.start

    run(main)


# Method


def test_what_is_set_in_the_form_reaches_the_desk() -> None:
    async def main() -> None:
        async with started() as here:
            for name, keys in {
                "run-method": ["right"], "run-template": ["right", "right", "right"], "run-schedule": ["left"],
                "run-reply_form": ["right"], "run-both_branches": ["space"], "student-exact": ["space"],
            }.items():  # fmt: skip
                here.start.query_one(f"#{name}", PickOne).focus()
                await here.press(*keys)
            await here.type("#run-candidates", "3")
            await here.type("#teacher-parallel", "2")
            settings = here.workbench.settings
            assert settings.run.method is Method.REFLECT
            assert settings.run.template is TemplateName.CHAT
            assert settings.run.schedule is Schedule.STAGED
            assert settings.run.reply_form == "json"
            assert (settings.run.both_branches, settings.student.exact) == (True, True)
            assert (settings.run.candidates, settings.teacher.parallel) == (3, 2)
            assert "Rewrites the teacher is asked for in each stage" in here.said("#help-run-candidates")
            await here.type("#run-candidates", "99")
            assert "less than or equal to 16" in here.said("#help-run-candidates")
            assert here.workbench.settings.run.candidates == 3

    run(main)


def test_a_run_starts_with_the_limit_once_nothing_is_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[Settings, int | None]] = []

    async def refine(self: Workbench, *, limit: int | None = None, retry_failed: bool = False) -> None:
        begun.append((self.settings, limit))
        await asyncio.sleep(60)

    monkeypatch.setattr(Workbench, "refine", refine)
    data = dataset(Path("data.json"), SHORT)

    async def main() -> None:
        async with started() as here:

            async def refused(expected: str) -> None:
                await here.press("ctrl+s")
                await here.until(lambda: here.toasts and expected in here.toasts[-1])
                assert not begun

            await refused("open a dataset")
            await here.open(data)
            await here.until(lambda: here.workbench.is_open)
            await refused("choose a teacher")
            await here.type("#teacher PlainInput", "qwen3:8b")
            await refused("choose a student")
            await here.type("#student PlainInput", "absent.gguf")
            await refused("no such file")
            await here.type("#student PlainInput", "demo")
            await refused("ollama serve")
            here.start.query_one("#run-method", PickOne).focus()
            await here.press("left")
            assert here.workbench.settings.run.method is Method.SCORE
            await here.type("#limit", "0")
            await refused("from 1 on")
            await here.type("#run-candidates", "")
            await here.type("#limit", "2")
            await refused("candidates")
            await here.type("#run-candidates", "1")
            await here.press("ctrl+s")
            await here.until(lambda: begun)
            assert begun == [(here.workbench.settings, 2)]

    run(main)


def test_a_teacher_the_server_has_not_got_leads_to_a_pull(server: FakeOllama) -> None:
    settings = load_settings(
        {"teacher": {"name": "absent:7b", "host": server.url}, "student": {"name": "demo"}}
    )

    async def main() -> None:
        async with started(dataset(Path("data.json"), SHORT), settings=settings) as here:
            await here.until(
                lambda: here.workbench.is_open and "p downloads it" in here.said("#teacher #said")
            )
            here.start.query_one("#begin").focus()
            await here.press("s")
            await here.until(lambda: here.start.query_one(PullBar).has_class("-open"))
            assert here.start.query_one("PullBar PlainInput", PlainInput).value == "absent:7b"

    run(main)
