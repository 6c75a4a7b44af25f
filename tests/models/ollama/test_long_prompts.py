"""What a server does with a prompt that is too long is found out by asking it, and kept to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from models.http.prompt import PromptLimit
from models.ollama.long_prompts import find_limit
from models.ollama.server import OllamaServer
from models.ollama.teacher import OllamaTeacher
from models.teacher import Fault, Message, Reply, Request, TeacherError
from tests.ollama.releases import R24, R32, Release, Release32
from tests.ollama.script import Answer
from tests.ollama.server import FakeOllama
from tests.ollama.wire import Failure

JINJA, GO = "qwen0.5b", "smollm2"
"""Models with a template that llama-server applies since 0.30, and with one of Ollama's own."""
CONTEXT = 2048
HALF = 4 + (CONTEXT - 4) // 2
TOO_OLD = {"truncate", "shift"}


def found(server: FakeOllama, model: str = GO) -> PromptLimit | None:
    return asyncio.run(find_limit(OllamaServer(server.url), model, CONTEXT))


def reading(server: FakeOllama, read: Callable[[int], int]) -> None:
    """Have a server read so many tokens of a prompt of some tokens."""

    class Odd(Release32):
        def read(self, prompt: int, *_: Any) -> int:
            return read(prompt)

    server.release = Odd()


@pytest.mark.parametrize(
    ("release", "model", "ignored", "left", "asked"),
    [
        (R24, JINJA, set(), None, 1),
        (R32, JINJA, set(), None, 1),
        (R32, GO, set(), None, 1),
        (R24, JINJA, TOO_OLD, CONTEXT, 1),
        (R32, JINJA, TOO_OLD, None, 1),
        (R32, GO, TOO_OLD, HALF, 2),
    ],
)
def test_each_release_treats_a_long_prompt_as_was_recorded(
    release: Release, model: str, ignored: set[str], left: int | None, asked: int
) -> None:
    with FakeOllama(release=release, ignored=ignored) as server:
        assert found(server, model) == PromptLimit(CONTEXT, CONTEXT, left)
        assert len(server.probes) == asked
        assert len(server.loads) == 1


def test_a_server_that_takes_half_is_told_from_one_that_cuts_to_half() -> None:
    with FakeOllama() as server:
        reading(server, lambda prompt: min(prompt, HALF))
        assert found(server) == PromptLimit(CONTEXT, HALF, HALF)


def test_a_server_that_names_a_smaller_context_gives_no_more() -> None:
    with FakeOllama(release=R32) as server:
        model = server.find(GO)
        assert model is not None
        reading(server, lambda prompt: R32.read(prompt, 1024, {"truncate": False}, model))
        assert found(server) == PromptLimit(CONTEXT, 1024, None)


def test_a_server_that_reads_more_than_the_context_pushes_out_what_came_first() -> None:
    with FakeOllama() as server:
        reading(server, lambda prompt: prompt)
        limit = found(server)
    assert limit is not None
    assert limit.takes == CONTEXT
    assert "pushes its beginning out" in str(limit)


def test_a_server_that_counts_nothing_tells_no_limit() -> None:
    with FakeOllama() as server:
        reading(server, lambda prompt: 0)
        assert found(server) is None


