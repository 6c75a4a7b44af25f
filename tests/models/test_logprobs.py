"""The logarithms of a reply's tokens: given where a server has them, and nothing is wrong where it has none."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.llamacpp.student import EmbeddedStudent
from models.llamacpp.teacher import EmbeddedTeacher
from models.student import Losses, Passage, Piece
from models.teacher import Message, Reply, Request, TeacherInfo
from tests.models.ollama import asking as ollama
from tests.models.openai import asking as openai
from tests.ollama.releases import RELEASES, Release
from tests.ollama.script import Answer, Ending, Raw
from tests.ollama.server import FakeOllama
from tests.ollama.state import recorded
from tests.openai.server import FakeOpenAI

WANTED = replace(ollama.QUESTION, logprobs=True)


def test_they_do_not_change_what_a_question_is() -> None:
    info = TeacherInfo("a", "b", None, "", 0, 4096)
    assert WANTED.digest(info) == ollama.QUESTION.digest(info)


@pytest.mark.parametrize("logprob", [-0.25, 0, None])
def test_ollama_is_asked_for_them_only_where_they_are_wanted(logprob: float | None) -> None:
    with FakeOllama(lambda chat: Answer("Because it is so.", logprob=logprob)) as server:
        reply = ollama.ask(server, WANTED)
        assert ollama.ask(server).logprobs == ()
        assert [chat.body.get("logprobs") for chat in server.chats] == [True, None]
    assert reply.text == "Because it is so."
    assert "".join(token for token, _ in reply.logprobs) == ("" if logprob is None else reply.text)
    assert {value for _, value in reply.logprobs} == (set() if logprob is None else {logprob})


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_those_of_a_real_ollama_are_read(release: Release) -> None:
    exchange = recorded("25b_top_logprobs_stream", release)
    with FakeOllama(lambda chat: Raw(exchange["body"].encode(), ending=Ending.NO_DONE)) as server:
        reply = ollama.ask(server, WANTED)
    assert [token for token, _ in reply.logprobs] == ["Hello", "!", " How", " can", " I"]
    assert all(-1 < value < 0 for _, value in reply.logprobs)


@pytest.mark.parametrize("logprob", [-0.25, None])
def test_a_server_of_openai_s_protocol_is_asked_in_its_way(logprob: float | None) -> None:
    with FakeOpenAI(lambda chat: Answer("Because it is so.", logprob=logprob)) as server:
        reply = openai.ask(server, WANTED)
        assert openai.ask(server).logprobs == ()
        assert [chat.body.get("logprobs") for chat in server.chats] == [True, None]
    assert "".join(token for token, _ in reply.logprobs) == ("" if logprob is None else reply.text)


@pytest.mark.parametrize(
    "words",
    [
        "logprobs is not supported for models created with logits_all=False",
        "Unsupported parameter: 'logprobs' is not supported with this model.",
    ],
)
def test_a_server_that_refuses_them_is_asked_without_and_that_is_said_once(words: str) -> None:
    notes: list[str] = []

    async def twice(teacher: Any) -> list[Reply]:
        return [await teacher.ask(WANTED) for _ in range(2)]

    with FakeOpenAI(lambda chat: Answer("So.", logprob=-0.1)) as server:
        server.refuses = {"logprobs": words}
        replies = openai.with_teacher(server, twice, on_note=notes.append)
        assert len(server.chats) == 3
    assert [(reply.text, reply.logprobs) for reply in replies] == [("So.", ())] * 2
    assert len(notes) == 1
    assert "logprobs" in notes[0]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        [],
        "none",
        {"content": None},
        {"content": "x"},
        {"content": [None, 1, {}, {"token": "So"}, {"token": 1, "logprob": -1.0}]},
        {"content": [{"token": "So", "logprob": None}]},
        {"tokens": ["So"], "token_logprobs": [-0.5]},  # of text completions
    ],
    ids=str,
)
def test_odd_ones_are_none(odd: object) -> None:
    def line(delta: dict[str, str], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": odd, "finish_reason": reason}
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"

    body = line({"content": "So."}, None) + line({}, "stop") + b"data: [DONE]\n\n"
    with FakeOpenAI(lambda chat: Raw(body, headers=[("Content-Type", "text/event-stream")])) as server:
        reply = openai.ask(server, WANTED)
    assert (reply.text, reply.logprobs) == ("So.", ())


def test_llama_cpp_s_own_are_the_losses_that_a_student_of_the_same_weights_has(smollm2: Path) -> None:
    start = "The capital of France is"
    request = Request((Message("user", start),), 1, 0.0, 24, logprobs=True)

    async def scene() -> tuple[Reply, Reply, Losses]:
        teacher = EmbeddedTeacher(smollm2, name="gguf:tiny", digest="sha256:0", context=512, chat=False)
        student = EmbeddedStudent(smollm2, digest="sha256:0", context=512)
        try:
            # From the second on, all but the prompt's last token is there already, which rounds otherwise.
            await teacher.ask(request)
            reply = await teacher.ask(request)
            silent = await teacher.ask(replace(request, logprobs=False))
            (losses,) = await student.losses([Passage((Piece(start),), reply.text)])
            return reply, silent, losses
        finally:
            await teacher.close()
            await student.close()

    reply, silent, losses = asyncio.run(scene())
    assert (silent.text, silent.logprobs) == (reply.text, ())
    assert "".join(token for token, _ in reply.logprobs) == reply.text
    assert len(losses.lengths) == len(reply.logprobs) == 24, "the same tokens"
    scored = [-value for _, value in reply.logprobs][-len(losses.nll) :]
    # One token at a time and many at once are rounded differently: 4-bit weights without AVX-512 by up to 0.08.
    assert scored == pytest.approx(losses.nll.tolist(), abs=0.2)
