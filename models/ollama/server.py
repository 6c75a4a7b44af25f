"""An Ollama server: the models it has, what they are, and what it runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import ollama
from pydantic import ValidationError

from models.http.address import cloud_refused, is_cloud
from models.http.transport import CONNECT, FIRST, PER_ANSWER, PER_TOKEN, SILENCE, RefusedError, one_line
from models.ollama.address import server_url
from models.ollama.http import Amount, FailedMidwayError, Transport, Wire, fault_of
from models.teacher import Fault, Message, TeacherError, Think

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMBT])", re.IGNORECASE)


class ModelDetails(Wire):
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""


class Tag(Wire):
    """A model the server has."""

    name: str  # with its tag, as the server writes it
    size: Amount = 0  # bytes; next to nothing for a cloud model's stub
    digest: str = ""  # sha256 of the manifest, hexadecimal
    details: ModelDetails = ModelDetails()
    remote_host: str = ""
    remote_model: str = ""

    @property
    def family(self) -> str:
        return self.details.family

    @property
    def quantisation(self) -> str:
        return self.details.quantization_level

    @property
    def billions(self) -> float | None:
        """Parameters in billions, as the server rounds them; None where it gives none."""
        found = _SIZE.fullmatch(self.details.parameter_size)
        return found and float(found[1]) * {"K": 1e-6, "M": 1e-3, "B": 1.0, "T": 1e3}[found[2].upper()]

    @property
    def local(self) -> bool:
        """Its weights are on this server, so that nothing asked of it goes further."""
        return not (self.remote_host or self.remote_model or is_cloud(self.name))


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model as its server describes it."""

    quantisation: str
    capabilities: tuple[str, ...]  # "completion", "thinking", ...; empty where the server does not say
    parameters: float | None
    trained_context: int | None  # tokens, which the server never exceeds


@dataclass(frozen=True, slots=True)
class PullStep:
    """One step of a download."""

    status: str  # "pulling manifest", "pulling 1d9614638d18", "verifying sha256 digest", ..., "success"
    digest: str  # of the layer under way
    completed: int  # bytes of it
    total: int  # bytes of it, 0 where nothing is counted


class _Version(Wire):
    version: str


class _Cloud(Wire):
    disabled: bool = False


class _Status(Wire):
    cloud: _Cloud = _Cloud()


class _Tags(Wire):
    models: tuple[Tag, ...]


_Answer = TypeVar("_Answer", bound=Wire)


