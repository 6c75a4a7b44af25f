"""A dataset's rows on the command line: bad ones, ones that pass through, encodings, conversations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.store.workspace import Workspace
from tests.command import REFLECT, burnish
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset


def test_bad_rows_are_reported_by_reason_and_the_rest_is_imported(tmp_path: Path) -> None:
    nameless = [{"text": "Only this.", f"n{number}": 1} for number in range(300)]
    rows: list[Any] = [SHORT[0], {"text": "Only this."}, SHORT[1], 7, SHORT[2], *nameless]
    data, path = dataset(tmp_path / "data.json", rows), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        environment = {"OLLAMA_HOST": server.url}
        refused = burnish("run", data, "-w", path, *REFLECT, environment=environment)
        assert refused.code == 1
        assert f"{data}: row 2: " in refused.complaint
        assert "--skip-bad" in refused.complaint
        assert not path.exists()
        ended = burnish("run", data, "-w", path, *REFLECT, "--skip-bad", "--json", environment=environment)
    assert ended.code == 0
    skipped = [line for line in ended.err.splitlines() if line.startswith("skipped ")]
    assert [line.split(": ")[1] for line in skipped] == ["row 2 and 300 more", "row 4"]
    assert "302 rows cannot be read and are left out" in ended.err
    assert json.loads(ended.out)["done"] == 3


def test_rows_that_cannot_be_refined_pass_through_and_are_counted_wherever_rows_are(tmp_path: Path) -> None:
    asked = {"instruction": "And this?", "input": None, "output": None}
    rows: list[Any] = [asked, *SHORT[:2], {"output": ["x"], "instruction": "A list."}, asked]
    data, path, out = dataset(tmp_path / "data.json", rows), tmp_path / "w.burnish", tmp_path / "out.json"
    words = "3 rows, as they were: no answer yet 2, not all text 1"
    counts = {"no answer": 2, "not text": 1}
    with FakeOllama(brief) as server:
        environment = {"OLLAMA_HOST": server.url}
        ended = burnish("run", data, "-w", path, *REFLECT, "--json", environment=environment)
        again = burnish("run", data, "-w", path, *REFLECT, environment=environment)
    assert f"cannot be refined and pass through: {words}" in ended.err
    assert (json.loads(ended.out)["passed"], json.loads(ended.out)["samples"]) == (counts, 2)
    for shown in (again, burnish("show", path), burnish("stats", path), burnish("stats", data)):
        assert words in shown.out
    assert json.loads(burnish("stats", data, "--json").out.splitlines()[0])["passed"] == counts
    assert words in burnish("report", path).out.replace("\n", " ")
    assert burnish("report", path, "-o", tmp_path / "report.html").code == 0
    assert words in (tmp_path / "report.html").read_text("utf-8")

    ended = burnish("export", path, out)
    assert "5 of 5 rows, rule all" in ended.out
    assert "3 rows, as they were" in ended.out
    found = json.loads(out.read_text())
    assert [found[at] for at in (0, 3, 4)] == [rows[at] for at in (0, 3, 4)]
    ended = burnish("export", path, out, "--rule", "paper")
    assert "2 of 5 rows, rule paper" in ended.out
    assert "3 left out (rule paper)" in ended.out
    result = json.loads(burnish("export", path, out, "--json").out)
    assert (result["rows"], result["of"], result["passed"], result["left_out"]) == (5, 5, 3, 0)


def test_where_every_row_is_bad_the_one_line_says_why(tmp_path: Path) -> None:
    asked = [{"from": "human", "value": "What is a spokeshave?"}]
    answer = {"from": "gpt", "value": "A plane with handles."}
    pair = {"conversations": asked, "chosen": answer, "rejected": answer}
    data = dataset(tmp_path / "pairs.json", [pair, pair, {"conversations": 3}])
    path = tmp_path / "w.burnish"
    for ended in (burnish("stats", data), burnish("run", data, "-w", path, *REFLECT, "--skip-bad")):
        assert ended.code == 1
        assert (
            "no row holds a sample, of 3 read as sharegpt (conversations): row 1 and 1 more: "
            in ended.complaint
        )
        assert (
            "as the last two turns; a row with `chosen` and `rejected` is preference data" in ended.complaint
        )
        assert "; row 3: expected `conversations`, a list of turns, found a number" in ended.complaint
    assert not path.exists()


def test_a_table_in_a_named_encoding_is_read_by_run_score_and_stats(tmp_path: Path) -> None:
    text = "instruction,input,output\n刨子是做什么用的？,,刨子用来刨平木板。\n"
    data, path = tmp_path / "chinese.csv", tmp_path / "w.burnish"
    data.write_bytes(text.encode("gbk"))
    assert "perhaps gbk: save it as UTF-8" in burnish("stats", data).complaint
    assert "no encoding is named" in burnish("stats", data, "--encoding", "gb\nk!x").complaint
    counted = burnish("stats", data, "--encoding", "gbk", "--json")
    assert (counted.code, json.loads(counted.out.splitlines()[0])["bad_rows"]) == (0, 0)
    ended = burnish("score", data, "-w", tmp_path / "s.burnish", "--student", "demo", "--encoding", "GBK")
    assert ended.code == 0
    with FakeOllama(brief) as server:
        environment = {"OLLAMA_HOST": server.url}
        assert (
            burnish("run", data, "-w", path, *REFLECT, "--encoding", "gbk", environment=environment).code == 0
        )
        assert burnish("run", data, "-w", path, *REFLECT, environment=environment).code == 0, "it goes on"
    with Workspace.open(path) as opened:
        (sample,) = opened.samples()
    assert sample.original.instruction == "刨子是做什么用的？"


def test_earlier_turns_are_counted_and_exported_as_they_were(tmp_path: Path) -> None:
    earlier = [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "Hello."},
        {"from": "gpt", "value": "Hello to you.", "weight": 0},
    ]
    last = [{"from": "human", "value": "Name a colour."}, {"from": "gpt", "value": "Red is a colour."}]
    rows = [{"id": 1, "conversations": earlier + last}, {"id": 2, "conversations": last}]
    data, path = dataset(tmp_path / "data.json", rows), tmp_path / "w.burnish"
    with FakeOllama(brief) as server:
        ended = burnish("run", data, "-w", path, *REFLECT, environment={"OLLAMA_HOST": server.url})
        second = burnish("run", data, "-w", path, *REFLECT, environment={"OLLAMA_HOST": server.url})
    assert "of 2 rows have: 1 a system message, 1 earlier turns" in ended.err
    assert "2 with --turns last, 2 with all" in ended.err
    assert "earlier turns" not in second.err, "a workspace is told of once"
    out = tmp_path / "out.json"
    assert burnish("export", path, out).code == 0
    one, two = json.loads(out.read_text("utf-8"))
    assert one["conversations"][:3] == earlier
    assert one["conversations"][3:] != last
    assert (one["id"], two["id"], len(two["conversations"])) == (1, 2, 2)
