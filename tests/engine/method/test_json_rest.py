"""A reply whose critique alone is of use is not asked for again as a whole: the critique is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.method.json_form import INSTRUCTION_REST, RESPONSE_REST
from engine.method.reflection import Question, Reflection, UnusableReply, with_remark
from engine.method.reply_forms import ReplyFormName
from engine.method.rules import INSTRUCTION_CRITERIA
from engine.sample import Stage
from models.teacher import Fault, Message, Reply
from tests.engine.method.asking import OLD, Scripted, instruction_json, reflect, response_json
from tests.ollama.script import Chat
from tests.ollama.script import Scripted as Answered
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, finals, outcomes, refine, settings, workspace


def asked_in(stage: Stage, reply: str) -> Question[Reflection]:
    """The question of a stage that this reply was given to."""
    script = Scripted(reply)
    with pytest.raises(UnusableReply):
        reflect(ReplyFormName.JSON, stage, OLD, script)
    (question,) = script.asked
    return question


COPIES = {Stage.INSTRUCTION: instruction_json(OLD.instruction), Stage.RESPONSE: response_json(OLD.response)}
RESTS = {
    Stage.INSTRUCTION: (INSTRUCTION_REST, {"d_new_instruction": "Another?", "e_new_response": "Its answer."}),
    Stage.RESPONSE: (RESPONSE_REST, {"b_better_response": "Its answer."}),
}


@pytest.mark.parametrize("stage", list(COPIES))
@pytest.mark.parametrize("finish", ["stop", "length", "stopped"])
def test_the_rest_is_asked_for_below_the_critique_and_read_with_it(stage: Stage, finish: Any) -> None:
    task, written = RESTS[stage]
    first = asked_in(stage, COPIES[stage])
    rest = first.after(Reply(COPIES[stage], finish=finish))
    *before, critique, last = rest.messages
    assert tuple(before) == first.messages
    assert (critique.role, last) == ("assistant", Message("user", task))
    assert COPIES[stage].startswith(critique.content[:-1]), "as it was written, so that it stays computed"
    assert rest.schema is not None
    assert list(rest.schema["properties"]) == list(written)
    reflection = rest.parse(Reply(json.dumps(written)))
    assert reflection.version.response == "Its answer."
    whole = json.loads(COPIES[stage]) | written
    assert reflection == first.parse(Reply(json.dumps(whole)))
    with pytest.raises(UnusableReply):
        rest.parse(Reply(COPIES[stage]))


def test_after_a_rest_of_no_use_the_same_rest_is_asked_for() -> None:
    first = asked_in(Stage.RESPONSE, COPIES[Stage.RESPONSE])
    rest = first.after(Reply(COPIES[Stage.RESPONSE]))
    copy = Reply(json.dumps({"b_better_response": OLD.response}))
    with pytest.raises(UnusableReply) as caught:
        rest.parse(copy)
    assert caught.value.fault is Fault.COPY
    assert rest.after(copy) is rest


WHOLE = instruction_json(OLD.instruction)


@pytest.mark.parametrize(
    "text",
    [
        "No JSON at all.",
        "",
        WHOLE[:60],
        WHOLE[: WHOLE.index('"c_cause"')],
        WHOLE.replace("It was vague.", " "),
        WHOLE.replace("It was vague.", "..."),
        json.dumps(dict(reversed(json.loads(WHOLE).items()))),
        json.dumps(json.loads(WHOLE) | {"a_instruction_critique": "One text."}),
        json.dumps(json.loads(WHOLE) | {"a_instruction_critique": dict.fromkeys(INSTRUCTION_CRITERIA, 7)}),
        f"Here it is: {WHOLE}",
    ],
)
def test_without_a_whole_critique_of_use_all_is_asked_for_again(text: str) -> None:
    first = asked_in(Stage.INSTRUCTION, WHOLE)
    assert first.after(Reply(text)) is first


def test_a_person_s_remark_is_told_again() -> None:
    first = with_remark(asked_in(Stage.RESPONSE, COPIES[Stage.RESPONSE]), "Be brief.")
    rest = first.after(Reply(COPIES[Stage.RESPONSE]))
    assert "Be brief." in rest.messages[1].content


def test_a_run_asks_so_and_finds_the_replies_when_it_is_taken_up(tmp_path: Path) -> None:
    def script(chat: Chat) -> Answered:
        if len(chat.messages) > 2:
            return brief(chat)
        reply = json.loads(brief(chat))
        if "b_better_response" in reply:
            reply["b_better_response"] = chat.prompt.split("<response>")[1].split("</response>")[0]
        return json.dumps(reply)

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = settings(server, run={"method": "reflect"})
        refine(opened, given)
        done = finals(opened)
        assert [len(chat.body["messages"]) for chat in server.chats] == [2, 2, 4]
        with opened.database.transaction():  # as if it had been cut short before anything was decided
            opened.database.execute("DELETE FROM figures")
            opened.database.execute("DELETE FROM outcomes")
        refine(opened, given)
        assert (finals(opened), len(server.chats)) == (done, 3)


def test_where_the_critique_leaves_no_room_all_is_asked_for_again(tmp_path: Path) -> None:
    def script(chat: Chat) -> Answered:
        reply = json.loads(brief(chat))
        if "b_better_response" in reply:
            reply["b_better_response"] = chat.prompt.split("<response>")[1].split("</response>")[0]
            reply["a_response_critique"]["a_helpfulness"] = " ".join(map(str, range(600)))
        return json.dumps(reply)

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        refine(
            opened, settings(server, run={"method": "reflect"}, teacher={"context": 2048, "max_tokens": 1024})
        )
        assert {len(chat.body["messages"]) for chat in server.chats} == {2}
        (outcome,) = outcomes(opened)
    assert outcome is not None
    assert [failure.fault for failure in outcome.failures] == [Fault.COPY]
