"""An Ollama server: the models it has, what they are, and what it runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Annotated, Any, Self

from pydantic import Field

from models.ollama.address import server_url
from models.ollama.http import Connection, RefusedError, Wire, fault_of, one_line
from models.teacher import Fault, TeacherError

FIRST = 900.0  # seconds to the first byte: the server's queue, loading the model and reading the prompt
SILENCE = 180.0  # seconds between two lines of an answer

_CLOUD = re.compile(r"[:-]cloud$", re.IGNORECASE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMBT])", re.IGNORECASE)


Amount = Annotated[int, Field(lt=2**63)]
"""A number as Go has it: what it is divided by, and shown in, has no room for more."""


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
        """Whether its weights are on this server, so that nothing asked of it goes further."""
        return not (self.remote_host or self.remote_model or is_cloud(self.name))


class ModelDescription(Wire):
    """A model's description."""

    details: ModelDetails = ModelDetails()
    model_info: dict[str, Any] = Field(default_factory=dict)  # the GGUF's own metadata
    template: str = ""
    capabilities: tuple[str, ...] = ()  # "completion", "thinking", ...; empty where the server does not say
    remote_host: str = ""
    remote_model: str = ""

    @property
    def parameters(self) -> float | None:
        """How many, None where the GGUF does not say."""
        count = self.model_info.get("general.parameter_count")
        return float(count) if isinstance(count, int | float) and 0 < count < 1e18 else None

    @property
    def trained_context(self) -> int | None:
        """Tokens of context it was trained with, which the server never exceeds; None where unknown."""
        length = self.model_info.get(f"{self.model_info.get('general.architecture')}.context_length")
        return length if isinstance(length, int) and 0 < length < 2**31 else None


class LoadedModel(Wire):
    """A model in memory now."""

    name: str
    digest: str = ""
    size: Amount = 0  # bytes of memory, the GPU's and the machine's together
    size_vram: Amount = 0  # bytes of it on the GPU
    context_length: Amount = 0  # tokens


class PullStep(Wire):
    """One step of a download."""

    status: str = ""  # "pulling manifest", "pulling 1d9614638d18", "verifying sha256 digest", ..., "success"
    digest: str = ""  # of the layer under way
    completed: Amount = 0  # bytes of it
    total: Amount = 0  # bytes of it, 0 where nothing is counted
    error: str = ""


class ChunkMessage(Wire):
    content: str = ""
    thinking: str = ""


class ChatChunk(Wire):
    """One line of a streamed chat."""

    created_at: str = ""
    message: ChunkMessage = ChunkMessage()
    done: bool = False
    done_reason: str = ""
    prompt_eval_count: Amount = Field(default=0, ge=0)  # tokens; a count of zero is left out of the line
    eval_count: Amount = Field(default=0, ge=0)  # tokens, with the one that ended a reply that was not cut
    eval_duration: Amount = Field(default=0, ge=0)  # nanoseconds
    error: str = ""
    remote_host: str = ""
    remote_model: str = ""


class _Version(Wire):
    version: str


class _Cloud(Wire):
    disabled: bool = False


class _Status(Wire):
    cloud: _Cloud = _Cloud()


class _Tags(Wire):
    models: tuple[Tag, ...]


class _Running(Wire):
    models: tuple[LoadedModel, ...]


class _Unloaded(Wire):
    done: bool


class OllamaServer:
    """An Ollama server on this machine. Every method raises TeacherError."""

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
        self._connection = Connection(self.url, first=first, silence=silence)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._connection.close()

    async def version(self) -> str:
        return (await self._connection.fetch("GET", "/api/version", None, _Version)).version

    async def cloud_disabled(self) -> bool | None:
        """Whether the server itself refuses cloud models; None from a server too old to say."""
        try:
            return (await self._connection.fetch("GET", "/api/status", None, _Status)).cloud.disabled
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    async def tags(self) -> tuple[Tag, ...]:
        """The models the server has, cloud models' stubs included."""
        try:
            return (await self._connection.fetch("GET", "/api/tags", None, _Tags)).models
        except RefusedError as error:
            if error.fault is Fault.REJECTED:  # nothing was asked that could be wrong
                why = f"Ollama does not list its models ({error.status}: {error.said}): see the server's log"
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
            return await self._connection.fetch("POST", "/api/show", {"model": name}, ModelDescription)
        except RefusedError as error:
            if error.fault is Fault.MODEL_MISSING:
                raise self.missing(name) from None
            raise

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """The models in memory now."""
        return (await self._connection.fetch("GET", "/api/ps", None, _Running)).models

    async def unload(self, name: str) -> None:
        """Free a model's memory, and wait until the server no longer lists it (10 seconds at most)."""
        body = {"model": name, "messages": [], "stream": False, "keep_alive": 0}
        await self._connection.fetch("POST", "/api/chat", body, _Unloaded)
        for _ in range(100):
            if all(full_name(model.name) != full_name(name) for model in await self.loaded()):
                return
            await asyncio.sleep(0.1)

    async def pull(self, name: str) -> AsyncGenerator[PullStep]:
        """Have the server fetch a model from its registry; the last step's status is "success".

        Raises TeacherError: FORBIDDEN for a cloud model, MODEL_MISSING for one the registry has not,
        UNREACHABLE for a registry or server that does not answer, BROKEN for a download that broke off.
        """
        if is_cloud(name):
            raise cloud_refused(name)
        body = {"model": name, "stream": True}
        steps = self._connection.stream("/api/pull", body, PullStep, limit=1 << 30)
        async with aclosing(steps):
            async for step in steps:
                if step.error:
                    raise _pull_failed(name, step.error)
                yield step
                if step.status == "success":
                    return
        raise TeacherError(
            Fault.BROKEN, f"the download of {name} broke off: `burnish pull {name}` takes it up again"
        )

    def chat(self, body: Mapping[str, Any], *, limit: int) -> AsyncGenerator[ChatChunk]:
        """The parts of a streamed reply to a body for /api/chat, at most `limit` bytes (see Connection.stream)."""
        return self._connection.stream("/api/chat", body, ChatChunk, limit=limit)

    def missing(self, name: str) -> TeacherError:
        return TeacherError(
            Fault.MODEL_MISSING,
            f"Ollama at {self.url} has no model {name}: fetch it with `burnish pull {name}`",
        )


def full_name(name: str) -> str:
    """A model's name as the server compares it."""
    name = name.casefold().removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def is_cloud(name: str) -> bool:
    return _CLOUD.search(name) is not None


def cloud_refused(name: str) -> TeacherError:
    return TeacherError(
        Fault.FORBIDDEN, f"{name} runs in Ollama's cloud, and your data would go there: choose a local model"
    )


def _pull_failed(name: str, said: str) -> TeacherError:
    said = one_line(said)
    if "file does not exist" in said or "not found" in said:
        return TeacherError(Fault.MODEL_MISSING, f"the registry has no model {name}: check the name ({said})")
    if re.search(r"dial tcp|no such host|i/o timeout|connection refused", said):
        return TeacherError(
            Fault.UNREACHABLE, f"Ollama cannot reach the registry to fetch {name}: check the network ({said})"
        )
    return TeacherError(fault_of(500, said), f"Ollama could not fetch {name}: {said}")
