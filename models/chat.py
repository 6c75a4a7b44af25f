"""A GGUF's own chat template, rendered so that no message can forge a control token."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.student import Piece
from models.teacher import Message

# Stands for a message's words while the template is rendered. Letters and digits alone: some templates strip or
# escape anything else.
_SLOT = re.compile(r"BURNISHSLOT(\d+)BURNISH")


class ChatTemplateError(Exception):
    """The template cannot put these messages into words: why, in half a sentence."""


def render(source: str, messages: Sequence[Message], *, bos_text: str, eos_text: str) -> tuple[Piece, ...]:
    """The messages as a prompt that ends where the assistant's reply begins.

    What the template wrote is special (its control tokens count); what the messages say is not. A system message
    that the template refuses, or leaves out, becomes the beginning of the first user message.
    """

    def attempt(said: Sequence[Message]) -> tuple[Piece, ...]:
        environment = _environment()
        text = environment.from_string(source).render(
            messages=[{"role": m.role, "content": f"BURNISHSLOT{n}BURNISH"} for n, m in enumerate(said)],
            add_generation_prompt=True,
            enable_thinking=False,
            bos_token=bos_text,
            eos_token=eos_text,
        )
        parts = _SLOT.split(text)  # template text and slot numbers by turns
        if [int(number) for number in parts[1::2]] != list(range(len(said))):
            raise ChatTemplateError("it does not carry every message exactly once, in order")
        return tuple(
            Piece(said[int(part)].content) if n % 2 else Piece(part, special=True)
            for n, part in enumerate(parts)
        )

    try:
        try:
            return attempt(messages)
        except (TemplateError, ChatTemplateError):
            folded = _folded(messages)
            if folded == list(messages):
                raise
            return attempt(folded)
    except ChatTemplateError:
        raise
    except (
        Exception
    ) as error:  # a template is a program of whoever made the file: it may raise anything at all
        raise ChatTemplateError(str(error)) from error


def _folded(messages: Sequence[Message]) -> list[Message]:
    if len(messages) < 2 or messages[0].role != "system" or messages[1].role != "user":
        return list(messages)
    first = Message("user", f"{messages[0].content}\n\n{messages[1].content}")
    return [first, *messages[2:]]


def _environment() -> ImmutableSandboxedEnvironment:
    """What Hugging Face's apply_chat_template gives a template to work with."""

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def tojson(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    environment.filters["tojson"] = tojson
    return environment
