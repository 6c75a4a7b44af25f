"""Files for a user: never written over a workspace, a record, a log, or the data they are made from."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.formats.names import DatasetError
from engine.formats.outputs import SourceFile, refuse, replacing
from engine.judge.record import RECORD, Record
from engine.store.log import log_path
from engine.store.workspace import WORKSPACE, Workspace
from tests.command import burnish, contents
from tests.factory import new_workspace

DATA = b'[{"instruction": "Hi?", "output": "Hello."}]'
TAKEN = [SourceFile(Path("data.json").absolute(), "sha256:" + hashlib.sha256(DATA).hexdigest())]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes as POSIX has them")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.json").write_bytes(DATA)


def refused(path: Path, reason: str, sources: list[SourceFile]) -> None:
    before = contents(Path())
    with pytest.raises(DatasetError, match=reason):
        refuse(path, sources)
    with pytest.raises(DatasetError, match=reason), replacing(path, sources=sources):
        pytest.fail("it may be written to")
    assert contents(Path()) == before


def linked_twice(path: Path) -> None:
    Path("l").symlink_to("data.json")
    path.symlink_to("l")


def moved_and_linked(path: Path) -> None:
    Path("data.json").rename("b")
    path.symlink_to("b")


DOUBLES: dict[str, Callable[[Path], object]] = {
    "itself": lambda _: None,
    "a link": lambda path: path.symlink_to("data.json"),
    "a link to a link": linked_twice,
    "a hard link": lambda path: os.link("data.json", path),
    "a copy": lambda path: shutil.copy("data.json", path),
    "moved": lambda path: Path("data.json").rename(path),
    "moved, another in its place": lambda path: (
        Path("data.json").rename(path),
        Path("data.json").write_text("[]"),
    ),
    "a link to where it was moved": moved_and_linked,
}


@pytest.mark.parametrize("double", DOUBLES)
def test_the_source_is_not_written_over_whatever_its_name_is_now(tmp_path: Path, double: str) -> None:
    path = tmp_path / ("data.json" if double == "itself" else "other.json")
    DOUBLES[double](path)
    sources = [SourceFile(tmp_path / "data.json", TAKEN[0].sha256)]
    refused(path, "does not write over its own source", sources)
    Path("old.json").write_text("an export of before")
    refuse(Path("old.json"), sources)
    refuse(Path("new.json"), sources)


@pytest.mark.parametrize("name", ["w.burnish", "renamed.json", "data.json-new"])
@pytest.mark.parametrize("make", [new_workspace, lambda path: Record.at(path).close()])
def test_a_sqlite_file_of_burnish_s_and_what_is_beside_it_is_not_written_over(
    name: str, make: Callable[[Path], object]
) -> None:
    path = Path(name)
    make(path)
    Path("link").symlink_to(path)
    refused(path, "a workspace or a record", [])
    refused(Path("link"), "a workspace or a record", [])
    for ending in ("-wal", "-shm", "-lock", "-journal"):
        refused(Path(name + ending), f"belongs to {name} beside it", [])
    refuse(Path("other-lock"), [])


def test_a_log_is_not_written_over_whoever_s_it_is() -> None:
    made = new_workspace(Path("made.burnish"))
    with Workspace.open(made) as opened:
        with opened.database.transaction():
            pass
        shutil.copyfile(log_path(made), "kept")
    refused(Path("kept"), "the log of a SQLite file", [])


def test_every_kind_of_burnish_s_files_is_known_by_its_mark() -> None:
    assert {kind.application.to_bytes(4, "big")[:3] for kind in (WORKSPACE, RECORD)} == {b"brn"}


def test_a_link_to_itself_is_one_line() -> None:
    Path("loop").symlink_to("loop")
    with pytest.raises(DatasetError, match="cannot be written: Too many levels"), replacing(Path("loop")):
        pass


def test_a_file_of_burnish_s_is_not_made_in_the_place_of_another_s_log(tmp_path: Path) -> None:
    path = new_workspace(tmp_path / "w.burnish")
    before = contents(tmp_path)
    for command in (("copy", path, f"{path}-wal"), ("run", "data.json", "-w", f"{path}-shm")):
        ended = burnish(*command, *(("--teacher", "demo", "--method", "reflect") * (command[0] == "run")))
        assert (ended.code, "belongs to w.burnish beside it" in ended.complaint) == (1, True)
    assert contents(tmp_path) == before


def test_a_file_named_as_a_draft_was_once_is_left_alone(tmp_path: Path) -> None:
    Path("w.burnish-new").write_text("mine")
    new_workspace(tmp_path / "w.burnish")
    assert Path("w.burnish-new").read_text() == "mine"
