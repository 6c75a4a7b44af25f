"""The contract of a teacher: a language model that answers requests, whichever program runs it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from models.errors import BurnishError

Think = bool | Literal["low", "medium", "high"]
"""Whether a thinking model thinks before it answers; a level for those that have levels."""


class Fault(StrEnum):
    """A reason that a reply could not be had, or could not be used, counted and shown under its own name."""

    # The server, whatever was asked of it: the run pauses until it is mended.
    UNREACHABLE = "unreachable"
    MODEL_MISSING = "model-missing"
    FORBIDDEN = "forbidden"
    OUT_OF_MEMORY = "out-of-memory"
    BUSY = "busy"
    # This attempt: another one may do.
    BROKEN = "broken"  # the server or the way to it failed before the reply was done
    SILENT = "silent"  # no whole line within the time-out
    UNFINISHED = "unfinished"  # ended in good order but not done: so Ollama ends one that repeats itself
    CUT = "cut"  # the reply reached its token budget
    EMPTY = "empty"
    UNPARSABLE = "unparsable"
    OUT_OF_ORDER = "out-of-order"  # a critique written after what should follow from it
    PLACEHOLDER = "placeholder"  # a part is the layout's own words, left where text belongs
    REFUSAL = "refusal"
    TEACHER_TALK = "teacher-talk"  # words to the one who asked for the rewrite
    REVIEW = "review"  # a judgement of the response where a response belongs
    INPUT_LOST = "input-lost"  # a new instruction that speaks of a text and does not carry it
    COPY = "copy"  # the rewrite is what it was to rewrite
    REPEATS = "repeats"  # the same over and over
    STRUCTURE = (
        "structure"  # a text's lines were lost, or an image's mark, a slot or a token lost or invented
    )
    LANGUAGE = (
        "language"  # the rewrite is in another language than what it was to rewrite, or than was asked for
    )
    # This sample: asking again cannot help.
    TOO_LONG = "too-long"
    REJECTED = "rejected"  # the server calls the request itself wrong


PAUSING = frozenset(
    {Fault.UNREACHABLE, Fault.MODEL_MISSING, Fault.FORBIDDEN, Fault.OUT_OF_MEMORY, Fault.BUSY}
)
UNHEARD = frozenset({Fault.BROKEN, Fault.SILENT})
"""Not the model's own: the same request may be answered the next time."""
HOPELESS = frozenset({Fault.TOO_LONG, Fault.REJECTED})


class TeacherError(BurnishError):
    """No usable reply. The text says what happened and what to do about it."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault

    def __reduce__(self) -> tuple[type[TeacherError], tuple[Fault, str]]:
        """For another process, which has no need of its kind."""
        return TeacherError, (self.fault, str(self))


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a teacher. Equal requests to the same teacher are the same question."""

    messages: tuple[Message, ...]
    seed: int
    temperature: float
    max_tokens: int
    schema: Mapping[str, Any] | None = None  # JSON schema the reply obeys; None: free text
    think: Think = False
    logprobs: bool = False  # of the tokens of the reply, where the server gives them; the reply is the same
    tools: tuple[Mapping[str, Any], ...] = ()  # definitions of those it may call, in OpenAI's form

    def digest(self, teacher: TeacherInfo) -> bytes:
        """16 bytes that name this question put to this teacher: the key its reply is kept under."""
        asked = asdict(self)
        think = asked.pop("think")
        del asked["logprobs"]
        if not self.tools:
            del asked["tools"]  # as it was before there were any
        body = json.dumps([teacher.digest, asked], sort_keys=True, ensure_ascii=True)
        return reply_key(_digest(body), think=think, context=teacher.context)


def reply_key(question: bytes, *, think: Think, context: int) -> bytes:
    """The key of a reply: 16 bytes of a question's digest, and how the teacher was set up to answer it.

    In two steps, because workspaces up to schema 3 kept the first one alone: their replies are given this key when
    they are brought up to date, and so are found again.
    """
    return _digest(json.dumps([question.hex(), think, context]))


def _digest(body: str) -> bytes:
    return hashlib.sha256(body.encode("ascii")).digest()[:16]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply the teacher finished, word for word; calls of tools that its server took out of it as `calls_text`."""

    text: str
    thoughts: str = ""  # what a thinking model thought; never read as the answer
    # "length": it reached `max_tokens` or the context's end; "stopped": by us, for it could not be used
    finish: Literal["stop", "length", "stopped"] = "stop"
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt, not computed anew; 0 also where the server does not say
    tokens: int = 0  # generated
    seconds: float = 0.0  # spent generating
    reading: float = 0.0  # seconds spent on the prompt before; 0 where that is not known
    # Each token and the natural logarithm of its probability, before any grammar; empty where they were not asked for,
    # or the server gives none. The tokens need not make up the text: Ollama writes JSON anew.
    logprobs: tuple[tuple[str, float], ...] = ()


def calls_text(calls: Sequence[tuple[str, object]]) -> str:
    """Calls of tools as a text: the JSON of one, or of a list. `calls`: names, and arguments, which may be JSON."""
    found = [{"name": name, "arguments": json_value(arguments)} for name, arguments in calls]
    return json.dumps(found[0] if len(found) == 1 else found, ensure_ascii=False) if found else ""


def json_value(given: object) -> object:
    """The value of a text that is JSON; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given


@dataclass(frozen=True, slots=True)
class TeacherInfo:
    name: str  # as the user gave it
    digest: str  # names the weights: the same digest answers the same way
    parameters: int | float | None  # how many: counted, or rounded by the server; None if unknown
    quantisation: str
    size: int  # bytes of the weights
    context: int  # tokens a request and its reply share


OnText = Callable[[str], None]
"""Called with each new piece of a reply while it grows. What it raises stops the reply, and comes out of `ask`."""


class Teacher(Protocol):
    """A language model that answers requests. Every method raises `TeacherError`."""

    async def open(self) -> TeacherInfo:
        """Check that the model is there, local and usable; load nothing that takes long."""

    async def ask(self, request: Request, on_text: OnText | None = None) -> Reply:
        """The reply to one request. Cancelling stops the generation.

        A prompt that does not fit, or that the server cut, is `Fault.TOO_LONG`, never a shortened question.
        """

    async def unload(self) -> None:
        """Free the model's memory; the next request loads it again."""

    async def close(self) -> None:
        """Let go of connections and processes."""
