"""Where a server keeps its models is read from its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from models.files.ollama_store import default_stores
from models.system.server_process import environments

LISTENS = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
input()
"""


@contextmanager
def server(**environment: str) -> Iterator[int]:
    """A process that listens, and the port."""
    own = {"PATH": os.environ["PATH"], **environment}
    with subprocess.Popen(
        [sys.executable, "-c", LISTENS], env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def test_the_store_is_where_the_server_that_listens_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    with server(OLLAMA_MODELS=str(tmp_path)) as port:
        monkeypatch.setenv("OLLAMA_HOST", f"http://127.0.0.1:{port}/")
        assert default_stores()[0] == tmp_path
    with server(HOME=str(tmp_path)) as port:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{port}")
        assert default_stores()[0] == tmp_path / ".ollama" / "models"


def test_what_a_user_names_comes_first_and_no_process_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", "/mine")
    monkeypatch.setattr(psutil, "process_iter", None)
    assert default_stores()[0] == Path("/mine")


@pytest.mark.parametrize(
    "error", [psutil.AccessDenied(1), psutil.NoSuchProcess(1), PermissionError(), RuntimeError()]
)
def test_where_the_system_shows_nothing_the_usual_places_are_left(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise error

    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setattr(psutil, "net_connections", closed)
    monkeypatch.setattr(psutil, "process_iter", closed)
    assert list(environments("ollama", 11434)) == []
    assert default_stores()


def test_a_process_that_hides_its_environment_gives_its_user_s_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: psutil.Process) -> dict[str, str]:
        raise psutil.AccessDenied(1)

    monkeypatch.setattr(psutil.Process, "environ", closed)
    found = list(environments(Path(psutil.Process().name()).stem, 0))
    assert found
    assert all(set(environment) == {"HOME"} for environment in found)
