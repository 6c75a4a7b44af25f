"""A teacher, a judge and a model that answers from a server of OpenAI's protocol, as a user gives them."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from engine.store.workspace import Workspace
from tests import judges
from tests.command import Ended, burnish
from tests.conftest import made_once
from tests.gguf_writer import runnable
from tests.ollama.script import Chat, Ending, Nothing, Raw, Refusal, Scripted
from tests.openai.server import FakeOpenAI, lm_studio_error
from tests.running import SHORT, brief, dataset
from tests.scene import scene

NAME = "openai:small:1b"


def reflect(data: Path, url: str, *options: object, patience: float = 1.0) -> Ended:
    """`burnish run DATA` with a teacher alone, its workspace w.burnish beside the dataset."""
    command = ("run", data, "-w", data.with_name("w.burnish"), "--method", "reflect", "--reply-form", "json")
    where = ("--teacher", NAME, "--teacher-url", url)
    return burnish(*command, *where, *options, environment={"BURNISH_TEACHER__PATIENCE": str(patience)})


def checks(*options: object, code: int, **environment: str) -> dict[str, dict[str, str]]:
    ended = burnish("doctor", "--json", *options, environment=environment)
    assert ended.code == code, ended
    return {f"{one['name']} {one['state']}": one for one in json.loads(ended.out)}


def test_a_run_goes_on_with_the_server_at_another_port_and_asks_nothing_twice(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", SHORT)
    asked = count()
    with FakeOpenAI(lambda chat: Refusal(401, "locked") if next(asked) else brief(chat)) as first:
        first.formats = ("json_object",)
        stopped = reflect(data, first.base, patience=0)
        answered = [exchange for exchange in first.chats if exchange.outcome == "answered"]
    assert stopped.code == 1
    assert len(answered) == 1
    with FakeOpenAI(brief) as second:
        second.error_body = lm_studio_error
        ended = reflect(data, second.base)
        again = reflect(data, second.base)
    assert (ended.code, again.code) == (0, 0), ended
    assert len(second.chats) == 2 * len(SHORT) - 1
    assert second.asked_again() == []
    shown = burnish("show", tmp_path / "w.burnish")
    assert NAME in shown.out
    burnish("report", tmp_path / "w.burnish", "-o", tmp_path / "report.html")
    assert f"--teacher-url {second.base}" in (tmp_path / "report.html").read_text("utf-8")


def test_a_key_is_sent_and_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    key = tmp_path / "key.txt"
    key.write_text("sk-very-secret\n")
    key.chmod(0o600)
    data = dataset(tmp_path / "data.json", SHORT)
    with FakeOpenAI(brief) as server:
        server.key = "sk-very-secret"
        refused = reflect(data, server.base, patience=0)
        monkeypatch.setenv("BURNISH_TEACHER__KEY_FILE", str(key))
        ended = reflect(data, server.base)
        burnish("export", tmp_path / "w.burnish", tmp_path / "out.json", "--rule", "all", "--with-trace")
        burnish("report", tmp_path / "w.burnish", "-o", tmp_path / "report.html")
    assert refused.code == 1
    assert "teacher.key_file" in refused.err
    assert ended.code == 0, ended
    assert "secret" not in ended.out + ended.err
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != key:
            assert b"very-secret" not in path.read_bytes(), path
    key.chmod(0o644)
    if os.name == "posix":
        assert "chmod 600" in reflect(data, server.base).complaint


def test_a_server_that_is_not_there_is_waited_for_and_then_said(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", SHORT[:1])
    gone = FakeOpenAI(brief)
    gone.close()
    ended = reflect(data, gone.base, patience=0.5)
    assert ended.code == 1
    assert "nothing answers at" in ended.err
    assert "--teacher-url" in ended.err


def test_a_server_that_goes_in_the_middle_holds_the_run_until_it_is_back(tmp_path: Path) -> None:
    """As with Ollama: the run pauses, says why, and goes on by itself."""
    asked = count()

    def leave_and_come_back() -> None:
        server.refuse()
        Event().wait(0.5)
        server.accept()

    def script(chat: Chat) -> Scripted:
        if next(asked) != 1:
            return brief(chat)
        Thread(target=leave_and_come_back).start()
        return Nothing(Ending.CLOSED)

    data = dataset(tmp_path / "data.json", SHORT[:2])
    with FakeOpenAI(script) as server:
        ended = reflect(data, server.base, patience=60)
        assert server.asked_again() == []
    assert ended.code == 0, ended
    assert burnish("show", tmp_path / "w.burnish", "--json").code == 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--teacher", NAME), 2, "--teacher-url http://127.0.0.1:1234/v1"),
        (("--teacher", "openai:", "--teacher-url", "http://127.0.0.1:1/v1"), 2, "needs a model's name"),
        (("--teacher", NAME, "--teacher-url", "https://api.openai.com/v1"), 1, "would leave it"),
        (("--teacher", NAME, "--teacher-url", "http://me@127.0.0.1/v1"), 1, "cannot be read"),
        (("--student", NAME, "--method", "score"), 2, "a server's model"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_made(
    tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    data = dataset(tmp_path / "data.json", SHORT)
    more = () if "--method" in options else ("--method", "reflect")
    ended = burnish("run", data, "-w", tmp_path / "w.burnish", *options, *more)
    assert ended.code == code, ended
    assert words in ended.complaint
    assert not (tmp_path / "w.burnish").exists()


def test_the_doctor_says_what_the_address_is_and_what_is_wrong_with_the_model(tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        url = ("--teacher-url", server.base)
        whole = checks("--teacher", NAME, *url, code=0)
        server.entry = {"max_model_len": 2048}
        small = checks("--teacher", NAME, *url, code=0)
        missing = checks("--teacher", "openai:nope", *url, code=1)
        tags = {"models": [{"name": "small:1b"}]}
        server.entry = {}
        server.instead = {"/api/tags": Raw(json.dumps(tags).encode(), headers=())}
        ollama = checks("--teacher", NAME, *url, code=0)
    gone = checks("--teacher", NAME, *url, code=1)
    assert server.base in whole["server ok"]["finding"]
    assert NAME in whole["teacher ok"]["finding"]
    assert "2048" in small["teacher advice"]["finding"]
    assert "it has small:1b" in missing["teacher problem"]["finding"]
    assert ollama["teacher advice"]["fix"] == "--teacher small:1b, without openai:"
    assert "nothing answers" in gone["server problem"]["finding"]
    assert server.chats == []


def test_doctor_privacy_says_what_gets_the_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key = tmp_path / "key.txt"
    key.write_text("sk-very-secret")
    key.chmod(0o600)
    with FakeOpenAI() as server:
        server.key = "sk-very-secret"
        options = ("--privacy", "--teacher", NAME, "--teacher-url", server.base)
        found = checks(*options, code=0, BURNISH_TEACHER__KEY_FILE=str(key))
        wrong = checks(*options, code=1)
    assert "teacher ok" in found
    assert str(key) in found["key ok"]["finding"]
    assert "secret" not in str(found) + str(wrong)
    assert "python" in found["server advice"]["finding"]
    remote = checks("--privacy", "--teacher", NAME, "--teacher-url", "http://192.168.1.5/v1", code=1)
    assert "would leave" in remote["contacted problem"]["finding"]


def test_a_judge_of_such_a_server_judges(tmp_path: Path) -> None:
    path = scene(tmp_path, reviewed=False)
    with FakeOpenAI(judges.longer) as server:
        where = ("--judge", NAME, "--judge-url", server.base)
        ended = burnish("judge", path, *where, "--limit", "2", "--json")
    assert ended.code == 0, ended
    result = json.loads(ended.out)
    assert result["judge"]["name"] == NAME
    assert result["pairs"] > 0


def test_a_model_of_such_a_server_answers(tmp_path: Path) -> None:
    prompts = dataset(tmp_path / "prompts.json", SHORT)
    with FakeOpenAI(lambda chat: "An answer.") as server:
        where = ("--model", NAME, "--model-url", server.base)
        ended = burnish("answer", "--prompts", prompts, "-o", tmp_path / "out.json", *where)
    assert ended.code == 0, ended
    answers = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [row["output"] for row in answers] == ["An answer."] * len(SHORT)


def test_reselect_asks_the_teacher_where_its_server_listens_now(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", SHORT), tmp_path / "w.burnish"
    student = ("--student", made_once("chance.gguf", runnable))
    teacher = ("--teacher", NAME, "--reply-form", "json")
    with FakeOpenAI(brief) as first:
        ran = burnish("run", data, "-w", path, *student, *teacher, "--teacher-url", first.base)
        assert ran.code == 0, ran
    with Workspace.open(path) as opened:  # as if another branch had been taken there
        opened.database.execute("DELETE FROM replies WHERE sample = 1 AND about LIKE '%response%'")
    command = ("reselect", path, *student, "--context", "1024", "--ask-teacher", "--json")
    gone = burnish(*command, environment={"BURNISH_TEACHER__URL": "http://127.0.0.1:9/v1"})
    assert gone.code == 1
    assert "--teacher-url" in gone.err
    with FakeOpenAI(brief) as second:
        ended = burnish(*command, "--teacher-url", second.base)
        assert ended.code == 0, ended
        assert len(second.chats) == 1
    assert json.loads(ended.out)["waiting"] == []