class OllamaServer:
    """An Ollama server on this machine. Every method raises TeacherError, and nothing else that a server can cause.

    Each exchange is a client's own, over a connection of its own: none that the server has closed meanwhile is
    written to, and there is nothing to close afterwards.
    """

    def __init__(
        self,
        host: str | None = None,
        *,
        allow_remote: bool = False,
        first: float = FIRST,
        silence: float = SILENCE,
    ) -> None:
        """host: as OLLAMA_HOST, see `models.ollama.address`. first, silence: limits in seconds, see FIRST, SILENCE.

        Nothing is sent yet.
        """
        self.url = server_url(host, allow_remote=allow_remote)
        self._first = first
        self._silence = silence

    async def version(self) -> str:
        return (await self._get("/api/version", _Version)).version

    async def cloud_disabled(self) -> bool | None:
        """The server itself refuses cloud models; None from a server too old to say."""
        try:
            return (await self._get("/api/status", _Status)).cloud.disabled
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    async def tags(self) -> tuple[Tag, ...]:
        """The models the server has, cloud models' stubs included."""
        try:
            return (await self._get("/api/tags", _Tags)).models
        except RefusedError as error:
            if error.fault is Fault.REJECTED:  # nothing was asked that could be wrong
                why = (
                    f"Ollama does not list its models ({error.status}: {error.reason}): see the server's log"
                )
                raise TeacherError(Fault.BROKEN, why) from error
            raise

    async def find(self, name: str) -> Tag:
        """The local model of that name, which may leave out `:latest` and be in any letter case.

        Raises TeacherError: FORBIDDEN for a cloud model, MODEL_MISSING.
        """
        if is_cloud(name):
            raise cloud_refused(name)
        wanted = full_name(name)
        for tag in await self.tags():
            if full_name(tag.name) == wanted:
                if not tag.local:
                    raise cloud_refused(name)
                return tag
        raise self.missing(name)

    async def show(self, name: str) -> ModelDescription:
        try:
            async with self._client(ollama.ShowResponse, model=name) as client:
                shown = await client.show(name)
        except RefusedError as error:
            if error.fault is Fault.MODEL_MISSING:
                raise self.missing(name) from None
            raise
        info = shown.modelinfo or {}
        count = info.get("general.parameter_count")
        length = info.get(f"{info.get('general.architecture')}.context_length")
        return ModelDescription(
            quantisation=(shown.details and shown.details.quantization_level) or "",
            capabilities=tuple(shown.capabilities or ()),
            parameters=float(count) if isinstance(count, int | float) and 0 < count < 1e18 else None,
            trained_context=length if isinstance(length, int) and 0 < length < 2**31 else None,
        )

    async def loaded(self) -> dict[str, int | None]:
        """The models in memory now, by name, and the context of each in tokens where the server says."""
        async with self._client(ollama.ProcessResponse) as client:
            return {model.name or "": model.context_length for model in (await client.ps()).models}

    async def unload(self, name: str) -> None:
        """Free a model's memory, and wait until the server no longer lists it (10 seconds at most)."""
        async with self._client(ollama.ChatResponse, model=name) as client:
            await client.chat(name, [], keep_alive=0)
        for _ in range(100):
            if full_name(name) not in map(full_name, await self.loaded()):
                return
            await asyncio.sleep(0.1)

    async def pull(self, name: str) -> AsyncGenerator[PullStep]:
        """Have the server fetch a model from its registry; the last step's status is "success".

        Raises TeacherError: FORBIDDEN for a cloud model, MODEL_MISSING for one the registry has not,
        UNREACHABLE for a registry or server that does not answer, BROKEN for a download that broke off.
        """
        if is_cloud(name):
            raise cloud_refused(name)
        limits = {"limit": 1 << 30, "streamed": True}
        try:
            async with self._client(ollama.ProgressResponse, model=name, **limits) as client:
                steps = await client.pull(name, stream=True)
                assert isinstance(steps, AsyncGenerator)
                async with aclosing(steps):
                    async for step in steps:
                        yield PullStep(
                            step.status or "", step.digest or "", step.completed or 0, step.total or 0
                        )
                        if step.status == "success":
                            return
        except FailedMidwayError as error:
            raise _pull_failed(name, error.reason) from None
        raise TeacherError(
            Fault.BROKEN, f"the download of {name} broke off: `burnish pull {name}` takes it up again"
        )

    async def chat(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None,
        think: Think | None,
        shift: bool,
        options: Mapping[str, int | float],
        keep_alive: str,
        logprobs: bool = False,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> AsyncGenerator[ollama.ChatResponse]:
        """The parts of a streamed reply, whose counts of tokens are left out where they are zero.

        think: None for a model that does not know thinking. shift: the server may push the prompt out.
        options: `num_ctx`, `num_predict` and what else Ollama has. Closing the generator closes the connection, and
        the server stops its work. That it ends says no more than that the server ended its answer. Raises BROKEN for
        an answer that breaks off, is too long or is not what Ollama says, SILENT for one that stops coming.
        """
        # A server that knows the first two, as 0.24 does, refuses a prompt it would cut and ends a reply that would
        # push the prompt out. One that does not ignores them. The client's `chat` has no room for them, and leaves out
        # what it does not know of a tool's schema.
        also: dict[str, Any] = {"truncate": False}
        if not shift:
            also["shift"] = False
        if tools:
            also["tools"] = list(tools)
        async with self._client(
            ollama.ChatResponse,
            model=model,
            streamed=True,
            limit=PER_ANSWER + PER_TOKEN * int(options["num_predict"]),
            also=also,
        ) as client:
            parts = await client.chat(
                model,
                [{"role": message.role, "content": message.content} for message in messages],
                stream=True,
                think=think,
                format=None if schema is None else dict(schema),
                options=options,
                keep_alive=keep_alive,
                logprobs=logprobs or None,  # a server older than 0.12.11 gives none
            )
            assert isinstance(parts, AsyncGenerator)
            async with aclosing(parts):
                async for part in parts:
                    yield part

    def missing(self, name: str) -> TeacherError:
        return TeacherError(
            Fault.MODEL_MISSING,
            f"Ollama at {self.url} has no model {name}: fetch it with `burnish pull {name}`",
        )

    @asynccontextmanager
    async def _client(self, answer: type[Any], **exchange: Any) -> AsyncGenerator[ollama.AsyncClient]:
        """The official client for one exchange, with nothing from the environment in it."""
        settings = self._settings(answer, **exchange)
        # Takes the place that OLLAMA_API_KEY would; the transport removes it.
        try:
            async with ollama.AsyncClient(self.url, headers={"authorization": "none"}, **settings) as client:
                yield client
        except (UnicodeEncodeError, ValidationError) as error:  # of what was to be sent: an answer is checked
            if (
                isinstance(error, ValidationError)
                and (first := error.errors()[0])["type"] != "string_unicode"
            ):
                why = f"no request can be made of that: {first['loc']}: {first['msg']}"
                raise TeacherError(Fault.REJECTED, one_line(why)) from None
            raise TeacherError(
                Fault.REJECTED,
                "the text to send holds half of a surrogate pair, which is not Unicode text: mend the sample",
            ) from None

    async def _get(self, path: str, answer: type[_Answer]) -> _Answer:
        """An answer that the official client cannot give.

        It has no method for the version and the status, and its `list` leaves out `remote_host` and
        `remote_model`, the only mark of a cloud model that goes by a plain name.
        """
        async with httpx.AsyncClient(**self._settings(answer)) as client:
            return answer.model_validate_json((await client.get(f"{self.url}{path}")).content)

    def _settings(self, answer: type[Any], **exchange: Any) -> dict[str, Any]:
        """Of a client: httpx's own arguments, which the official one hands on."""
        first = self._first
        return {
            "transport": Transport(
                url=self.url, answer=answer, first=first, silence=self._silence, **exchange
            ),
            "timeout": httpx.Timeout(first, connect=CONNECT, pool=None),
            "trust_env": False,
            "follow_redirects": False,
        }


def full_name(name: str) -> str:
    """A model's name as the server compares it."""
    name = name.casefold().removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _pull_failed(name: str, reason: str) -> TeacherError:
    if "file does not exist" in reason or "not found" in reason:
        return TeacherError(
            Fault.MODEL_MISSING, f"the registry has no model {name}: check the name ({reason})"
        )
    if re.search(r"dial tcp|no such host|i/o timeout|connection refused", reason):
        return TeacherError(
            Fault.UNREACHABLE,
            f"Ollama cannot reach the registry to fetch {name}: check the network ({reason})",
        )
    return TeacherError(fault_of(500, reason), f"Ollama could not fetch {name}: {reason}")
