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
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from models.llamacpp.template_data import TemplateData
from models.student import Piece

SECONDS = 5
"""The longest that a template may compute. Those of real models take a thousandth of it, Python's start a tenth."""

WAIT = 60.0
"""Seconds of the clock, for a busy machine, and for one that keeps no process to `SECONDS`."""

# Stands for words of the data while the template is rendered; behind J, how many times `tojson` has put it into JSON.
# Letters and digits alone: some templates strip or escape anything else.
_SLOT = re.compile(r"BURNISHSLOT(\d+)(?:J(\d+))?BURNISH")


class ChatTemplateError(Exception):
    """The template cannot put these messages into words: why, in half a sentence."""


def render(
    source: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    bos_text: str,
    eos_text: str,
    thinking: bool = False,
) -> tuple[Piece, ...]:
    """The messages as a prompt that ends where the assistant's reply begins. Starts a process where need be.

    Messages and tools are in OpenAI's form. What the template wrote is special (its control tokens count); what the
    messages and the tools say is not. A system message that the template refuses, or leaves out, becomes the beginning
    of the first user message. `thinking`: the reply begins with its reasoning.
    """
    for written in (messages, _folded(messages)):
        data = TemplateData(written, tools)
        parts, why = _parts(source, json.dumps(data.variables), bos_text, eos_text, thinking)
        if why or not data.carried([int(number) for number in parts[1::3]]):
            why = why or "it does not carry every message exactly once, in order, and every call"
            continue
        pieces = []
        for at in range(0, len(parts) - 1, 3):
            text, number, times = parts[at : at + 3]
            pieces += [Piece(text, special=True), Piece(data.text(int(number), int(times or 0)))]
        return *pieces, Piece(parts[-1], special=True)
    raise ChatTemplateError(why)


def _folded(messages: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if len(messages) < 2 or messages[0]["role"] != "system" or messages[1]["role"] != "user":
        return messages
    first = {"role": "user", "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
    return [first, *messages[2:]]


@lru_cache(maxsize=256)
def _parts(
    source: str, data: str, bos_text: str, eos_text: str, thinking: bool
) -> tuple[tuple[str, ...], str]:
    """The template's text, a slot's number, and how often it was put into JSON, by turns; or why it has none."""
    variables = json.loads(data) | {
        "add_generation_prompt": True,
        "enable_thinking": thinking,
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
    return tuple(_SLOT.split(text)), why
