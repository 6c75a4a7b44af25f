"""The way to an Ollama server: a transport under the official client, and what failures on it mean."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.http.address import cloud_refused
from models.http.transport import WHOLE, Limits, LocalTransport, RefusedError, fault_of_status, one_line
from models.teacher import Fault, TeacherError

_OUT_OF_MEMORY = re.compile(
    r"out of memory|more (system )?memory|cudaMalloc|unable to allocate|cannot be allocated|signal: killed"
    # A model that does not load is, as a rule, one there is no memory for.
    r"|(runner|llama-server) process has terminated|model failed to load|unable to load model|error loading model",
    re.IGNORECASE,
)
_OUR_MISTAKE = re.compile(  # the server calls these internal errors, but the request is wrong
    r"invalid format|JSON schema|required for format|must be of type|grammar",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context (length|size|window)[^.;]*exceed|exceeds? the[\w ]* context|longer than the[\w ]* context"
    r"|prompt( is)? too long",
    re.IGNORECASE,
)
# What llama-server says before it comes to the schema: by a model's own template, and by Ollama's.
_BEFORE_SCHEMA = re.compile(r"^.{0,200}?(?=JSON schema conversion failed)", re.DOTALL)

ADVICE = {  # what to do about a failure that the server names, to be added to its words
    Fault.FORBIDDEN: "; choose a local model, and check OLLAMA_ORIGINS where the server is started",
    Fault.OUT_OF_MEMORY: "; choose a smaller model or context, or free memory",
    Fault.BUSY: "; ask for less in parallel, or raise OLLAMA_MAX_QUEUE where the server is started",
    Fault.TOO_LONG: "; give the teacher a larger context",
    Fault.UNREACHABLE: "; start Ollama with `ollama serve`",
    Fault.REJECTED: "; leave the sample out, or report the schema",
    Fault.BROKEN: "; see the server's log if it happens again",
}

Amount = Annotated[int, Field(lt=2**63)]
"""A number as Go has it: what it is divided by, and shown in, has no room for more."""
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class Wire(BaseModel):
    """Something an Ollama server says. A field of another type than Ollama gives it is an error."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Beside(Wire):
    """The part of any answer that the client's own classes leave out, or set no bounds to."""

    error: str = ""
    remote_host: str = ""
    remote_model: str = ""
    prompt_eval_count: _Count = 0
    eval_count: _Count = 0
    eval_duration: _Count = 0
    completed: Amount = 0
    total: Amount = 0


class _Failure(Wire):
    error: str | dict[str, Any]


