"""A whole trial of SmolLM2: killed, gone on with, and without a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import judges
from tests.command import elsewhere, words
from tests.engine.trial.rows import ROWS
from tests.ollama.server import FakeOllama
from tests.running import TEACHER, dataset
from tests.scene import scene
from tests.trial_environment import PYTHON, environment, trains
from tests.waiting import until

pytestmark = trains


@pytest.fixture
def beginning(tmp_path: Path) -> list[object]:
    """The beginning of a trial's command: two arms, two steps each, one seed."""
    path = scene(tmp_path, ROWS, ("replaced", "kept", "replaced"), reviewed=False)
    own = dataset(tmp_path / "own.json", ROWS[:6])
    return [
        *("trial", path, "--student", "demo", "--arms", "original,refined", "--arm", f"own={own}"),
        *("--seeds", 1, "--steps", 2, "--tokens", 24, "--rank", 4, "--rate", "2e-3"),
    ]


def test_a_whole_trial_that_is_killed_goes_on_and_needs_no_network(
    tmp_path: Path, beginning: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", PYTHON)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "scene.trial"
    adapter = out / "original" / "1" / "adapter.gguf"
    began = subprocess.Popen(words(*beginning), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until(lambda: adapter.exists() or began.poll() is not None, 500)
        assert began.poll() is None
    finally:
        began.kill()
        began.wait()
    first = adapter.read_bytes()
    alone = [shutil.which("unshare") or "unshare", "-rn"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        alone = []  # no namespaces here
    ended = elsewhere(*beginning, "--json", prefix=alone)
    assert ended.code == 0, ended.err
    assert adapter.read_bytes() == first
    found = json.loads(ended.out)
    assert (found["trial"], found["judged"]) == (str(out), None)
    assert json.loads((out / "result.json").read_text()) == {
        name: found[name] for name in found if name not in ("trial", "judged")
    }
    assert (found["rows"], found["seeds"], found["steps"]) == (3, 1, 2)
    assert list(found["arms"]) == ["original", "refined", "own"]
    for name, arm in found["arms"].items():
        assert arm["losses"]["original"]["mean"] < found["base"]["original"]["mean"] - 0.05
        assert len((out / name / "1" / "losses.jsonl").read_text().splitlines()) == 2
        assert (out / name / "1" / "adapter_model.safetensors").exists()
    assert found["arms"]["original"]["samples"] == 27
    held = set(json.loads((out / "trial.json").read_text())["held_out"])
    assert found["arms"]["own"]["samples"] == 6 - len(held & set(range(6)))
    assert found["arms"]["refined"]["finding"] == "too few"
    assert out.stat().st_mode & 0o077 == 0
    with FakeOllama(judges.longer) as server:
        judging = (*beginning, "--judge", TEACHER, "--answer-tokens", 12)
        again = elsewhere(*judging, environment={"OLLAMA_HOST": server.url})
        assert len(server.chats) > 0
    assert again.code == 0, again.err
    assert "too little to tell its answers from original's" in again.out
    judged = json.loads((out / "judged.json").read_text())
    assert list(judged["answers"]) == ["base", "original", "refined", "own"]
    assert all(one["answered"] == 3 for one in judged["answers"].values())
    assert list(judged["beside"]["base"]) == ["original", "refined", "own"]
    assert list(judged["beside"]["original"]) == ["refined", "own"]
    other = elsewhere(*beginning, "--rate", "1e-3")
    assert other.code == 1
    assert "holds a trial with another rate; give --out another folder" in other.err
