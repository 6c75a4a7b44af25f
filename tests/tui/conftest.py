"""Workspaces that the real commands made, for the commands that look at them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.command import burnish
from tests.ollama_server import FakeOllama
from tests.running import SHORT, TEACHER, brief, dataset


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
