"""The whole method on real input: recorded teacher replies, the real student, decisions recomputed from the rules.

What is expected is worked out here, from the published strings and llama.cpp's plain high-level interface with all
logits, and shares no code with burnish's templates, scoring or selection.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import pytest

from engine.sample import Stage, Verdict
from models.teacher import Fault
from tests.ollama.script import Answer, Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.running import demo_rows, outcomes, refine, settings, workspace

RECORDED = Path(__file__).parent / "ollama" / "recorded" / "teacher" / "json.jsonl"
SAMPLES = 6

# The recorded teacher was asked for the same parts under other names.
OUR_NAMES = {
    "complexity_of_topic": "a_complexity_of_the_topic",
    "level_of_detail_required": "b_level_of_detail_required",
    "knowledge_required": "c_knowledge_required",
    "ambiguity": "d_ambiguity_of_the_instruction",
    "logical_reasoning": "e_logical_reasoning_or_problem_solving",
    "helpfulness": "a_helpfulness",
    "relevance": "b_relevance",
    "accuracy": "c_accuracy",
    "level_of_details": "d_level_of_details",
    "instruction_critique": "a_instruction_critique",
    "cause": "c_cause",
    "new_instruction": "d_new_instruction",
    "new_response": "e_new_response",
    "better_response": "b_better_response",
}

VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. USER: {} ASSISTANT:"
)
GUESS = (
    "Below is the response to an instruction, please guess the corresponding instruction for the given response."
    "\n{}\nGenerate the instruction for the above response."
)

Pair = tuple[str, str, str]
"""(instruction, input, response)"""


def parts(text: str) -> Any:
    whole = json.loads(
        text, object_hook=lambda found: {OUR_NAMES.get(name, name): part for name, part in found.items()}
    )
    critique = "b_response_critique" if "c_cause" in whole else "a_response_critique"
    return {critique if name == "response_critique" else name: part for name, part in whole.items()}


class Recorded:
    """The recorded teacher's replies, by sample and by the version they are about."""

    def __init__(self) -> None:
        self.replies: dict[tuple[int, str, str], dict[str, Any]] = {}
        for line in RECORDED.read_text("utf-8").splitlines():
            sample = json.loads(line)
            for call in sample["calls"]:
                key = (sample["id"], call["stage"], call["on"])
                self.replies[key] = json.loads(call["response"])

    def new_pair(self, index: int) -> Pair | None:
        reply = self.replies[index, "instruction", "original"]
        if reply["done_reason"] != "stop":
            return None
        new = parts(reply["message"]["content"])
        return new["d_new_instruction"].strip(), "", new["e_new_response"].strip()

    def script(self, chat: Chat) -> Scripted:
        """Find the sample a prompt is about, and answer with what was recorded for it, or the rest of that alone."""
        assert chat.schema is not None
        example = chat.messages[1]["content"]
        if "d_new_instruction" in chat.schema["properties"]:
            index = next(i for i, row in enumerate(demo_rows(SAMPLES)) if shown(pair(row)) in example)
            key = (index, "instruction", "original")
        else:
            key = next(self._about(example))
        reply = self.replies[key]
        text = reply["message"]["content"]
        if reply["done_reason"] == "stop":
            asked = chat.schema["properties"]
            text = json.dumps({name: part for name, part in parts(text).items() if name in asked})
        return Answer(text, done_reason=reply["done_reason"])

    def _about(self, prompt: str) -> Iterator[tuple[int, str, str]]:
        for i, row in enumerate(demo_rows(SAMPLES)):
            new = self.new_pair(i)
            if new is not None and shown(new) in prompt:
                yield i, "response", "rewritten"
            if shown(pair(row)) in prompt:
                yield i, "response", "original"


def pair(row: dict[str, str]) -> Pair:
    return row["instruction"], row["input"], row["output"]


def shown(version: Pair) -> str:
    """A version as a prompt to the teacher holds it."""
    instruction, input, response = version
    middle = f"<input>\n{input}\n</input>\n" if input else ""
    return f"<instruction>\n{instruction}\n</instruction>\n{middle}<response>\n{response}\n</response>"


LOST = 5
"""The recorded sample whose new instruction speaks of a sentence that it does not carry."""


