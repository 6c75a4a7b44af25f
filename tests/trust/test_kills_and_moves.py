"""A workspace or a judge's record that is removed, renamed, restored or copied at any moment of the work on it.

The work may be killed with it. Whatever is done, the same command goes on or says in one line what to do, and then the
work ends as if nothing had been: nothing of one state is mixed into another.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.judge.record import RECORD
from engine.store.database import Database
from engine.store.file_kind import FileKind
from engine.store.workspace import WORKSPACE, Workspace
from tests import judges
from tests.command import ALONE, REFLECT, Ended, burnish, words
from tests.ollama.script import Chat, Script, Scripted
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, TEACHER, brief, dataset, finals
from tests.trust.killing import LONGEST

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="open files are renamed")


@dataclass(frozen=True, slots=True)
class Work:
    """A command that keeps what a model replies in a file of burnish's own."""

    kind: FileKind
    command: Callable[[Path], tuple[object, ...]]
    script: Script
    requests: int
    result: Callable[[Path, Ended], Any]  # of the work when it is done


def refining(path: Path) -> tuple[object, ...]:
    return "run", dataset(path.with_name("data.json"), SHORT), "-w", path, *REFLECT, "--json"


def refined(path: Path, _: Ended) -> Any:
    with Workspace.read(path) as reading:
        return finals(reading)


def judging(path: Path) -> tuple[object, ...]:
    other = [row | {"output": "Yes, " * number} for number, row in enumerate(SHORT)]
    sides = dataset(path.with_name("a.json"), SHORT), dataset(path.with_name("b.json"), other)
    return "judge", *sides, "--judge", TEACHER, "--record", path, "--json"


def judged(_: Path, ended: Ended) -> Any:
    return {name: value for name, value in json.loads(ended.out).items() if name not in ("record", "sources")}


WORKS = {
    "run": Work(WORKSPACE, refining, brief, 2 * len(SHORT), refined),
    "judge": Work(RECORD, judging, judges.longer, 2 * len(SHORT), judged),
}

Act = Callable[[Path, FileKind], object]


def restored(path: Path, _: FileKind) -> None:
    shutil.copyfile(path.with_name("backup"), path)


def replaced(path: Path, _: FileKind) -> None:
    shutil.copyfile(path.with_name("backup"), path.with_name("new"))
    path.with_name("new").replace(path)


ACTS: dict[str, Act] = {
    "remove": lambda path, _: path.unlink(),
    "rename": lambda path, _: path.rename(path.with_name("moved")),
    "restore over it": restored,
    "restore in its place": replaced,
    "copy": lambda path, kind: Database.copy(kind, path, path.with_name("copy"), "SELECT 0"),
}


def done(work: Work, path: Path, server: FakeOllama, *more: object) -> Ended:
    return burnish(*work.command(path), *more, environment={"OLLAMA_HOST": server.url})


def disturbed(work: Work, path: Path, act: Act, request: int, *, kill: bool) -> None:
    """Work with which something is done when its n-th request has come, before or after it is killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def script(chat: Chat) -> Scripted:
        if chat.number == request + 2:  # the version and what is in memory are asked for first
            if kill:
                os.kill(processes[0].pid, signal.SIGKILL)
                processes[0].wait()
            act(path, work.kind)
        return work.script(chat)

    with FakeOllama(script) as server:
        process = subprocess.Popen(
            words(*work.command(path)),
            env={**os.environ, **ALONE, "OLLAMA_HOST": server.url},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        processes.append(process)
        _, err = process.communicate(timeout=LONGEST)
        assert process.returncode in (0, 1, -signal.SIGKILL), err
        assert b"Traceback" not in err


def taken_up(work: Work, path: Path) -> Any:
    """The result of the work once it is done, after what a refusal advises if there is one."""
    with FakeOllama(work.script) as server:
        ended = done(work, path, server)
        if ended.code:
            assert "log" in ended.complaint
            assert server.chats == [], "nothing is paid for before it is refused"
            log = path.with_name(path.name + "-wal")
            assert log.exists()
            log.rename(log.with_name("kept-aside"))
            ended = done(work, path, server)
        assert ended.code == 0, ended.err
    with closing(Database.read(work.kind, path)) as reading:
        assert reading.execute("PRAGMA integrity_check") == [("ok",)]
    return work.result(path, ended)


@in_part("kill", [True, False], ids=["killed", "alive"])
@pytest.mark.parametrize("name", ACTS)
@in_part("work", WORKS.values(), ids=list(WORKS))
def test_whatever_is_done_to_a_file_its_states_are_not_mixed(
    tmp_path: Path, work: Work, name: str, kill: bool, pytestconfig: pytest.Config
) -> None:
    dice = random.Random(name)
    requests = range(1, work.requests + 1) if pytestconfig.getoption("--whole") else [dice.randint(2, 7)]
    for request in requests:
        folder = tmp_path / str(request)
        folder.mkdir()
        path, other = folder / "work", folder / "whole"
        with FakeOllama(
            work.script
        ) as server:  # a backup of the middle of the work, and what is expected of its end
            expected = work.result(other, done(work, other, server))
            assert done(work, folder / "backup", server, "--limit", "2").code == 0
        disturbed(work, path, ACTS[name], request, kill=kill)
        assert taken_up(work, path) == expected
        moved, log = folder / "moved", folder / "kept-aside"
        if moved.exists():
            if log.exists():
                log.rename(moved.with_name("moved-wal"))
            assert taken_up(work, moved) == expected
        if (copy := folder / "copy").exists():
            assert taken_up(work, copy) == expected
