"""Scenes with a teacher of OpenAI's protocol, played against our own server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from models.openai.teacher import OpenAITeacher
from models.teacher import Fault, Message, Reply, Request, TeacherError
from tests.openai.server import FakeOpenAI

QUESTION = Request(
    (Message("system", "Be exact."), Message("user", "Why?")), seed=7, temperature=0.5, max_tokens=64
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def with_teacher(server: FakeOpenAI, scene: Any, name: str = "small:1b", **settings: Any) -> Any:
    async def run() -> Any:
        teacher = OpenAITeacher(name, **({"url": server.base} | settings))
        try:
            return await scene(teacher)
        finally:
            await teacher.close()

    return asyncio.run(run())


def ask(server: FakeOpenAI, request: Request = QUESTION, *, on_text: Any = None, **settings: Any) -> Reply:
    reply: Reply = with_teacher(server, lambda teacher: teacher.ask(request, on_text), **settings)
    return reply


def error(server: FakeOpenAI, request: Request = QUESTION, **settings: Any) -> TeacherError:
    """The error of a request that must fail, with a message fit for a terminal's line."""
    with pytest.raises(TeacherError) as caught:
        ask(server, request, **settings)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 700
    return caught.value


def fails(server: FakeOpenAI, request: Request = QUESTION, *, words: str = "", **settings: Any) -> Fault:
    """The fault of a request that must fail with these words."""
    caught = error(server, request, **settings)
    assert words in str(caught), caught
    return caught.fault
