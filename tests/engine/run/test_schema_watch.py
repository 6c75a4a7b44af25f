"""A server that leaves a reply's schema out is found out by the first reply, and the model is asked in another form."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.events import Event, Notice
from engine.method.reply_forms import ReplyFormName
from engine.run.schema_watch import may_begin, obeys
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, brief, outcomes, refine, settings, workspace

LARGE = replace(Model.named("large:8b", ["completion", "thinking"]), parameters=8_000_000_000)
MARKED = {
    "New Instruction": "[Critique]\nToo short.\n[New Instruction]\nName a stone and its colour.\n"
    "[New Response]\nJade is green, as a rule.\n[End]",
    "Better Response": "[Critique]\nToo short.\n[Better Response]\nSlate is grey, and it splits well.\n[End]",
}
AUTO: dict[str, Any] = {"method": "reflect", "reply_form": "auto"}


def ignoring(text: str) -> Callable[[Chat], str]:
    """A model whose server leaves the schema out."""

    def script(chat: Chat) -> str:
        if chat.schema is not None:
            return text
        return next(reply for heading, reply in MARKED.items() if f"[{heading}]" in str(chat.messages))

    return script


SHAPES = [
    '{"thought": "The user has provided an example and wants it to be improved."}',
    '{"thought_process": ["1. **Analyse the request**"]}',
    '{"a_instruction_critique": {"a_complexity_of_the_topic": "Simple."}}',
    "The instruction is too short, and the response as well.",
    "```python\nprint('no JSON')\n```",
    "# Critique\n\nIt is short.",
]


@pytest.mark.parametrize("text", SHAPES)
def test_another_form_is_taken_at_the_first_reply_said_once_and_remembered(tmp_path: Path, text: str) -> None:
    events: list[Event] = []
    with (
        FakeOllama(ignoring(text), models=[LARGE]) as server,
        workspace(tmp_path / "w.burnish", SHORT) as opened,
    ):
        given = settings(server, teacher={"name": "large:8b"}, run=AUTO)
        refine(opened, given, events.append)
        assert sum(chat.body.get("format") is not None for chat in server.chats) == 1
        assert all(outcome is not None and not outcome.failures for outcome in outcomes(opened))
        assert opened.latest_run().recipe.form is ReplyFormName.MARKERS
        assert said(events) == 1
        asked = len(server.chats)
        again: list[Event] = []
        refine(opened, given, again.append)
        assert len(server.chats) == asked, "nothing is asked again, in either form"
        assert said(again) == 1
        other = settings(server, teacher={"name": "large:8b", "think": True}, run=AUTO)
        refine(opened, other, limit=1)
        assert server.chats[-1].body["think"] is True


@pytest.mark.parametrize("text", ["Let us look at it. " * 400, '{"thought": "' + "so it is, " * 800])
def test_a_first_reply_that_is_cut_is_enough_to_know(tmp_path: Path, text: str) -> None:
    with (
        FakeOllama(ignoring(text), models=[LARGE]) as server,
        workspace(tmp_path / "w.burnish", SHORT[:2]) as opened,
    ):
        refine(opened, settings(server, teacher={"name": "large:8b", "max_tokens": 200}, run=AUTO))
        assert sum(chat.body.get("format") is not None for chat in server.chats) == 1
        assert opened.latest_run().recipe.form is ReplyFormName.MARKERS


def said(events: list[Event]) -> int:
    return sum(isinstance(event, Notice) and "--reply-form json" in event.text for event in events)


def test_thinking_or_not_is_remembered_apart(tmp_path: Path) -> None:
    def script(chat: Chat) -> str:
        return brief(chat) if chat.body["think"] else ignoring(SHAPES[0])(chat)

    with FakeOllama(script, models=[LARGE]) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        forms = []
        for think in (False, True, False):
            refine(opened, settings(server, teacher={"name": "large:8b", "think": think}, run=AUTO))
            forms.append(opened.latest_run().recipe.form)
    assert forms == [ReplyFormName.MARKERS, ReplyFormName.JSON, ReplyFormName.MARKERS]


def test_a_form_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    with (
        FakeOllama(ignoring(SHAPES[0]), models=[LARGE]) as server,
        workspace(tmp_path / "w.burnish", SHORT) as opened,
    ):
        refine(opened, settings(server, teacher={"name": "large:8b"}, run=AUTO | {"reply_form": "json"}))
        assert opened.latest_run().recipe.form is ReplyFormName.JSON
        assert all(chat.body["format"] for chat in server.chats)


@pytest.mark.parametrize("wrap", ["```json\n{}\n```", "Here it is:\n\n{}", "<think>\nHm.\n</think>\n{}"])
def test_a_reply_that_can_be_read_all_the_same_changes_nothing(tmp_path: Path, wrap: str) -> None:
    with (
        FakeOllama(lambda chat: wrap.replace("{}", brief(chat)), models=[LARGE]) as server,
        workspace(tmp_path / "w.burnish", SHORT[:2]) as opened,
    ):
        refine(opened, settings(server, teacher={"name": "large:8b"}, run=AUTO))
        assert opened.latest_run().recipe.form is ReplyFormName.JSON
        assert len(server.chats) == 4


def test_after_one_reply_that_obeyed_another_that_does_not_is_a_failed_attempt(tmp_path: Path) -> None:
    def script(chat: Chat) -> str:
        return SHAPES[0] if "two plus two" in chat.prompt else brief(chat)

    with FakeOllama(script, models=[LARGE]) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        refine(opened, settings(server, teacher={"name": "large:8b"}, run=AUTO))
        failed = [outcome.index for outcome in outcomes(opened) if outcome is not None and outcome.failures]
        assert opened.latest_run().recipe.form is ReplyFormName.JSON
    assert failed == [2]


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}


@pytest.mark.parametrize(
    ("text", "may"),
    [
        (json.dumps({"a": "x", "b": "y"}), True),
        (json.dumps({"b": "y", "a": "x"}), True),
        ('\n{\n  "a": "half a pair: \\ud83d", "b": ""\n}', True),
        ('<think>\nHm.\n</think>\n{"a": "x", "b": "y"}', True),
        ('{"a": "x"}', False),
        ('{"a": "x", "b": "y", "c": "z"}', False),
        ('{"thought": "x"}', False),
        ('{"a": "x", "b": "y"} That is it.', False),
        ('```json\n{"a": "x", "b": "y"}\n```', False),
        ("a: x", False),
        ('[{"a": "x", "b": "y"}]', False),
        ("", False),
    ],
)
def test_what_a_grammar_would_have_let_pass(text: str, may: bool) -> None:
    assert obeys(SCHEMA, text) is may


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("", True),
        ("{", True),
        ('\n{\n  "a": "half of', True),
        ('{"b": "x", "a"', True),
        ("<think>\nHm, a lo", True),
        ('{"thought": "x', False),
        ("Here it is: {", False),
        ("```json\n{", False),
        ('[{"a": "x"', False),
    ],
)
def test_a_beginning_that_a_grammar_would_have_let_pass(text: str, may: bool) -> None:
    assert may_begin(SCHEMA, text) is may
