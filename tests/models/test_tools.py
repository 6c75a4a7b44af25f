"""Definitions of tools reach the model in its server's own way, and a call is an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.llamacpp.teacher import EmbeddedTeacher
from models.teacher import Request, calls_text
from tests.models.ollama import asking as ollama
from tests.models.openai import asking as openai
from tests.ollama.script import Chat, Raw, Refusal, Scripted
from tests.ollama.server import FakeOllama
from tests.openai.server import FakeOpenAI

TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks it up.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = '{"name": "look", "arguments": {"city": "Zürich"}}'


def with_tools(request: Request) -> Request:
    return replace(request, tools=(TOOL,))


def test_a_question_without_tools_has_the_key_it_had_before_there_were_any() -> None:
    async def info(teacher: Any) -> Any:
        return await teacher.open()

    with FakeOllama() as server:
        found = ollama.with_teacher(server, info)
    assert ollama.QUESTION.digest(found) != with_tools(ollama.QUESTION).digest(found)
    assert ollama.QUESTION.digest(found).hex() == "413a5dce4053ee6e2f4107605013a896"


@pytest.mark.parametrize(
    ("calls", "text"),
    [
        ([], ""),
        ([("look", {"city": "Zürich"})], CALL),
        ([("look", '{"city": "Zürich"}')], CALL),
        ([("look", "half a {")], '{"name": "look", "arguments": "half a {"}'),
        ([("a", {}), ("b", {})], '[{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}]'),
    ],
)
def test_calls_are_told_as_json(calls: list[tuple[str, object]], text: str) -> None:
    assert calls_text(calls) == text


def ollama_parts(*messages: dict[str, Any]) -> Raw:
    parts: list[dict[str, Any]] = [
        {"model": "qwen0.5b", "created_at": "2026-11-28T14:13:33Z", "message": message, "done": False}
        for message in messages
    ]
    parts[-1] |= {"done": True, "done_reason": "stop", "prompt_eval_count": 30, "eval_count": 20}
    return Raw("".join(json.dumps(part) + "\n" for part in parts).encode())


def test_ollama_is_given_them_and_its_calls_follow_what_the_model_said() -> None:
    call = {"function": {"name": "look", "arguments": {"city": "Zürich"}}}
    reply = ollama_parts(
        {"role": "assistant", "content": "I look."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "assistant", "content": ""},
    )
    with FakeOllama(lambda chat: reply) as server:
        assert ollama.ask(server, with_tools(ollama.QUESTION)).text == f"I look.\n{CALL}"
        ollama.ask(server)
    assert server.chats[0].body["tools"] == [TOOL]
    assert not server.chats[1].body.get("tools")


def test_a_model_of_ollama_that_has_no_place_for_them_is_asked_without_and_told_of_once() -> None:
    told: list[str] = []

    def script(chat: Chat) -> Scripted:
        return Refusal(400, "small:1b does not support tools") if chat.body.get("tools") else "An apple."

    async def twice(teacher: Any) -> list[str]:
        return [(await teacher.ask(with_tools(ollama.QUESTION))).text for _ in range(2)]

    with FakeOllama(script) as server:
        assert ollama.with_teacher(server, twice, on_note=told.append) == ["An apple."] * 2
        assert len(server.chats) == 3
    assert told == ["qwen0.5b does not support tools: it is asked without"]


def openai_chunks(*choices: dict[str, Any]) -> Raw:
    chunks: list[dict[str, Any]] = [
        {
            "id": "1",
            "object": "chat.completion.chunk",
            "model": "small:1b",
            "choices": [{"index": 0} | choice],
        }
        for choice in choices
    ]
    chunks.append({"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 20}})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Raw(
        "".join([*lines, "data: [DONE]\n\n"]).encode(), headers=(("Content-Type", "text/event-stream"),)
    )


def test_a_server_of_openai_s_protocol_is_given_them_and_its_calls_come_in_pieces() -> None:
    pieces = [{"name": "look", "arguments": ""}, {"arguments": '{"city":'}, {"arguments": ' "Zürich"}'}]
    reply = openai_chunks(
        *({"delta": {"tool_calls": [{"index": 0, "function": piece}]}} for piece in pieces),
        {"delta": {}, "finish_reason": "tool_calls"},
    )
    with FakeOpenAI(lambda chat: reply) as server:
        found = openai.ask(server, with_tools(openai.QUESTION))
        assert (found.text, found.finish) == (CALL, "stop")
        openai.ask(server)
    assert server.chats[0].body["tools"] == [TOOL]
    assert "tools" not in server.chats[1].body


def test_such_a_server_that_takes_none_is_asked_without_and_told_of_once() -> None:
    told: list[str] = []

    def script(chat: Chat) -> Scripted:
        refusal = Refusal(500, "tools param requires --jinja flag")
        return refusal if "tools" in chat.body else "An apple."

    async def twice(teacher: Any) -> list[str]:
        return [(await teacher.ask(with_tools(openai.QUESTION))).text for _ in range(2)]

    with FakeOpenAI(script) as server:
        assert openai.with_teacher(server, twice, on_note=told.append) == ["An apple."] * 2
    assert [sentence for sentence in told if "tools" in sentence] == [
        "the server does not take tools (tools param requires --jinja flag): it is asked without"
    ]


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{% for one in tools %}{{ one.function.name }} {% endfor %}{{ messages[-1].content }}", "look Why?"),
        ("{{ messages[-1].content }}", "Why?"),
        ("{% if tools %}{{ raise_exception('none') }}{% endif %}{{ messages[-1].content }}", "Why?"),
    ],
    ids=["told", "left out", "refused"],
)
def test_an_embedded_model_s_chat_template_is_given_them(template: str, told: str) -> None:
    teacher = EmbeddedTeacher(Path("x.gguf"), name="x", digest="sha256:0", context=512)
    loaded = {"chat_template": template, "bos_text": "", "eos_text": ""}
    asked = replace(ollama.QUESTION, messages=ollama.QUESTION.messages[1:], tools=(TOOL,))
    pieces = asyncio.run(asyncio.to_thread(teacher._prompt, asked, loaded))
    assert "".join(piece.text for piece in pieces) == told
