"""What all tests over Ray share, for starting it takes seconds: a cluster of two nodes that can take part in a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ray.nodes import Nodes, store


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Ollama's store with the student that the tag `chance` names."""
    return store(tmp_path_factory.mktemp("models"), seed=1)


@pytest.fixture(scope="session")
def nodes(models: Path) -> Iterator[Nodes]:
    with Nodes() as nodes:
        nodes.add("a", OLLAMA_MODELS=str(models))
        nodes.add("b", OLLAMA_MODELS=str(models))
        yield nodes
