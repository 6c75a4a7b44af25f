"""The contract of a student: how surprised a base model is by a text, token by token.

A passage asks for the loss of each token of its target, after all that stands before it: of "Red, say." with the
tokens `Red` `,` ` say` `.`, after the context "Name a colour.". Where the vocabulary has a start token (Llama, Gemma)
it comes first, and all four are scored. Where it has none (GPT-2, Qwen, SmolLM2), nothing stands before `Red` in a
passage without a context; it is scored in neither passage then, so that both have the losses of the same three
tokens, and IFD (arXiv 2402.10110) can divide the one by the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import BurnishError


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a context. `special`: control tokens in it count as such; dataset text is never special."""

    text: str
    special: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A target whose tokens are scored, after a context that is not."""

    context: tuple[Piece, ...]  # empty: nothing but the start token, if the vocabulary adds one
    target: str
    whole: bool = False  # where the whole target does not fit, nothing of it is scored
    ranked: bool = False  # say also how likely each scored token was beside the vocabulary's others


@dataclass(frozen=True, slots=True)
class TokenPassage:
    """A passage that is tokens already: each of its target is scored and ranked; what does not fit is cut."""

    context: tuple[int, ...]  # one token at least
    target: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Losses:
    """The losses of a passage's target, up to where the student's context ended."""

    nll: NDArray[np.float32]  # [scored] negative log-likelihood of each scored token, nats
    lengths: NDArray[np.uint16]  # [tokens] bytes of each target token kept, the unscored first included
    tokens: int  # of the whole target, before any cut; -1 where llama.cpp fails at the passage
    room: int  # tokens of the context window that the passage's context leaves for the target
    ranks: NDArray[np.uint8] | None = (
        None  # [scored] of a `ranked` passage; 1: the likeliest token, 100: that or beyond
    )

    @property
    def truncated(self) -> bool:
        """The tail of the target did not fit."""
        return len(self.lengths) < self.tokens

    @property
    def missing(self) -> bool:
        """Nothing is known, because llama.cpp fails at the passage."""
        return self.tokens < 0


@dataclass(frozen=True, slots=True)
class PassageIds:
    """A passage's tokens, uncut."""

    context: NDArray[np.int32]  # the start token included, if the vocabulary adds one
    target: NDArray[np.int32]


WORST_RANK = 100  # further ones count as this

MISSING = Losses(np.empty(0, np.float32), np.empty(0, np.uint16), -1, 0)


@dataclass(frozen=True, slots=True)
class StudentInfo:
    """A loaded student, and how it was loaded."""

    path: str
    digest: str  # sha256 of the file, "sha256:..."
    name: str  # general.name in the GGUF, or the file's
    architecture: str
    quantisation: str  # the file type, e.g. "Q4_1"
    parameters: int
    size: int  # bytes
    vocabulary: int  # tokens
    bos: int | None  # the start token's id, None where the vocabulary adds none
    trained_context: int  # tokens
    context: int  # tokens a passage may have here
    exact: bool
    backend: str  # "CUDA", "Metal", "CPU", ...
    layers: int
    offloaded: int  # layers on the GPU
    chat_template: str | None  # Jinja source, as the GGUF carries it
    bos_text: str
    eos_text: str
    notes: tuple[str, ...] = ()  # what had to be done to load it, one sentence each


class StudentError(BurnishError):
    """The student cannot score: the text says what happened, to which passage, and what to do."""


class PassageError(StudentError):
    """llama.cpp fails at one passage, and at no other: it was started again, and failed again. `how`: its end."""

    def __init__(self, text: str, how: str) -> None:
        super().__init__(text)
        self.how = how

    def __reduce__(self) -> tuple[type[PassageError], tuple[str, str]]:
        return PassageError, (str(self), self.how)


class Student(Protocol):
    """A base model that weighs texts, in a process of its own."""

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""

    async def open(self) -> StudentInfo:
        """Load the model, once. Raises `ModelFileError` and `StudentError`."""

    async def losses(self, passages: Sequence[Passage]) -> list[Losses]:
        """The losses of each passage, in order. Passages asked for at the same time are scored together.

        A target too long for the context loses its tail. Raises `PassageError` where the model fails at one passage
        and `StudentError` where it fails at any, and what `open` raises.
        """

    async def unload(self) -> None:
        """Free its memory once what it was asked for is answered; whatever is asked then loads it again."""

    async def close(self) -> None:
        """End it at once and free its memory. What was still asked for raises `StudentError`."""
