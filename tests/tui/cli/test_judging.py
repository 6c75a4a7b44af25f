"""`burnish answer` and `burnish judge`, as a user gives them."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from engine.judge.record import Record
from tests import judges
from tests.command import ALONE, Ended, burnish, contents, words
from tests.hostile import CORPUS
from tests.ollama.script import Answer, Chat, Script, plausible
from tests.ollama.server import FakeOllama, spawned
from tests.running import SHORT, TEACHER, dataset
from tests.scene import scene

JUDGE = ("--judge", TEACHER)
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
RESULTS = {
    *(
        "record",
        "session",
        "a",
        "b",
        "sources",
        "form",
        "prompts",
        "context",
        "think",
        "max_tokens",
        "temperature",
        "seed",
        "judge",
        "pairs",
        "same",
    ),
    *("unmatched", "invalid", "faults", "counts", "interval", "mean_scores", "bias", "length"),
    *("same_instruction", "new_instruction", "student", "disagreements", "confidence"),
}


def at(server: FakeOllama | str) -> dict[str, str]:
    host = server if isinstance(server, str) else server.url
    return {"OLLAMA_HOST": host, "BURNISH_JUDGE__PATIENCE": "0", "COLUMNS": "100"}


def two_files(folder: Path, count: int = 6) -> tuple[Path, Path]:
    """Two models' answers; the second's are longer, but for every third."""
    sides = []
    for name, less in (("one", 0), ("two", 1)):
        rows = [
            {"instruction": f"Count to {n}.", "output": "one " * (4 if less and n % 3 else 2), "generator": name}
            for n in range(1, count + 1)
        ]  # fmt: skip
        if less:
            for row in rows[::-3]:
                row["output"] = "one"
        sides.append(dataset(folder / f"{name}.json", rows))
    return sides[0], sides[1]


# A workspace


def test_a_workspace_is_judged_shown_and_kept_and_nothing_is_asked_again(tmp_path: Path) -> None:
    path = scene(tmp_path, reviewed=False)
    before = contents(tmp_path)["scene.burnish"]
    with FakeOllama(judges.longer) as server:
        command = ("judge", path, *JUDGE, "--limit", "4")
        ended = burnish(*command, environment=at(server))
        asked = len(server.chats)
        second = burnish(*command, "--json", environment=at(server))
        assert len(server.chats) == asked
    assert (ended.code, second.code) == (0, 0), ended.err
    result = json.loads(second.out)
    assert set(result) == RESULTS
    assert (result["a"], result["b"], result["judge"]["name"]) == ("original", "refined", TEACHER)
    assert (result["counts"]["wins"], result["counts"]["losses"]) == (3, 0)
    assert result["counts"]["score"] == 2
    # The judge, who likes what is longer, likes what the student turned down.
    assert {(one["row"], one["stage"]) for one in result["disagreements"]} == {
        *((1, "instruction"), (1, "response")),
    }
    text = " ".join(ended.out.split())
    for word in (
        f"refined against original, judged by {TEACHER}",
        "all 3 3 0 0 2.000",
        "response (r-IFD) took it below 0.01 1 0 0 100%",
        "instruction (IFD) kept 0.2 and above 1 0 0 0%",
        "the longer answer won 3 of 3 decided pairs",
        "sample 1 response: the student kept the original, the judge prefers the rewrite (margin -0.300)",
        f"burnish show {path} 1",
    ):
        assert word in text
    assert f"{result['pairs']}/{result['pairs']} pairs" in ended.err
    assert f"win {result['pairs']} · tie 0 · lose 0" in ended.err
    assert (result["session"]["done"], result["session"]["before"]) == (0, result["pairs"])
    assert f"session {result['pairs']} pairs in 00:0" in text
    assert f"{result['pairs']} pairs, {result['pairs']} of them done before" in second.err
    assert contents(tmp_path)["scene.burnish"] == before, "a workspace is only looked at"
    assert stat.S_IMODE(path.with_suffix(".judged").stat().st_mode) == 0o600


def test_the_judge_s_confidence_is_printed_and_show_tells_a_sample_s_verdict(tmp_path: Path) -> None:
    path = scene(tmp_path, reviewed=False)
    assert json.loads(burnish("show", path, "0", "--json").out)["judged"] is None
    with FakeOllama(lambda chat: Answer(judges.longer(chat), logprob=-0.05)) as server:
        command = ("judge", path, *JUDGE, "--limit", "4")
        in_words = burnish(*command, environment=at(server))
        found = json.loads(burnish(*command, "--json", environment=at(server)).out)
    assert found["confidence"]["verdicts"] == found["pairs"]
    assert 0 < found["confidence"]["mean"] < 1
    assert all(0 < one["confidence"] < 1 for one in found["disagreements"])
    assert "the judge gave its scores with a probability of 0." in in_words.out
    assert "gave its scores with a probability of 0." in " ".join(burnish("report", path).out.split())
    judged = json.loads(burnish("show", path, "0", "--json").out)["judged"]
    assert (judged["judge"], judged["result"]) == (TEACHER, "win")
    assert judged["confidence"] == min(judged["forward"]["confidence"], judged["swapped"]["confidence"])
    shown = burnish("show", path, "0").out
    assert f"+ better (refined against original), by {TEACHER}, confidence 0." in shown
    assert "judged" not in burnish("show", path, "5").out


def test_only_what_was_refined_can_be_asked_about(tmp_path: Path) -> None:
    path = scene(tmp_path, reviewed=False)
    with FakeOllama(judges.longer) as server:
        command = ("judge", path, *JUDGE, "--limit", "2", "--refined-only", "--json")
        result = json.loads(burnish(*command, environment=at(server)).out)
        assert len(server.chats) == 4
    assert (result["pairs"], result["same"], result["student"]) == (2, 3, [])


# Files


def test_two_models_answer_and_are_judged(tmp_path: Path) -> None:
    asked = dataset(tmp_path / "p.json", [{"instruction": row["instruction"]} for row in SHORT])
    outs = [tmp_path / "short.json", tmp_path / "long.json"]
    with FakeOllama() as server:
        for out, text in zip(outs, ("Short.", "A good deal longer."), strict=True):
            server.script = lambda _, text=text: text  # type: ignore[misc]
            ended = burnish(
                "answer", "--model", TEACHER, "--prompts", asked, "-o", out, environment=at(server)
            )
            assert ended.code == 0, ended.err
            assert "4 of 4 prompts" in ended.out
        server.script = judges.longer
        ended = burnish("judge", *outs, *JUDGE, "--json", environment=at(server))
    result = json.loads(ended.out)
    assert (result["counts"]["wins"], result["pairs"]) == (4, 4)
    assert result["record"] == str(tmp_path / "short.judged")
    assert (result["a"], result["b"]) == (str(outs[0]), str(outs[1])), "one generator has one name"


def test_a_judge_s_faults_show_in_the_words_and_the_exit_code(tmp_path: Path) -> None:
    a, b = two_files(tmp_path)

    def script(chat: Chat) -> str:
        return "no idea" if "Count to 2." in chat.prompt else judges.first_place(chat)

    with FakeOllama(script) as server:
        ended = burnish("judge", a, b, *JUDGE, environment=at(server))
    assert ended.code == 3
    assert "5 with a verdict, 1 without" in ended.out
    assert re.search(r"no verdict +unparsable 1", ended.out)
    assert "the order changed 5 of 5 verdicts (100%): 5 toward the first place" in ended.out
    assert "failed 1" in ended.err


def test_rows_that_do_not_meet_are_counted_and_told_of(tmp_path: Path) -> None:
    a, b = two_files(tmp_path)
    rows = json.loads(b.read_text())[2:]
    b = dataset(tmp_path / "b.json", [*rows, {"instruction": "Only here.", "output": "x"}, {"output": "y"}])
    with FakeOllama(judges.longer) as server:
        ended = burnish("judge", a, b, *JUDGE, environment=at(server))
    assert ended.code == 0
    assert f"left out {b}: row 6: expected the fields" in ended.err
    assert f"{a}: 2 rows have no partner" in ended.err
    assert f"{b}: 1 row has no partner" in ended.err
    assert "2 rows of A and 1 of B without a partner" in ended.out


def test_sides_that_are_the_same_leave_nothing_to_judge(tmp_path: Path) -> None:
    a, _ = two_files(tmp_path)
    with FakeOllama(judges.longer) as server:
        ended = burnish("judge", a, a, *JUDGE, environment=at(server))
        assert server.chats == []
    assert ended.code == 0
    assert "6 the same on both sides, not judged" in ended.out


# Wrong usage, and what goes wrong


def test_wrong_usage_is_one_line_before_anything_is_asked(tmp_path: Path) -> None:
    workspace = scene(tmp_path)
    a, b = two_files(tmp_path)
    for code, arguments, expected in (
        (2, ("judge", workspace), "no judge: give --judge"),
        (2, ("judge", a, *JUDGE), "not a workspace"),
        (2, ("judge", a, workspace, *JUDGE), "a workspace is judged by itself"),
        (2, ("judge", a, b, "--judge", "some.gguf"), "gguf:some.gguf"),
        (1, ("judge", tmp_path / "none.burnish", *JUDGE), "none.burnish"),
        (1, ("judge", a, tmp_path / "none.json", *JUDGE), "cannot be read"),
        (1, ("judge", a, b, "--judge", "x:cloud"), "cloud"),
        (1, ("judge", a, b, *JUDGE, "--record", a), "not a burnish record"),
        (2, ("answer", "--prompts", a, "-o", tmp_path / "o.json"), "no model: give --model"),
        (1, ("answer", "--model", TEACHER, "--prompts", a, "-o", a), "does not write over its own source"),
        (
            1,
            ("answer", "--model", TEACHER, "--prompts", workspace, "-o", tmp_path / "o.json"),
            "scene.burnish",
        ),
        (2, ("answer", "--model", TEACHER, "--prompts", a, "-o", b, "--template", "vicuna"), "own template"),
    ):
        ended = burnish(*arguments, environment=at("127.0.0.1:9"))
        assert (ended.code, expected in ended.complaint) == (code, True), (arguments, ended.err)
    assert not (tmp_path / "o.json").exists()


def test_a_host_elsewhere_is_refused(tmp_path: Path) -> None:
    a, b = two_files(tmp_path)
    ended = burnish("judge", a, b, *JUDGE, environment=at("http://192.0.2.1:11434"))
    assert (ended.code, "loopback" in ended.complaint) == (1, True)


def test_answers_are_not_written_before_all_are_there(tmp_path: Path) -> None:
    asked = dataset(tmp_path / "p.json", [{"instruction": f"{n}"} for n in range(4)])
    out = tmp_path / "o.json"
    command = ("answer", "--model", TEACHER, "--prompts", asked, "-o", out)
    environment = {"BURNISH_ANSWER__PATIENCE": "0"}
    with FakeOllama() as server:

        def script(chat: Chat) -> str:
            if chat.prompt == "2":
                server.closing.set()
                raise ConnectionError
            return f"answer {chat.prompt}"

        server.script = script
        server.models, models = [], server.models
        assert burnish(*command, environment=at(server) | environment).code == 1
        server.models = models
        server.script = lambda chat: f"answer {chat.prompt}"
        assert burnish(*command, "--limit", "2", environment=at(server) | environment).code == 0
        assert len(json.loads(out.read_text())) == 2
        ended = burnish(*command, "--json", environment=at(server) | environment)
        assert len(server.chats) == 4
    result = json.loads(ended.out)
    now = result.pop("session")
    assert (now["done"], now["before"]) == (2, 2)
    assert result == {
        "out": str(out), "generator": TEACHER, "record": f"{out}.answers",
        "prompts": 4, "answered": 4, "cut": 0, "failures": {},
    }  # fmt: skip
    assert [row["output"] for row in json.loads(out.read_text())] == [f"answer {n}" for n in range(4)]
    assert stat.S_IMODE(Path(f"{out}.answers").stat().st_mode) == 0o600


def test_killed_it_goes_on_and_no_kept_reply_is_asked_for_again(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    whole = pytestconfig.getoption("--whole")
    a, b = two_files(tmp_path, count=8)
    judge = ("judge", a, b, *JUDGE)
    assert killed_and_taken_up(judge, tmp_path / "one.judged", judges.longer, 4 if whole else 1) == 12
    if whole:
        path = scene(
            tmp_path, [{"instruction": f"Say {n}.", "output": "So."} for n in range(8)], reviewed=False
        )
        rate = ("rate", path, *JUDGE)
        assert killed_and_taken_up(rate, path.with_suffix(".judged"), judges.by_length, 4) == 14
        out = tmp_path / "o.json"
        answer = ("answer", "--model", TEACHER, "--prompts", a, "-o", out)
        assert killed_and_taken_up(answer, tmp_path / "o.json.answers", plausible, 4) == 8


def killed_and_taken_up(arguments: tuple[object, ...], kept: Path, script: Script, kills: int) -> int:
    """The replies that are kept in the end; the command was killed some times on the way there."""
    log = kept.with_suffix(".log")
    name = f"{script.__module__}:{script.__name__}"
    with spawned("--script", name, "--seconds", "0.15", "--log", str(log)) as url:
        environment = {**os.environ, **ALONE, **at(url)}
        for kill in range(kills):
            with subprocess.Popen(words(*arguments), env=environment, stderr=subprocess.DEVNULL) as run:
                while run.poll() is None and replies(kept) < 2 * kill + 1:
                    time.sleep(0.05)
                run.send_signal(signal.SIGKILL)
        before, asked = replies(kept), chats(log)
        assert before >= 2 * kills - 1
        ended = burnish(*arguments, "--json", environment=at(url))
    assert ended.code == 0, ended.err
    assert chats(log) - asked == replies(kept) - before > 0
    with Record.read(kept) as record:
        assert record.database.execute("PRAGMA integrity_check") == [("ok",)]
    return replies(kept)


def replies(kept: Path) -> int:
    if not kept.exists():
        return 0
    with Record.read(kept) as record:
        ((count,),) = record.database.execute("SELECT count(*) FROM replies")
    return int(count)


def chats(log: Path) -> int:
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return sum(line["path"] == "/api/chat" and line["outcome"] == "open" for line in lines)


# Hostile text, and a real model


def harmless(ended: Ended) -> None:
    assert "Traceback" not in ended.err
    for output in (ended.out, ended.err):
        assert not ACTIVE.search(output)


@pytest.mark.parametrize("width", ["40", "120"])
def test_hostile_text_does_not_act_on_the_terminal(tmp_path: Path, width: str) -> None:
    folder = tmp_path / "[bold] \u202e[" / "x]"
    folder.mkdir(parents=True)
    names = [CORPUS["escape"] + CORPUS["C1"], CORPUS["markup"] + CORPUS["bidi"]]
    files = []
    for name, file in zip(names, ("a", "b"), strict=True):
        rows: list[Any] = [
            {"instruction": key, "output": f"{text}{file}", "generator": name}
            for key, text in CORPUS.items()
            if not key.startswith("a long")
        ]
        files.append(dataset(folder / f"{file}.json", [*rows, {CORPUS["escape"]: 1}]))
    with FakeOllama(lambda chat: judges.verdict(6, 6, reason=CORPUS["escape"])) as server:
        environment = at(server) | {"COLUMNS": width}
        ended = burnish("judge", *files, *JUDGE, environment=environment)
        as_json = burnish("judge", *files, *JUDGE, "--json", environment=environment)
    assert ended.code == 3, "half a character cannot be sent"
    harmless(ended)
    harmless(as_json)
    assert as_json.out.isascii()
    assert json.loads(as_json.out)["a"] == names[0]


@pytest.mark.whole
def test_a_real_judge_without_a_server_judges_in_both_orders(tmp_path: Path) -> None:
    a = dataset(tmp_path / "a.json", [SHORT[2]])
    b = dataset(tmp_path / "b.json", [SHORT[2] | {"output": "I do not know."}])
    environment = {"BURNISH_JUDGE__CONTEXT": "1024", "BURNISH_JUDGE__MAX_TOKENS": "200"}
    ended = burnish("judge", a, b, "--judge", "demo", "--limit", "1", "--json", environment=environment)
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert (result["pairs"], result["judge"]["parameters"]) == (1, 134_515_008)
    # A verdict of so small a model may be any, but it has one: the schema sees to that.
    (verdict,) = (name for name in ("wins", "ties", "losses") if result["counts"][name])
    assert result["counts"][verdict] == 1
    with Record.read(tmp_path / "a.judged") as record:
        ((_, judged),) = record.judged(record.comparisons()[0])
    for opinion in (judged.forward, judged.swapped):
        assert opinion is not None
        assert opinion.critique
        assert opinion.reason
