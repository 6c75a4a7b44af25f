"""A reply that cannot be used is stopped while it is written, kept as far as it came, and not asked for again."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest

from engine.events import AttemptFailed, Event
from engine.method.reflection import Question
from engine.method.reply_forms import ReplyFormName
from engine.run.stopping import LAST_LOOK, StoppedReply, WatchedReply
from engine.sample import Stage
from models.teacher import Fault, Message
from tests.engine.method.test_doomed import LOOPS, last_question
from tests.ollama.script import Answer, Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, refine, settings, workspace
from tests.waiting import until


@pytest.mark.long
def test_ollama_s_stream_is_closed_and_what_came_is_kept(tmp_path: Path) -> None:
    told: list[Event] = []

    def script(chat: Chat) -> Scripted:
        if "Criticise" in chat.prompt:
            return "Vague, and thin."
        return Answer("So it goes on and on. " * 4000, seconds=30)

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = settings(server, run={"reply_form": "steps", "method": "reflect"})
        summary = refine(opened, given, told.append)
        assert summary.failed == 1
        until(lambda: all(chat.outcome != "open" for chat in server.chats))
        left = [chat for chat in server.chats if chat.outcome == "left"]
        faults = [event.fault for event in told if isinstance(event, AttemptFailed)]
        assert (len(left), faults) == (6, [Fault.REPEATS] * 6)
        stopped = [reply for _, reply in opened.replies(0) if reply.finish == "stopped"]
        assert len(stopped) == 6
        assert all(0 < reply.tokens < 1000 and reply.text.startswith("So it goes") for reply in stopped)
        asked = len(server.chats)
        with opened.database.transaction():  # as if it had been cut short before anything was decided
            opened.database.execute("DELETE FROM outcomes")
            opened.database.execute("DELETE FROM figures")
        assert refine(opened, given).failed == 1
        assert len(server.chats) == asked


def watched(text: str, question: Question[object]) -> int:
    """The characters after which a reply is stopped, sent letter by letter."""
    reply = WatchedReply(question)
    with pytest.raises(StoppedReply) as stopped:
        deque(map(reply.grow, text))
    kept = stopped.value.reply
    assert (kept.finish, text.startswith(kept.text), kept.tokens) == ("stopped", True, len(kept.text))
    return len(kept.text)


@in_part("text", LOOPS, kept=3, ids=[str(number) for number in range(len(LOOPS))])
def test_it_is_looked_at_often_enough(text: str) -> None:
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.")
    first = next(end for end in range(len(text)) if question.doomed(text[:end]))
    assert first <= watched(text + text, question) <= 1.1 * first + 40


def test_a_very_long_reply_is_not_looked_at_for_ever() -> None:
    looks: list[int] = []

    def rule(text: str) -> Fault | None:
        looks.append(len(text))
        return None

    reply = WatchedReply(Question("x", (Message("user", "Why?"),), str, rules=(rule,)))
    for _ in range(1000):
        reply.grow("many words " * 100)
    assert max(looks) < LAST_LOOK + 2000
    assert len(looks) < 100
