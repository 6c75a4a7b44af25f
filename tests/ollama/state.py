"""What our Ollama server has and does apart from HTTP: models, memory, a queue, and a record of it all."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from tests.ollama.releases import R24, Release
from tests.ollama.script import Script, Scripted, plausible

CHATS = ("/api/chat", "/v1/chat/completions")

Outcome = Literal["open", "answered", "failed", "left"]


def recorded(name: str, release: Release = R24) -> dict[str, Any]:
    """A recorded exchange, by its file's name without `.json`."""
    exchange: dict[str, Any] = json.loads((release.folder / f"{name}.json").read_text("utf-8"))
    return exchange


@dataclass(frozen=True)
class Model:
    """A model the server has."""

    tag: Mapping[str, Any]  # as /api/tags lists it
    capabilities: Sequence[str] = ("completion",)
    trained_context: int = 32768
    parameters: int | None = None  # as counted; None: as recorded
    jinja: bool = (
        True  # its template is one that llama-server applies, in releases that have it; else one of Ollama's
    )

    @property
    def name(self) -> str:
        return str(self.tag["name"])

    @property
    def remote(self) -> dict[str, str]:
        return {key: self.tag[key] for key in ("remote_model", "remote_host") if key in self.tag}

    @classmethod
    def named(cls, name: str, capabilities: Sequence[str] = ("completion",), **changes: Any) -> Self:
        """The recorded qwen0.5b under another name; `changes` go into its tag."""
        tags = json.loads(recorded("02_tags")["body"])["models"]
        tag = next(tag for tag in tags if tag["name"] == "qwen0.5b:latest")
        full = name if ":" in name else f"{name}:latest"
        return cls({**tag, "name": full, "model": full, **changes}, capabilities)


def recorded_models(release: Release = R24) -> list[Model]:
    tags = json.loads(recorded("02_tags", release)["body"])["models"]
    tools = ["tools", "completion"] if release is not R24 else ["completion", "tools", "insert"]
    return [
        Model(
            tag,
            tools if tag["details"]["family"] == "qwen2" else ["completion"],
            tag["details"].get("context_length", 32768),
            jinja="smol" not in tag["name"],
        )
        for tag in tags
    ]


def is_probe(body: Mapping[str, Any]) -> bool:
    """True of a chat that is no question, but tries what becomes of a long prompt."""
    return str(body["messages"][0].get("content")).startswith("green green green ")


@dataclass
class Exchange:
    """A request, and what became of it."""

    number: int  # from 0, in the order of arrival
    path: str
    body: Any
    headers: Mapping[str, str]
    began: float  # seconds, of time.monotonic
    ended: float | None = None
    status: int | None = None
    outcome: Outcome = "open"  # "left": by the client, before the end


@dataclass(frozen=True)
class InMemory:
    setup: object  # what it was loaded with
    context: int  # tokens
    expires: datetime


