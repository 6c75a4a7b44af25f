"""llama-cpp-python's own server, a real one with a real model: asked, left alone, and a whole small run through it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.openai.teacher import OpenAITeacher
from models.teacher import Fault, Message, Reply, Request, TeacherError
from tests.command import burnish
from tests.models.openai.asking import SCHEMA
from tests.openai.real import ALIAS, CONTEXT, MISSING, real_server
from tests.running import SHORT, dataset

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.long,
]

HELLO = Request((Message("user", "Say hello in two words."),), seed=1, temperature=0.0, max_tokens=12)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with real_server() as url:
        yield url


def test_it_is_asked_streams_obeys_the_schema_and_says_what_it_has_not(url: str) -> None:
    notes: list[str] = []

    async def scene() -> tuple[Reply, Reply, str]:
        teacher = OpenAITeacher(ALIAS, url=url, context=CONTEXT, on_note=notes.append)
        heard: list[str] = []
        free = await teacher.ask(HELLO, heard.append)
        assert free.text == "".join(heard)
        shaped = await teacher.ask(replace(HELLO, schema=SCHEMA, max_tokens=64))
        with pytest.raises(TeacherError, match=ALIAS) as caught:
            await OpenAITeacher("nope", url=url).open()
        assert caught.value.fault is Fault.MODEL_MISSING
        with pytest.raises(TeacherError) as caught:
            await teacher.ask(replace(HELLO, messages=(Message("user", "word " * 2000),)))
        assert caught.value.fault is Fault.TOO_LONG
        return free, shaped, (await teacher.open()).digest

    free, shaped, digest = asyncio.run(scene())
    assert free.text.strip()
    assert 0 < free.tokens <= 12
    assert shaped.finish == "length" or isinstance(json.loads(shaped.text)["a"], str)
    assert shaped.text.lstrip().startswith("{")
    assert digest.startswith("sha256:")
    assert notes == ["the server counts no tokens, so a prompt that it cut would not be noticed"]


@pytest.mark.whole
def test_a_whole_run_goes_through_it(url: str, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", SHORT[:1])
    command = ("run", data, "-w", tmp_path / "w.burnish", "--student", "demo", "--reply-form", "steps")
    environment = {"BURNISH_TEACHER__MAX_TOKENS": "32", "BURNISH_TEACHER__CONTEXT": str(CONTEXT)}
    ended = burnish(
        *command, "--teacher", f"openai:{ALIAS}", "--teacher-url", url, "--json", environment=environment
    )
    assert ended.code in (0, 3), ended  # a reply of so small a model may be of no use
    shown = burnish("show", tmp_path / "w.burnish", "--json")
    assert json.loads(shown.out)["samples"] == 1
