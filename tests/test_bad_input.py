"""DESIGN, section 7: whatever a user's files or their server do, it is one clear line, and nothing is lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.command import burnish, contents, reflect
from tests.gguf_writer import LLAMA, TENSORS, gguf, tiny
from tests.ollama.script import Answer, Chat, Ending, Nothing, Refusal, Script, Scripted
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, TEACHER, brief, dataset

GOOD = json.dumps(SHORT[0])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return dataset(tmp_path / "data.json", SHORT[:2])


# A dataset --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "No such file"),
        ("a folder", "a folder; choose a dataset"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[]", "no rows"),
        (f"[{GOOD[:30]}".encode("utf-16"), "row 1: line 1: the file ends in this row"),
        (b'[{"instruction": "a\xff", "output": "b"}]', "row 1: line 1, byte 19: not UTF-8"),
        (f"{GOOD}\n".encode() + b'{"instruction": "\xff", "output": "b"}', "line 2: byte"),
        (f"[{GOOD}, {GOOD[:30]}".encode(), "row 2: line 1, byte"),
        (f"{GOOD}\n{GOOD[:30]}\n".encode(), "line 2: byte"),
        (b"instruction,output\na,b\nc,d,e\n", "line 3: expected 2 cells"),
        (b'{"train": [1, 2]}', "expected rows with `instruction` and `output`"),
        (b'[{"task": "a", "result": "b"}]', "expected rows with `instruction` and `output`"),
        (f'[{GOOD}, {{"a": 1}}]'.encode(), "row 2: expected the fields"),
        (f"[{GOOD}, 3]".encode(), "row 2: "),
        (b"\x1f\x8b\x08\x00", "the .gz file is cut off or damaged"),
        (b"PAR1 and then nothing", "data.json"),
    ],
)  # fmt: skip
def test_a_dataset_that_cannot_be_read(tmp_path: Path, content: bytes | str | None, expected: str) -> None:
    data = tmp_path / "data.json"
    if isinstance(content, bytes):
        data.write_bytes(content)
    elif content:
        data.mkdir()
    before = contents(tmp_path)
    ended = reflect(data)
    assert ended.code == 1
    assert str(data) in ended.complaint
    assert expected in ended.complaint
    after = contents(tmp_path)
    after.pop("w.burnish-lock", None)  # empty, and the place of the next one
    assert after == before


def test_a_dataset_that_changed_under_its_workspace_is_refused(tmp_path: Path, data: Path) -> None:
    with FakeOllama(brief) as server:
        assert reflect(data, server).code == 0
        dataset(data, SHORT)
        before = contents(tmp_path)
        ended = reflect(data, server)
    assert ended.code == 1
    assert "w.burnish: was made from another dataset" in ended.complaint
    assert contents(tmp_path) == before


# A model's file ---------------------------------------------------------------------------------------------

WEIGHTS = gguf(LLAMA, TENSORS)
UNREADABLE: dict[str, tuple[bytes | Mapping[str, Any], str]] = {
    "corrupt": (WEIGHTS[:60] + b"\xff" * 40 + WEIGHTS[100:], "damaged"),
    "no-gguf": (b"just some text", "GGUF"),
    "a-web-page": (b"<!doctype html>", "a web page"),
    "empty": (b"", "an empty file"),
    "embedding": ({"llama.pooling_type": 1}, "an embedding model"),
    "projector": ({"general.type": "mmproj"}, "a vision or audio projector"),
    "adapter": ({"general.type": "adapter"}, "adapter"),
    "truncated-head": (WEIGHTS[:200], "ends inside its own header"),
    "truncated": (WEIGHTS[:-100], "cut short"),
    "from-the-future": (b"GGUF\x63\0\0\0" + WEIGHTS[8:], "newer than burnish"),
}


def model(folder: Path, content: bytes | Mapping[str, Any]) -> Path:
    path = folder / "model.gguf"
    if not isinstance(content, bytes):
        return tiny(path, content)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("role", ["student", "teacher"])
def test_a_model_s_file_that_cannot_serve(tmp_path: Path, data: Path, kind: str, role: str) -> None:
    content, expected = UNREADABLE[kind]
    path = model(tmp_path, content)
    names = {"student": "demo", "teacher": "demo"} | {role: path if role == "student" else f"gguf:{path}"}
    before = contents(tmp_path)
    ended = burnish(
        "run",
        data,
        "-w",
        tmp_path / "w.burnish",
        "--teacher",
        names["teacher"],
        "--student",
        names["student"],
    )
    assert ended.code == 1
    assert str(path) in ended.complaint
    assert expected in ended.complaint
    assert contents(tmp_path) == before


def test_a_model_that_needs_a_newer_llama_cpp(tmp_path: Path, data: Path) -> None:
    path = model(tmp_path, {"general.architecture": "tomorrow"})
    before = contents(tmp_path)
    ended = burnish("score", data, "-w", tmp_path / "w.burnish", "--student", path)
    assert ended.code == 1
    last = ended.err.splitlines()[-1]
    assert str(path) in last
    assert "newer llama.cpp" in last
    assert before.items() <= contents(tmp_path).items()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--teacher", "gguf:none.gguf", "--student", "demo"], "none.gguf: no such file"),
        (["--teacher", "demo", "--student", "none.gguf"], "none.gguf: no such file"),
        (["--teacher", "demo", "--student", "ollama:none"], "none"),
    ],
)
def test_a_model_that_is_not_there(tmp_path: Path, data: Path, options: list[str], expected: str) -> None:
    before = contents(tmp_path)
    ended = burnish("run", data, "-w", tmp_path / "w.burnish", *options)
    assert ended.code == 1
    assert expected in ended.complaint
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--student", "demo"], "no teacher: give --teacher"),
        (["--teacher", "demo"], "no student: give --student"),
        (["--teacher", "model.gguf", "--student", "demo"], "gguf:model.gguf"),
        (["--teacher", "demo", "--method", "reflect", "--candidates", "2"], "method selective"),
    ],
)
def test_a_request_that_makes_no_sense_is_wrong_usage(
    tmp_path: Path, data: Path, options: list[str], expected: str
) -> None:
    before = contents(tmp_path)
    ended = burnish("run", data, "-w", tmp_path / "w.burnish", *options)
    assert ended.code == 2
    assert expected in ended.complaint
    assert contents(tmp_path) == before


# The server -------------------------------------------------------------------------------------------------


def test_a_server_that_is_down_at_the_start(data: Path) -> None:
    ended = reflect(data)
    assert ended.code == 1
    assert "ollama serve" in ended.complaint
    with FakeOllama(brief) as server:
        assert reflect(data, server).code == 0, "the same command goes on"


def test_a_server_that_goes_in_the_middle_pauses_the_run_and_then_ends_it(data: Path) -> None:
    def script(chat: Chat) -> Scripted:
        if len(server.chats) == 1:
            return brief(chat)
        threading.Thread(target=server.close).start()
        return Nothing(Ending.CLOSED)

    with FakeOllama(script) as server:
        ended = reflect(data, server)
    assert ended.code == 1
    (paused,) = [line for line in ended.err.splitlines() if line.startswith("paused: ")]
    assert "ollama serve" in paused
    assert ended.err.splitlines()[-1] == paused.replace("paused: ", "burnish: ")
    with FakeOllama(brief) as server:
        assert reflect(data, server).code == 0
        assert len(server.chats) == 3, "what was answered is not asked for again"


def test_a_model_that_does_not_fit_in_memory(data: Path) -> None:
    why = "model requires more system memory (5.6 GiB) than is available (3.1 GiB)"
    with FakeOllama(lambda chat: Refusal(500, why)) as server:
        ended = reflect(data, server)
    assert ended.code == 1
    paused = [line for line in ended.err.splitlines() if line.startswith("paused: ")]
    assert why in paused[0]
    assert ended.err.splitlines()[-1].startswith("burnish: ")
    with FakeOllama(brief) as server:
        assert reflect(data, server).code == 0


FAR = {"remote_host": "https://cloud.example", "remote_model": "far"}


@pytest.mark.parametrize(
    ("teacher", "expected"),
    [
        ("nope:1b", "burnish pull nope:1b"),
        ("far:cloud", "runs in Ollama's cloud"),
        ("far:120b-cloud", "runs in Ollama's cloud"),
        ("stub:1b", "runs in Ollama's cloud"),
    ],
)
def test_a_teacher_that_is_missing_or_in_the_cloud(data: Path, teacher: str, expected: str) -> None:
    with FakeOllama(models=[Model.named("stub:1b", **FAR)]) as server:
        ended = reflect(data, server, "--teacher", teacher)
        assert server.chats == []
    assert ended.code == 1
    assert expected in ended.complaint


@pytest.mark.parametrize("host", ["203.0.113.7:11434", "http://ollama.example", "127.0.0.1.example:11434"])
def test_a_server_that_is_not_this_machine(tmp_path: Path, data: Path, host: str) -> None:
    before = contents(tmp_path)
    ended = reflect(data, host)
    assert ended.code == 1
    assert "your data would leave it" in ended.complaint
    assert "--allow-remote-teacher" in ended.complaint
    assert contents(tmp_path) == before


# Replies ----------------------------------------------------------------------------------------------------


def first_stage(change: Callable[[Chat, dict[str, Any]], Scripted]) -> Script:
    """A script whose replies about the instruction are changed; those about the response are sound."""

    def script(chat: Chat) -> Scripted:
        reply = json.loads(brief(chat))
        return change(chat, reply) if "d_new_instruction" in reply else json.dumps(reply)

    return script


REPLIES: dict[str, Callable[[Chat, dict[str, Any]], Scripted]] = {
    "cut": lambda chat, reply: Answer(json.dumps(reply), done_reason="length"),
    "empty": lambda chat, reply: "",
    "unparsable": lambda chat, reply: "Sure! Here it is.",
    "placeholder": lambda chat, reply: json.dumps(reply | {"e_new_response": "..."}),
    "refusal": lambda chat, reply: json.dumps(reply | {"e_new_response": "I'm sorry, but I can't help with that."}),
    "copy": lambda chat, reply: json.dumps(reply | {"d_new_instruction": SHORT[0]["instruction"]}),
    "teacher-talk": lambda chat, reply: json.dumps(
        reply | {"e_new_response": "This is the correct answer to the new instruction."}
    ),
    "review": lambda chat, reply: json.dumps(reply | {"e_new_response": "The response is helpful but lacks detail."}),
    "input-lost": lambda chat, reply: json.dumps(
        reply | {"d_new_instruction": "Read the passage below and sum it up."}
    ),
    "out-of-order": lambda chat, reply: json.dumps(dict(reversed(reply.items()))),
    "broken": lambda chat, reply: Answer(json.dumps(reply), after=3, ending=Ending.CLOSED),
}  # fmt: skip


@pytest.mark.parametrize("kind", REPLIES)
def test_a_reply_that_is_no_use_is_counted_under_its_own_name_and_the_stage_keeps_what_it_had(
    tmp_path: Path, kind: str
) -> None:
    data = dataset(tmp_path / "data.json", SHORT[:1])
    with FakeOllama(first_stage(REPLIES[kind])) as server:
        ended = reflect(data, server, "--json")
    assert ended.code == 3
    result = json.loads(ended.out)
    assert result["faults"] == {kind: 1}
    assert (result["done"], result["failed"]) == (1, 1)
    assert result["stages"]["instruction"]["failed"] == 1
    counted = dict.fromkeys(("kept", "failed", "near_ties", "length_decides", "verified", "overruled"), 0)
    assert result["stages"]["response"] == {"replaced": 1, **counted}
    out = tmp_path / "out.json"
    assert burnish("export", tmp_path / "w.burnish", out).code == 0
    (row,) = json.loads(out.read_text("utf-8"))
    assert row["instruction"] == SHORT[0]["instruction"]
    assert row["output"] != SHORT[0]["output"]


def test_a_reply_in_another_language_than_its_sample_s_is_asked_for_again_and_counted(tmp_path: Path) -> None:
    row = {
        "instruction": "새로운 언어를 배우는 방법과 많은 사람들이 하는 실수를 설명해 주세요.",
        "output": "새로운 언어를 배우려면 시간과 연습이 필요합니다. 매일 조금씩 말해 보세요.",
    }
    english = {"d_new_instruction": "Explain in three steps how a beginner should learn another language."}
    data = dataset(tmp_path / "data.json", [row])
    with FakeOllama(first_stage(lambda _, reply: json.dumps(reply | english))) as server:
        ended = reflect(data, server, "--json")
        asked = [
            chat
            for chat in server.chats
            if "Write the new instruction and its answer in Korean." in str(chat)
        ]
        assert len(asked) == 3, "two more attempts"
        assert set(json.loads(ended.out)["faults"]) == {"language"}
        told = " ".join(reflect(data, server).out.split())
        assert "sample 0 language: the reply was stopped" in told
        for language in ("any", "en"):
            ended = reflect(data, server, "--json", "--language", language)
            assert (ended.code, json.loads(ended.out)["faults"]) == (0, {}), "another run, by other settings"
            assert json.loads(ended.out)["recipe"]["language"] == language


def test_a_language_that_is_none_is_refused_with_the_nearest(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", SHORT[:1])
    ended = burnish("run", data, "--teacher", TEACHER, "--language", "german")
    assert ended.code == 2
    assert "no language's code; the nearest is de (German), not 'german'" in ended.complaint
    assert not (tmp_path / "data.burnish").exists()


def test_a_sample_too_long_is_listed_with_the_numbers_and_exported_as_it_was(tmp_path: Path) -> None:
    rows = [SHORT[0], {"instruction": "Summarise.", "input": "word " * 20_000, "output": "Words."}]
    data = dataset(tmp_path / "data.json", rows)
    with FakeOllama(brief) as server:
        ended = reflect(data, server)
        counted = reflect(data, server, "--json")
        assert len(server.chats) == 2, "the long sample never goes out"
    assert (ended.code, counted.code) == (3, 3)
    (line,) = [line for line in ended.out.splitlines() if line.startswith("sample 1 ")]
    assert "too-long: about 3" in line
    assert "8192" in line
    assert json.loads(counted.out)["faults"] == {"too-long": 2}
    out = tmp_path / "out.json"
    assert burnish("export", tmp_path / "w.burnish", out).code == 0
    assert json.loads(out.read_text("utf-8"))[1] == rows[1]


# Settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("teacher = ", "not valid TOML"),
        ("[teacher]\ntemperature = 9", "teacher.temperature"),
        ("[teacher]\nmodel = 'x'", "teacher.model"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, data: Path, content: str, expected: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(content)
    ended = burnish("run", data, "--teacher", TEACHER, environment={"BURNISH_CONFIG": str(path)})
    assert ended.code == 2
    assert str(path) in ended.complaint
    assert expected in ended.complaint
