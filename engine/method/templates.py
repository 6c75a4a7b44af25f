"""The templates that put an instruction to the student: the published ones, and the GGUF's own."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from models.errors import ModelFileError
from models.llamacpp.chat_template import ChatTemplateError, render
from models.student import Piece, StudentInfo
from models.teacher import Message

Prompt = Callable[[str, str], tuple[Piece, ...]]
"""(instruction, input) -> the context after which the student would say the response."""


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


def prompt_for(name: TemplateName, student: StudentInfo) -> Prompt:
    """The prompt-writing function of a template, for this student."""
    return chat(student) if name is TemplateName.CHAT else PUBLISHED[name]


def vicuna(instruction: str, input: str) -> tuple[Piece, ...]:
    user = f"{instruction}\nInput:\n{input}" if input else instruction
    return (
        Piece(
            "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
            f"helpful, detailed, and polite answers to the user's questions. USER: {user} ASSISTANT:"
        ),
    )


def alpaca(instruction: str, input: str) -> tuple[Piece, ...]:
    if input:
        head = (
            "Below is an instruction that describes a task, paired with an input that provides further "
            "context. Write a response that appropriately completes the request."
        )
        return (Piece(f"{head}\n\n### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"),)
    head = (
        "Below is an instruction that describes a task. Write a response that appropriately completes the "
        "request."
    )
    return (Piece(f"{head}\n\n### Instruction:\n{instruction}\n\n### Response:"),)


def wizardlm(instruction: str, input: str) -> tuple[Piece, ...]:
    user = f"{instruction}\n{input}" if input else instruction
    return (Piece(f"{user}\n\n### Response:"),)


PUBLISHED: dict[TemplateName, Prompt] = {
    TemplateName.VICUNA: vicuna,
    TemplateName.ALPACA: alpaca,
    TemplateName.WIZARDLM: wizardlm,
}
"""The templates that are the same for every model."""


def chat(student: StudentInfo) -> Prompt:
    """The GGUF's own chat template around the user's words. Raises `ModelFileError` if there is none that works."""
    advice = "use --template vicuna, alpaca or wizardlm"
    if student.chat_template is None:
        raise ModelFileError(Path(student.path), f"it carries no chat template; {advice}")
    try:
        # Rendered once, around nothing; the words go where the message's piece is.
        around = render(
            student.chat_template,
            [Message("user", "")],
            bos_text=student.bos_text,
            eos_text=student.eos_text,
        )
    except ChatTemplateError as error:
        raise ModelFileError(
            Path(student.path), f"its chat template cannot be used ({error}); {advice}"
        ) from error

    def prompt(instruction: str, input: str) -> tuple[Piece, ...]:
        user = f"{instruction}\n{input}" if input else instruction
        return tuple(piece if piece.special else Piece(user) for piece in around)

    return prompt