class Rules:
    """IFD and r-IFD by their definitions: one passage at a time, all logits kept, softmax in float64."""

    def __init__(self, path: Path) -> None:
        self.model = llama_cpp.Llama(str(path), n_ctx=2048, logits_all=True, verbose=False)

    def ids(self, text: str) -> list[int]:
        return self.model.tokenize(text.encode(), add_bos=False, special=False) if text else []

    def loss(self, context: str, target: str) -> float | None:
        """Mean over the target's tokens but the first: SmolLM2 adds no start token."""
        before, after = self.ids(context), self.ids(target)
        if len(after) < 2:
            return None
        tokens = before + after
        self.model.reset()
        self.model.eval(tokens)
        total = 0.0
        for at in range(len(before) + 1, len(tokens)):
            row = self.model.scores[at - 1].astype(np.float64)
            total += row.max() + math.log(np.exp(row - row.max()).sum()) - row[tokens[at]]
        return total / (len(after) - 1)

    def log_ifd(self, version: Pair) -> float | None:
        instruction, input, response = version
        shown_text = f"{instruction}\nInput:\n{input}" if input else instruction
        return difference(self.loss(VICUNA.format(shown_text), response), self.loss("", response))

    def log_r_ifd(self, version: Pair) -> float | None:
        instruction, input, response = version
        target = f"{instruction}\n{input}" if input else instruction
        context = VICUNA.format(GUESS.format(response))
        return difference(self.loss(context, target), self.loss("", target))


def difference(given: float | None, alone: float | None) -> float | None:
    return None if given is None or alone is None else given - alone


def better(new: float | None, old: float | None) -> bool:
    return new is not None and (old is None or new > old)


@pytest.mark.long
def test_every_decision_on_recorded_replies_is_the_one_the_rules_give(
    tmp_path: Path, smollm2_f32: Path
) -> None:
    recorded, rules = Recorded(), Rules(smollm2_f32)
    with (
        FakeOllama(recorded.script) as server,
        workspace(tmp_path / "w.burnish", demo_rows(SAMPLES)) as opened,
    ):
        refine(opened, settings(server, student={"name": str(smollm2_f32)}))
        decided = outcomes(opened)

    verdicts = []
    for index, row in enumerate(demo_rows(SAMPLES)):
        outcome, x0 = decided[index], pair(row)
        assert outcome is not None
        first, second = outcome.choices
        assert (first.stage, second.stage) == (Stage.INSTRUCTION, Stage.RESPONSE)

        new = recorded.new_pair(index)
        if new is None:
            assert first.failure is not None
            assert first.failure.fault in (Fault.CUT, Fault.REPEATS)  # which is stopped before its limit
            taken = x0
        elif index == LOST:
            assert first.failure is not None
            assert first.failure.fault is Fault.INPUT_LOST
            taken = x0
        elif new[2] == "{":
            assert first.failure is not None
            assert first.failure.fault is Fault.PLACEHOLDER
            taken = x0
        elif new[0].split() == x0[0].split():
            assert first.failure is not None
            assert first.failure.fault is Fault.COPY
            taken = x0
        else:
            before, after = rules.log_ifd(x0), rules.log_ifd(new)
            if before is not None and after is not None:
                assert first.before == pytest.approx(math.exp(before), rel=0.02)
                assert first.after == pytest.approx(math.exp(after), rel=0.02)
            taken = new if better(after, before) else x0
            assert first.near_tie or (first.verdict is Verdict.REPLACED) == (taken is new), index
            verdicts.append((Stage.INSTRUCTION, first.verdict))

        on = "rewritten" if taken is new else "original"
        reply = recorded.replies[index, "response", on]
        response = parts(reply["message"]["content"])["b_better_response"].strip()
        if response.split() == taken[2].split():
            assert second.failure is not None
            assert second.failure.fault is Fault.COPY
            final = taken
        else:
            reflected = (taken[0], taken[1], response)
            before, after = rules.log_r_ifd(taken), rules.log_r_ifd(reflected)
            # Smaller is better here.
            won = better(after and -after, before and -before)
            assert second.near_tie or (second.verdict is Verdict.REPLACED) == won, index
            final = reflected if won else taken
            verdicts.append((Stage.RESPONSE, second.verdict))
        assert (outcome.final.instruction, outcome.final.input, outcome.final.response) == final
    assert set(verdicts) == {(stage, verdict) for stage in Stage for verdict in Verdict}, (
        "all four ways were taken"
    )
