"""Trying a few samples from Start: a run over them, what came of it, and the way from there to Review."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.method.rules import OwnCriteria
from engine.run.settings import load_settings
from tests import hostile
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, settings, workspace
from tests.tui.cli.test_hostile_output import HOSTILE, script
from tests.tui.screens.start_seat import StartSeat
from tui.screens.review.screen import ReviewScreen
from tui.screens.run.screen import RunScreen
from tui.screens.start.screen import StartScreen
from tui.screens.tryout.dialog import TryoutDialog
from tui.text.critique import growing

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


def untouched(path: Path, text: str = "") -> Path:
    rows = [
        {"instruction": f"{row['instruction']} {text}{number}", "input": "", "output": row["output"]}
        for number, row in enumerate(SHORT * 2)
    ]
    with workspace(path, rows):
        return path


def test_five_samples_are_tried_and_one_of_them_is_looked_at(tmp_path: Path) -> None:
    with FakeOllama(brief) as server:
        given = settings(server, run={"method": "reflect"})

        async def steps(seat: StartSeat) -> None:
            await seat.wait_for("teaches")
            await seat.press("t")
            await seat.until(lambda: isinstance(seat.app.screen, TryoutDialog))
            await seat.wait_for("5 samples tried", "5 replaced", "0 of 5", "3 samples in about")
            await seat.press("down", "enter")
            await seat.until(lambda: isinstance(seat.app.screen, ReviewScreen))
            assert len(server.chats) == 10

        StartSeat(untouched(tmp_path / "w.burnish"), settings=given).play(steps)


@pytest.mark.whole
def test_what_is_shown_closes_and_what_was_tried_is_done(tmp_path: Path) -> None:
    with FakeOllama(brief) as server:
        given = settings(server, run={"method": "reflect"})

        async def steps(seat: StartSeat) -> None:
            await seat.wait_for("teaches")
            await seat.press("t")
            await seat.until(lambda: isinstance(seat.app.screen, TryoutDialog))
            await seat.press("escape")
            await seat.until(lambda: isinstance(seat.app.screen, RunScreen))
            await seat.press("s")
            await seat.until(lambda: len(server.chats) == 16 and not seat.workbench.run_job.running)
            assert not isinstance(seat.app.screen, TryoutDialog), "all of them is no trial"

        StartSeat(untouched(tmp_path / "w.burnish"), settings=given).play(steps)


def test_without_a_teacher_nothing_is_tried_and_it_says_why(tmp_path: Path) -> None:
    async def steps(seat: StartSeat) -> None:
        await seat.wait_for("choose a teacher")
        seat.app.set_focus(None)
        await seat.press("t")
        await seat.until(lambda: seat.notified("choose a teacher") or "choose a teacher" in seat.text)
        assert isinstance(seat.app.screen, StartScreen)
        assert not seat.workbench.run_job.running

    StartSeat(untouched(tmp_path / "w.burnish")).play(steps)


@pytest.mark.whole
def test_start_says_by_which_rules_the_teacher_goes(tmp_path: Path) -> None:
    rules = load_settings({"reflection": {"guidelines": ["British spelling"], "criteria": OWN}}).reflection
    given = load_settings({"teacher": {"name": "demo"}, "student": {"name": "demo"}})

    async def steps(seat: StartSeat) -> None:
        await seat.wait_for("demo teaches · by 1 guideline, own criteria · demo decides")

    StartSeat(
        untouched(tmp_path / "w.burnish"), settings=given.model_copy(update={"reflection": rules})
    ).play(steps)


OWN = {"response": [{"title": "Tone"}]}


def test_a_growing_critique_has_the_titles_of_its_own_criteria() -> None:
    criteria = OwnCriteria.model_validate(OWN | {"instruction": [{"title": "语气"}]}).in_force()
    reply = {"a_instruction_critique": {"a_criterion": "Curt."}, "b_response_critique": {"a_tone": "Dry."}}
    assert growing("reflect", json.dumps(reply), criteria) == [("语气", "Curt."), ("Tone", "Dry.")]


@pytest.mark.whole
def test_hostile_samples_are_only_text(tmp_path: Path) -> None:
    with FakeOllama(script) as server:
        given = settings(server, run={"method": "reflect"})

        async def steps(seat: StartSeat) -> None:
            await seat.wait_for("teaches")
            await seat.press("t")
            await seat.until(lambda: isinstance(seat.app.screen, TryoutDialog))
            assert not hostile.acting(seat.lines)

        StartSeat(untouched(tmp_path / "w.burnish", HOSTILE), settings=given).play(steps)
