"""A server of OpenAI's protocol on this machine: the models it has, and one chat."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
from pydantic import ValidationError

from models.errors import UsageError
from models.http.address import cloud_refused, is_cloud
from models.http.transport import (
    AT_ONCE,
    CONNECT,
    FIRST,
    PER_ANSWER,
    PER_TOKEN,
    SILENCE,
    WHOLE,
    Limits,
    LocalTransport,
    RefusedError,
    one_line,
)
from models.openai.address import base_url, read_key
from models.openai.sse import ServerEvent, counts, events
from models.openai.wire import (
    ADVICE,
    Chunk,
    Failure,
    ModelsAnswer,
    ServedModel,
    Spoken,
    failure_of,
    fault_of,
)
from models.teacher import Fault, TeacherError

NAMED = 5  # models that a message lists


class _LoadedModel(Spoken):
    """LM Studio's facts about a model, in /api/v0/models."""

    id: str
    quantization: str | None = None
    loaded_context_length: int | None = None


class _LoadedModels(Spoken):
    data: tuple[_LoadedModel, ...]


class _Generation(Spoken):
    n_ctx: int = 0


class _Props(Spoken):
    """llama-server's /props."""

    default_generation_settings: _Generation


class _OllamaTag(Spoken):
    name: str
    remote_host: str = ""
    remote_model: str = ""


class _OllamaTags(Spoken):
    models: tuple[_OllamaTag, ...]


_Answer = TypeVar("_Answer", bound=Spoken)


@dataclass(frozen=True, slots=True)
class Described:
    """What servers say of a model beside the protocol, each at a place of its own."""

    context: int | None = None  # tokens
    quantisation: str = ""
    ollama: bool = False
    passing: bool = (
        False  # it may be otherwise a moment later: LM Studio has not loaded it, or Ollama is asked
    )


@dataclass(eq=False)
class _Way(LocalTransport):
    who: ClassVar = "the server"
    absent: ClassVar = "start the server, or give --teacher-url with the address where it listens"
    removed: ClassVar = ("cookie",)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.check_home(request)
        return await self.begin(request)


