"""A label before a rewrite is no part of it, in every form, and no reason to stop the reply."""

from __future__ import annotations

import pytest

from engine.method.reply_forms import ReplyFormName
from engine.sample import Stage
from models.teacher import Fault
from tests.engine.method.asking import EVERY, OLD, Scripted, fault, read, reflect, replies

TEXT = "Vinegar and water clean a window well, and newspaper dries it without a streak."


@pytest.mark.parametrize(("form", "stage"), EVERY)
@pytest.mark.parametrize(
    "label",
    [
        "Here's a better response that addresses the criticism: \n\n",
        "The better response is: ",
        "Sure, here is the new instruction:\n",
        "**Response:**\n",
    ],
)
def test_a_label_is_left_out_and_waited_for(form: ReplyFormName, stage: Stage, label: str) -> None:
    said = replies(form, stage, f"{label}{TEXT}")
    ask = Scripted(*said)
    found = reflect(form, stage, OLD, ask).version
    assert TEXT in (found.instruction, found.response)
    assert label.strip() not in found.instruction + found.response
    for question, reply in zip(ask.asked, said, strict=True):
        assert not any(question.doomed(reply[:end]) for end in range(len(reply) + 1))


@pytest.mark.parametrize("form", ReplyFormName)
@pytest.mark.parametrize("label", ["Here's a better response:", "The better response is:\n", "**Response:**"])
def test_a_label_alone_is_empty(form: ReplyFormName, label: str) -> None:
    assert fault(form, Stage.RESPONSE, *replies(form, Stage.RESPONSE, label)) is Fault.EMPTY


@pytest.mark.parametrize("form", ReplyFormName)
@pytest.mark.parametrize(
    "answer",
    [
        "Here are the answers: none, one and all of them.",
        "The new machine is: fast, quiet and cheap.",
        "Here in the north the answer to cold is wool.",
    ],
)
def test_an_answer_that_begins_likewise_is_whole(form: ReplyFormName, answer: str) -> None:
    assert read(form, Stage.RESPONSE, *replies(form, Stage.RESPONSE, answer)).version.response == answer
