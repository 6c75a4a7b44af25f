"""The words of servers that speak OpenAI's protocol: models, pieces of a reply, and failures.

Each has its own words for a failure, and some put one server's JSON into another's text. Their sources:

- llama-server (llama.cpp, tools/server): 503 "Loading model"; 400 with type exceed_context_size_error, n_prompt_tokens
  and n_ctx. Pings are comments, one a second while a prompt is read (pull requests 24013 and 25241).
- LM Studio (bug tracker 169, 307, 546, 1730, 2339): {"error": "text"} or an object; "Trying to keep the first N tokens
  when context the overflows", n_keep and n_ctx; "'response_format.type' must be 'json_schema' or 'text'"; "No models
  loaded"; model_not_found with the names it has. A prompt over the context may be answered 200 with nothing in it, and
  another model than the one asked for may answer (619).
- vLLM (issues 20409, 33418): "This model's maximum context length is N tokens", {"object": "error"} in older versions.
  A reply's thoughts are in `reasoning`, before 0.12 in `reasoning_content` (docs, reasoning outputs).
- llama-cpp-python (llama_cpp/server/errors.py): vLLM's words, and 500 with pydantic's for a field it does not take.
- SGLang and TGI: "longer than the model's context length", "`inputs` tokens + `max_new_tokens` must be <=".
- Ollama's /v1: recorded exchanges of 0.32, llama-server's JSON in the message.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from models.http.transport import fault_of_status, one_line
from models.teacher import Fault

Amount = Annotated[int, Field(ge=0, lt=2**63)]

_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|n_ctx|exceed_context|maximum (model|sequence) length|max_model_len"
    r"|when context the overflows|tokens \+ `?max_new_tokens|prompt is too long|too many tokens",
    re.IGNORECASE,
)
_NUMBERS = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (  # each names `prompt`, `context` or both, in tokens
        r"request \((?P<prompt>\d+) tokens\).{0,60}context size \((?P<context>\d+)",
        r"keep the first (?P<prompt>\d+) tokens.{0,120}context length of only (?P<context>\d+)",
        r"n_keep: ?(?P<prompt>\d+) ?>= ?n_ctx: ?(?P<context>\d+)",
        r"maximum context length is (?P<context>\d+) tokens.{0,80}?\((?P<prompt>\d+) in (?:the messages|your prompt)",
        r"maximum context length (?:is|of) (?P<context>\d+) tokens.{0,80}?(?P<prompt>\d+) input tokens",
        r"Requested tokens \((?P<prompt>\d+)\) exceed context window of (?P<context>\d+)",
        r"\(length (?P<prompt>\d+)\).{0,60}maximum (?:model|sequence) length of (?P<context>\d+)",
        r"input \((?P<prompt>\d+) tokens\).{0,60}context length \((?P<context>\d+)",
        r"maximum context length (?:is|of) (?P<context>\d+)",
    )
]
_MISSING = re.compile(
    r"model_not_found|invalid model identifier|no models? (is |are )?loaded|model is (unloaded|not loaded)"
    r"|model\b.{0,200}\b(not found|does not exist|is not available)",
    re.IGNORECASE | re.DOTALL,
)
_OUT_OF_MEMORY = re.compile(
    r"out of memory|cudaMalloc|unable to allocate|cannot be allocated|insufficient (system )?(memory|resources)"
    r"|failed to load (the )?model|error loading model|signal: killed",
    re.IGNORECASE,
)
_OUR_MISTAKE = re.compile(r"grammar|json[_ ]schema|response_format|validation error|\bloc\b", re.IGNORECASE)
ADVICE = {  # what to do about a failure that the server names, to be added to its words
    Fault.FORBIDDEN: "; if it asks for a key, name a file that holds it in the setting teacher.key_file",
    Fault.OUT_OF_MEMORY: "; choose a smaller model or context, or free memory",
    Fault.BUSY: "; ask for less in parallel, or wait until it has loaded its model",
    Fault.TOO_LONG: "; load the model with a larger context, or leave the sample out",
    Fault.UNREACHABLE: "; start the server",
    Fault.REJECTED: "; leave the sample out, or choose another reply form",
    Fault.BROKEN: "; see the server's log if it happens again",
}


class Spoken(BaseModel):
    """Something a server says. A field of another type than the protocol gives it is an error."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Meta(Spoken):
    """llama-server's facts about a model."""

    n_params: Amount | None = None
    size: Amount | None = None  # bytes
    n_vocab: int | None = None
    n_embd: int | None = None
    n_ctx: int | None = None


class Status(Spoken):
    """A model's state in llama-server's router: its facts come and go with it."""

    value: str = ""


class ServedModel(Spoken):
    """An entry of /v1/models."""

    id: str
    owned_by: str | None = None
    root: str | None = None  # vLLM: the weights behind a served name
    max_model_len: int | None = None  # vLLM's context
    context_length: int | None = None  # llama-swap's, and others'
    meta: Meta | None = None
    status: Status | None = None

    @property
    def weights(self) -> dict[str, Any]:
        """All that the server says of the weights, and that stays the same while it serves them."""
        meta = self.meta if self.meta is not None and self.status is None else Meta()
        return {"id": self.id, "root": self.root} | meta.model_dump(exclude={"n_ctx"})

    @property
    def context(self) -> int | None:
        """Tokens of the server's context; None where it does not say."""
        found = self.max_model_len or self.context_length or (self.meta and self.meta.n_ctx)
        return found if found and 0 < found < 2**31 else None


