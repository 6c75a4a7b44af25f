"""A disk that is full, fails or may only be read: one clear line, and what was committed is there afterwards."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.sample import Decision
from engine.store.workspace import Workspace
from tests.command import ALONE, REFLECT, contents
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, brief, dataset, finals
from tests.scene import scene
from tests.terminal import Terminal
from tests.trust.failing import Call, Disk
from tests.trust.forking import Forking
from tests.trust.mounting import READ_ONLY, mounted, tmpfs
from tests.trust.schemas.make import HERE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs mounts, fork and a preloaded library")

Fault = tuple[Call, int]
COMPLAINTS: dict[Fault, str] = {
    ("write", errno.ENOSPC): "database or disk is full; free some space and run the same command again",
    ("write", errno.EIO): "disk I/O error; check the disk",
    ("sync", errno.EIO): "disk I/O error; check the disk",
}


def wordy(chat: Chat) -> str:
    """A reply that takes some room."""
    reply = json.loads(brief(chat))
    *_, response = reply
    return json.dumps(reply | {response: " ".join(f"{reply[response]} {n}" for n in range(100))})


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    with FakeOllama(wordy) as started:
        yield started


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def forking(disk: Disk) -> Iterator[Forking]:
    with Forking(disk.environment) as started:
        yield started


class DataFolder:
    """A folder with data.json, and commands about it."""

    def __init__(self, folder: Path, forking: Forking, server: FakeOllama) -> None:
        folder.mkdir(exist_ok=True)
        self.path, self.out = folder / "w.burnish", folder / "out.json"
        self.data = dataset(folder / "data.json", SHORT)
        self._forking, self._server = forking, server

    def run(self) -> Any:
        return self._forking.run(
            *("run", self.data, "-w", self.path, *REFLECT), environment={"OLLAMA_HOST": self._server.url}
        )

    def export(self) -> Any:
        return self._forking.run("export", self.path, self.out)

    def kept(self) -> list[list[str]]:
        """The replies that are committed, by sample."""
        with Workspace.read(self.path) as reading:
            assert reading.database.execute("PRAGMA integrity_check") == [("ok",)]
            return [[reply.text for _, reply in reading.replies(index)] for index in range(len(reading))]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, forking: Forking, server: FakeOllama) -> list[Any]:
    """The outcomes of a run where nothing fails."""
    data_folder = DataFolder(tmp_path_factory.mktemp("whole"), forking, server)
    assert data_folder.run().code == 0
    with Workspace.read(data_folder.path) as whole:
        return finals(whole)


IMPORTS = [  # each with how many such calls go well before
    (call, number, pattern, after)
    for call, number in COMPLAINTS
    for pattern, after in (("*/.w.burnish-new-wal", 0), ("*/.w.burnish-new", 0), ("*/.w.burnish-new", 2))
    if (call, after) != ("sync", 2)
]


def test_an_import_leaves_nothing_behind_and_is_there_when_it_is_tried_again(
    tmp_path: Path, disk: Disk, forking: Forking, server: FakeOllama
) -> None:
    data_folder = DataFolder(tmp_path, forking, server)
    before = contents(tmp_path)
    for call, number, pattern, after in IMPORTS:
        with disk.fails(call, number, pattern, after):
            ended = data_folder.run()
        assert (ended.code, COMPLAINTS[call, number] in ended.complaint) == (1, True), (pattern, after)
        assert contents(tmp_path) == before
    assert data_folder.run().code == 0
    assert data_folder.export().code == 0


def test_a_run_loses_nothing_that_was_committed_and_ends_as_if_nothing_had_been(
    tmp_path: Path,
    disk: Disk,
    forking: Forking,
    server: FakeOllama,
    expected: list[Any],
    pytestconfig: pytest.Config,
) -> None:
    whole = pytestconfig.getoption("--whole")
    faults, afters = (COMPLAINTS, range(0, 90, 3)) if whole else ([*COMPLAINTS][:1], [15])
    for number_of_case, (call, number, after) in enumerate(
        (call, number, after) for call, number in faults for after in afters
    ):
        data_folder = DataFolder(tmp_path / str(number_of_case), forking, server)
        asked = len(server.chats)
        with disk.fails(call, number, "*/w.burnish-wal", after if call == "write" else after // 3):
            ended = data_folder.run()
        if ended.code == 0:
            continue  # it needed fewer
        *_, last = ended.err.splitlines()
        assert ended.code == 1
        assert last.startswith(f"burnish: {data_folder.path}: {COMPLAINTS[call, number]}")
        assert "nothing committed is lost" in last
        assert "Traceback" not in ended.err
        kept = data_folder.kept()
        committed = {text for texts in kept for text in texts}
        answered = len(server.chats)
        assert data_folder.run().code == 0
        asked_again = {wordy(Chat(0, chat.body)) for chat in server.chats[answered:]}
        assert not committed & asked_again, "what was committed is not asked for again"
        assert [texts[: len(before)] for texts, before in zip(data_folder.kept(), kept, strict=True)] == kept
        assert answered - asked <= len(committed) + 1, "and one reply at most was lost"
        with Workspace.read(data_folder.path) as done:
            assert finals(done) == expected


@in_part("fault", COMPLAINTS)
def test_a_checkpoint_that_fails_is_made_up_for_later(
    tmp_path: Path, disk: Disk, forking: Forking, server: FakeOllama, expected: list[Any], fault: Fault
) -> None:
    data_folder = DataFolder(tmp_path, forking, server)
    with disk.fails(*fault, "*/w.burnish"):
        assert data_folder.run().code == 0, "what is committed is in the log beside it"
        assert (tmp_path / "w.burnish-wal").stat().st_size > 10_000
    with Workspace.open(data_folder.path) as opened:
        assert finals(opened) == expected
    assert not (tmp_path / "w.burnish-wal").exists()


@in_part("fault", COMPLAINTS)
def test_an_export_leaves_what_was_there(
    tmp_path: Path, disk: Disk, forking: Forking, server: FakeOllama, fault: Fault
) -> None:
    data_folder = DataFolder(tmp_path, forking, server)
    assert data_folder.run().code == 0
    data_folder.out.write_text("an older export")
    before = contents(tmp_path)
    with disk.fails(*fault, f"{tmp_path}/#*"):
        ended = data_folder.export()
    assert ended.code == 1
    assert (
        f"{data_folder.out}: cannot be written: {os.strerror(fault[1])}; what was there is as it was"
        in ended.complaint
    )
    assert before.items() <= contents(tmp_path).items()
    assert {path.name for path in tmp_path.iterdir()} - before.keys() <= {"w.burnish-wal", "w.burnish-shm"}
    assert data_folder.export().code == 0
    assert len(json.loads(data_folder.out.read_bytes())) == len(SHORT)


@pytest.mark.whole
@pytest.mark.parametrize("fault", COMPLAINTS)
def test_a_workspace_that_could_not_be_brought_up_to_date_is_as_it_was(
    tmp_path: Path, disk: Disk, forking: Forking, fault: Fault
) -> None:
    path = Path(shutil.copyfile(HERE / "schema-1.sqlite", tmp_path / "w.burnish"))
    # The file itself is written to only after its journal.
    with disk.fails(*fault, "*/w.burnish-journal" if fault[0] == "write" else "*/w.burnish"):
        ended = forking.run("reselect", path, "--student", "demo")
    assert (ended.code, COMPLAINTS[fault] in ended.complaint) == (1, True)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_review_that_cannot_be_kept_is_said_and_what_was_written_is_still_there(
    tmp_path: Path, disk: Disk
) -> None:
    path = scene(tmp_path, kinds=("replaced",), reviewed=False)
    with Terminal(path, folder=tmp_path, environment=ALONE | disk.environment) as terminal:
        terminal.wait_for("24 samples")
        terminal.wait_for("Give three tips")
        terminal.press("enter")
        terminal.wait_for("not decided")
        with disk.fails("write", errno.ENOSPC, "*/scene.burnish-wal"):
            terminal.press("a")
            terminal.wait_for("space")  # to be freed; in a toast, words may stand on two lines
            terminal.press("e")
            terminal.wait_for("ctrl+s saves")
            terminal.press("My own words. ", "ctrl+s")
            terminal.read(1.0)
            assert "My own words." in terminal.text, "the editor stays, with what is in it"
            assert "^s Save" in terminal.text
        terminal.press("ctrl+s")
        terminal.wait_for("edited by you")
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    with Workspace.read(path) as reading:
        assert reading.database.execute("PRAGMA integrity_check") == [("ok",)]
        review = reading.reviews.standing(0)
        assert review is not None
        assert (review.decision, review.version.response[:14]) == (Decision.EDITED, "My own words. ")


@pytest.mark.whole
def test_a_disk_that_is_really_full(tmp_path: Path, server: FakeOllama, expected: list[Any]) -> None:
    (folder := tmp_path / "small").mkdir()
    with mounted(tmpfs(600), folder) as (prefix, outside), Forking(prefix=prefix) as forking:
        data_folder = DataFolder(tmp_path, forking, server)
        data_folder.path, data_folder.out = folder / "w.burnish", folder / "out.json"
        ballast = outside / "ballast"
        lines = []
        for kib in (590, 500, 290, 0):  # room for no workspace, for a part of the run, for all
            ballast.write_bytes(b"x" * kib * 1024)
            ended = data_folder.run()
            lines.append(ended.err.splitlines()[-1])
            assert "Traceback" not in ended.err
        assert ended.code == 0
        assert all(line.startswith(f"burnish: {folder}/w.burnish") for line in lines[:3])
        assert all("disk is full; free some space" in line for line in lines[:3]), lines

        room = shutil.disk_usage(outside).free
        ballast.write_bytes(b"x" * (room - 4096))
        ended = data_folder.export()
        assert (ended.code, "space" in ended.complaint) == (1, True), ended
        assert not (outside / "out.json").exists()
        ballast.unlink()
        assert data_folder.export().code == 0
        assert len(json.loads((outside / "out.json").read_bytes())) == len(SHORT)
        shutil.copy(outside / "w.burnish", tmp_path / "copy.burnish")
    with Workspace.read(tmp_path / "copy.burnish") as done:
        assert finals(done) == expected


def test_a_folder_that_may_only_be_read_can_be_looked_at_and_stays_as_it_is(
    tmp_path: Path, forking: Forking, server: FakeOllama
) -> None:
    (folder := tmp_path / "kept").mkdir()
    data_folder = DataFolder(folder, forking, server)
    assert data_folder.run().code == 0
    before = contents(folder)
    with mounted(READ_ONLY, folder) as (prefix, _), Forking(prefix=prefix) as inside:
        run = inside.run("run", data_folder.data, "-w", data_folder.path, *REFLECT)
        assert (run.code, "Read-only file system" in run.complaint) == (1, True)
        new = inside.run("run", data_folder.data, "-w", folder / "new.burnish", *REFLECT)
        assert (new.code, "folder must be writable" in new.complaint) == (1, True)
        into = inside.run("export", data_folder.path, folder / "out.json")
        assert (into.code, "cannot be written: Read-only file system" in into.complaint) == (1, True)
        for command in (
            ("show", data_folder.path),
            ("show", data_folder.path, 0),
            ("export", data_folder.path, tmp_path / "out.json"),
        ):
            assert inside.run(*command).code == 0
    assert contents(folder) == before
    assert len(json.loads((tmp_path / "out.json").read_bytes())) == len(SHORT)
