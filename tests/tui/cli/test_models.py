"""`burnish models`, `pull` and `doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import burnish
from tests.gguf_writer import LLAMA, TENSORS, gguf
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.ollama.store import OWN, FakeStore
from tests.openai.server import FakeOpenAI


def test_models_lists_a_tag_once_with_its_weights_and_a_cloud_model_as_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = FakeStore(tmp_path / "store")
    store.tag(f"{OWN}/library/here/1b", [store.layer("model", gguf(LLAMA, TENSORS))])
    store.tag(
        f"{OWN}/library/embed/1b", [store.layer("model", gguf({**LLAMA, "llama.pooling_type": 1}, TENSORS))]
    )
    cloud = Model.named("far:cloud", remote_host="https://cloud.example", remote_model="far")
    served = [Model.named("here:1b"), Model.named("embed:1b"), Model.named("closed:1b"), cloud]
    with FakeOllama(models=served) as server:
        environment = {
            "OLLAMA_HOST": server.url, "OLLAMA_MODELS": str(store.path), "HOME": str(tmp_path / "home")
        }  # fmt: skip
        ended = burnish("models", "--json", environment=environment)
        table = burnish("models", environment=environment)
    rows = {row["name"]: row for row in json.loads(ended.out)}
    assert list(rows) == ["here:1b", "embed:1b", "closed:1b", "far:cloud", "demo"]
    local, embed, closed, far, demo = rows.values()
    assert (local["teacher"], local["student"], local["problem"]) == ("here:1b", "ollama:here:1b", None)
    assert (embed["student"], closed["student"], closed["teacher"]) == (None, None, "closed:1b")
    assert "embedding" in embed["problem"]
    assert (far["local"], far["teacher"], far["student"]) == (False, None, None)
    assert "cloud" in far["problem"]
    assert (demo["teacher"], demo["student"]) == ("demo", "demo")
    (line,) = [line for line in table.out.splitlines() if "far:cloud" in line]
    assert line.split()[-3:] == ["cloud", "no", "no"]
    assert "1 of these cannot be students" in table.err


def test_models_without_a_server_lists_files_and_says_why_there_are_no_tags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.gguf").write_bytes(gguf(LLAMA, TENSORS))
    ended = burnish("models", "--json", environment={"HOME": str(tmp_path / "home")})
    assert ended.code == 0
    assert [row["student"] for row in json.loads(ended.out)] == ["demo", "mine.gguf"]
    assert "ollama serve" in ended.err


def test_models_of_a_server_of_openai_s_protocol_are_teachers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = {"HOME": str(tmp_path / "home")}
    with FakeOpenAI(models=[Model.named("small:1b"), Model.named("far:120b-cloud")]) as server:
        server.entry = {"meta": {"n_params": 1_000_000_000, "size": 700_000_000}}
        ended = burnish("models", "--json", "--teacher-url", server.base, environment=home)
        table = burnish("models", environment=home | {"BURNISH_TEACHER__URL": server.base})
        assert server.chats == []
    small, far, demo = json.loads(ended.out)
    assert (small["name"], small["kind"], small["teacher"]) == (
        "openai:small:1b",
        "openai",
        "openai:small:1b",
    )
    assert (small["parameters"], small["size"], small["student"]) == (1e9, 700_000_000, None)
    assert (far["local"], far["teacher"]) == (False, None)
    assert demo["name"] == "demo"
    (line,) = [line for line in table.out.splitlines() if "openai:small:1b" in line]
    assert line.split()[-3:] == ["here", "yes", "no"]
    gone = burnish("models", "--json", "--teacher-url", server.base, environment=home)
    assert gone.code == 0
    assert f"nothing answers at {server.base}" in gone.err
    elsewhere = burnish("models", "--teacher-url", "https://api.openai.com/v1", environment=home)
    assert elsewhere.code == 1
    assert "would leave it" in elsewhere.err


def test_pull_follows_a_download_to_its_end() -> None:
    layer = {"status": "pulling 1d96", "digest": "sha256:1d96", "total": 1000}
    steps = [{"status": "pulling manifest"}, layer, {**layer, "completed": 1000}, {"status": "success"}]
    with FakeOllama(registry={"new:1b": steps}) as server:
        ended = burnish("pull", "new:1b", environment={"OLLAMA_HOST": server.url})
        assert server.find("new:1b")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.splitlines() == [
        *("pulling manifest", "pulling 1d96", "success", "new:1b is here; use it with --teacher new:1b")
    ]


@pytest.mark.parametrize(
    ("name", "why"),
    [("gone:1b", "check the name"), ("broken:1b", "burnish pull broken:1b"), ("far:cloud", "cloud")],
)
def test_pull_that_fails_says_why_on_its_last_line(name: str, why: str) -> None:
    registry = {
        "gone:1b": [{"error": "pull model manifest: file does not exist"}],
        "broken:1b": [{"status": "pulling 1d96"}],
    }
    with FakeOllama(registry=registry) as server:
        ended = burnish("pull", name, environment={"OLLAMA_HOST": server.url})
    assert ended.code == 1
    last = ended.err.splitlines()[-1]
    assert last.startswith("burnish: ")
    assert why in last


def test_doctor_prints_its_checks_as_objects(tmp_path: Path) -> None:
    ended = burnish("doctor", "--teacher", "demo", "--student", "demo", "--json")
    checks = json.loads(ended.out)
    assert all(set(check) == {"name", "state", "finding", "fix"} for check in checks)
    assert ended.code == (1 if "problem" in {check["state"] for check in checks} else 0)
    assert ended.err == ""
    words = burnish("doctor", "--teacher", "demo", "--student", str(tmp_path / "none.gguf"))
    assert words.code == 1
    assert "✗ student: " in words.out