class ModelsAnswer(Spoken):
    data: tuple[ServedModel, ...]


class CalledFunction(Spoken):
    """A piece of a call: the name in the first alone, the arguments, which are JSON, over all of them."""

    name: str | None = None
    arguments: str | None = None


class Call(Spoken):
    """A piece of a call of a tool."""

    index: int = 0
    function: CalledFunction = CalledFunction()


class Delta(Spoken):
    tool_calls: tuple[Call, ...] | None = None
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None

    @property
    def thoughts(self) -> str:
        """The thoughts in this piece, which servers send under one of two names, or for a time under both."""
        return self.reasoning_content or self.reasoning or ""


class Choice(Spoken):
    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: Any = None

    @property
    def tokens(self) -> list[tuple[str, float]]:
        """The tokens of this piece with their logarithms of probability; none in a form that is not the protocol's."""
        content = self.logprobs.get("content") if isinstance(self.logprobs, dict) else None
        found = [
            (one.get("token"), one.get("logprob"))
            for one in (content if isinstance(content, list) else ())
            if isinstance(one, dict)
        ]
        return [
            (token, float(logprob))
            for token, logprob in found
            if isinstance(token, str) and isinstance(logprob, int | float) and math.isfinite(logprob)
        ]


class Usage(Spoken):
    prompt_tokens: Amount = 0
    completion_tokens: Amount | None = None


class Chunk(Spoken):
    """A piece of a streamed reply."""

    choices: tuple[Choice, ...] | None = None
    usage: Usage | None = None
    model: str | None = None
    error: Any = None
    message: Any = None  # beside "object": "error", as older servers say it
    object: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A server's failure, in its own words."""

    reason: str  # on one line
    known: bool = True  # it came in one of the protocol's forms
    prompt: int | None = None  # tokens of a prompt that is too long
    context: int | None = None  # tokens there is room for

    @property
    def numbers(self) -> str:
        """The tokens of prompt and context, in one wording for all servers; empty where it names none."""
        if self.context is None:
            return ""
        read = "the prompt" if self.prompt is None else f"the prompt's {self.prompt} tokens"
        return f"{read} and the reply do not fit the server's context of {self.context}: "


def failure_of(body: bytes | Any) -> Failure:
    """The failure that an error's body, or the value of its `error`, tells of."""
    value: Any = body
    if isinstance(body, bytes):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return Failure(one_line(body.decode("utf-8", "replace")), known=False)
    words: list[str] = []
    numbers: dict[str, int] = {}
    known = _unwrap(value, words, numbers, depth=6)
    reason = one_line("; ".join(words))
    for pattern in _NUMBERS:
        if numbers or not _TOO_LONG.search(reason):
            break
        if found := pattern.search(reason):
            numbers = {name: int(amount[:15]) for name, amount in found.groupdict().items() if amount}
    return Failure(reason, known and bool(words), numbers.get("prompt"), numbers.get("context"))


def _unwrap(value: Any, words: list[str], numbers: dict[str, int], depth: int) -> bool:
    """Collect a failure's words and numbers, through JSON within text; False for a form nobody uses."""
    if isinstance(value, str):
        if (inner := _object_in(value)) is None:
            words.append(value)
            return True
        value = inner
    if isinstance(value, list) and value and isinstance(value[0], dict) and "msg" in value[0]:  # pydantic's
        words.append(f"{value[0].get('loc')}: {value[0]['msg']}")
        return True
    inner, message = None, None
    if isinstance(value, dict) and depth:
        inner, message = value.get("error") or value.get("detail"), value.get("message")
    if inner:
        return _unwrap(inner, words, numbers, depth - 1)
    if not isinstance(message, str):
        words.append(json.dumps(value)[:300])
        return False
    for ours, theirs in (("prompt", "n_prompt_tokens"), ("context", "n_ctx")):
        amount = value.get(theirs)
        if isinstance(amount, int) and 0 < amount < 2**31:
            numbers[ours] = amount
    known = _unwrap(message, words, numbers, depth - 1)
    words += [value[key] for key in ("code", "param") if isinstance(value.get(key), str)]
    return known


def _object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, if it is one."""
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def fault_of(status: int, failure: Failure) -> Fault:
    """The kind of failure behind an error status; one in the middle of an answer counts as 500."""
    reason = failure.reason
    if status >= 400 and status not in (401, 403):
        if failure.context is not None or _TOO_LONG.search(reason):
            return Fault.TOO_LONG
        if status != 503 and _MISSING.search(reason):
            return Fault.MODEL_MISSING
        if _OUT_OF_MEMORY.search(reason):
            return Fault.OUT_OF_MEMORY
        if "loading model" in reason.lower():
            return Fault.BUSY
    if status in (500, 501):
        return Fault.REJECTED if _OUR_MISTAKE.search(reason) else Fault.BROKEN
    return Fault.SILENT if status == 408 else fault_of_status(status)
