"""The templates that put an instruction to the student: the published ones, and the GGUF's own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Protocol

from engine.sample import History, Turn, exchanges
from models.errors import ModelFileError
from models.llamacpp.chat_template import ChatTemplateError, render
from models.student import Piece, StudentInfo

Prompt = Callable[[str, str], tuple[Piece, ...]]
"""(instruction, input) -> the context after which the student would say the response."""


Tools = Sequence[Mapping[str, Any]]
"""Definitions of tools in OpenAI's form. The published templates have no place for them."""


class Template(Protocol):
    """A `Prompt` that may come after a conversation."""

    def __call__(
        self, instruction: str, input: str, history: History = (), tools: Tools = (), reasoning: str = "", /
    ) -> tuple[Piece, ...]:
        """history: what was said before the instruction. reasoning: what the response follows, marks included.

        `ChatTemplateError`: it cannot be written so.
        """


class TemplateName(StrEnum):
    VICUNA = "vicuna"
    ALPACA = "alpaca"
    WIZARDLM = "wizardlm"
    CHAT = "chat"


def guess(response: str) -> str:
    """The request that asks for the instruction behind a response: g(y) of the V2 paper, section 3.2."""
    return (
        "Below is the response to an instruction, please guess the corresponding instruction for the given "
        f"response.\n{response}\nGenerate the instruction for the above response."
    )


def prompt_for(name: TemplateName, student: StudentInfo) -> Template:
    """The prompt-writing function of a template, for this student."""
    if name is TemplateName.CHAT:
        return chat(student)
    published = PUBLISHED[name]

    def prompt(
        instruction: str, input: str, history: History = (), _: Tools = (), reasoning: str = "", /
    ) -> tuple[Piece, ...]:
        asked = published(instruction, input, history, student.eos_text)
        return (*asked, Piece(reasoning)) if reasoning else asked

    return prompt


@dataclass(frozen=True, slots=True)
class _Marks:
    """The text that a published template puts before what each side says."""

    user: str
    assistant: str
    space: str  # between the assistant's mark and an answer of the history
    user_after_end: str  # before a user's turn that follows the vocabulary's end token
    user_first: str  # before one with nothing before it


def _conversation(marks: _Marks, opening: str, history: History, user: str, end: str) -> tuple[Piece, ...]:
    """A conversation up to where the assistant is to speak.

    Each answer of the history ends in the vocabulary's end token, and the text goes on in a piece of its own.
    """
    pieces: list[Piece] = []
    text = opening
    for turn in map(_as_said, (*history, Turn(role="user", text=user))):
        if turn["role"] == "assistant":
            text += f"{marks.assistant}{marks.space}{turn['content']}"
            pieces += [Piece(text), Piece(end, special=True)] if end else [Piece(text)]
            text = ""
        else:
            mark = marks.user if text else marks.user_after_end if pieces else marks.user_first
            text += f"{mark}{turn['content']}"
    return *pieces, Piece(text + marks.assistant)


def _as_said(turn: Turn) -> dict[str, Any]:
    """A turn as every template has it: what a tool says becomes a user's turn that says whose it is."""
    if turn.role == "tool":
        return {"role": "user", "content": f"{TOOL_SAYS}\n{turn.text}"}
    return {"role": turn.role, "content": turn.text}


TOOL_SAYS = "The result of the tool:"


def _opened(history: History, default: str) -> tuple[str, History]:
    """The system message that a conversation opens with, or the default, and the turns after it."""
    first, _ = exchanges(history)
    return "\n\n".join(turn.text for turn in first) or default, history[len(first) :]


_VICUNA = _Marks(
    user=" USER: ", assistant=" ASSISTANT:", space=" ", user_after_end="USER: ", user_first="USER: "
)


def vicuna(instruction: str, input: str, history: History = (), end: str = "") -> tuple[Piece, ...]:
    """`end`: the text of the vocabulary's end token, which follows each answer of the history."""
    user = f"{instruction}\nInput:\n{input}" if input else instruction
    opening, turns = _opened(
        history,
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the user's questions.",
    )
    return _conversation(_VICUNA, opening, turns, user, end)


_INSTRUCTION = "\n\n### Instruction:\n"
_ALPACA = _Marks(
    user=_INSTRUCTION,
    assistant="\n\n### Response:",
    space="",
    user_after_end=_INSTRUCTION,
    user_first=_INSTRUCTION,
)


