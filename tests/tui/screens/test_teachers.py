"""Trying several teachers from Start: the same samples through each, a table, and the run that goes on from there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from engine.health.models_here import ModelList, list_models
from engine.run.settings import Settings
from tests import hostile
from tests.conftest import made_once
from tests.gguf_writer import runnable
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, brief, settings, workspace
from tests.tui.screens.start_seat import StartSeat
from tui.screens.run.screen import RunScreen
from tui.screens.start import models_pane
from tui.screens.start.screen import StartScreen
from tui.screens.start.teachers_dialog import MarkList, TeachersDialog
from tui.screens.tryout.teachers import TeacherTableDialog

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")

NAMES = ("good", "bad", "other")


def script(chat: Chat) -> str:
    """One teacher writes nothing of use, the others what they should."""
    return "No." if chat.body["model"].startswith("bad") else brief(chat)


def serving(answer: Callable[[Chat], str] = script) -> FakeOllama:
    return FakeOllama(answer, models=[Model.named(name, digest=f"{n}" * 64) for n, name in enumerate(NAMES)])


def given(server: FakeOllama, **more: Any) -> Settings:
    student = {"name": str(made_once("chance.gguf", runnable))}
    return settings(server, teacher={"name": "good"}, student=student, run={"reply_form": "json"} | more)


def untouched(path: Path) -> Path:
    with workspace(path, SHORT):
        return path


async def asked(seat: StartSeat, *marked: str, samples: str = "2") -> None:
    """Fill in the dialog and agree."""
    await seat.press("T")
    await seat.until(lambda: isinstance(seat.app.screen, TeachersDialog))
    await seat.wait_for("[x] good")
    for name in marked:
        seat.app.screen.query_one(MarkList).highlighted = NAMES.index(name)
        await seat.press("space")
    seat.app.screen.query_one("#samples", Input).value = samples
    await seat.press("enter")


def by(server: FakeOllama, name: str) -> int:
    """The requests that a teacher was sent."""
    return sum(chat.body["model"].startswith(name) for chat in server.chats)


def test_marked_teachers_are_tried_and_the_run_with_one_of_them_goes_on_from_there(tmp_path: Path) -> None:
    with serving() as server:

        async def steps(seat: StartSeat) -> None:
            await seat.wait_for("good teaches")
            await asked(seat, "other", "bad")
            await seat.until(lambda: isinstance(seat.app.screen, TeacherTableDialog))
            await seat.wait_for(
                "3 teachers tried on 2 samples", "usable rewrites", "RSR of its answers", "2 of 2"
            )
            assert by(server, "good") == by(server, "other") == 4
            assert by(server, "bad") == 12, "three attempts each"
            await seat.press("down", "down", "enter")
            await seat.until(lambda: isinstance(seat.app.screen, StartScreen))
            chosen = str(seat.workbench.settings.teacher.name)
            assert chosen.startswith("other")
            await seat.wait_for(f"{chosen} teaches")
            await seat.press("s")
            await seat.until(lambda: by(server, "other") == 8 and not seat.workbench.run_job.running)
            assert server.asked_again() == []

        StartSeat(untouched(tmp_path / "w.burnish"), settings=given(server)).play(steps)


def test_what_is_asked_before_the_models_are_listed_is_there_once_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = asyncio.Event()

    async def slow(settings: Settings) -> ModelList:
        await listing.wait()
        return await list_models(settings)

    monkeypatch.setattr(models_pane, "list_models", slow)

    async def steps(seat: StartSeat) -> None:
        await seat.wait_for("good teaches")
        await seat.press("T")
        await seat.wait_for("looking for models …", "Others, by commas")
        dialog = seat.app.screen
        assert isinstance(dialog, TeachersDialog)
        assert dialog.answer().names == ("good",), "Start's, as long as none can be marked"
        listing.set()
        await seat.wait_for("[x] good", "[ ] other")
        assert dialog.query_one("#others", Input).value == ""
        await seat.press("escape")
        seat.screen.take_teacher("elsewhere")
        await seat.press("T")
        await seat.wait_for("[ ] good", "elsewhere")
        assert not seat.workbench.typed("teachers"), "nobody typed it"

    with serving() as server:
        StartSeat(untouched(tmp_path / "w.burnish"), settings=given(server)).play(steps)


@pytest.mark.whole
def test_one_that_cannot_be_tried_is_a_line_and_the_others_have_their_turn(tmp_path: Path) -> None:
    with serving() as server:

        async def steps(seat: StartSeat) -> None:
            await seat.wait_for("good teaches")
            await seat.press("T")
            await seat.until(lambda: isinstance(seat.app.screen, TeachersDialog))
            seat.app.screen.query_one("#others", Input).value = "gone:1b"
            await seat.press("escape", "T")
            await seat.until(lambda: isinstance(seat.app.screen, TeachersDialog))
            assert seat.app.screen.query_one("#others", Input).value == "gone:1b"
            await seat.press("enter")
            await seat.until(lambda: isinstance(seat.app.screen, TeacherTableDialog))
            await seat.wait_for("1 teacher tried", "gone:1b", "has no model gone:1b")
            await seat.press("escape")
            await seat.until(lambda: isinstance(seat.app.screen, RunScreen))
            assert seat.workbench.settings.teacher.name == "good"

        StartSeat(untouched(tmp_path / "w.burnish"), settings=given(server)).play(steps)


@pytest.mark.whole
def test_stopped_in_the_middle_it_shows_those_that_were_tried(tmp_path: Path) -> None:
    reached, go = threading.Event(), threading.Event()

    def waiting(chat: Chat) -> str:
        if chat.body["model"].startswith("other"):
            reached.set()
            go.wait(20)
        return brief(chat)

    with serving(waiting) as server:

        async def steps(seat: StartSeat) -> None:
            await seat.wait_for("good teaches")
            await asked(seat, "other", samples="1")
            await seat.until(reached.is_set)
            await seat.workbench.run_job.cancel()
            go.set()
            await seat.until(lambda: isinstance(seat.app.screen, TeacherTableDialog))
            await seat.wait_for("1 teacher tried on 1 sample")

        StartSeat(untouched(tmp_path / "w.burnish"), settings=given(server)).play(steps)


@pytest.mark.parametrize(
    ("more", "words"), [({"method": "reflect"}, "by method selective"), ({}, "no student")]
)
def test_what_keeps_them_from_being_compared_is_said(
    tmp_path: Path, more: dict[str, str], words: str
) -> None:
    with serving() as server:
        options = given(server, **more)
        if not more:
            options = settings(server, teacher={"name": "good"}, student={"name": None})

        async def steps(seat: StartSeat) -> None:
            seat.app.set_focus(None)
            await asked(seat, "bad")
            await seat.until(lambda: seat.notified(words) or words in seat.text)
            assert isinstance(seat.app.screen, StartScreen)
            assert server.chats == []

        StartSeat(untouched(tmp_path / "w.burnish"), settings=options).play(steps)


@pytest.mark.whole
def test_nothing_named_is_said_in_the_dialog(tmp_path: Path) -> None:
    with serving() as server:

        async def steps(seat: StartSeat) -> None:
            await seat.wait_for("good teaches")
            await seat.press("T")
            await seat.until(lambda: isinstance(seat.app.screen, TeachersDialog))
            await seat.wait_for("[x] good:latest", "[ ] bad:latest")
            await seat.press("space")  # which unmarks it
            await seat.wait_for("[ ] good:latest")
            await seat.press("enter")
            await seat.wait_for("mark a teacher, or name one")
            seat.app.screen.query_one("#others", Input).value = "x"
            seat.app.screen.query_one("#samples", Input).value = ""
            await seat.press("enter")
            await seat.wait_for("say how many samples")
            await seat.press("escape")
            await seat.until(lambda: isinstance(seat.app.screen, StartScreen))

        StartSeat(untouched(tmp_path / "w.burnish"), settings=given(server)).play(steps)


@pytest.mark.whole
def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    with serving() as server:
        markup = hostile.CORPUS["markup"] + hostile.CORPUS["escape"]

        async def steps(seat: StartSeat) -> None:
            await seat.wait_for("good teaches")
            await seat.press("T")
            await seat.until(lambda: isinstance(seat.app.screen, TeachersDialog))
            seat.app.screen.query_one("#others", Input).value = markup.replace(",", "")
            await seat.press("enter")
            await seat.until(lambda: isinstance(seat.app.screen, TeacherTableDialog))
            assert not hostile.acting(seat.lines)

        StartSeat(untouched(tmp_path / "w.burnish"), settings=given(server)).play(steps)
