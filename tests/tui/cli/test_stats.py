"""`burnish stats`: what a person and a program are told of a dataset, and what nobody is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.examine.flags import Flag
from engine.store.workspace import Workspace
from tests import hostile
from tests.command import burnish
from tests.running import dataset, demo_rows
from tests.running import workspace as made
from tests.scene import scene
from tui.text.vocabulary import FINDINGS

SECRETS = ("ann.smith@corp.co.uk", "+49 30 1234567", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00")
KEY = "ghp_" + "a1B2" * 9
GOOD = {
    "instruction": "Name a fruit that is red.",
    "input": "",
    "output": "An apple is red, and so is a cherry.",
}
ROWS: list[dict[str, Any]] = [
    GOOD,
    {"text": "Only this."},
    GOOD,
    {
        "instruction": "Write to Ann.",
        "output": "I'm sorry, but I can't write to " + " or ".join((*SECRETS, KEY)),
    },
    {"text": "To nobody."},
    {"instruction": "And then?", "output": ""},
    {"instruction": "Wie heißt die Hauptstadt von Frankreich?", "output": "Die Hauptstadt heißt Paris."},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return dataset(tmp_path / "data.json", ROWS)


def test_words_tell_what_is_there_and_name_the_samples(data: Path) -> None:
    ended = burnish("stats", data, environment={"COLUMNS": "120"})
    assert (ended.code, ended.err) == (0, "")
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    for line in (
        "samples 4, 3 of them flagged",
        "passed through 1 row, as it was: no answer yet 1",
        "languages en 3 (75.0 %), de 1 (25.0 %)",
        "duplicate 1 25.00 % 1 the same as 0",
        "other language 1 25.00 % 3 de",
        f"next burnish stats {data} --json tells of every sample",
    ):
        assert line in lines
    assert any(line.startswith("cannot be read 2: row 2: ") and "; row 5: " in line for line in lines)
    for flag in set(Flag) - {Flag.IN_TEST}:
        assert f"{flag} {FINDINGS[flag]}" in lines


def test_json_is_the_figures_and_then_an_object_for_each_flag_of_a_sample(data: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.json"
    test.write_text(json.dumps([{"question": ROWS[6]["output"] + " " + ROWS[6]["instruction"]}]))
    ended = burnish("stats", data, "--against", test, "--json")
    head, *found = map(json.loads, ended.out.splitlines())
    assert set(head) == {
        *(
            "data",
            "samples",
            "flagged",
            "flags",
            "languages",
            "instruction",
            "response",
            "personal",
            "against",
            "reasoning",
        ),
        *("passed", "bad_rows", "bad", "length", "ratings", "first"),
    }
    assert (head["samples"], head["bad_rows"], len(head["bad"])) == (4, 2, 2)
    assert head["passed"] == {"no answer": 1}
    assert head["against"]["path"] == str(test)
    assert {(one["flag"], one["sample"]) for one in found} == {
        ("duplicate", 1), ("refusal", 2), ("personal data", 2), ("other language", 3),
    }  # fmt: skip
    assert sum(head["flags"].values()) == len(found)


def test_nothing_personal_is_told_or_kept_whole(data: Path, tmp_path: Path) -> None:
    test = dataset(tmp_path / "test.json", [ROWS[3]])
    reports = [burnish("stats", data, "--against", test, *more).out for more in ((), ("--json",))]
    with made(tmp_path / "w.burnish", [ROWS[3]]) as opened:
        path = opened.path
    reports.append(burnish("stats", path, "--against", test, "--json").out)
    with Workspace.read(path) as opened:
        reports.append(
            json.dumps([opened.findings(flag, 9)[0].details for flag in (Flag.PERSONAL, Flag.IN_TEST)])
        )
    for text in reports:
        assert "ghp_…" in text or "ghp_\\u2026" in text
        for secret in (*SECRETS, KEY):
            assert secret not in text
            assert secret.replace(" ", "") not in text


def test_a_workspace_keeps_what_was_found(tmp_path: Path) -> None:
    with made(tmp_path / "w.burnish", [ROWS[0], ROWS[2], ROWS[6]]) as opened:
        path = opened.path
    assert burnish("stats", path).code == 0
    with Workspace.read(path) as opened:
        stats = opened.examination()
        assert stats is not None
        assert (stats.samples, stats.flags[Flag.DUPLICATE]) == (3, 1)
        assert [one.sample for one in opened.findings(Flag.DUPLICATE, 9)] == [1]


def test_a_workspace_that_is_worked_on_is_left_alone(tmp_path: Path) -> None:
    with made(tmp_path / "w.burnish", [GOOD]) as opened:
        assert "another burnish is working on it" in burnish("stats", opened.path).complaint
        assert opened.examination() is None


def test_what_cannot_be_read_is_said_in_a_line(data: Path, tmp_path: Path) -> None:
    assert "cannot be read" in burnish("stats", tmp_path / "none.json").complaint
    assert "no such file; `burnish run DATA" in burnish("stats", tmp_path / "none.burnish").complaint
    assert "none.json" in burnish("stats", data, "--against", tmp_path / "none.json").complaint
    bad = dataset(
        tmp_path / "bad.json", [{"instruction": "", "output": "a"}] * 3 + [{"instruction": "x", "output": ""}]
    )
    assert "no row holds a sample" in burnish("stats", bad).complaint


def test_hostile_texts_are_shown_and_act_on_nothing(tmp_path: Path) -> None:
    rows = hostile.rows()
    for row in rows:
        row["output"] = f"I'm sorry, I can't: {row['output']}"
    path = tmp_path / "\x1b[31m[b].json"
    for more in ((), ("--json",)):
        ended = burnish("stats", dataset(path, rows), *more)
        assert ended.code == 0
        assert not hostile.acting(ended.out.splitlines())


def test_a_workspace_s_run_is_told_by_length_and_a_dataset_has_none(data: Path, tmp_path: Path) -> None:
    path = scene(tmp_path, kinds=("by length", "at equal length", "replaced"))
    objects = burnish("stats", path, "--json").out.splitlines()
    length = json.loads(objects[0])["length"]
    assert length["ifd"]["before"]["samples"] == 24
    assert length["ifd"]["before"]["spearman"] == pytest.approx(0.21, abs=0.005)
    stage = length["stages"]["instruction"]
    assert (stage["margin"]["samples"], stage["compared"], stage["longer"]) == (24, 24, 16)
    assert (stage["at_equal_length"], stage["others"]) == (16, 16)
    first = json.loads(objects[0])["first"]
    assert (first["ifd"]["samples"], set(first)) == (2, {"ifd", "loss", "length", "random"})
    dataset = json.loads(burnish("stats", data, "--json").out.splitlines()[0])
    assert (dataset["length"], dataset["first"]) == (None, None)

    words = " ".join(burnish("stats", path).out.split())
    assert "length and IFD +0.21 of 24 before, +0.35 of 23 after" in words
    assert "first by loss" in words
    assert (
        "the longer response stays in 16 of 24; whole and equal length differ in 16 of 16 verdicts" in words
    )
    assert "length and" not in burnish("stats", data).out

    (tmp_path / "few").mkdir()
    few = scene(tmp_path / "few", demo_rows(3), kinds=("by length",), reviewed=False)
    assert "length and IFD none of 3 before, none of 3 after" in " ".join(burnish("stats", few).out.split())