class OpenAIServer:
    """A server on this machine. Every method raises TeacherError, and nothing else that a server can cause.

    Each exchange has a connection of its own: none that the server has closed meanwhile is written to.
    """

    def __init__(
        self,
        url: str | None,
        *,
        key_file: Path | None = None,
        allow_remote: bool = False,
        first: float = FIRST,
        silence: float = SILENCE,
    ) -> None:
        """url, key_file: see `models.openai.address`. first, silence: limits in seconds, see FIRST, SILENCE.

        Nothing is sent yet. Raises `UsageError` where there is no URL.
        """
        self.url = base_url(url, allow_remote=allow_remote)
        self._key_file = key_file
        self._first = first
        self._silence = silence

    async def models(self) -> tuple[ServedModel, ...]:
        """The models the server has, in its order."""
        try:
            return (await self._get(f"{self.url}/models", ModelsAnswer)).data
        except RefusedError as error:
            if error.fault in (Fault.REJECTED, Fault.MODEL_MISSING):  # nothing was asked that could be wrong
                why = f"{self.url} does not list its models ({error.status}: {error.reason}): see its log"
                raise TeacherError(Fault.BROKEN, why) from error
            raise

    async def find(self, name: str) -> ServedModel:
        """The model of that name. Raises TeacherError: FORBIDDEN for one in Ollama's cloud, MODEL_MISSING."""
        if is_cloud(name):
            raise cloud_refused(name)
        served = await self.models()
        for model in served:
            if model.id == name:
                return model
        close = [model for model in served if model.id.casefold() == name.casefold()]
        if len(close) == 1:
            return close[0]
        raise self.missing(name, [model.id for model in served])

    async def describe(self, model: ServedModel) -> Described:
        """What the server says of a model outside of the protocol, which few have and none must.

        Raises TeacherError: FORBIDDEN for a model that an Ollama server would run in its cloud.
        """
        home = httpx.URL(self.url).copy_with(path="/")
        loaded = await self._try(f"{home}api/v0/models", _LoadedModels)
        for one in loaded.data if loaded else ():
            if one.id == model.id:
                context = model.context or one.loaded_context_length
                return Described(context, one.quantization or "", passing=context is None)
        if model.context is not None:
            return Described(model.context)
        tags = await self._try(f"{home}api/tags", _OllamaTags)
        for tag in tags.models if tags else ():
            if tag.name.removesuffix(":latest") == model.id.removesuffix(":latest"):
                if tag.remote_host or tag.remote_model:
                    raise cloud_refused(model.id)
                return Described(ollama=True, passing=True)
        props = await self._try(f"{home}props", _Props)
        return Described((props and props.default_generation_settings.n_ctx) or None)

    async def chat(self, body: Mapping[str, Any], *, max_tokens: int) -> AsyncGenerator[Chunk]:
        """The pieces of a reply, up to the one the server calls the last.

        Closing the generator closes the connection, and the server stops its work. That it ends says no more than
        that the server ended its answer. Raises BROKEN for an answer that breaks off, is too long or is not in the
        protocol, SILENT for one that stops coming, and the fault that a piece names.
        """
        began = time.monotonic()
        async with self._exchange("POST", f"{self.url}/chat/completions", body) as (way, response):
            # Some servers send the head at once, and pings until the prompt is read.
            limits = Limits(
                PER_ANSWER + PER_TOKEN * max_tokens, max(1e-3, self._first - (time.monotonic() - began))
            )
            async with (
                aclosing(way.lines(response, limits, counts)) as lines,
                aclosing(events(lines)) as heard,
            ):
                async for event in heard:
                    if event.data.strip() == b"[DONE]":
                        return
                    chunk = self._chunk(way, event)
                    for choice in chunk.choices or ():
                        if choice.delta and (choice.delta.content or choice.delta.thoughts):
                            limits.silence = self._silence
                        if choice.finish_reason is not None:  # its counts were written in one go
                            limits.silence = min(AT_ONCE, self._silence)
                    yield chunk

    def missing(self, name: str, served: list[str]) -> TeacherError:
        listed = ", ".join(one_line(one)[:80] for one in served[:NAMED])
        more = f" and {len(served) - NAMED} more" if len(served) > NAMED else ""
        has = f"it has {listed}{more}" if served else "it lists none: load one there"
        return TeacherError(Fault.MODEL_MISSING, f"the server at {self.url} has no model {name}: {has}")

    def _chunk(self, way: LocalTransport, event: ServerEvent) -> Chunk:
        try:
            chunk = Chunk.model_validate_json(event.data)
        except ValidationError as error:
            if event.name == b"error":
                raise self._failed_midway(failure_of(event.data)) from None
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            words = where or one_line(event.data[:100].decode("utf-8", "replace"))
            raise way.broken(
                f"does not answer in OpenAI's protocol ({words}: {one_line(first['msg'])})"
            ) from None
        if chunk.error or event.name == b"error" or chunk.object == "error":
            raise self._failed_midway(failure_of(event.data))
        return chunk

    def _failed_midway(self, failure: Failure) -> RefusedError:
        return self._refused(500, failure, "failed in the middle of a reply")

    def _refused(self, status: int, failure: Failure, did: str) -> RefusedError:
        fault = fault_of(status, failure)
        numbers = failure.numbers if fault is Fault.TOO_LONG else ""
        return RefusedError(
            fault,
            status,
            failure.reason,
            f"{numbers}the server at {self.url} {did}: {failure.reason}{ADVICE.get(fault, '')}",
        )

    async def _try(self, url: str, answer: type[_Answer]) -> _Answer | None:
        """An answer that the server need not have."""
        try:
            return await self._get(url, answer)
        except RefusedError:
            return None
        except TeacherError as error:
            if error.fault is Fault.BROKEN:
                return None
            raise

    async def _get(self, url: str, answer: type[_Answer]) -> _Answer:
        async with self._exchange("GET", url) as (way, response):
            text = await way.whole(response, WHOLE)
            try:
                return answer.model_validate_json(text)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                where = ".".join(str(step) for step in first["loc"]) or "the answer"
                why = f"does not answer in OpenAI's protocol ({where}: {one_line(first['msg'])})"
                raise way.broken(why) from None

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, body: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[tuple[LocalTransport, httpx.Response]]:
        """The head of a good answer, whose body comes over the transport."""
        headers = {"accept": "text/event-stream" if body else "application/json", "user-agent": "burnish"}
        try:
            key = read_key(self._key_file)
        except UsageError as error:
            raise TeacherError(Fault.FORBIDDEN, str(error)) from None
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        if body is not None:
            headers["content-type"] = "application/json"
        try:
            content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise TeacherError(
                Fault.REJECTED,
                "the text to send holds half of a surrogate pair, which is not Unicode text: mend the sample",
            ) from None
        timeout = httpx.Timeout(self._first, connect=CONNECT, pool=None).as_dict()
        async with _Way(url=self.url, first=self._first, silence=self._silence) as way:
            request = httpx.Request(
                method, url, headers=headers, content=content, extensions={"timeout": timeout}
            )
            response = await way.handle_async_request(request)
            try:
                if response.status_code != 200:
                    raise await self._refusal(way, response)
                yield way, response
            finally:
                await response.aclose()

    async def _refusal(self, way: LocalTransport, response: httpx.Response) -> RefusedError:
        status = response.status_code
        if 300 <= status < 400:
            target = one_line(response.headers.get("location", "elsewhere"))
            why = (
                f"{self.url} sends requests on to {target}, and burnish follows no redirect: give --teacher-url with "
                "the address of the server itself"
            )
            return RefusedError(Fault.FORBIDDEN, status, "", why)
        try:
            failure = failure_of(await way.whole(response, 1 << 16))
        except TeacherError as error:  # the status alone says enough
            failure = Failure(one_line(str(error)))
        if status in (404, 405) and not (failure.known and "model" in failure.reason.lower()):
            why = (
                f"what answers at {self.url} has no such place ({status}: {failure.reason or response.reason_phrase}): "
                "give --teacher-url with the base of its OpenAI protocol, which mostly ends in /v1"
            )
            return RefusedError(Fault.UNREACHABLE, status, failure.reason, why)
        if not failure.reason:
            failure = Failure(one_line(response.reason_phrase))
        return self._refused(status, failure, f"says {status}")
