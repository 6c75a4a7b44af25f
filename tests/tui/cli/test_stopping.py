"""Whatever asks a run to stop: it stops soon, says how to go on, and goes on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.store.workspace import Workspace
from tests.command import ALONE, REFLECT, burnish, elsewhere, words
from tests.ollama.script import Answer, Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, brief, dataset
from tests.waiting import until

LIMIT = 30.0  # seconds; about one is needed


IN_BACKGROUND = ("sh", "-c", '"$@" & echo $! >&3; wait $!', "sh")
"""As a script starts a command with `&`: Ctrl-C's signal is ignored."""


@in_part(
    ("number", "prefix"),
    [
        (signal.SIGINT, ()),
        (signal.SIGTERM, IN_BACKGROUND),
        (signal.SIGTERM, ()),
        (signal.SIGHUP, ()),
        (signal.SIGHUP, IN_BACKGROUND),
    ],
    kept=2,
)
def test_a_stopped_run_says_how_to_go_on_and_goes_on(
    tmp_path: Path, number: signal.Signals, prefix: tuple[str, ...]
) -> None:
    slow = True

    def script(chat: Chat) -> Scripted:
        return Answer(brief(chat), seconds=600.0 if slow and chat.number > 4 else 0.0)

    data, path = dataset(tmp_path / "my data.json", SHORT), tmp_path / "w.burnish"
    command = ("run", data, "-w", path, *REFLECT, "--json")
    with FakeOllama(script) as server:
        environment = {"OLLAMA_HOST": server.url}
        pid = tmp_path / "pid"
        with subprocess.Popen(
            [*(("sh", "-c", f'"$@" 3>{pid}', "sh") if prefix else ()), *prefix, *words(*command)],
            env={**os.environ, **ALONE, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            # One that stays open: what was answered before it is committed.
            until(lambda: any(chat.number > 4 and chat.outcome == "open" for chat in server.chats))
            answered = sum(chat.outcome == "answered" for chat in server.chats)
            if prefix:
                os.kill(
                    int(pid.read_text()), signal.SIGINT
                )  # from the script's own terminal: not for this one
            os.kill(int(pid.read_text()) if prefix else run.pid, number)
            out, err = run.communicate(timeout=LIMIT)
        assert (run.returncode, out) == (130, "")
        assert "Traceback" not in err
        assert err.splitlines()[-1].endswith(shlex.join(["burnish", *map(str, command)]))
        with Workspace.read(path) as workspace:
            assert workspace.database.execute("PRAGMA integrity_check") == [("ok",)]
            assert sum(len(workspace.replies(index)) for index in range(4)) == answered
        slow = False
        ended = burnish(*command, environment=environment)
        assert (ended.code, json.loads(ended.out)["done"]) == (0, 4)
        assert server.asked_again() == []


def test_a_reader_that_has_seen_enough_is_no_error(refined: Path) -> None:
    for options in ((), ("--json",)):
        with subprocess.Popen(
            words("show", refined, *options),
            env={**os.environ, **ALONE},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as shown:
            assert shown.stdout is not None
            assert shown.stderr is not None
            shown.stdout.close()
            assert shown.stderr.read() == b""
        assert shown.returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_result_that_cannot_be_written_is_one_line(refined: Path, options: tuple[str, ...]) -> None:
    command = shlex.join(words("show", refined, *options))
    ended = elsewhere(prefix=["sh", "-c", f"{command} >/dev/full", "sh"])
    assert ended.code == 1
    assert "No space left on device" in ended.complaint
