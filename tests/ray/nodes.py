"""Ray's own test cluster: nodes that are processes, each with a scripted Ollama of its own."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import pytest

from engine.run.settings import Settings
from models.ray.cluster import OWN_WAYS
from models.student import Losses, Passage, Student, StudentInfo
from tests.factory import student_info
from tests.gguf_writer import runnable
from tests.ollama.script import Script
from tests.ollama.server import FakeOllama
from tests.ollama.store import OWN, FakeStore
from tests.running import brief, settings

MISSING = find_spec("ray") is None
NEEDS_RAY = [
    pytest.mark.skipif(MISSING, reason="Ray is not installed: .ci/run has it in an environment of its own"),
    pytest.mark.filterwarnings("default"),  # Ray's own
    pytest.mark.long,
]
"""The marks of every test of a file."""

STORE = 80 << 20  # bytes of the object store, of which Ray wants no fewer


class Nodes:
    """The cluster, and the servers of its nodes by their names."""

    def __init__(self) -> None:
        os.environ.update(OWN_WAYS)
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # else Ray keeps a token in this user's home
        self._cluster: Any = import_module("ray.cluster_utils").Cluster()
        self._raylets: dict[str, Any] = {}
        self._stack = ExitStack()
        self.servers: dict[str, FakeOllama] = {}
        self.environments: dict[str, dict[str, str]] = {}  # what was said beside the server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.shutdown()
        self._stack.close()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, name: str, server: FakeOllama | None = None, **environment: str) -> FakeOllama:
        """A node and its server, a new one unless it is given, with more in its environment."""
        if server is None:
            server = self._stack.enter_context(FakeOllama(brief))
        self._raylets[name] = self._cluster.add_node(
            node_name=name,
            num_cpus=2,
            object_store_memory=STORE,
            include_dashboard=False,
            env_vars={"OLLAMA_HOST": server.url, **environment},
        )
        self.servers[name], self.environments[name] = server, environment
        return server

    def kill(self, name: str) -> None:
        """The node's processes are killed; its server stays."""
        self._cluster.remove_node(self._raylets.pop(name), allow_graceful=False)
        del self.servers[name]

    def answer(self, script: Script) -> None:
        """Have all servers answer by a script, and forget what they were asked."""
        for server in self.servers.values():
            server.script = script
            server.exchanges.clear()

    def outcomes(self) -> Counter[str]:
        """The outcomes of the questions to all servers."""
        return Counter(chat.outcome for server in self.servers.values() for chat in server.chats)


def on_nodes(**groups: dict[str, Any]) -> Settings:
    """The settings of `tests.running` for nodes, each of which has the server that its OLLAMA_HOST names."""
    given = settings("unused:1", **groups)
    return given.model_copy(update={"teacher": given.teacher.model_copy(update={"host": None})})


def store(folder: Path, seed: int) -> Path:
    """An Ollama's store in a folder, whose tag `chance` names a student."""
    made, file = FakeStore(folder / "store"), folder / "chance.gguf"
    runnable(file, seed=seed)
    made.tag(f"{OWN}/library/chance/latest", [made.layer("model", file.read_bytes())])
    return made.path


def once(do: Callable[[], None]) -> Callable[[], None]:
    """Does it when it is first called, and nothing later."""
    left = [do]
    return lambda: left.pop()() if left else None


class SaidStudent:
    """A student that is nothing but what it says of itself: it computes by the backend of its node's environment."""

    pid = None

    async def open(self) -> StudentInfo:
        return student_info(backend=os.environ.get("TEST_BACKEND", "CPU"))

    async def losses(self, passages: Sequence[Passage]) -> list[Losses]:
        raise NotImplementedError

    async def unload(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def said_student() -> Student:
    return SaidStudent()


if __name__ == "__main__":
    with Nodes() as alone:
        alone.add("t")
        print(alone.address, flush=True)
        sys.stdin.read()
