"""Runs that are killed with -9 from outside, at moments that a clock, the server or the kernel's news of files give.

    with Killing(folder, rows) as killing:
        ended = killing.run([Moment("inside", 2, STUDENT), Moment("file", 30, MAIN)])

Each run takes the workspace up again. What must hold after every kill is asserted here: the file is sound, nothing
committed is lost, and no reply that was committed is asked for again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.command import ALONE, words
from tests.ollama.script import Answer, Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.ollama.state import Exchange, Outcome
from tests.running import TEACHER, brief, dataset
from tests.trust.watching import IN_FOLDER, Watch

Kind = Literal["time", "before", "inside", "after", "file"]
KINDS: tuple[Kind, ...] = ("time", "before", "inside", "after", "file")
Victim = Literal["main", "student"]
VICTIMS: tuple[Victim, ...] = ("main", "student")

ANSWERING = 0.2  # seconds from a reply's first byte to its last
LONGEST = 120.0  # seconds a run may take; a few are needed


@dataclass(frozen=True, slots=True)
class Moment:
    """When whom is killed, in a process that was just started, or after the moment before it.

    `number`: for "time" seconds; for "file" which change of the workspace's files; else which request of the run.
    """

    kind: Kind
    number: float
    victim: Victim = "main"


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a run."""

    code: int  # -9: it was killed
    out: str
    err: str
    kills: tuple[Moment, ...]  # that came before its end


class Killing:
    """A workspace whose runs are killed, and the server that they ask."""

    def __init__(self, folder: Path, rows: Sequence[dict[str, Any]], *options: str) -> None:
        """`options`: of `burnish run`, beside the usual ones."""
        self.folder = folder
        self._options = options
        self.data = dataset(folder / "data.json", rows)
        self.path = folder / "w.burnish"
        self.committed: set[str] = set()  # the texts of the replies that the workspace holds
        self._children: set[int] = set()
        self.server = _Server()

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.close()

    def run(self, moments: Sequence[Moment] = ()) -> Ended:
        """Take the run up, kill it at these moments, one after the other, and look at what is left."""
        asked = len(self.server.chats)
        ended = self._killed(moments)
        bodies = [json.dumps(chat.body, sort_keys=True) for chat in self.server.chats[asked:]]
        asked_again = self.committed & {brief(Chat(0, json.loads(body))) for body in bodies}
        assert not asked_again, "a reply that was committed was asked for again"
        assert len(bodies) == len(set(bodies)), "one process asked the same twice"
        before, self.committed = self.committed, _replies(self.path)
        assert before <= self.committed, "a reply that was committed is gone"
        return ended

    def _killed(self, moments: Sequence[Moment]) -> Ended:
        done = []
        with ExitStack() as stack:
            out, err = (stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2))
            files = stack.enter_context(Watch(self.folder, IN_FOLDER))
            options = ("--teacher", TEACHER, "--student", "demo", "--reply-form", "json")
            where = ("-w", self.path, "--schedule", "interleaved", "--teacher-parallel", "2", "--json")
            process = stack.enter_context(
                subprocess.Popen(
                    words("run", self.data, *options, *where, *self._options),
                    env=os.environ | ALONE | {"BURNISH_TEACHER__HOST": self.server.url},
                    stdout=out,
                    stderr=err,
                )
            )
            stack.callback(process.kill)
            for moment in moments:
                if not self._came(moment, process, files) or not self._kill(moment.victim, process):
                    break
                done.append(moment)
            code = process.wait(LONGEST)
            self.server.expect(None)
            for stream in (out, err):
                stream.seek(0)
            return Ended(code, out.read(), err.read(), tuple(done))

    def _came(self, moment: Moment, process: subprocess.Popen[bytes], files: Watch) -> bool:
        """Wait for a moment; whether it came before the process ended."""
        number = moment.number
        if moment.kind == "time":
            deadline = time.monotonic() + number
            while process.poll() is None and (left := deadline - time.monotonic()) > 0:
                time.sleep(min(left, 0.05))
        elif moment.kind == "file":
            files.seen()  # what came before does not count
            while process.poll() is None and not files.wait(self.path.name, int(number), 0.1):
                pass
        else:
            self.server.expect((moment.kind, int(number)))
            while process.poll() is None and not self.server.came.wait(0.05):
                pass
        return process.poll() is None

    def _kill(self, victim: Victim, process: subprocess.Popen[bytes]) -> bool:
        """Kill it, as soon as it is there."""
        try:
            while process.poll() is None:
                found = [process.pid] if victim == "main" else children(process.pid)
                self._children.update(children(process.pid))
                for pid in found:
                    os.kill(pid, signal.SIGKILL)
                    return True
                time.sleep(0.01)
            return False
        finally:
            self.server.killed.set()

    def left_behind(self) -> set[int]:
        """Students that outlived their parents, a moment later."""
        deadline = time.monotonic() + 10
        while (left := {pid for pid in self._children if alive(pid)}) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left


class _Server(FakeOllama):
    """Says when the n-th request from now has come, is being answered, or was answered."""

    def __init__(self) -> None:
        self.came, self.killed = threading.Event(), threading.Event()
        self._awaited: tuple[Kind, int] | None = None
        super().__init__(self._scripted, parallel=2)

    def expect(self, moment: tuple[Kind, int] | None) -> None:
        self.came.clear()
        self.killed.clear()
        self._awaited = moment

    def _scripted(self, chat: Chat) -> Scripted:
        if self._is_now("before"):
            self.came.set()
            self.killed.wait(10)  # not a byte before that
        elif self._is_now("inside"):
            threading.Timer(ANSWERING / 2, self.came.set).start()
        return Answer(brief(chat), seconds=ANSWERING)

    def end(self, exchange: Exchange, outcome: Outcome) -> None:
        super().end(exchange, outcome)
        if exchange.path == "/api/chat" and outcome == "answered" and self._is_now("after"):
            self.came.set()  # its last bytes are on their way

    def _is_now(self, kind: Kind) -> bool:
        with self._lock:
            if self._awaited is None or self._awaited[0] != kind:
                return False
            number = self._awaited[1] - 1
            self._awaited = (kind, number) if number else None
            return not number


def _replies(path: Path) -> set[str]:
    """The texts of the replies in a workspace, which must be sound. Looked up in a copy: nothing here is touched."""
    if not path.exists():
        return set()
    with tempfile.TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-wal"):
            if path.with_name(name).exists():
                shutil.copy(path.with_name(name), folder)
        with closing(sqlite3.connect(Path(folder, path.name))) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
            return {json.loads(body)["text"] for (body,) in copy.execute("SELECT body FROM replies")}


def children(pid: int) -> list[int]:
    """The processes that a process started and that are alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # gone meanwhile
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
