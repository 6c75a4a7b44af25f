"""Scenes with an Ollama teacher or server, played against our own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from models.ollama.server import OllamaServer
from models.ollama.teacher import OllamaTeacher
from models.teacher import Fault, Message, Reply, Request, TeacherError
from tests.ollama.server import FakeOllama

QUESTION = Request(
    (Message("system", "Be exact."), Message("user", "Why?")), seed=7, temperature=0.5, max_tokens=64
)
CLOUD = {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}


def with_teacher(server: FakeOllama, scene: Any, name: str = "qwen0.5b", **settings: Any) -> Any:
    async def run() -> Any:
        teacher = OllamaTeacher(name, host=server.url, **settings)
        try:
            return await scene(teacher)
        finally:
            await teacher.close()

    return asyncio.run(run())


def ask(server: FakeOllama, request: Request = QUESTION, *, on_text: Any = None, **settings: Any) -> Reply:
    reply: Reply = with_teacher(server, lambda teacher: teacher.ask(request, on_text), **settings)
    return reply


def fails(server: FakeOllama, request: Request = QUESTION, *, words: str = "", **settings: Any) -> Fault:
    """The fault of a request that must fail, with a message fit for a terminal's line."""
    with pytest.raises(TeacherError) as caught:
        ask(server, request, **settings)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    assert words in message
    return caught.value.fault


def with_server(fake: FakeOllama, look: Any) -> Any:
    async def run() -> Any:
        return await look(OllamaServer(fake.url))

    return asyncio.run(run())


def pull(fake: FakeOllama, name: str) -> Any:
    async def pull(server: OllamaServer) -> list[Any]:
        return [step async for step in server.pull(name)]

    return with_server(fake, pull)
