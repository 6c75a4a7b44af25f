"""`burnish rate`, as a user gives it, and what the other commands tell of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.store.workspace import Workspace
from tests import judges
from tests.command import burnish
from tests.hostile import CORPUS
from tests.ollama.script import Answer
from tests.ollama.server import FakeOllama
from tests.running import SHORT, TEACHER, dataset
from tests.scene import scene
from tests.tui.cli.test_judging import ACTIVE, at

JUDGE = ("--judge", TEACHER)
FIELDS = {
    *("record", "session", "judge", "form", "criteria", "prompts", "context", "think", "max_tokens"),
    *("temperature", "seed", "versions", "faults", "ratings"),
}


def test_a_workspace_is_rated_once_and_the_ratings_are_told(tmp_path: Path) -> None:
    rows = [{"instruction": f"Say {n}.", "output": "So. " * n} for n in range(1, 5)]
    path = scene(tmp_path, rows, ("replaced", "kept"), reviewed=False)
    with FakeOllama(lambda chat: Answer(judges.by_length(chat), logprob=-0.05)) as server:
        ended = burnish("rate", path, *JUDGE, environment=at(server))
        asked = len(server.chats)
        second = burnish("rate", path, *JUDGE, "--json", environment=at(server))
        assert len(server.chats) == asked
        tone = tmp_path / "tone.toml"
        tone.write_text('response = [{ title = "Tone" }]\n')
        burnish("rate", path, *JUDGE, "--limit", "1", "--criteria", tone, environment=at(server))
        assert "The answer: Tone." in server.chats[-1].body["messages"][-1]["content"]
        burnish("rate", path, *JUDGE, environment=at(server))
    assert (ended.code, second.code) == (0, 0), ended.err
    text = " ".join(ended.out.split())
    for words in (
        "rated 6 of 6 versions",
        "session 6 versions in 00:0",
        f"1.50 before, 5.75 after, of 4 samples by {TEACHER}; of those rewritten 2 better, 0 the same, 0 worse",
        "ratings after 10: 2, 2: 1, 1: 1",
        "the judge gave its ratings with a probability of 0.",
    ):
        assert words in text, text
    assert "6/6 versions" in ended.err
    found = json.loads(second.out)
    assert set(found) == FIELDS
    assert (found["session"]["done"], found["session"]["before"], found["versions"]) == (0, 6, 6)
    assert (found["ratings"]["better"], found["ratings"]["scores"]) == (2, {"10": 2, "2": 1, "1": 1})

    one = json.loads(burnish("show", path, "0", "--json").out)["rated"]
    assert (one["judge"], one["before"]["score"], one["after"]["score"]) == (TEACHER, 1, 10)
    assert 0 < one["after"]["confidence"] < 1
    shown = " ".join(burnish("show", path, "0").out.split())
    assert "rated 1 of 10 (confidence 0." in shown
    assert f"after, by {TEACHER}" in shown


def test_nothing_is_rated_without_a_judge_or_before_a_run_and_one_line_says_what_to_do(
    tmp_path: Path,
) -> None:
    path, data = scene(tmp_path), dataset(tmp_path / "d.json", SHORT)
    for arguments, code, expected in (
        (("rate", path), 2, "no judge: give --judge"),
        (("rate", data, *JUDGE), 1, "not a burnish workspace"),
        (("rate", path, *JUDGE), 1, "127.0.0.1:9"),
        (("rate", path, *JUDGE, "--criteria", tmp_path / "none.toml"), 2, "none.toml"),
    ):
        ended = burnish(*arguments, environment=at("127.0.0.1:9"))
        assert (ended.code, expected in ended.complaint) == (code, True), (arguments, ended.err)
    assert json.loads(burnish("show", path, "0", "--json").out)["rated"] is None
    assert "rated" not in burnish("show", path, "0").out


def test_what_has_no_rating_is_counted_and_hostile_text_stays_text(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"instruction": text, "output": "So."} for text in [*CORPUS.values()][:3]]
    path = scene(tmp_path, rows, ("kept",), reviewed=False)
    replies = iter(["no number", *["no number"] * 2, *[judges.rating(3)] * 9])
    with FakeOllama(lambda _: next(replies)) as server:
        ended = burnish("rate", path, *JUDGE, environment=at(server))
    assert (ended.code, "no rating unparsable 1" in " ".join(ended.out.split())) == (3, True), ended.out
    hostile = json.loads(judges.rating(4)) | {"critique": "\x1b[2J[/] \u202e"}
    with FakeOllama(lambda _: json.dumps(hostile)) as server:
        burnish("rate", path, *JUDGE, "--context", "4096", environment=at(server))
    with Workspace.read(path) as opened:
        found = opened.ratings.of(1, opened.sample(1).original)
        assert found is not None
        assert found.critique == hostile["critique"]
    assert not ACTIVE.search(burnish("show", path, "1").out)
