"""`burnish teachers`: the same samples through several teachers, a table, and nothing that is paid for twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import burnish
from tests.conftest import made_once
from tests.gguf_writer import runnable
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, brief, dataset

MODELS = ("good", "bad")


def script(chat: Chat) -> str:
    """One teacher writes what it should, the other nothing of use."""
    return brief(chat) if chat.body["model"].startswith("good") else "No."


@pytest.fixture
def server() -> Any:
    with FakeOllama(
        script, models=[Model.named(name, digest=f"{n}" * 64) for n, name in enumerate(MODELS)]
    ) as server:
        yield server


def compare(data: Path, server: FakeOllama, teachers: str, *more: object, student: object = None) -> Any:
    options = ("--student", student or made_once("chance.gguf", runnable), "--reply-form", "json")
    command = ("teachers", data, "-w", data.with_name("w.burnish"), "--teachers", teachers, *options, *more)
    return burnish(*command, environment={"OLLAMA_HOST": server.url, "COLUMNS": "120"})


def test_teachers_are_compared_on_the_same_samples_and_the_run_goes_on_from_them(
    tmp_path: Path, server: FakeOllama
) -> None:
    data = dataset(tmp_path / "data.json", SHORT)
    ended = compare(data, server, "good,bad", "--samples", "3", "--json")
    assert ended.code == 3, ended
    found = json.loads(ended.out)
    good, bad = found["teachers"]
    assert len(found["samples"]) == 3
    assert good["instruction"]["asked"] == good["instruction"]["usable"] == bad["instruction"]["asked"] == 3
    assert bad["instruction"]["usable"] == bad["response"]["usable"] == 0
    assert bad["rsr"] is None
    assert bad["unusable_replies"] == 18
    assert 0 < good["rsr"] < 100
    assert good["answers"] == 3
    assert good["length"] > 0
    assert good["estimate"]["left"] == 1
    assert good["estimate"]["teacher_speed"] > 0
    asked = len([chat for chat in server.chats if chat.body["model"].startswith("good")])
    again = compare(data, server, "good", "--samples", "3", "--json")
    assert again.code == 0
    assert json.loads(again.out)["teachers"][0]["rsr"] == pytest.approx(good["rsr"])
    student = ("--student", made_once("chance.gguf", runnable), "--reply-form", "json")
    workspace = ("-w", tmp_path / "w.burnish")
    burnish("run", data, *workspace, "--teacher", "good", *student, environment={"OLLAMA_HOST": server.url})
    chats = [chat for chat in server.chats if chat.body["model"].startswith("good")]
    assert len(chats) == asked + 2, "the fourth sample's two stages"
    assert server.asked_again() == []


def test_a_teacher_that_is_not_there_is_said_and_the_others_are_tried(
    tmp_path: Path, server: FakeOllama
) -> None:
    data = dataset(tmp_path / "data.json", SHORT[:1])
    ended = compare(data, server, "gone:1b,good", "--teacher-context", "4096")
    assert ended.code == 3, ended
    assert "gone:1b" in ended.out
    assert "has no model gone:1b" in " ".join(ended.out.split())
    for words in (
        "good",
        "instruction stage",
        "usable rewrites",
        "1 of 1",
        "RSR of its answers",
        "lower suits",
    ):
        assert words in ended.out


@pytest.mark.parametrize(
    ("teachers", "more", "words"),
    [
        (",", (), "no teachers"),
        ("good", ("--method", "reflect"), "by method selective"),
        ("good,/x/y.gguf", (), "gguf:"),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_is_asked(
    tmp_path: Path, server: FakeOllama, teachers: str, more: tuple[str, ...], words: str
) -> None:
    ended = compare(dataset(tmp_path / "data.json", SHORT), server, teachers, *more)
    assert ended.code == 2, ended
    assert words in ended.complaint
    assert server.chats == []
