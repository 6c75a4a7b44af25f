"""Answers whose first prompts all fail in the same way are held before the model fails at the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.run.first_samples import FIRST
from models.teacher import Fault
from tests.command import burnish
from tests.ollama.script import Chat, Refusal, Scripted
from tests.ollama.server import FakeOllama
from tests.running import TEACHER, dataset

SEVEN = [{"instruction": f"Count to {number}."} for number in range(7)]


@pytest.mark.parametrize(
    ("reply", "fault", "advice"),
    [
        ("", Fault.EMPTY, "try --think true"),
        (Refusal(400, "the input length exceeds the context length"), Fault.TOO_LONG, "--context above"),
    ],
    ids=["empty", "too long"],
)
def test_they_are_held_with_the_reason_and_the_same_command_goes_on(
    tmp_path: Path, reply: Scripted, fault: Fault, advice: str
) -> None:
    asked = dataset(tmp_path / "asked.json", SEVEN)
    out = tmp_path / "out.json"
    command = ("answer", "--model", TEACHER, "--prompts", asked, "-o", out, "--json")
    with FakeOllama(lambda chat: reply) as server:
        environment = {"OLLAMA_HOST": server.url}
        held = burnish(*command, environment=environment)
        assert held.code == 1
        assert f"held: the first {FIRST} prompts all failed ({fault})" in held.err.splitlines()[-1]
        assert advice in held.err
        assert json.loads(held.out)["held"]["unit"] == "prompts"
        assert not out.exists()
        again = burnish(*command, environment=environment)
    assert again.code == 3
    assert len(json.loads(again.out)["failures"]) == len(SEVEN)
    assert len(json.loads(out.read_text("utf-8"))) == len(SEVEN)


def test_one_answer_among_them_is_enough_to_go_on(tmp_path: Path) -> None:
    asked = dataset(tmp_path / "asked.json", SEVEN)

    def script(chat: Chat) -> Scripted:
        return "1, 2" if "to 3" in chat.prompt else ""

    with FakeOllama(script) as server:
        command = ("answer", "--model", TEACHER, "--prompts", asked, "-o", tmp_path / "out.json")
        assert burnish(*command, environment={"OLLAMA_HOST": server.url}).code == 3
