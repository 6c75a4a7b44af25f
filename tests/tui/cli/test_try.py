"""`burnish try`: a few samples with all there is to see of them, what the rest would take, and nothing paid twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.pace import duration, time_left
from tests.command import REFLECT, burnish
from tests.conftest import made_once
from tests.gguf_writer import runnable
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.running import SHORT, TEACHER, brief, dataset
from tests.tui.cli.test_hostile_output import HOSTILE, ROW, harmless, script


def test_samples_are_shown_with_critique_scores_and_verdict_and_the_run_goes_on_from_them(
    tmp_path: Path,
) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT), tmp_path / "w.burnish"
    student = made_once("chance.gguf", runnable)
    options = (data, "-w", path, "--teacher", TEACHER, "--student", student, "--reply-form", "json")
    with FakeOllama(brief) as server:
        environment = {"OLLAMA_HOST": server.url, "COLUMNS": "120"}
        ended = burnish("try", *options, "--samples", "2", environment=environment)
        assert ended.code == 0, ended.err
        asked = len(server.chats)
        for words in (
            "Helpfulness",
            "IFD",
            "r-IFD",
            "margin",
            "instruction stage",
            "response stage",
            "refined",
        ):
            assert words in ended.out
        assert "2 samples in about" in ended.out
        assert "tokens" in ended.out
        assert burnish("try", *options, "--samples", "2", environment=environment).code == 0
        assert len(server.chats) == asked, "a second look costs nothing"
        ended = burnish("run", *options, environment=environment)
        assert (ended.code, len(server.chats)) == (0, 2 * asked)
        assert "4 samples, 2 of them done before" in ended.err
        whole = burnish("try", *options, "--samples", "2", environment=environment)
        assert "nothing: every sample is done" in whole.out


def test_its_object_has_the_documented_fields(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        command = ("try", data, "-w", path, *REFLECT, "--samples", "1", "--json")
        ended = burnish(*command, environment={"OLLAMA_HOST": server.url})
    found = json.loads(ended.out)
    assert set(found) == {"tried", "unused_replies", "estimate"}
    assert [set(one) for one in found["tried"]] == [{"sample", "language", "outcome"}]
    assert set(found["estimate"]) == {
        "left", "seconds", "teacher_tokens", "teacher_speed", "prompt_tokens", "prompt_speed", "teacher_seconds",
        "student_seconds", "in_turn"
    }  # fmt: skip
    assert found["estimate"]["left"] == 3


def test_what_failed_is_counted_with_its_reason(tmp_path: Path) -> None:
    def unusable(chat: Chat) -> str:
        return "no reply" if "fruit" in chat.prompt else brief(chat)

    data, path = dataset(tmp_path / "data.json", SHORT), tmp_path / "w.burnish"
    with FakeOllama(unusable) as server:
        ended = burnish(
            "try", data, "-w", path, *REFLECT, "--samples", "4", environment={"OLLAMA_HOST": server.url}
        )
    assert ended.code == 3
    assert "1 of 4: unparsable 2" in " ".join(ended.out.split())
    assert "unparsable 6: each is asked for again" in ended.out


def test_a_critique_under_markers_is_shown_by_criterion_and_kept_as_it_came(tmp_path: Path) -> None:
    critique = "1. **Helpfulness**: It helps.\n2. **Accuracy**: One fault: the year."

    def under_markers(chat: Chat) -> str:
        new = (
            "[New Instruction]\nWhy?\n[New Response]"
            if "[New Instruction]" in str(chat.body["messages"])
            else "[Better Response]"
        )
        return f"[Critique]\n{critique}\n{new}\nSo it is, said {len(chat.prompt)}.\n[End]"

    data, path = dataset(tmp_path / "data.json", SHORT[:1]), tmp_path / "w.burnish"
    with FakeOllama(under_markers) as server:
        environment = {"OLLAMA_HOST": server.url, "COLUMNS": "100"}
        options = ("--method", "reflect", "--teacher", TEACHER, "--reply-form", "markers")
        tried = burnish("try", data, "-w", path, *options, environment=environment)
    for shown in (tried, burnish("show", path, "0", environment={"COLUMNS": "100"})):
        assert shown.code == 0, shown.err
        lines = [line.strip(" │") for line in shown.out.splitlines()]
        at = lines.index("Helpfulness")
        assert lines[at + 1] == "It helps."
        assert lines[lines.index("Accuracy") + 1] == "One fault: the year."
        assert "**" not in shown.out
    kept = json.loads(burnish("show", path, "0", "--json").out)["outcome"]["choices"][0]["critique"]
    assert kept == {"Critique": critique}


def test_hostile_text_is_shown_and_does_nothing(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", [ROW, ROW | {"instruction": f"Tell {HOSTILE}"}])
    with FakeOllama(script) as server:
        command = ("try", data, "-w", tmp_path / "w.burnish", *REFLECT, "--samples", "2")
        ended = burnish(*command, environment={"OLLAMA_HOST": server.url})
    assert ended.code == 0, ended.err
    harmless(ended)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (59, "59 s"), (60, "1.0 min"), (720, "12 min"), (3_600, "1.0 h"), (12_240, "3.4 h"),
        (90_000, "25 h"), (180_000, "2.1 days"), (1e8, "1,157 days"),
    ],
)  # fmt: skip
def test_a_rough_time_has_a_unit_that_suits_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "00:00"), (247, "04:07"), (35_999, "9:59:59"), (36_000, "10 h"), (419_651, "4.9 days")],
)
def test_the_time_that_is_left_is_told_as_well_as_it_is_known(seconds: float, words: str) -> None:
    assert time_left(seconds) == words
