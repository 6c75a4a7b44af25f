"""A teacher's replies in every form: read to the end, and while they grow."""

from __future__ import annotations

import asyncio
import json
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

from engine.method.refine import STAGES
from engine.method.reflection import Reflection, UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.method.rewrite_language import SAME
from engine.sample import Stage
from models.teacher import Reply
from tests.engine.method.asking import OLD, OWN, replies
from tests.trust.fuzz.mutation import as_json, bent, mutated
from tests.trust.fuzz.watch import one_line
from tui.screens.run.growing import growing_part
from tui.text.literal import first_line, literal

TOKENS = tuple(
    token.encode()
    for token in (
        *(
            "[Critique]",
            "\n[New Instruction]\n",
            "\n[New Response]\n",
            "\n[Better Response]\n",
            "[End]",
            "\n[End]\n",
        ),
        *(
            "<think>",
            "</think>",
            "```json\n",
            "```",
            "**",
            "#",
            '"',
            "\\",
            "\\u12",
            "{",
            "}",
            "...",
            "[",
            "<answer>",
        ),
        *(
            "Here is the new instruction:",
            "Sure, ",
            "Response:",
            "I'm sorry, but I cannot ",
            "As an AI language model, ",
        ),
        *(
            "\n" * 30_000,
            " " * 30_000,
            "*" * 30_000,
            "# " * 10_000,
            "\t\n" * 10_000,
            "sorry " * 5_000,
            "_" * 30_000,
        ),
        *("\n[End]" * 5_000, "[Critique]\n" * 5_000, "your " * 10_000, "(((((" * 5_000, "here is " * 5_000),
        *('"a": "' * 5_000, "\\u0000", "\\ud83d", "\0", "\x1b[31m", "Old question?", "Old answer."),
    )
)


def make(dice: Random) -> bytes:
    form, stage = dice.choice(list(ReplyFormName)), dice.choice(list(Stage))
    texts = replies(form, stage, "New answer.")
    at = dice.randint(0, len(texts) - 1)
    if form is ReplyFormName.JSON and dice.randint(0, 1):
        texts[at] = as_json(bent(json.loads(texts[at]), dice))
    if dice.randint(0, 4):
        texts[at] = mutated(texts[at].encode(), dice, TOKENS).decode("utf-8", "replace")
    return json.dumps([form, stage, texts]).encode()


def judge(case: bytes, folder: Path) -> bool:
    form, stage, texts = json.loads(case)
    for text in texts:
        for end in (len(text) // 3, len(text) - 1, len(text)):
            growing = growing_part(text[:end])
            literal(first_line(growing.text, 80))
    try:
        found = asyncio.run(_reflected(ReplyFormName(form), Stage(stage), texts))
    except UnusableReply as unusable:
        one_line(unusable)
        return False
    version = found.version
    assert version.instruction.strip()
    assert version.response.strip()
    assert all(text.strip() for text in found.critique.values())
    json.dumps([found.critique, version.model_dump(mode="json")])
    return True


async def _reflected(form: ReplyFormName, stage: Stage, texts: list[str]) -> Reflection:
    coming = cycle(texts)

    async def ask(question: Any, /) -> Any:
        return question.parse(Reply(next(coming)))

    return await STAGES[stage].reflect(form, OWN, OLD, ask, (), SAME)
