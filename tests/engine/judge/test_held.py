"""A judging whose first pairs all fail in the same way is held before it fails at the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.events import Event, Held
from engine.judge.events import JudgeEvent
from engine.judge.prompt import Result
from engine.run.first_samples import FIRST
from models.teacher import Fault
from tests import judges
from tests.command import burnish
from tests.engine.judge.test_judge import Court, sides
from tests.ollama.script import Answer, Chat, Refusal, Scripted
from tests.ollama.server import FakeOllama
from tests.running import TEACHER, dataset

SEVEN = sides(*[("a" * number, "b" * (8 - number)) for number in range(1, 8)])
PROSE = "The second one is better, I think."


def held_by(court: Court, **changes: object) -> Held | None:
    """What a judging is held for, and stopped there; None: it came to its end."""
    court.judge(SEVEN, stop=lambda event: isinstance(event, Held), **changes)
    found = court.events_of(Held)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("reply", "fault", "advice"),
    [
        (PROSE, Fault.UNPARSABLE, "--reply-form markers or published"),
        ("", Fault.EMPTY, "--think true"),
        (Answer("one two", done_reason="length"), Fault.CUT, "judge.max_tokens above 1024"),
        (Refusal(400, "the input length exceeds the context length"), Fault.TOO_LONG, "a --context above"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_it_is_held_with_the_reason_and_goes_on_when_it_is_taken_up(
    tmp_path: Path, reply: Scripted, fault: Fault, advice: str
) -> None:
    with FakeOllama(lambda chat: reply) as server:
        court = Court(tmp_path / "w.judged", server)
        held = held_by(court)
        assert held is not None
        assert (held.fault, held.samples, held.unit) == (fault, FIRST, "pairs")
        assert f"the first {FIRST} pairs all failed ({fault})" in held.text
        assert advice in held.text
        assert "teacher" not in held.advice
        asked = len(server.chats)
        assert held_by(court) is None, "whoever gives the command again has been told"
        verdicts = court.judge(SEVEN)
        assert [one.result for one in verdicts] == [Result.INVALID] * 7
        assert len(server.chats) > asked or fault is Fault.TOO_LONG
        assert held_by(court, reply_form="markers") is not None, "another judging"


@pytest.mark.parametrize(
    "script",
    [
        lambda chat: judges.longer(chat) if "aaaa" in chat.prompt else PROSE,
        lambda chat: "" if "bbbb" in chat.prompt else PROSE,
        lambda chat: judges.longer(chat) if judges.shown(chat)[0].startswith("a") else PROSE,
    ],
    ids=["some are usable", "some fail otherwise", "one order is usable"],
)
def test_other_failures_do_not_hold_it(tmp_path: Path, script: Callable[[Chat], Scripted]) -> None:
    with FakeOllama(script) as server:
        assert held_by(Court(tmp_path / "w.judged", server)) is None


def test_nothing_more_is_asked_while_it_is_held(tmp_path: Path) -> None:
    def stop(event: JudgeEvent | Event) -> bool:
        return isinstance(event, Held)

    with FakeOllama(lambda chat: PROSE) as server:
        court = Court(tmp_path / "w.judged", server)
        court.judge(SEVEN, stop=stop)
        assert len(server.chats) == 3 * FIRST


def test_the_command_says_what_to_try_and_the_same_command_goes_on(tmp_path: Path) -> None:
    rows = [{"instruction": f"Count to {number}.", "input": "", "output": "one"} for number in range(7)]
    a = dataset(tmp_path / "a.json", rows)
    b = dataset(tmp_path / "b.json", [{**row, "output": "one two"} for row in rows])
    command = ("judge", a, b, "--judge", TEACHER)
    with FakeOllama(lambda chat: PROSE) as server:
        environment = {"OLLAMA_HOST": server.url}
        held = burnish(*command, "--json", environment=environment)
        assert held.code == 1
        assert "held: the first 5 pairs all failed (unparsable)" in held.err.splitlines()[-1]
        assert json.loads(held.out)["held"]["unit"] == "pairs"
        assert burnish(*command, environment=environment).code == 3