class Limits:
    """A keeper of limits."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, int], PromptLimit] = {}

    def prompt_limit(self, server: str, model: str, context: int) -> PromptLimit | None:
        return self.kept.get((server, model, context))

    def keep_prompt_limit(self, server: str, model: str, limit: PromptLimit) -> None:
        self.kept[server, model, limit.context] = limit


def asked(
    server: FakeOllama, *words: int, limits: Limits | None = None, context: int = CONTEXT
) -> tuple[list[Reply | Fault], list[str]]:
    """What comes of prompts of so many words, asked at once, and what is said."""
    notes: list[str] = []

    async def ask(teacher: OllamaTeacher, count: int) -> Reply | Fault:
        try:
            return await teacher.ask(Request((Message("user", "word " * count),), 1, 0.0, 64))
        except TeacherError as error:
            return error.fault

    async def run() -> list[Reply | Fault]:
        teacher = OllamaTeacher(
            GO, host=server.url, context=context, on_note=notes.append, limits=limits or Limits()
        )
        return await asyncio.gather(*(ask(teacher, count) for count in words))

    return asyncio.run(run()), notes


def test_it_is_found_once_for_a_version_a_model_and_a_context() -> None:
    limits = Limits()
    with FakeOllama(lambda chat: "Fine.", release=R32, parallel=2) as server:
        for _ in range(2):
            replies, notes = asked(server, 10, 20, limits=limits)
            assert all(isinstance(reply, Reply) for reply in replies)
            assert notes == []
        assert len(server.probes) == 1
        server.release = R24
        asked(server, 10, limits=limits)
        asked(server, 10, limits=limits, context=4096)
        assert len(server.probes) == 3
        assert len(server.chats) == 6
    assert len(limits.kept) == 3


def test_without_a_keeper_it_is_not_looked_for() -> None:
    with FakeOllama(lambda chat: "Fine.") as server:
        asyncio.run(OllamaTeacher(GO, host=server.url).ask(Request((Message("user", "Why?"),), 1, 0.0, 64)))
        assert server.probes == []


def test_a_prompt_that_may_fit_is_left_to_a_server_that_refuses_what_does_not() -> None:
    """An estimate makes 2,500 tokens of 1,500 words; the server counts 1,893, and of 2,000 words 2,518."""
    with FakeOllama(lambda chat: "Fine.", release=R32) as server:
        (fits, too_long), _ = asked(server, 1500, 2000)
        assert isinstance(fits, Reply)
        assert too_long is Fault.TOO_LONG
        assert len(server.chats) == 2
        (never,), _ = asked(server, 4000)
        assert never is Fault.TOO_LONG
        assert len(server.chats) == 2, "no tokenizer makes that fit"


def test_prompts_are_kept_under_what_a_server_really_takes() -> None:
    with FakeOllama(lambda chat: "Fine.") as server:
        reading(server, lambda prompt: min(prompt, HALF))
        (short, long), notes = asked(server, 300, 700)
        assert isinstance(short, Reply)
        assert long is Fault.TOO_LONG
        assert len(server.chats) == 1
    (note,) = notes
    assert f"cut to {HALF} without a word" in note
    assert f"under {HALF} tokens" in note


def test_a_prompt_that_was_cut_as_the_long_one_was_is_noticed() -> None:
    """Letters of a token each: the estimate lets a prompt through that has three times as many tokens."""

    def script(_: object) -> Answer:
        return Answer("Fluent nonsense.", asked_tokens=3 * CONTEXT)

    with FakeOllama(script, release=R32, ignored=TOO_OLD) as server:
        (reply,), notes = asked(server, 900)
    assert reply is Fault.TOO_LONG
    assert f"cut to {HALF}" in notes[0]


def test_a_server_that_fails_at_the_long_prompt_is_asked_as_before() -> None:
    def fail(prompt: int) -> int:
        if prompt > CONTEXT:
            raise Failure(500, "internal error")
        return prompt

    limits = Limits()
    with FakeOllama(lambda chat: "Fine.") as server:
        reading(server, fail)
        for _ in range(2):
            replies, notes = asked(server, 10, 10, limits=limits)
            assert all(isinstance(reply, Reply) for reply in replies)
            assert notes == []
        assert len(server.probes) == 2, "once in each session"
    assert limits.kept == {}


def test_a_server_that_is_too_old_to_name_its_version_is_asked_as_before() -> None:
    with FakeOllama(lambda chat: "Fine.", hidden={"/api/version"}) as server:
        (reply,), _ = asked(server, 10)
        assert isinstance(reply, Reply)
        assert server.probes == []
