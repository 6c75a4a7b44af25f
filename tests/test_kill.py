"""kill -9 at any moment: the run is taken up again, ends as if nothing had happened, and no reply is paid for twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.workspace import Workspace
from tests.ollama_script import Chat
from tests.ollama_server import spawned
from tests.running import TEACHER, brief, dataset, demo_rows, finals

KILLS = 20


def command(folder: Path, name: str) -> list[str]:
    options = ["--teacher", TEACHER, "--student", "demo", "--reply-form", "json", "--teacher-parallel", "2"]
    where = ["-w", str(folder / name), "--json"]
    return [sys.executable, "-m", "tui", "run", str(folder / "data.json"), *options, *where]


def environment(url: str) -> dict[str, str]:
    return os.environ | {
        "BURNISH_TEACHER__HOST": url,
        "BURNISH_CONFIG": str(Path(__file__).with_name("no_settings.toml")),
    }


def bodies(log: Path) -> list[str]:
    """Every question the server was asked, in order of arrival."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        json.dumps(line["body"], sort_keys=True)
        for line in lines
        if line["path"] == "/api/chat" and line["body"].get("messages") and line["outcome"] == "open"
    ]


def committed(path: Path) -> set[str]:
    """The texts of the replies that a workspace holds."""
    if not path.exists():
        return set()
    with Workspace.read(path) as workspace:
        return {reply.text for index in range(len(workspace)) for _, reply in workspace.replies(index)}


def test_twenty_kills_change_nothing_and_no_committed_reply_is_asked_for_again(tmp_path: Path) -> None:
    dataset(tmp_path / "data.json", demo_rows(10))
    dice = random.Random(20)
    log, path = tmp_path / "log", tmp_path / "killed.burnish"
    script = ("--script", "tests.running:brief", "--parallel", "2", "--seconds", "0.4")
    with spawned(*script, "--log", str(log)) as url:
        env = environment(url)
        for _ in range(KILLS):
            before, asked = committed(path), len(bodies(log)) if log.exists() else 0
            with subprocess.Popen(
                command(tmp_path, path.name), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as run:
                time.sleep(dice.uniform(0.4, 2.0))
                run.send_signal(signal.SIGKILL)
            again = [brief(Chat(0, json.loads(body))) for body in bodies(log)[asked:]] if log.exists() else []
            assert not before.intersection(again)
        before, asked = committed(path), len(bodies(log))
        done = subprocess.run(
            command(tmp_path, path.name), env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not before.intersection(brief(Chat(0, json.loads(body))) for body in bodies(log)[asked:])

        whole = subprocess.run(
            command(tmp_path, "whole.burnish"), env=env, capture_output=True, text=True, check=False
        )
        assert whole.returncode == 0, whole.stderr
    with Workspace.read(path) as one, Workspace.read(tmp_path / "whole.burnish") as other:
        assert finals(one) == finals(other)
        assert one._rows("PRAGMA integrity_check") == [("ok",)]
    assert json.loads(done.stdout)["done"] == 10
