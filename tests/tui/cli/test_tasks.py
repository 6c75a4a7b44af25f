"""`burnish tasks`, as a user gives it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import burnish
from tests.conftest import made_once
from tests.engine.tasks.harness import MISSING, TASKS, with_harness
from tests.gguf_writer import lora, runnable


@pytest.mark.skipif(not MISSING, reason="the harness is here")
def test_without_the_harness_it_says_how_to_install_it() -> None:
    ended = burnish("tasks", "--student", "demo", "--tasks", "arc_easy")
    assert (ended.code, ended.complaint) == (
        2,
        "burnish: tasks need lm-evaluation-harness: pip install 'burnish[tasks]'",
    )


@pytest.mark.parametrize("mark", [pytest.param(None, marks=with_harness)])
def test_a_task_of_one_s_own_runs_on_the_base_and_on_an_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: None
) -> None:
    monkeypatch.chdir(tmp_path)
    adapter = lora(tmp_path / "lora.gguf", 3.0)
    student = made_once("chance.gguf", runnable)
    common = ("tasks", "--student", student, "--tasks-path", TASKS)
    for arguments, expected in (
        (("--tasks", " , "), "expected the names of tasks"),
        (("--tasks", "questions_choice", "--adapter", "none.gguf"), "--adapter none.gguf: no such file"),
    ):
        ended = burnish(*common, *arguments)
        assert (ended.code, expected in ended.complaint) == (2, True)
    ended = burnish(
        *common, "--tasks", "questions_choice", "--adapter", adapter.name, "--json", "--limit", "12", "--keep", "kept",
        environment={"HF_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert (found["student"], found["limit"]) == (str(student.absolute()), 12)
    metrics = {one["metric"]: one for one in found["metrics"]}
    assert set(metrics) == {"acc", "acc_norm"}
    assert metrics["acc"]["documents"] == 12
    assert [one["adapter"] for one in metrics["acc"]["adapters"]] == ["lora.gguf"]
    assert "base: 48 requests" in ended.err
    assert "lora.gguf: 48 requests" in ended.err
    assert "48/48 requests" in ended.err
    assert len(list(Path("kept").iterdir())) == 2
