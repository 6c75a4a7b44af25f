"""A GGUF's own chat template, rendered so that no message can forge a control token.

A template is a program by whoever made the file. It runs in a process of its own
(models/llamacpp/chat_template_child.py), which has so many seconds and so much memory.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache

from models.student import Piece
from models.teacher import Message

SECONDS = 5
"""The longest that a template may compute. Those of real models take a thousandth of it, Python's start a tenth."""

WAIT = 60.0
"""Seconds of the clock, for a busy machine, and for one that keeps no process to `SECONDS`."""

# Stands for a message's words while the template is rendered. Letters and digits alone: some templates strip or
# escape anything else.
_SLOT = re.compile(r"BURNISHSLOT(\d+)BURNISH")


class ChatTemplateError(Exception):
    """The template cannot put these messages into words: why, in half a sentence."""


def render(source: str, messages: Sequence[Message], *, bos_text: str, eos_text: str) -> tuple[Piece, ...]:
    """The messages as a prompt that ends where the assistant's reply begins. Starts a process where need be.

    What the template wrote is special (its control tokens count); what the messages say is not. A system message
    that the template refuses, or leaves out, becomes the beginning of the first user message.
    """
    folded = _folded(messages)
    for written in (messages, folded):
        around, why = _around(source, tuple(message.role for message in written), bos_text, eos_text)
        if not why:
            break
    else:
        raise ChatTemplateError(why)
    return tuple(
        Piece(written[int(part)].content) if n % 2 else Piece(part, special=True)
        for n, part in enumerate(around)
    )


def _folded(messages: Sequence[Message]) -> Sequence[Message]:
    if len(messages) < 2 or messages[0].role != "system" or messages[1].role != "user":
        return messages
    first = Message("user", f"{messages[0].content}\n\n{messages[1].content}")
    return [first, *messages[2:]]


@lru_cache(maxsize=64)
def _around(source: str, roles: Sequence[str], bos_text: str, eos_text: str) -> tuple[tuple[str, ...], str]:
    """Template text and message numbers by turns, whatever the messages say; or why the template has none."""
    variables = {
        "messages": [{"role": role, "content": f"BURNISHSLOT{n}BURNISH"} for n, role in enumerate(roles)],
        "add_generation_prompt": True,
        "enable_thinking": False,
        "bos_token": bos_text,
        "eos_token": eos_text,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "models.llamacpp.chat_template_child"],
            input=json.dumps({"seconds": SECONDS, "source": source, "variables": variables}).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WAIT,
            check=True,
            start_new_session=True,  # Ctrl-C in the terminal is not for it
        )
    except subprocess.TimeoutExpired:
        raise ChatTemplateError(f"it was not done within {WAIT:g} s") from None
    except subprocess.CalledProcessError as error:
        if sys.platform != "win32" and error.returncode == -signal.SIGXCPU:
            raise ChatTemplateError(f"it was not done within {SECONDS} s") from error
        raise ChatTemplateError(f"it broke the process that runs it, exit code {error.returncode}") from error
    except OSError as error:
        raise ChatTemplateError(f"no process could be started for it: {error.strerror}") from error
    text, why = json.loads(done.stdout)
    parts = tuple(_SLOT.split(text))
    if not why and [int(number) for number in parts[1::2]] != list(range(len(roles))):
        why = "it does not carry every message exactly once, in order"
    return parts, why
