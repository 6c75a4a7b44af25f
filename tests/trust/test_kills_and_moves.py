"""A workspace that is removed, renamed, restored or copied at any moment of a run, which may be killed with it.

Whatever is done, the next run goes on or says in one line what to do, and after that the work ends as if nothing had
been: nothing of one state is mixed into another.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.store.workspace import Workspace
from tests.command import ALONE, REFLECT, Ended, burnish, words
from tests.ollama.script import Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset, finals
from tests.trust.killing import LONGEST

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="open files are renamed")

BACKUP, MOVED = "backup.burnish", "moved.burnish"


def restored(path: Path) -> None:
    shutil.copyfile(path.with_name(BACKUP), path)


def replaced(path: Path) -> None:
    shutil.copyfile(path.with_name(BACKUP), path.with_name("new"))
    path.with_name("new").replace(path)


ACTS: dict[str, Callable[[Path], object]] = {
    "remove": Path.unlink,
    "rename": lambda path: path.rename(path.with_name(MOVED)),
    "restore over it": restored,
    "restore in its place": replaced,
    "copy": lambda path: Workspace.copy(path, path.with_name("copy.burnish")),
}


def run(path: Path, server: FakeOllama) -> Ended:
    data = path.with_name("data.json")
    return burnish("run", data, "-w", path, *REFLECT, "--json", environment={"OLLAMA_HOST": server.url})


def disturbed(path: Path, act: Callable[[Path], object], request: int, *, kill: bool) -> None:
    """A run with which something is done when its n-th request has come, before or after it is killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def script(chat: Chat) -> Scripted:
        if chat.number == request:
            if kill:
                os.kill(processes[0].pid, signal.SIGKILL)
                processes[0].wait()
            act(path)
        return brief(chat)

    with FakeOllama(script) as server:
        command = words("run", path.with_name("data.json"), "-w", path, *REFLECT, "--json")
        process = subprocess.Popen(
            command,
            env={**os.environ, **ALONE, "OLLAMA_HOST": server.url},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        processes.append(process)
        _, err = process.communicate(timeout=LONGEST)
        assert process.returncode in (0, 1, -signal.SIGKILL), err
        assert b"Traceback" not in err


def taken_up(path: Path) -> list[Any]:
    """The outcomes of the work once it is done, after what a refusal advises if there is one."""
    with FakeOllama(brief) as server:
        ended = run(path, server)
        if ended.code:
            assert "log" in ended.complaint
            assert server.chats == [], "nothing is paid for before it is refused"
            log = path.with_name(path.name + "-wal")
            assert log.exists()
            log.rename(log.with_name("kept-aside"))
            ended = run(path, server)
        assert ended.code == 0, ended.err
    with Workspace.read(path) as reading:
        assert reading.database.execute("PRAGMA integrity_check") == [("ok",)]
        return finals(reading)


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "alive"])
@pytest.mark.parametrize("name", ACTS)
def test_whatever_is_done_to_a_workspace_its_states_are_not_mixed(
    tmp_path: Path, name: str, kill: bool, pytestconfig: pytest.Config
) -> None:
    dice = random.Random(name)
    requests = range(1, 2 * len(SHORT) + 1) if pytestconfig.getoption("--whole") else [dice.randint(2, 7)]
    for request in requests:
        folder = tmp_path / str(request)
        folder.mkdir()
        path = folder / "w.burnish"
        dataset(folder / "data.json", SHORT)
        with FakeOllama(
            brief
        ) as server:  # a backup of the middle of the work, and what is expected of its end
            other = folder / "whole.burnish"
            assert run(other, server).code == 0
            half = burnish(
                *("run", folder / "data.json", "-w", folder / BACKUP, *REFLECT, "--limit", "2"),
                environment={"OLLAMA_HOST": server.url},
            )
            assert half.code == 0
        with Workspace.read(other) as reading:
            expected = finals(reading)
        disturbed(path, ACTS[name], request, kill=kill)
        assert taken_up(path) == expected
        moved, log = folder / MOVED, folder / "kept-aside"
        if moved.exists():
            if log.exists():
                log.rename(moved.with_name(f"{MOVED}-wal"))
            assert taken_up(moved) == expected
        if (copy := folder / "copy.burnish").exists():
            assert taken_up(copy) == expected
