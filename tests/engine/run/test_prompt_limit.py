"""A run finds out how its server treats prompts that are too long, keeps it, and never asks for it again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from engine.events import Event, Notice
from engine.judge.judge import judge
from engine.judge.record import Record
from engine.judge.recorded_model import RecordedModel
from engine.run.settings import JudgeSettings
from engine.store.workspace import Workspace
from models.http.prompt import PromptLimit
from tests import judges
from tests.engine.judge.test_judge import sides
from tests.ollama.releases import R24, R32, Release
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, TEACHER, brief, outcomes, refine, settings, workspace

HALF = 4 + (8192 - 4) // 2
GO = replace(Model.named("go:1b"), jinja=False)


@pytest.mark.parametrize(
    ("release", "left"), [(R24, None), (R32, None), (R24, 8192), (R32, HALF)], ids=lambda one: str(one)[:20]
)
def test_it_is_kept_in_the_workspace_and_not_looked_for_again(
    tmp_path: Path, release: Release, left: int | None
) -> None:
    events: list[Event] = []
    ignored = set() if left is None else {"truncate"}
    with FakeOllama(brief, release=release, models=[GO], ignored=ignored) as server:
        given = settings(server, teacher={"name": "go:1b"}, run={"method": "reflect"})
        with workspace(tmp_path / "w.burnish", SHORT) as opened:
            refine(opened, given, events.append, limit=1)
            assert 1 <= len(server.probes) <= 2
            probes, loads = len(server.probes), len(server.loads)
            assert loads == 1
        with Workspace.open(tmp_path / "w.burnish") as opened:
            refine(opened, given, events.append)
            assert all(outcome is not None and not outcome.failures for outcome in outcomes(opened))
            digest = opened.latest_run().recipe.teacher
            assert digest is not None
            limit = opened.limits.prompt_limit(server.release.version, digest, 8192)
        assert len(server.probes) == probes
        assert len(server.chats) == 2 * len(SHORT), "it counts as no sample's"
    assert limit == PromptLimit(8192, 8192, left)
    said = [event.text for event in events if isinstance(event, Notice) and "without a word" in event.text]
    assert len(said) == (0 if left is None else 2), "once a session"


def test_a_run_whose_replies_are_all_there_asks_for_nothing(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        given = settings(server, run={"method": "reflect"})
        refine(opened, given)
        server.release = R32
        refine(opened, given)
        assert len(server.probes) == 1


def test_a_judge_finds_it_out_likewise_and_keeps_it_in_its_record(tmp_path: Path) -> None:
    given = JudgeSettings.model_validate({"name": TEACHER})
    with FakeOllama(judges.longer) as server:
        given = given.model_copy(update={"host": server.url})
        for _ in range(2):
            asyncio.run(judged(tmp_path / "w.judged", given))
        assert len(server.probes) == 1
        assert len(server.chats) == 2
    with Record.read(tmp_path / "w.judged") as record:
        (about,) = record.comparisons()
        found = record.limits.prompt_limit(server.release.version, about.about.judge.digest, given.context)
    assert found == PromptLimit(8192, 8192, None)


async def judged(path: Path, settings: JudgeSettings) -> None:
    with Record.at(path) as record:
        async with RecordedModel(record, settings, lambda _: None) as model:
            await judge(model, sides(("a", "bb")), settings.reply_form)
