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
from tests.scene import rated, scene
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


def test_ratings_are_a_figure_of_show_stats_and_the_report_and_an_export_rule(tmp_path: Path) -> None:
    rows = [{"instruction": f"Say {n}.", "output": "So."} for n in range(6)]
    path = scene(tmp_path, rows, ("replaced", "kept"), reviewed=False)
    for command in ("show", "stats", "report"):
        assert "mean rating" not in burnish(command, path).out
    out = tmp_path / "out.json"
    none = burnish("export", path, out, "--min-rating", "8")
    assert (none.code, "nothing is rated here; `burnish rate` asks a judge" in none.complaint) == (2, True)

    rated(path, judge="[/]\x1b[2J")
    words = "3.20 before, 4.40 after, of 5 samples by"
    for words_of in (("show", path), ("stats", path), ("report", path)):
        told = burnish(*words_of).out
        assert words in " ".join(told.split()), words_of
        assert not ACTIVE.search(told)
    page = tmp_path / "page.html"
    burnish("report", path, "-o", page)
    assert words in page.read_text("utf-8")
    for json_of in (("show", path, "--json"), ("stats", path, "--json")):
        assert json.loads(burnish(*json_of).out.splitlines()[0])["ratings"]["after"] == 4.4

    export = ("export", path, out, "--rule", "paper", "--min-rating", "6")
    planned = json.loads(burnish(*export, "--dry-run", "--json").out)
    assert (planned["rows"], planned["min_rating"], planned["unrated"]) == (1, 6, 1)
    in_words = " ".join(burnish(*export, "--with-trace").out.split())
    assert "written 1 of 6 samples, rule paper, rated 6 or more" in in_words
    assert "not rated 1 sample of the rule, left out; burnish rate asks a judge" in in_words
    (row,) = json.loads(out.read_text("utf-8"))
    assert row["burnish"]["ratings"] == {"before": 4, "after": 7}
    assert burnish("export", path, out, "--min-rating", "11").code == 2
