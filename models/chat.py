"""A GGUF's own chat template, rendered so that no message can forge a control token."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.student import Piece
from models.teacher import Message

# Stands for a message's words while the template is rendered. Letters and digits alone: some templates strip or
# escape anything else.
_SLOT = re.compile(r"BURNISHSLOT(\d+)BURNISH")


SECONDS = 2.0
"""The longest that a template may take. Those of real models take a thousandth of it."""


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


class _Sandbox(ImmutableSandboxedEnvironment):
    """Templates that neither reach out nor go on for ever: jinja2 bounds one range, not one within another."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._until = time.monotonic() + SECONDS
        self.filters["each_in_time"] = self._each_in_time

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        for loop in template.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "each_in_time", [], [], None, None, lineno=loop.lineno)
        return template

    def call(self, *arguments: Any, **named: Any) -> Any:
        self._check_time()
        return super().call(*arguments, **named)

    def _each_in_time(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._check_time()
            yield item

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise ChatTemplateError(f"it was not done within {SECONDS:g} s")


def _environment() -> ImmutableSandboxedEnvironment:
    """What Hugging Face's apply_chat_template gives a template to work with."""

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def tojson(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    environment.filters["tojson"] = tojson
    return environment
