"""Losses that PyTorch computed, and the passages they are of, written out again from the golden README.

Not a word of this comes from the engine's templates: that they agree is what the tests claim. Of the
conversations there are only the losses: what the engine makes of `conversations.jsonl` must have the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.student import Passage, Piece

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "golden"  # Stanford Alpaca is CC BY-NC: read in place, never copied

Row = dict[str, Any]
KEYS = ("response", "response_given_instruction", "instruction", "instruction_given_response")

VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
    "detailed, and polite answers to the user's questions. USER: {x} ASSISTANT:"
)
ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request."
    "\n\n### Instruction:\n{x}\n\n### Response:"
)
ALPACA_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
    "response that appropriately completes the request.\n\n### Instruction:\n{x}\n\n### Input:\n{u}\n\n### Response:"
)
GUESS = (
    "Below is the response to an instruction, please guess the corresponding instruction for the given response."
    "\n{y}\nGenerate the instruction for the above response."
)


def demo(name: str) -> list[Row]:
    return _rows(HERE / f"demo-{name}.jsonl")


def alpaca(name: str) -> list[Row]:
    path = SHARED / f"alpaca-{name}.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here: the Alpaca samples may not be copied into the project")
    return _rows(path)


def passages(row: Row) -> list[Passage]:
    """The four passages of a version, in the order of KEYS."""
    x, u, y = row["instruction"], row["input"], row["output"]
    asked = f"{x}\n{u}" if u else x
    given = _prompt(row["template"], x, u)
    guessed = _prompt(row["template"], GUESS.replace("{y}", y), "")
    return [
        Passage((), y),
        Passage((Piece(given),), y),
        Passage((), asked),
        Passage((Piece(guessed),), asked),
    ]


def _prompt(template: str, x: str, u: str) -> str:
    if template == "vicuna":
        return VICUNA.replace("{x}", f"{x}\nInput:\n{u}" if u else x)
    if template == "wizardlm":
        return (f"{x}\n{u}" if u else x) + "\n\n### Response:"
    head, tail = (ALPACA_INPUT if u else ALPACA).split("{x}")
    return head + x + tail.replace("{u}", u)


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
