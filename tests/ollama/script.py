"""What our Ollama server is told to answer: a script is a function from a chat to one of these."""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Chat:
    """A request to /api/chat, as it came."""

    number: int  # of the exchange, in the order of arrival
    body: Mapping[str, Any]

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        return list(self.body.get("messages") or ())

    @property
    def prompt(self) -> str:
        """The last message."""
        return str(self.messages[-1].get("content", ""))

    @property
    def options(self) -> Mapping[str, Any]:
        return dict(self.body.get("options") or {})

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON schema asked for, None for free text."""
        schema = self.body.get("format")
        return schema if isinstance(schema, dict) else None

    @property
    def tokens(self) -> int:
        """The prompt's, by the server's own rough rule."""
        return 12 + sum(6 + len(str(message.get("content", "")).encode()) // 4 for message in self.messages)

    @property
    def key(self) -> str:
        """Equal for the same question: the whole body, in a fixed order, without the client's empty list of tools."""
        body = {name: value for name, value in self.body.items() if value != []}
        return json.dumps(body, sort_keys=True)


class Ending(StrEnum):
    DONE = "done"  # the line with done:true, then the end of the body
    NO_DONE = "no-done"  # a proper end of the body, and no done:true
    CLOSED = "closed"  # the connection closed inside the body, as when the server is killed
    RESET = "reset"  # the same, with a TCP reset
    DONE_RESET = "done-reset"  # everything, then a TCP reset
    STALL = "stall"  # nothing more, until the client leaves
    ERROR = "error"  # a line {"error": ...}, then the end of the body


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with status 200."""

    text: str | Sequence[str] = ""  # a str is cut into pieces of a few letters, and by num_predict
    thinking: str = ""  # sent before the text, in one piece
    done_reason: str | None = None  # None: "stop", or "length" where something cut it
    asked_tokens: int | None = None  # that the prompt has; None: counted by the server's own rough rule
    prompt_tokens: int | None = None  # that the server says it read; None: as the release reads so many
    wait: float | None = None  # seconds before the first byte; None: the server's
    seconds: float | None = None  # spent on the text; None: the server's
    after: int | None = None  # pieces sent before the ending, None: all
    ending: Ending = Ending.DONE
    error: str = "an error was encountered while running the model: unexpected EOF"
    remote: Mapping[str, str] = field(default_factory=dict)  # remote_model, remote_host
    byte_seconds: float = 0.0  # above 0: every byte of the body comes alone, this long after the last
    twice: int | None = None  # the piece that is sent a second time; the reply counts as failed
    late: bytes = b""  # sent after everything
    logprob: float | None = (
        None  # of every token, where they are asked for; None: the server is too old to give them
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error status with Ollama's JSON body."""

    status: int
    error: str


@dataclass(frozen=True, slots=True)
class Raw:
    """Exactly these bytes as a streamed body, or as a whole one with a length."""

    body: bytes
    status: int = 200
    headers: Sequence[tuple[str, str]] = (("Content-Type", "application/x-ndjson"),)
    chunked: bool = True
    ending: Ending = Ending.NO_DONE
    times: int = 1  # the bytes are sent, over and over
    byte_seconds: float = 0.0  # as an answer's


@dataclass(frozen=True, slots=True)
class Nothing:
    """Not one byte, and then CLOSED, RESET or STALL."""

    ending: Ending


Scripted = str | Answer | Refusal | Raw | Nothing
Script = Callable[[Chat], Scripted]

_WORDS = """the a one each this that our its light river stone garden method sample answer question reason number
table engine letter window morning result change measure write read keep find move hold give name clear short
warm early careful simple plain exact useful together first then because so that while between under above
about""".split()  # noqa: SIM905


def plausible(chat: Chat) -> str:
    """Some text, or an instance of the schema, that depends on the question alone."""
    dice = random.Random(hashlib.sha256(chat.key.encode()).digest())
    if chat.schema is None:
        return _sentences(dice)
    return json.dumps(_instance(chat.schema, chat.schema, dice), ensure_ascii=False, indent=2)


def _sentences(dice: random.Random) -> str:
    return " ".join(
        " ".join(dice.choices(_WORDS, k=dice.randint(5, 14))).capitalize() + "."
        for _ in range(dice.randint(2, 5))
    )


def _instance(schema: Mapping[str, Any], root: Mapping[str, Any], dice: random.Random) -> Any:
    while "$ref" in schema:
        node: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        schema = node
    if "enum" in schema:
        return dice.choice(schema["enum"])
    if "anyOf" in schema:
        return _instance(schema["anyOf"][0], root, dice)
    match schema.get("type"):
        case "object":
            return {name: _instance(part, root, dice) for name, part in schema.get("properties", {}).items()}
        case "array":
            count = max(schema.get("minItems", 0), min(2, schema.get("maxItems", 2)))
            return [_instance(schema["items"], root, dice) for _ in range(count)]
        case "integer" | "number":
            return dice.randint(int(schema.get("minimum", 1)), int(schema.get("maximum", 10)))
        case "boolean":
            return dice.random() < 0.5
        case "null":
            return None
        case _:
            return _sentences(dice)[: schema.get("maxLength")]


def pieces_of(text: str | Sequence[str]) -> list[str]:
    """About what a tokenizer makes of a text; together the pieces are the text."""
    return re.findall(r"\s*\S{1,6}|\s+", text) if isinstance(text, str) else list(text)


def faulty_schema(schema: Any, root: Any = None) -> str | None:
    """Why Ollama cannot have a reply obey a schema: "invalid" or "crash" (its runner aborts), None if it can."""
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return "invalid"
    known = ("object", "array", "string", "integer", "number", "boolean", "null")
    kinds = schema.get("type", "object")
    if any(kind not in known for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return "invalid"
    if "$ref" in schema:
        node = root
        for step in str(schema["$ref"]).removeprefix("#/").split("/"):
            node = node.get(step) if isinstance(node, dict) else None
        if node is None:
            return "invalid"
    pattern = schema.get("pattern")
    if pattern is not None and not (pattern.startswith("^") and pattern.endswith("$")):
        return "invalid"
    if schema.get("maxLength", 0) > 2000 or schema.get("maxItems", 0) > 2000:
        return "crash"
    inner = [
        *schema.get("properties", {}).values(),
        *schema.get("$defs", {}).values(),
        *schema.get("anyOf", ()),
    ]
    inner += [schema["items"]] if "items" in schema else []
    return next((fault for part in inner if (fault := faulty_schema(part, root))), None)


class Tap:
    """Answers so many as a script does, and the others when it is opened."""

    def __init__(self, first: int, script: Script) -> None:
        self._left = first
        self._script = script
        self._lock = threading.Lock()
        self.opened = threading.Event()

    def __call__(self, chat: Chat) -> Scripted:
        with self._lock:
            self._left -= 1
            waits = self._left < 0
        if waits:
            self.opened.wait(30)
        return self._script(chat)
