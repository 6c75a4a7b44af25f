"""A workspace and a run that several of the engine's tests use, and a folder where file modes count."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.workspace import Run, Workspace
from tests.factory import RECORD, SOURCE, recipe, samples

NOBODY = 65534


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Path]:
    """A folder where file modes count: root, whom they do not stop, is somebody else for the test."""
    if os.geteuid():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.burnish"


@pytest.fixture
def workspace(path: Path) -> Iterator[Workspace]:
    with Workspace.create(path, SOURCE, samples(3)) as opened:
        yield opened


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return workspace.run(recipe(method="selective"), RECORD)
