"""The commands, as a user gives them: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.store.workspace import Workspace
from models.files import catalog
from tests.command import ALONE, REFLECT, burnish
from tests.conftest import made_once
from tests.gguf_writer import runnable
from tests.ollama.script import Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, TEACHER, brief, dataset

LOSSES = {"response", "response_given_instruction", "instruction", "instruction_given_response"}
OVERVIEW = {
    "samples", "dropped", "passed", "done", "failed", "stages", "faults", "input_lost", "unscorable", "truncated",
    "reasoning", "reasoning_dropped", "fields_changed", "noted", "tags", "medians",
}  # fmt: skip
MODELS = {"teacher", "student", "verifier"}
RUN = {"workspace", "dataset", "recipe", "part", "total", "waiting", "session", "export"} | MODELS | OVERVIEW


def test_score_prints_one_object_a_line_with_the_documented_fields(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", [SHORT[0], {"instruction": "Say A.", "output": "A"}])
    ended = burnish("score", data, "-w", tmp_path / "w.burnish", "--student", "demo", "--json")
    assert ended.code == 0
    whole, none = map(json.loads, ended.out.splitlines())
    fields = {
        "index",
        "length",
        "s_ifd",
        "rsr",
        "ifd",
        "r_ifd",
        "loss",
        "scored",
        "left_out",
        "truncated",
        "reason",
    }
    assert set(whole) == set(none) == fields
    assert set(whole["loss"]) == set(whole["scored"]) == set(none["loss"]) == set(none["scored"]) == LOSSES
    assert (whole["index"], none["index"]) == (0, 1)
    assert whole["ifd"] > 0
    assert whole["s_ifd"] > 0
    assert whole["rsr"] > 0
    assert none["s_ifd"] is none["rsr"] is None
    assert whole["r_ifd"] > 0
    assert (whole["truncated"], whole["reason"]) == (False, None)
    # One token, and a vocabulary without a BOS: nothing is left to score, and it says so.
    assert none["ifd"] is None
    assert none["loss"]["response"] is None
    assert none["scored"]["response"] == 0
    assert none["reason"]


@pytest.mark.whole
def test_score_without_json_says_the_same_in_words(scored: Path) -> None:
    data = scored.with_name("data.json")
    ended = burnish("score", data, "-w", scored, "--student", "demo")
    assert ended.code == 0
    first, second, *totals = ended.out.splitlines()
    assert first.split()[:2] == ["0", "IFD"]
    assert "Name a fruit" in first
    assert second.split()[0] == "1"
    assert any(line.split() == ["samples", "2", "of", "2", "done"] for line in totals)
    medians = [line for line in totals if line.startswith("median")]
    assert len(medians) == 2
    assert not any("→" in line for line in medians), "before and after are one number here"


def test_run_prints_its_result_as_one_object(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        command = ("run", data, "-w", path, *REFLECT, "--limit", "2", "--json")
        ended = burnish(*command, environment={"OLLAMA_HOST": server.url})
        second = burnish(*command, environment={"OLLAMA_HOST": server.url})
        assert len(server.chats) == 4
    assert (ended.code, second.code) == (0, 0)
    result = json.loads(ended.out)
    assert set(result) == RUN
    assert (result["samples"], result["total"], result["done"], result["failed"]) == (4, 2, 2, 0)
    assert result["teacher"]["name"] == TEACHER
    assert result["student"] is None
    assert (result["faults"], result["waiting"], result["export"]) == ({}, [], None)
    now, again = result.pop("session"), json.loads(second.out)
    assert (now["done"], now["before"]) == (2, 0)
    assert again.pop("session") == {"done": 0, "before": 2, "seconds": 0}
    assert again == result, "the whole run is counted, whatever this session did"


def test_show_prints_a_workspace_and_a_sample_as_objects(refined: Path) -> None:
    whole = json.loads(burnish("show", refined, "--json").out)
    assert set(whole) == (RUN | {"ratings"}) - {"total", "waiting", "session", "export"}
    assert (whole["samples"], whole["done"]) == (3, 2)
    one = json.loads(burnish("show", refined, "1", "--json").out)
    assert one["sample"]["original"]["input"] == "The train is late."
    assert [choice["stage"] for choice in one["outcome"]["choices"]] == ["instruction", "response"]
    assert (one["note"], one["tags"]) == ("", [])
    assert json.loads(burnish("show", refined, "2", "--json").out)["outcome"] is None


def test_show_tells_a_sample_s_whole_way(refined: Path) -> None:
    ended = burnish("show", refined, "0")
    assert ended.code == 0
    for word in ("original", "instruction stage", "Helpfulness", "response stage", "IFD", "log-ratio"):
        assert word in ended.out
    assert "not refined yet" in burnish("show", refined, "2").out


@pytest.mark.parametrize("width", ["80", "120", "200"])
def test_a_table_fits_its_terminal_and_clips_long_samples(refined: Path, tmp_path: Path, width: str) -> None:
    long = {"instruction": "word " * 500, "input": "", "output": "日本語" * 500}
    data, path = dataset(tmp_path / "data.json", [long, *SHORT[:1]]), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        burnish("run", data, "-w", path, *REFLECT, environment={"OLLAMA_HOST": server.url})
    for which in (path, refined):
        shown = burnish("show", which, environment={"COLUMNS": width}).out.splitlines()
        assert len(shown) < 35
        table = [line for line in shown if line.startswith(" ")]
        assert max(map(len, table)) <= int(width)


def test_the_end_of_a_run_with_failures_says_how_to_try_again(tmp_path: Path) -> None:
    """A setting that is no part of the recipe may have cured them, such as how long a server may say nothing."""
    data, path = dataset(tmp_path / "data.json", SHORT[:2]), tmp_path / "w.burnish"

    def failing(chat: Chat) -> Scripted:
        return "no reply" if SHORT[0]["instruction"] in chat.prompt else brief(chat)

    command = ("run", data, "-w", path, *REFLECT)
    with FakeOllama(failing) as server:
        ended = burnish(*command, environment={"OLLAMA_HOST": server.url})
    with FakeOllama(brief) as server:
        cured = {"OLLAMA_HOST": server.url, "BURNISH_TEACHER__SILENCE": "900"}
        again = burnish(*command, environment=cured)
        assert server.chats == []
        (line,) = [line for line in again.out.splitlines() if line.startswith("to try again")]
        assert "--retry-failed" in line
        assert _told(again.err, "replaced", "failed") == _told(ended.err, "replaced", "failed") != []
        assert "refused replies" in ended.err
        assert "refused replies" not in again.err
        assert "session 0 samples in 00:00, 2 done before" in " ".join(again.out.split())
        assert line in ended.out.splitlines()
        retried = burnish(*command, "--retry-failed", environment=cured)
    assert (ended.code, again.code, retried.code) == (3, 3, 0)
    assert "--retry-failed" not in retried.out


def _told(progress: str, *words: str) -> list[str]:
    """The counts with one of these words in the last line of progress."""
    return [part for part in progress.splitlines()[-1].split(" · ") if any(word in part for word in words)]


def test_the_student_s_context_and_the_teacher_s_are_options_of_their_own(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT[:1]), tmp_path / "w.burnish"
    sizes = ("--context", "256", "--teacher-context", "4096")
    with FakeOllama(brief) as server:
        command = ("run", data, "-w", path, *REFLECT, *sizes, "--json")
        result = json.loads(burnish(*command, environment={"OLLAMA_HOST": server.url}).out)
        assert {chat.body["options"]["num_ctx"] for chat in server.chats} == {4096}
    assert (result["recipe"]["context"], result["recipe"]["teacher_context"]) == (256, 4096)


@pytest.mark.whole
def test_a_response_that_fills_the_window_says_which_setting_to_raise(tmp_path: Path) -> None:
    rows = [{"instruction": "Count.", "output": "one two three " * 40}]
    data = dataset(tmp_path / "data.json", rows)
    short, long = (
        burnish(
            "score",
            data,
            "-w",
            tmp_path / f"{size}.burnish",
            "--student",
            "demo",
            "--context",
            size,
            "--json",
        )
        for size in ("128", "1024")
    )
    (cut,), (whole,) = (list(map(json.loads, ended.out.splitlines())) for ended in (short, long))
    assert (cut["r_ifd"], cut["truncated"]) == (None, True)
    assert "raise --context by " in cut["reason"]
    assert (whole["r_ifd"] is None, whole["truncated"], whole["reason"]) == (False, False, None)


def test_reselect_lists_the_samples_whose_replies_were_never_asked_for(refined: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(refined, tmp_path / "w.burnish"))
    environment = {"BURNISH_STUDENT__CONTEXT": "1024"}  # counts as another student
    ended = burnish("reselect", path, "--student", "demo", "--json", environment=environment)
    result = json.loads(ended.out)
    assert result["recipe"]["context"] == 1024
    assert result["waiting"] == [2]
    assert "1 sample needs a reply that was never asked for: 2" in ended.err.replace("\n", " ")
    assert "--ask-teacher" in ended.err
    assert ended.code == 3


@pytest.mark.whole
def test_a_reader_that_has_seen_enough_of_the_progress_ends_no_run(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT[:2]), tmp_path / "w.burnish"
    read, write = os.pipe()
    os.close(read)
    with FakeOllama(brief) as server:
        command: list[Any] = [
            Path(sys.executable).with_name("burnish"),
            "run",
            data,
            "-w",
            path,
            *REFLECT,
            "--json",
        ]
        environment = os.environ | ALONE | {"OLLAMA_HOST": server.url}
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=write, env=environment, check=True)
    os.close(write)
    assert json.loads(ended.stdout)["done"] == 2


# The demo


@pytest.mark.long
@in_part("model", ["of chance", "packaged"])
def test_the_demo_refines_a_sample_and_exports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    if model == "of chance":  # which writes as little sense, and in a moment
        monkeypatch.setattr(catalog, "demo_path", lambda: made_once("chance.gguf", runnable))
    path = tmp_path / "demo.burnish"
    ended = burnish("demo", "--samples", "1", "-w", path)
    assert ended.code in (0, 3), ended.err
    (row,) = json.loads((tmp_path / "demo-refined.json").read_text("utf-8"))
    assert {"instruction", "output"} <= set(row)
    with Workspace.read(path) as workspace:
        outcome = workspace.outcome(workspace.latest_run(), 0)
        assert outcome is not None
        assert (row["instruction"], row["output"]) == (outcome.final.instruction, outcome.final.response)
        assert outcome.after is not None
        assert workspace.replies(0), "a real teacher answered"
    assert str(path) in ended.out
    assert str(tmp_path / "demo-refined.json") in ended.out
    assert "No Ollama is running here" in ended.err


def test_the_demo_says_that_an_ollama_is_here(tmp_path: Path) -> None:
    with FakeOllama() as server:
        (tmp_path / "not-a.burnish").write_text("mine")
        ended = burnish("demo", "-w", tmp_path / "not-a.burnish", environment={"OLLAMA_HOST": server.url})
    assert ended.code == 1
    assert "Ollama 0.24.0 is running here" in ended.err
    assert (tmp_path / "not-a.burnish").read_text() == "mine"


def test_the_teacher_s_failures_are_counted_and_exit_code_3(tmp_path: Path) -> None:
    def script(chat: Chat) -> Scripted:
        return "not json" if chat.number else brief(chat)

    data = dataset(tmp_path / "data.json", SHORT[:1])
    with FakeOllama(script) as server:
        ended = burnish(
            "run", data, "-w", tmp_path / "w.burnish", *REFLECT, environment={"OLLAMA_HOST": server.url}
        )
    assert ended.code == 3
    assert "response failed: unparsable" in " ".join(ended.out.split())
    assert "1 with a failure" in ended.out
