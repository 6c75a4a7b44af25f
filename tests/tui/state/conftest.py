"""Settings of the tests' own, and a workspace in which nothing was run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.state.workbenches import made


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BURNISH_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return made(tmp_path / "w.burnish")
