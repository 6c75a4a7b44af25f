"""Fixtures of the interface's tests: places of their own, and workspaces that real commands made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.system import machine
from models.system.machine import Build
from tests.command import burnish
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, TEACHER, brief, dataset
from tests.tui.screens.start_seat import FAR


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two samples scored by the demo's student; data.json lies beside it."""
    folder = tmp_path_factory.mktemp("scored")
    data, path = dataset(folder / "data.json", SHORT[:2]), folder / "w.burnish"
    assert burnish("score", data, "-w", path, "--student", "demo").code == 0
    return path


@pytest.fixture(scope="session")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three samples, of which two were refined by a scripted teacher and the demo's student."""
    folder = tmp_path_factory.mktemp("refined")
    data, path = dataset(folder / "data.json", SHORT[:3]), folder / "w.burnish"
    with FakeOllama(brief) as server:
        ended = burnish(
            *("run", data, "-w", path, "--teacher", TEACHER, "--student", "demo", "--reply-form", "json"),
            *("--limit", "2"),
            environment={"OLLAMA_HOST": server.url},
        )
    assert ended.code == 0, ended.err
    return path


@pytest.fixture
def nothing_of_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, memory and files of the tests' own."""
    (config := tmp_path / "config.toml").touch()
    monkeypatch.setenv("BURNISH_CONFIG", str(config))
    monkeypatch.setenv("BURNISH_STATE", str(tmp_path / "app.json"))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def nothing_of_this_machine_s(
    nothing_of_the_user_s: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, with none of this machine's models, no look at its hardware, and an empty home and working folder."""
    (home := tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("OLLAMA_MODELS", os.devnull)
    monkeypatch.setattr(machine, "llama_build", lambda: Build(False, ("CPU",), None))
    monkeypatch.setattr(machine, "gpus", lambda: ())
    (work := tmp_path / "work").mkdir()
    monkeypatch.chdir(work)


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    """With a model that is here and one that is not."""
    with FakeOllama(models=[Model.named("qwen3:8b"), FAR]) as running:
        yield running
