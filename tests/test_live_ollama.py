"""The whole job against a real Ollama: the server that BURNISH_LIVE_OLLAMA names, with the smallest model it has.

    BURNISH_LIVE_OLLAMA=http://127.0.0.1:11434 uv run pytest -n 0 tests/test_live_ollama.py

BURNISH_LIVE_MODEL names another model of it. What a model writes is not judged, only that all of it is told.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from models.ollama.server import OllamaServer, full_name
from models.ollama.teacher import OllamaTeacher
from models.teacher import Fault, Message, Request, TeacherError
from tests.command import Ended, burnish
from tests.conftest import made_once
from tests.gguf_writer import runnable
from tests.running import SHORT, dataset

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Live:
    """A real server, and the model of it that is asked."""

    url: str
    model: str

    def teacher(self, scene: Callable[[OllamaTeacher], Coroutine[Any, Any, T]], **settings: Any) -> T:
        async def played() -> T:
            teacher = OllamaTeacher(self.model, host=self.url, **settings)
            try:
                return await scene(teacher)
            finally:
                await teacher.close()

        return asyncio.run(played())

    def burnish(self, *arguments: object) -> Ended:
        brief = {"BURNISH_TEACHER__MAX_TOKENS": "48", "BURNISH_JUDGE__MAX_TOKENS": "64"}
        return burnish(*arguments, environment={"OLLAMA_HOST": self.url, **brief})


@pytest.fixture(scope="module")
def live() -> Live:
    url = os.environ.get("BURNISH_LIVE_OLLAMA")
    if not url:
        pytest.skip("BURNISH_LIVE_OLLAMA names no server")
    local = [tag for tag in asyncio.run(OllamaServer(url).tags()) if tag.local and tag.size]
    if not local:
        pytest.skip("the server that BURNISH_LIVE_OLLAMA names has no local model")
    return Live(url, os.environ.get("BURNISH_LIVE_MODEL") or min(local, key=lambda tag: tag.size).name)


def test_a_reply_grows_and_is_counted(live: Live) -> None:
    pieces: list[str] = []
    request = Request((Message("system", "Be brief."), Message("user", "Say ok.")), 1, 0.0, 16)
    reply = live.teacher(lambda teacher: teacher.ask(request, pieces.append), context=1024)
    assert reply.text == "".join(pieces) != ""
    assert 0 < reply.tokens <= 16
    assert 0 < reply.prompt_tokens < 200


def test_a_schema_is_obeyed_and_its_fields_come_in_the_order_in_which_they_sort(live: Live) -> None:
    names = ("a_colour", "b_animal", "c_number")
    schema = {
        "type": "object",
        "properties": {name: {"enum": ["red", "cat", "two"]} for name in names},
        "required": list(names),
        "additionalProperties": False,
    }
    request = Request((Message("user", "A colour, an animal, a number, as JSON."),), 1, 0.0, 80, schema)
    reply = live.teacher(lambda teacher: teacher.ask(request), context=1024)
    assert [name for name, _ in json.loads(reply.text, object_pairs_hook=list)] == list(names)


def test_a_prompt_with_more_tokens_than_its_bytes_let_expect_is_never_cut(live: Live) -> None:
    request = Request((Message("user", "What is this? " + "⌘⍟⎈" * 130),), 1, 0.0, 8)
    fault, read = None, 0
    try:
        read = live.teacher(lambda teacher: teacher.ask(request), context=512).prompt_tokens
    except TeacherError as error:
        fault = error.fault
    assert fault is Fault.TOO_LONG or read > 390, "all of it was read: at least a token each"


def test_a_model_is_asked_again_without_thinking_where_it_cannot_think(live: Live) -> None:
    async def thinking(teacher: OllamaTeacher) -> tuple[str, list[str]]:
        reply = await teacher.ask(Request((Message("user", "Say ok."),), 1, 0.0, 400, think=True))
        return reply.thoughts, teacher.notes

    thoughts, notes = live.teacher(thinking, context=1024)
    assert bool(thoughts) != any("does not support thinking" in note for note in notes)


def test_the_model_stays_loaded_between_requests_and_goes_when_it_is_unloaded(live: Live) -> None:
    async def loaded(teacher: OllamaTeacher) -> list[set[str]]:
        server, seen = OllamaServer(live.url), []
        for act in (lambda: teacher.ask(Request((Message("user", "Say ok."),), 1, 0.0, 4)), teacher.unload):
            await act()
            seen.append({full_name(name) for name in await server.loaded()})
        return seen

    before, after = live.teacher(loaded, context=1024)
    assert full_name(live.model) in before - after


@pytest.mark.parametrize("form", ["steps", "json", "markers"])
def test_the_whole_job(tmp_path: Path, live: Live, form: str) -> None:
    data, path, out = dataset(tmp_path / "d.json", SHORT[:1]), tmp_path / "w.burnish", tmp_path / "o.json"
    student = made_once("chance.gguf", runnable)
    command = (
        "run", data, "-w", path, "--teacher", live.model, "--student", student, "--reply-form", form,
        "--teacher-context", "2048", "--json",
    )  # fmt: skip
    first = live.burnish(*command)
    assert first.code in (0, 3), first.err
    result = json.loads(first.out)
    assert (result["done"], result["waiting"]) == (1, [])
    assert not set(result["faults"]) & {Fault.REJECTED, Fault.BROKEN, Fault.SILENT, Fault.TOO_LONG}
    again = live.burnish(*command)
    assert json.loads(again.out) == result
    assert "replies" not in again.err, "nothing was asked again"
    assert live.burnish("export", path, out, "--rule", "all").code == 0
    assert len(json.loads(out.read_text("utf-8"))) == 1


def test_a_judge_s_verdicts_or_why_there_are_none(tmp_path: Path, live: Live) -> None:
    better = [{**row, "output": f"{row['output']} And that is that."} for row in SHORT[:1]]
    a, b = dataset(tmp_path / "a.json", SHORT[:1]), dataset(tmp_path / "b.json", better)
    ended = live.burnish("judge", a, b, "--judge", live.model, "--context", "2048", "--json")
    assert ended.code in (0, 3), ended.err
    result = json.loads(ended.out)
    assert sum(result["counts"][side] for side in ("wins", "ties", "losses")) + result["invalid"] == 1


def test_doctor_finds_the_server_and_the_model(live: Live) -> None:
    ended = live.burnish("doctor", "--teacher", live.model)
    assert "answers" in ended.out
    assert live.model in ended.out
