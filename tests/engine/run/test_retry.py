"""Asking again: a busy server, and the attempts at a question."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from engine.events import Paused, Resumed
from engine.method.reflection import UnusableReply
from engine.run import retry
from engine.run.retry import ATTEMPTS, Attempts, PatientTeacher, with_more_room
from models.http.prompt import estimated_tokens
from models.ollama.teacher import OllamaTeacher
from models.teacher import HOPELESS, PAUSING, Fault, Reply, TeacherError
from tests.models.ollama.asking import QUESTION
from tests.ollama.script import Answer, Chat, Refusal, Scripted
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, refine, settings, workspace


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BUSY_DELAYS", (0.001, 0.001))


def ask(server: FakeOllama, told: list[Paused | Resumed]) -> Reply:
    async def asked() -> Reply:
        teacher = OllamaTeacher("qwen0.5b", host=server.url)
        return await PatientTeacher(teacher, 600, told.append).ask(QUESTION, lambda _: None)

    return asyncio.run(asked())


def test_a_busy_server_is_asked_again_and_then_answers() -> None:
    def script(chat: Chat) -> Scripted:
        return Refusal(503, "server busy") if len(server.chats) < 3 else "At last."

    told: list[Paused | Resumed] = []
    with FakeOllama(script) as server:
        assert ask(server, told).text == "At last."
    assert told == [], "a moment is no pause"


def test_a_server_that_stays_busy_is_asked_three_times() -> None:
    with FakeOllama(parallel=0, max_queue=0) as server, pytest.raises(TeacherError) as caught:
        ask(server, [])
    assert caught.value.fault is Fault.BUSY
    assert len(server.chats) == 3


def test_only_a_reply_of_no_use_moves_the_seed_on() -> None:
    attempts = Attempts(1)
    assert attempts.fail(TeacherError(Fault.BROKEN, "gone"))
    assert attempts.fail(UnusableReply(Fault.EMPTY, "empty"))
    assert (attempts.failed, attempts.useless) == (2, 1)
    assert not attempts.fail(TeacherError(Fault.SILENT, "silent")), "the third was the last"


def test_a_person_s_retry_gives_as_many_attempts_again() -> None:
    attempts = Attempts(2)
    assert [attempts.fail(UnusableReply(Fault.CUT, "cut")) for _ in range(2 * ATTEMPTS)][-2:] == [True, False]


@pytest.mark.parametrize("fault", sorted(HOPELESS | PAUSING))
def test_what_no_attempt_can_help_is_raised_at_once(fault: Fault) -> None:
    attempts = Attempts(1)
    with pytest.raises(TeacherError):
        attempts.fail(TeacherError(fault, "why"))
    assert attempts.failed == 0


def test_a_reply_that_was_cut_is_asked_for_with_twice_the_room(tmp_path: Path) -> None:
    def script(chat: Chat) -> Scripted:
        room = chat.options["num_predict"]
        return brief(chat) if room > 400 else Answer([f" word{n}" for n in range(room)], done_reason="length")

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = settings(server, teacher={"max_tokens": 400}, run={"method": "reflect"})
        assert refine(opened, given).failed == 0
        rooms = [chat.body["options"]["num_predict"] for chat in server.chats]
        assert rooms == [400, 800, 400, 800], "and no more than that"
        with opened.database.transaction():  # as if it had been cut short before anything was decided
            opened.database.execute("DELETE FROM outcomes")
            opened.database.execute("DELETE FROM figures")
        assert refine(opened, given).failed == 0
        assert len(server.chats) == len(rooms), "the same requests are found again"


def test_the_context_is_not_exceeded_for_it() -> None:
    request = replace(QUESTION, max_tokens=300)
    prompt = estimated_tokens(request)
    assert with_more_room(request, prompt + 1000).max_tokens == 600
    assert with_more_room(request, prompt + 500).max_tokens == 500
    assert with_more_room(request, prompt + 100).max_tokens == 300
