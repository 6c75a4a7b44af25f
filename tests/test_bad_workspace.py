"""A workspace that is none, is another's or is damaged: one clear line, and the file is unharmed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.store.workspace import Workspace
from tests.command import REFLECT, burnish, contents, reflect
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset


def commands(folder: Path) -> dict[str, tuple[object, ...]]:
    """Every command that opens w.burnish."""
    path = folder / "w.burnish"
    return {
        "run": ("run", folder / "data.json", "-w", path, *REFLECT),
        "score": ("score", folder / "data.json", "-w", path, "--student", "demo"),
        "reselect": ("reselect", path, "--student", "demo"),
        "show": ("show", path),
        "export": ("export", path, folder / "out.json"),
    }


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = dataset(tmp_path_factory.mktemp("refined") / "data.json", SHORT[:2])
    with FakeOllama(brief) as server:
        assert reflect(data, server).code == 0
    return data.parent


@pytest.fixture
def folder(refined: Path, tmp_path: Path) -> Path:
    """A folder with data.json and a w.burnish of our own."""
    for name in ("data.json", "w.burnish"):
        shutil.copy(refined / name, tmp_path)
    return tmp_path


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (a)")


@pytest.mark.parametrize("name", ["run", "score", "reselect", "show", "export"])
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (newer, "made by a newer burnish"),
        (foreign, "not a burnish workspace"),
        (lambda path: path.write_text("my notes"), "not a burnish workspace"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "damaged"),
    ],
    ids=["newer", "foreign", "text", "truncated"],
)
def test_a_workspace_that_is_none_or_not_ours(
    folder: Path, name: str, spoil: Callable[[Path], object], expected: str
) -> None:
    spoil(folder / "w.burnish")
    before = contents(folder)
    ended = burnish(*commands(folder)[name])
    assert ended.code == 1
    assert str(folder / "w.burnish") in ended.complaint
    assert expected in ended.complaint
    assert contents(folder) | before == contents(folder), "nothing that was there has changed"


@pytest.mark.parametrize("name", ["run", "score", "reselect"])
def test_a_workspace_that_another_burnish_works_on(folder: Path, name: str) -> None:
    before = contents(folder)["w.burnish"]
    with Workspace.open(folder / "w.burnish"):
        ended = burnish(*commands(folder)[name])
        assert ended.code == 1
        assert "another burnish is working on it" in ended.complaint
        for reading in ("show", "export"):
            assert burnish(*commands(folder)[reading]).code == 0, "reading along is allowed"
    assert contents(folder)["w.burnish"] == before


def test_a_workspace_given_for_a_dataset_names_the_dataset(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    ended = burnish("run", "w.burnish", *REFLECT)
    assert ended.code == 2
    assert "data.json" in ended.complaint


def test_a_workspace_in_which_nothing_was_done_yet(folder: Path) -> None:
    (folder / "w.burnish").unlink()
    assert reflect(folder / "data.json").code == 1  # no server: the dataset is in, and nothing else
    for name in ("show", "export", "reselect"):
        ended = burnish(*commands(folder)[name])
        assert ended.code == 1
        assert "`burnish run` does" in ended.complaint


@pytest.mark.parametrize("name", ["show", "export", "reselect"])
def test_a_workspace_that_is_not_there_is_not_made(tmp_path: Path, name: str) -> None:
    ended = burnish(*commands(tmp_path)[name])
    assert ended.code == 1
    assert "w.burnish" in ended.complaint
    assert contents(tmp_path) == {}


def test_a_sample_that_is_not_there(folder: Path) -> None:
    ended = burnish("show", folder / "w.burnish", "2")
    assert ended.code == 1
    assert "no sample 2; it holds 0 to 1" in ended.complaint
