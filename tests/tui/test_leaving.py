"""Leaving in the middle of a run, in a real terminal: soon, with the terminal as it was, and nothing lost."""

from __future__ import annotations

import shlex
import signal
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store.workspace import Workspace
from tests.command import ALONE
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, TEACHER, once, workspace
from tests.terminal import Terminal
from tests.waiting import until

SECONDS = 2.0
"""The longest that leaving may take."""


def begun(folder: Path, server: FakeOllama, *, method: str = "reflect") -> Terminal:
    """burnish in the middle of a run: one reply is kept, and the teacher is silent."""
    with workspace(folder / "my w.burnish", SHORT):
        pass
    environment = ALONE | {
        "BURNISH_CONFIG": str(folder / "config.toml"),
        "BURNISH_TEACHER__NAME": TEACHER,
        "BURNISH_TEACHER__HOST": server.url,
        "BURNISH_STUDENT__NAME": "demo",
        "BURNISH_RUN__METHOD": method,
        "BURNISH_RUN__REPLY_FORM": "json",
        "BURNISH_RUN__SCHEDULE": "interleaved",
    }
    terminal = Terminal("my w.burnish", folder=folder, environment=environment)
    terminal.wait_for("my w.burnish")
    started = time.monotonic()
    while not server.chats:  # until it has looked at models and data, it does not start
        assert time.monotonic() < started + 60, terminal.text
        terminal.press("ctrl+s")
        terminal.read(0.5)
    terminal.wait_for("running")
    terminal.wait_for("1 in flight")
    until(lambda: server.chats[-1].outcome == "open" and len(server.chats) > 1)
    return terminal


def left(terminal: Terminal, leave: Callable[[], object]) -> tuple[int, str]:
    """Leave; the exit status, and what was printed after the screen was given back."""
    before = time.monotonic()
    leave()
    while terminal.child.isalive() and time.monotonic() < before + 30:
        terminal.read(0.02)
    took = time.monotonic() - before
    assert cooked(terminal), "what is typed is seen again"
    code = terminal.wait_for_end()
    assert took < SECONDS, f"it took {took:.2f} s"
    _, restored, after = terminal.sent.rpartition(b"\x1b[?1049l")
    assert restored, "the screen was not given back"
    return code, after.decode()


def cooked(terminal: Terminal) -> bool:
    """The terminal echoes what is typed, as a shell leaves it."""
    return bool(termios.tcgetattr(terminal.child.child_fd)[3] & termios.ECHO)


def children(pid: int) -> set[int]:
    return {int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if _parent(stat) == pid}


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def whole(path: Path, answered: int) -> None:
    with Workspace.open(path) as opened:
        assert opened.database.execute("PRAGMA integrity_check") == [("ok",)]
        assert sum(len(opened.replies(index)) for index in range(4)) == answered


def test_ctrl_q_ends_it_gives_the_terminal_back_and_prints_how_to_go_on(tmp_path: Path) -> None:
    with FakeOllama(once()) as server, begun(tmp_path, server, method="selective") as terminal:
        assert not cooked(terminal)
        kept = sum(chat.outcome == "answered" for chat in server.chats)
        mine = children(terminal.child.pid)
        assert mine, "the student has a process"
        terminal.press("ctrl+q")
        terminal.wait_for("Quitting stops it")
        code, printed = left(terminal, lambda: terminal.press("enter"))
        assert code == 0
        assert "Traceback" not in printed
        command = shlex.join(["burnish", "my w.burnish"])
        assert f"burnish: the run is not done; {command} takes it up again" in printed
        assert "\x1b[?25h" in printed, "the cursor is shown"
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in mine))
    whole(tmp_path / "my w.burnish", kept)


@in_part("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_likewise(tmp_path: Path, number: signal.Signals) -> None:
    with FakeOllama(once()) as server, begun(tmp_path, server) as terminal:
        kept = sum(chat.outcome == "answered" for chat in server.chats)
        code, printed = left(terminal, lambda: terminal.child.kill(number))
        assert code == 130
        assert "Traceback" not in printed
        assert "takes it up again" in printed
        assert "\x1b[?25h" in printed
    whole(tmp_path / "my w.burnish", kept)


@pytest.mark.whole
def test_a_terminal_that_is_closed_ends_it_and_loses_nothing(tmp_path: Path) -> None:
    with FakeOllama(once()) as server, begun(tmp_path, server) as terminal:
        kept = sum(chat.outcome == "answered" for chat in server.chats)
        terminal.child.ptyproc.fileobj.close()
        terminal.child.ptyproc.closed = True
        before = time.monotonic()
        until(lambda: not terminal.child.isalive())
        assert time.monotonic() - before < SECONDS
        assert terminal.child.exitstatus == 130
    whole(tmp_path / "my w.burnish", kept)