def alpaca(instruction: str, input: str, history: History = (), end: str = "") -> tuple[Piece, ...]:
    """`end`: as of `vicuna`."""
    user, head = (
        instruction,
        (
            "Below is an instruction that describes a task. Write a response that appropriately completes the "
            "request."
        ),
    )
    if input:
        user = f"{instruction}\n\n### Input:\n{input}"
        head = (
            "Below is an instruction that describes a task, paired with an input that provides further "
            "context. Write a response that appropriately completes the request."
        )
    opening, turns = _opened(history, head)
    return _conversation(_ALPACA, opening, turns, user, end)


_WIZARDLM = _Marks(user="\n\n", assistant="\n\n### Response:", space="", user_after_end="\n\n", user_first="")


def wizardlm(instruction: str, input: str, history: History = (), end: str = "") -> tuple[Piece, ...]:
    """`end`: as of `vicuna`."""
    user = f"{instruction}\n{input}" if input else instruction
    opening, turns = _opened(history, "")
    return _conversation(_WIZARDLM, opening, turns, user, end)


PUBLISHED: dict[TemplateName, Callable[[str, str, History, str], tuple[Piece, ...]]] = {
    TemplateName.VICUNA: vicuna,
    TemplateName.ALPACA: alpaca,
    TemplateName.WIZARDLM: wizardlm,
}
"""The templates that are the same for every model."""


def chat(student: StudentInfo) -> Template:
    """The GGUF's own chat template around the user's words. Raises `ModelFileError` if there is none that works."""
    advice = "use --template vicuna, alpaca or wizardlm"
    if student.chat_template is None:
        raise ModelFileError(Path(student.path), f"it carries no chat template; {advice}")
    write = partial(render, student.chat_template, bos_text=student.bos_text, eos_text=student.eos_text)
    try:
        # Rendered once, around nothing; the words go where the message's piece is.
        around = write([{"role": "user", "content": ""}])
    except ChatTemplateError as error:
        raise ModelFileError(
            Path(student.path), f"its chat template cannot be used ({error}); {advice}"
        ) from error
    uses_tools = re.search(r"\btools\b", student.chat_template) is not None
    ways = [
        way for way in _WAYS if "tool_calls" in student.chat_template or way in (_in_their_roles, _as_said)
    ]

    def prompt(
        instruction: str, input: str, history: History = (), tools: Tools = (), reasoning: str = "", /
    ) -> tuple[Piece, ...]:
        user = f"{instruction}\n{input}" if input else instruction
        tools = tools if uses_tools else ()
        if not (history or tools or reasoning):
            return tuple(piece if piece.special else Piece(user) for piece in around)
        turns = *history, Turn(role="user", text=user)
        written: list[list[dict[str, Any]]] = []
        for way in ways:
            if (messages := [way(turn) for turn in turns]) not in written:
                written.append(messages)
        for given, messages in product((tools, ()) if tools else ((),), written):
            try:
                pieces = write(messages, given, thinking=bool(reasoning))
                return (*pieces, Piece(_continued(pieces[-1].text, reasoning))) if reasoning else pieces
            except ChatTemplateError as error:
                refusal = error
        raise refusal

    return prompt


def _continued(prompt: str, reasoning: str) -> str:
    """Reasoning without its opening mark, where the prompt already ends with that, as DeepSeek's do."""
    opened = re.search(r"(<[^<>\s]+>)(\s*)\Z", prompt)
    if opened is None or not reasoning.lstrip().startswith(opened[1]):
        return reasoning
    return reasoning.lstrip().removeprefix(opened[1]).removeprefix(opened[2])


def _called_with_objects(turn: Turn) -> dict[str, Any]:
    """A turn in OpenAI's form, but the arguments of its calls are objects, as most templates want them."""
    if not turn.calls:
        return _in_their_roles(turn)
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in turn.calls
    ]
    return {"role": "assistant", "content": turn.beside, "tool_calls": calls}


def _called_with_json(turn: Turn) -> dict[str, Any]:
    """A turn in OpenAI's form, the arguments of its calls being JSON."""
    calls = tuple(
        call
        if isinstance(call.arguments, str)
        else call.model_copy(update={"arguments": json.dumps(call.arguments, ensure_ascii=False)})
        for call in turn.calls
    )
    return _called_with_objects(turn.model_copy(update={"calls": calls}))


def _in_their_roles(turn: Turn) -> dict[str, Any]:
    """A turn of a tool as that, a call as text."""
    if turn.role == "tool":
        return {"role": "tool", "content": turn.text, "name": turn.tool, "tool_call_id": turn.answers}
    return _as_said(turn)


_WAYS: tuple[Callable[[Turn], dict[str, Any]], ...] = (
    _called_with_objects,
    _called_with_json,
    _in_their_roles,
    _as_said,
)
"""The ways to give a turn to a chat template: the first that it takes."""
