"""What may stand where a workspace should, and who else may be at it: one clear line, and nothing is harmed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engine.store.workspace import Workspace
from tests.command import ALONE, REFLECT, burnish, contents, words
from tests.factory import recipe
from tests.ollama.script import Ending, Nothing
from tests.ollama.server import FakeOllama
from tests.running import SHORT, dataset
from tests.scene import scene
from tests.terminal import Terminal
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes, links and modes as POSIX has them")

HANGS = 20.0  # seconds


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scene.burnish with something of every kind, its dataset beside it."""
    return scene(tmp_path_factory.mktemp("whole"))


def commands(path: Path) -> dict[str, tuple[object, ...]]:
    """Commands about a workspace; its dataset is beside it."""
    return {
        "show": ("show", path),
        "show a sample": ("show", path, 3, "--json"),
        "export": ("export", path, path.with_name("out.json"), "--with-trace"),
        "run": ("run", path.with_name("scene.json"), "-w", path, *REFLECT),
        "score": ("score", path.with_name("scene.json"), "-w", path, "--student", "demo"),
        "reselect": ("reselect", path, "--student", "demo"),
    }


@contextmanager
def soon() -> Iterator[None]:
    """Whatever waits for ever fails."""

    def fail(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "a pipe or a device"),
    "a socket": (bound, "a pipe or a device"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "a pipe or a device"),
    "a folder": (Path.mkdir, "Is a directory"),
    "an empty file": (Path.touch, "not a burnish workspace"),
    "a link to nothing": (lambda path: path.symlink_to("gone.burnish"), ""),
    "a link to itself": (lambda path: path.symlink_to(path.name), ""),
    "a file that may not be read": (lambda path: path.symlink_to("/proc/self/mem"), ""),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_at_all(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    make, expected = PLACES[place]
    path = Path("w.burnish")
    dataset(Path("scene.json"), SHORT[:1])
    make(path)
    before = os.lstat(path)
    for command in commands(path).values():
        with soon():
            ended = burnish(*command)
        assert ended.code in (1, 2)
        assert "w.burnish" in (ended.err if ended.code == 2 else ended.complaint)
        assert expected in ended.err or ended.code == 2
        assert "Traceback" not in ended.err
    after = os.lstat(path)
    assert (after.st_mode, after.st_ino, after.st_size) == (before.st_mode, before.st_ino, before.st_size)
    assert {file.name for file in Path().iterdir()} <= {"w.burnish", "scene.json", "w.burnish-lock"}


def told_or_done(path: Path, names: tuple[str, ...]) -> list[str]:
    """Commands about a damaged file: each does its work or says one line, and the file stays as it is."""
    before = contents(path.parent)[path.name]
    lines = []
    for name in names:
        with soon():
            ended = burnish(*commands(path)[name])
        if ended.code:
            assert ended.code == 1, name
            (line,) = ended.err.splitlines()  # beside what it could say before it met with the damage
            assert line.startswith(f"burnish: {path}: ")
            assert line.isprintable()
            lines.append(line)
        assert contents(path.parent)[path.name] == before, name
    return lines


def test_a_truncated_workspace_says_so_and_is_not_harmed(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    path = tmp_path / "scene.burnish"
    shutil.copy(whole.with_suffix(".json"), tmp_path)
    sizes = [
        1,
        15,
        16,
        99,
        100,
        101,
        4095,
        4096,
        4097,
        12_288,
        len(data) // 2,
        len(data) - 4096,
        len(data) - 1,
    ]
    for size in sizes:
        path.write_bytes(data[:size])
        lines = told_or_done(path, ("show", "export", "run"))
        assert lines, size
        assert all("damaged" in line or "not a burnish workspace" in line for line in lines), size


def test_flipped_bits_are_one_line_or_do_no_harm(
    whole: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    dice, count = random.Random(8), 2000 if pytestconfig.getoption("--whole") else 24
    data = whole.read_bytes()
    path = tmp_path / "scene.burnish"
    shutil.copy(whole.with_suffix(".json"), tmp_path)
    refused = 0
    for _ in range(count):
        spoilt = bytearray(data)
        pages = len(data) // 4096
        page = dice.randrange(pages)
        for _ in range(dice.choice((1, 8, 200))):
            spoilt[page * 4096 + dice.randrange(4096 if dice.random() < 0.5 else 100)] ^= 1 << dice.randrange(
                8
            )
        path.write_bytes(spoilt)
        refused += bool(told_or_done(path, ("show", "show a sample", "export")))
    assert refused > count // 10
    print(f"{count} workspaces with flipped bits, {refused} refused")


def test_a_log_with_flipped_bits_holds_what_was_committed_before_them(tmp_path: Path) -> None:
    path = scene(tmp_path, reviewed=False)
    with Workspace.open(path) as opened:
        opened.reviews.keep_many("all", [(index, None) for index in range(3)])
        run = opened.latest_run()
        for number in range(20):
            opened.run(recipe(seed=number), run.record)
        wal = path.with_name(path.name + "-wal").read_bytes()
        data = path.read_bytes()
    dice = random.Random(3)
    for _ in range(12):
        spoilt = bytearray(wal)
        spoilt[dice.randrange(len(wal))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        path.with_name(path.name + "-wal").write_bytes(spoilt)
        path.with_name(path.name + "-shm").unlink(missing_ok=True)
        with Workspace.open(path) as opened:
            assert opened.database.execute("PRAGMA integrity_check") == [("ok",)]
            assert opened.count(run) == (21, 3)


# Two at once -----------------------------------------------------------------------------------------------


@pytest.mark.whole
def test_while_a_run_is_at_it_nobody_else_works_on_it_and_everybody_may_look(tmp_path: Path) -> None:
    data = dataset(tmp_path / "scene.json", SHORT)
    path, link = tmp_path / "w.burnish", tmp_path / "elsewhere" / "other.burnish"
    link.parent.mkdir()
    link.symlink_to(path)
    dataset(link.with_name("scene.json"), SHORT)
    with FakeOllama(lambda chat: Nothing(Ending.STALL)) as server:
        environment = ALONE | {"OLLAMA_HOST": server.url}
        with subprocess.Popen(
            words("run", data, "-w", path, *REFLECT), env=os.environ | environment, stderr=subprocess.DEVNULL
        ) as run:
            try:
                until(lambda: bool(server.chats))
                for name in (path, link):  # the same file, whatever it is called
                    for command in ("run", "score", "reselect"):
                        ended = burnish(*commands(name)[command])
                        assert (ended.code, "another burnish is working on it" in ended.complaint) == (
                            1,
                            True,
                        )
                    assert burnish("show", name).code == burnish(*commands(name)["export"]).code == 0
                with Terminal(path, folder=tmp_path, environment=environment) as terminal:
                    terminal.wait_for("another burnish is working on it")
                    terminal.press("ctrl+q")
                    assert terminal.wait_for_end() == 0
                assert run.poll() is None
            finally:
                run.kill()
        with Workspace.open(link) as opened:
            assert (len(opened), opened.database.execute("PRAGMA integrity_check")) == (4, [("ok",)])


def test_under_two_names_it_is_read_and_not_worked_on(tmp_path: Path) -> None:
    path, other = scene(tmp_path), tmp_path / "other.burnish"
    other.hardlink_to(path)
    before = contents(tmp_path)
    ended = burnish(*commands(other)["run"])
    assert (ended.code, "has 2 names (hard links)" in ended.complaint) == (1, True)
    assert contents(tmp_path) == before
    assert burnish("show", other).code == 0
    other.unlink()
    with Workspace.open(path) as opened:
        assert opened.database.execute("PRAGMA integrity_check") == [("ok",)]


def test_while_the_interface_has_it_open_a_run_is_refused_and_reading_is_not(tmp_path: Path) -> None:
    path = scene(tmp_path)
    with Terminal(path, folder=tmp_path, environment=ALONE) as terminal:
        terminal.wait_for("24 samples")
        before = contents(tmp_path)["scene.burnish"]
        ended = burnish(*commands(path)["run"])
        assert (ended.code, "another burnish is working on it" in ended.complaint) == (1, True)
        assert burnish("show", path).code == burnish(*commands(path)["export"]).code == 0
        assert contents(tmp_path)["scene.burnish"] == before
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    Workspace.open(path).close()


PLANTED = {
    "a view in a table's place": (
        "ALTER TABLE samples RENAME TO kept; CREATE VIEW samples AS WITH RECURSIVE n(sample, body) AS "
        "(SELECT 0, '[]' UNION ALL SELECT sample + 1, body FROM n) SELECT sample, body FROM n"
    ),
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON replies BEGIN DELETE FROM replies; END",
    "a table": "CREATE TABLE more (body)",
    "no index": "DROP INDEX replies_by_request",
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_schema_that_is_not_burnish_s_is_refused_at_once(whole: Path, tmp_path: Path, planted: str) -> None:
    path = Path(shutil.copy(whole, tmp_path / "w.burnish"))
    shutil.copy(whole.with_suffix(".json"), tmp_path / "scene.json")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(PLANTED[planted])
    for command in commands(path).values():
        with soon():
            ended = burnish(*command)
        assert (ended.code, "its schema is not burnish's (see the " in ended.complaint) == (1, True)