class FailedMidwayError(TeacherError):
    """The server said in the middle of a good answer that it failed."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(fault, f"Ollama failed in the middle of an answer: {reason}{ADVICE.get(fault, '')}")
        self.reason = reason  # the server's own words, on one line


@dataclass(eq=False, kw_only=True)
class Transport(LocalTransport):
    """One exchange with one server, under a client that reads its answer.

    The official client follows whatever it is sent, for as long as it comes. So that it can be used as it is, the
    transport gives the client only lines that are whole, in time, of a bounded length and of the types Ollama has;
    everything else is a TeacherError, raised through the client: what `LocalTransport` raises, REJECTED, FORBIDDEN,
    or RefusedError for an error status and FailedMidwayError for a line that says so.
    """

    answer: type[BaseModel]  # each line of the answer; or the whole of it, where it is not `streamed`
    limit: int = WHOLE  # bytes the answer may have
    streamed: bool = False
    model: str = ""  # the one that is asked, for messages
    also: Mapping[str, Any] | None = None  # fields of the body that the client does not know

    who: ClassVar = "Ollama"
    absent: ClassVar = "start Ollama with `ollama serve`, or set OLLAMA_HOST to where it listens"
    removed: ClassVar = ("authorization", "cookie")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The head of a good answer, with a body of checked lines."""
        self.check_home(request)
        if self.also:
            body = json.loads(request.content) | self.also
            del request.headers["content-length"]
            request = httpx.Request(
                request.method, request.url, headers=request.headers, json=body, extensions=request.extensions
            )
        response = await self.begin(request)
        if response.status_code == 200:
            return httpx.Response(200, stream=_Body(response, self._checked_lines(response)))
        try:
            raise await self._refused(response)
        finally:
            await response.aclose()

    async def _refused(self, response: httpx.Response) -> RefusedError:
        status = response.status_code
        if 300 <= status < 400:
            target = one_line(response.headers.get("location", "elsewhere"))
            return RefusedError(
                Fault.FORBIDDEN,
                status,
                "",
                f"{self.url} sends requests on to {target}, and burnish follows no redirect: set OLLAMA_HOST to "
                "the Ollama server itself",
            )
        try:
            text = await self.whole(response, 1 << 16)
            reason = reason_of(_Failure.model_validate_json(text).error)
        except ValidationError:
            reason = one_line(text.decode("utf-8", "replace")) or response.reason_phrase
            if status == 404:
                return RefusedError(
                    Fault.UNREACHABLE,
                    status,
                    reason,
                    f"what answers at {self.url} is not Ollama, or is too old (404: {reason}): set OLLAMA_HOST to "
                    "where a newer one listens",
                )
        except TeacherError as error:  # the status alone says enough
            reason = one_line(str(error))
        fault = fault_of(status, reason)
        return RefusedError(
            fault, status, reason, f"Ollama at {self.url} says {status}: {reason}{ADVICE.get(fault, '')}"
        )

    async def _checked_lines(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        if not self.streamed:
            yield self._checked(await self.whole(response, self.limit))
            return
        async with aclosing(self.lines(response, Limits(self.limit, self.silence))) as lines:
            async for line in lines:
                if line.strip():
                    yield self._checked(line) + b"\n"

    def _checked(self, line: bytes) -> bytes:
        """The same JSON, without a character at which the client would take it for two lines."""
        try:
            beside = _Beside.model_validate_json(line)
            if not (beside.error or beside.remote_host or beside.remote_model):
                self.answer.model_validate_json(line, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"]) or "the answer"
            raise self.broken(f"does not answer as Ollama does ({where}: {one_line(first['msg'])})") from None
        if beside.error:
            reason = reason_of(beside.error)
            raise FailedMidwayError(fault_of(500, reason), reason)
        if beside.remote_host or beside.remote_model:
            raise cloud_refused(self.model)
        # Ollama sends the first three unescaped, within strings. A carriage return can only be between two values.
        return line.decode().translate(_LINE_ENDS).encode()


_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029", 0x0D: " "}


class _Body(httpx.AsyncByteStream):
    """The body of an answer, a checked line at a time."""

    def __init__(self, response: httpx.Response, lines: AsyncGenerator[bytes]) -> None:
        self._response, self._lines = response, lines

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._lines

    async def aclose(self) -> None:
        await self._lines.aclose()
        await self._response.aclose()


def fault_of(status: int, reason: str) -> Fault:
    """The kind of failure behind an error status; one in the middle of an answer counts as 500."""
    if status in (400, 413, 500) and _TOO_LONG.search(reason):
        return Fault.TOO_LONG
    if status == 500:
        if _OUR_MISTAKE.search(reason):
            return Fault.REJECTED
        return Fault.OUT_OF_MEMORY if _OUT_OF_MEMORY.search(reason) else Fault.BROKEN
    return fault_of_status(status)


def reason_of(error: object) -> str:
    """What an answer gives as its error, as one line of plain words.

    Since 0.30 Ollama hands on the answer of the llama-server behind it as it is, JSON within a text.
    """
    for _ in range(4):
        inner = _inner(error)
        if inner is None:
            break
        error = inner
    return one_line(_BEFORE_SCHEMA.sub("", error) if isinstance(error, str) else json.dumps(error))


def _inner(error: object) -> object | None:
    """What an error holds instead of words; None if it is words."""
    if isinstance(error, str):
        try:
            error = json.loads(error) if error.lstrip().startswith("{") else None
        except (ValueError, RecursionError):
            return None
    if not isinstance(error, dict):
        return None
    said, read, room = error.get("message"), error.get("n_prompt_tokens"), error.get("n_ctx")
    if (
        isinstance(read, int)
        and isinstance(room, int)
        and not (str(read) in str(said) and str(room) in str(said))
    ):
        return f"request ({read} tokens) exceeds the available context size ({room} tokens)"
    return error.get("error") or said