@dataclass
class State:
    """Everything may be changed while the server runs."""

    script: Script = plausible
    release: Release = R24
    models: list[Model] = field(default_factory=recorded_models)
    parallel: int = 1  # as OLLAMA_NUM_PARALLEL
    max_queue: int = 512  # as OLLAMA_MAX_QUEUE
    wait: float = 0.0  # seconds to the first byte, for every answer that does not say
    seconds: float = 0.0  # from there to the last, likewise
    cloud_disabled: bool = True
    hidden: set[str] = field(default_factory=set)  # paths this server is too old to know
    ignored: set[str] = field(default_factory=set)  # fields of a chat that it is too old to know
    log: Path | None = None  # each exchange adds a line when it begins, and one when it ends
    instead: dict[str, Scripted] = field(default_factory=dict)  # what a path says in place of its own answer
    registry: dict[str, Sequence[Mapping[str, Any]]] = field(
        default_factory=dict
    )  # what a pull says, by name
    in_memory: dict[str, InMemory] = field(default_factory=dict)
    loads: list[tuple[str, int]] = field(
        default_factory=list
    )  # whenever a model was loaded: its name, num_ctx
    exchanges: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.closing = threading.Event()
        self._lock = threading.Condition()
        self._queue: deque[object] = deque()
        self._busy = 0

    @property
    def chats(self) -> list[Exchange]:
        """The exchanges that asked a model something, in the order of arrival; its limit was not asked for by them."""
        return [e for e in self._chats() if not is_probe(e.body)]

    @property
    def probes(self) -> list[Exchange]:
        """The exchanges that tried what becomes of a long prompt."""
        return [e for e in self._chats() if is_probe(e.body)]

    def _chats(self) -> list[Exchange]:
        return [e for e in self.exchanges if e.path in CHATS and e.body and e.body.get("messages")]

    def asked_again(self) -> list[Any]:
        """The bodies of chats that came after the very same chat had been answered."""
        answered: dict[str, float] = {}  # when, by question
        repeated = []
        for exchange in self.chats:
            key = json.dumps(exchange.body, sort_keys=True)
            if answered.get(key, exchange.began) < exchange.began:
                repeated.append(exchange.body)
            if exchange.outcome == "answered" and exchange.ended is not None:
                answered.setdefault(key, exchange.ended)
        return repeated

    def begin(self, path: str, body: Any, headers: Mapping[str, str]) -> Exchange:
        with self._lock:
            exchange = Exchange(len(self.exchanges), path, body, headers, time.monotonic())
            self.exchanges.append(exchange)
            self._write(exchange)
        return exchange

    def end(self, exchange: Exchange, outcome: Outcome) -> None:
        with self._lock:
            exchange.outcome = outcome
            exchange.ended = time.monotonic()
            self._write(exchange)

    def _write(self, exchange: Exchange) -> None:
        if self.log is None:
            return
        line = {
            "number": exchange.number,
            "path": exchange.path,
            "outcome": exchange.outcome,
            "status": exchange.status,
            "body": exchange.body,
        }
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    @contextlib.contextmanager
    def slot(self, left: Callable[[], bool]) -> Iterator[bool]:
        """One of the places that generate, first come first served; False where the queue is full.

        Raises ConnectionAbortedError when the client left or the server closes.
        """
        if not self._enter(left):
            yield False
            return
        try:
            yield True
        finally:
            with self._lock:
                self._busy -= 1
                self._lock.notify_all()

    def _enter(self, left: Callable[[], bool]) -> bool:
        ticket = object()
        with self._lock:
            if self._busy >= self.parallel and len(self._queue) >= self.max_queue:
                return False
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket or self._busy >= self.parallel:
                    self._lock.wait(0.02)
                    if self.closing.is_set() or left():
                        raise ConnectionAbortedError
                self._busy += 1
            finally:
                self._queue.remove(ticket)
                self._lock.notify_all()
        return True

    def find(self, name: str) -> Model | None:
        full = name.casefold() if ":" in name else f"{name.casefold()}:latest"
        return next((model for model in self.models if model.name.casefold() == full), None)

    def load(self, model: Model, body: Mapping[str, Any], keep_alive: float) -> int:
        """Have a model in memory as a request wants it; gives its context.

        keep_alive: seconds from now; 0 leaves no model behind.
        """
        asked = (body.get("options") or {}).get("num_ctx", 4096)
        context = self.release.context(asked, model.trained_context)
        setup = self.release.setup(context, body)
        with self._lock:
            held = self.in_memory.pop(model.name, None)
            if held is None or held.setup != setup:
                self.loads.append((model.name, context))
            if keep_alive:
                expires = datetime.now(UTC) + timedelta(seconds=keep_alive)
                self.in_memory[model.name] = InMemory(setup, context, expires)
        return context

    def unload(self, model: Model) -> None:
        with self._lock:
            self.in_memory.pop(model.name, None)
