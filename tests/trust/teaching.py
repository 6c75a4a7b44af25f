"""A teacher for runs under fault: it understands which sample and question a request is about, and what it replies
depends on the request's messages and seed alone.

Each sample's instruction, and each rewrite of it, names its case ("case 17"), by which it is known again.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.method.reply_forms import ReplyFormName
from engine.sample import Stage
from tests.engine.method.asking import OWN, instruction_json, markers, response_json
from tests.ollama.script import Answer, Chat

STEPS: dict[Stage, tuple[str, ...]] = {
    Stage.INSTRUCTION: ("critique", "rewrite", "answer"),
    Stage.RESPONSE: ("critique", "improve"),
}
_WORDS = """amber basin cedar delta ember fjord grove heron inlet juniper kelp lagoon marsh nectar otter pebble quartz
reed spruce thicket umber vale willow yarrow zephyr""".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Place:
    """A question of a run."""

    sample: int
    stage: Stage
    step: str  # as `engine.method.reflection.Question` is named


def places(form: ReplyFormName, samples: int) -> Iterator[Place]:
    """Every question of a run, in the order in which each sample's are put."""
    for sample in range(samples):
        for stage in Stage:
            for step in STEPS[stage] if form is ReplyFormName.STEPS else ("reflect",):
                yield Place(sample, stage, step)


def rows(count: int) -> list[dict[str, str]]:
    """A dataset; every third sample has an input."""
    dice = random.Random(count)
    return [
        {
            "instruction": f"Explain the {dice.choice(_WORDS)} of case {index}.",
            "input": _sentence(dice) if index % 3 == 0 else "",
            "output": _sentence(dice),
        }
        for index in range(count)
    ]


def _sentence(dice: random.Random) -> str:
    return " ".join(dice.sample(_WORDS, 6)).capitalize() + "."


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, understood."""

    form: ReplyFormName
    place: Place
    old: str  # what the rewrite is to replace: the instruction in its stage, the response in the other
    dice: random.Random = field(compare=False)  # falls by the request alone

    def sound(self) -> str:
        """A reply that can be used."""
        instruction = f"Describe how case {self.place.sample} went: {_sentence(self.dice)}"
        return self.reply_of(instruction, _sentence(self.dice))

    def reply_of(self, instruction: str, answer: str) -> str:
        """A reply of these texts in the layout that is asked for."""
        critique = _sentence(self.dice)
        match self.form, self.place.stage:
            case ReplyFormName.JSON, Stage.INSTRUCTION:
                return instruction_json(instruction, answer, c_cause=critique)
            case ReplyFormName.JSON, Stage.RESPONSE:
                return response_json(answer)
            case ReplyFormName.MARKERS, Stage.INSTRUCTION:
                sections = (("[Critique]", critique), ("[New Instruction]", instruction))
                return markers(*sections, ("[New Response]", answer))
            case ReplyFormName.MARKERS, Stage.RESPONSE:
                return markers(("[Critique]", critique), ("[Better Response]", answer))
        return {"critique": critique, "rewrite": instruction}.get(self.place.step, answer)

    def answer(self, text: str, **how: Any) -> Answer:
        """A text in a few pieces; `how` as the fields of an answer."""
        size = max(1, -(-len(text) // 6))
        return Answer([text[at : at + size] for at in range(0, len(text), size)], **how)


def understood(chat: Chat) -> Asked:
    prompt, begun = chat.prompt, "\n".join(str(message["content"]) for message in chat.messages)
    found = re.search(r"\bcase (\d+)\b", begun)
    assert found is not None, begun
    if chat.schema is not None or "\n[End]" in begun:
        form = ReplyFormName.JSON if chat.schema is not None else ReplyFormName.MARKERS
        stage, step = Stage.INSTRUCTION if OWN.instruction_task in begun else Stage.RESPONSE, "reflect"
        olds = re.search(rf"<{stage}>\n(.*?)\n</{stage}>", prompt, re.DOTALL)
    else:
        form = ReplyFormName.STEPS
        stage, step = next(where for words, where in _KNOWN_BY if words in begun)
        label = "Instruction" if stage is Stage.INSTRUCTION else "Response"
        olds = re.search(rf"^{label}: (.*)", begun, re.MULTILINE)
    dice = random.Random(json.dumps([chat.messages, chat.options["seed"]]))
    return Asked(form, Place(int(found[1]), stage, step), olds[1] if olds else "", dice)


_KNOWN_BY = (
    (OWN.criticise_both, (Stage.INSTRUCTION, "critique")),
    (OWN.rewrite, (Stage.INSTRUCTION, "rewrite")),
    (OWN.answer, (Stage.INSTRUCTION, "answer")),
    (OWN.criticise_response, (Stage.RESPONSE, "critique")),
    (OWN.improve, (Stage.RESPONSE, "improve")),
)
