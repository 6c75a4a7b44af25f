"""`burnish export`: formats, types, rules, trainers and traces."""

from __future__ import annotations

import csv
import datetime
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.store.leaving import exported
from engine.store.workspace import Workspace
from tests.command import burnish, contents
from tests.running import SHORT, dataset
from tui.cli.options import FORMATS


@pytest.mark.parametrize("format", FORMATS)
def test_a_workspace_is_exported_in_every_format(refined: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / "out"
    ended = burnish("export", refined, out, "--format", format, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {
        "rule": "all", "dataset": str(out), "rows": 3, "format": format, "of": 3, "passed": 0, "left_out": 0,
        "dropped": 0,
    }  # fmt: skip
    if "parquet" in format:
        assert out.read_bytes()[:4] == b"PAR1"
    elif "csv" in format:
        assert len(list(csv.DictReader(out.read_text("utf-8").splitlines()))) == 3
    elif out.read_text("utf-8").startswith("["):
        assert len(json.loads(out.read_text("utf-8"))) == 3
    else:
        assert len(list(map(json.loads, out.read_text("utf-8").splitlines()))) == 3


def test_dropped_samples_stay_behind_and_are_counted(refined: Path, tmp_path: Path) -> None:
    path = Path(shutil.copyfile(refined, tmp_path / "w.burnish"))
    with Workspace.open(path) as opened:
        opened.reviews.keep_many("dropped", opened.reviews.dropping([1]))
    out = tmp_path / "out.json"
    ended = burnish("export", path, out)
    assert ended.code == 0, ended.err
    assert "2 of 3 samples" in ended.out
    assert "1 row that a person dropped, in no export" in ended.out
    assert len(json.loads(out.read_text("utf-8"))) == 2
    told = json.loads(burnish("export", path, tmp_path / "b.json", "--json").out)
    assert (told["rows"], told["of"], told["dropped"]) == (2, 3, 1)
    assert "reviewed: dropped" in burnish("show", path, "1").out


def test_a_share_is_taken_by_any_measure(refined: Path, tmp_path: Path) -> None:
    out, top = tmp_path / "out.json", ("--rule", "top", "--top", "1", "--json")

    def chosen(*by: str) -> tuple[dict[str, Any], str]:
        ended = burnish("export", refined, out, *top, *by)
        assert ended.code == 0, ended.err
        return json.loads(ended.out), json.loads(out.read_text("utf-8"))[0]["output"]

    told, longest = chosen("--by", "length")
    assert (told["rows"], told["top"], told["by"]) == (1, "1", "length")
    burnish("export", refined, out)
    everything = {row["output"] for row in json.loads(out.read_text("utf-8"))}
    assert len(longest) == max(map(len, everything))
    assert {chosen("--by", "random", "--seed", str(seed))[1] for seed in range(9)} == everything
    assert chosen("--by", "random", "--seed", "2")[0]["seed"] == 2
    words = burnish("export", refined, out, "--top", "2", "--by", "random").out
    assert "rule all, top 2 by random (seed 0)" in words
    assert chosen("--by", "s-ifd", "--token-ratio", "0.75")[0]["token_ratio"] == 0.75
    for wrong, why in (
        (("--by", "loss"), "--by loss goes with --top or --rule top"),
        (("--top", "1", "--by", "rsr", "--token-ratio", "0.5"), "--token-ratio goes with --by s-ifd"),
        (("--top", "1", "--seed", "1"), "--seed goes with --by random or --dry-run"),
        (("--top", "1", "--by", "loss", "--by", "ifd"), "one of ifd, s-ifd, rsr, loss,"),
    ):
        ended = burnish("export", refined, out, *wrong)
        assert (ended.code, why in ended.complaint) == (2, True), ended.complaint


def test_a_measure_that_no_sample_has_is_one_line_and_writes_nothing(
    with_tools: Path, tmp_path: Path
) -> None:
    for how in ((tmp_path / "out.json",), ("--dry-run",)):
        ended = burnish("export", with_tools, *how, "--rule", "top", "--by", "margin")
        assert ended.code == 2
        assert "--by margin: no sample of the rule top has it: no new instruction" in ended.complaint
    assert contents(tmp_path) == {}
    paper = burnish("export", with_tools, "--dry-run", "--rule", "paper", "--top", "1", "--by", "loss")
    assert (paper.code, "would write" in paper.out) == (0, True), "nothing passes the rule itself"


def test_a_dry_run_writes_nothing_and_tells_of_the_baselines(refined: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    everything = burnish("export", refined, out, "--dry-run")
    assert (everything.code, contents(tmp_path)) == (0, {})
    assert " ".join(everything.out.split()) == "would write 3 of 3 samples, rule all"
    out.write_text("mine")
    chosen = burnish("export", refined, out, "--dry-run", "--top", "2", "--by", "loss", "--seed", "5")
    for words in (
        "would write",
        "2 of 3 samples, rule all, top 2 by loss",
        "of as many, the random ones",
        str(out),
    ):
        assert words in chosen.out
    told = json.loads(burnish("export", refined, "--dry-run", "--top", "2", "--seed", "5", "--json").out)
    assert (told["dry_run"], told["rows"], told["dataset"], told["replaces"]) == (True, 2, None, [])
    beside = told["baselines"]
    assert set(beside) == {"among", "chosen", "random", "longest", "seed", "by_chance", "mostly_length"}
    assert (beside["seed"], beside["longest"]["samples"], out.read_text("utf-8")) == (5, 2, "mine")
    nowhere = burnish("export", refined)
    assert (nowhere.code, "--dry-run needs none" in nowhere.complaint) == (2, True)


def test_parquet_columns_keep_their_types_though_the_dataset_is_gone(tmp_path: Path) -> None:
    at = datetime.datetime(2024, 2, 3, 4, 5, 6, 7)
    columns: dict[str, tuple[pa.DataType, list[Any]]] = {
        "instruction": (pa.string(), ["Name a fruit.", "Name a bird."]),
        "output": (pa.string(), ["A pear.", "A wren."]),
        "made": (pa.timestamp("us"), [at, None]),
        "turns": (pa.int32(), [1, 2]),
        "score": (pa.float32(), [0.1, 0.2]),
        "price": (pa.decimal128(9, 2), [Decimal("1.50"), Decimal("0.00")]),
        "facts": (pa.map_(pa.string(), pa.int64()), [[("length", 60)], []]),
    }
    data, workspace, out = tmp_path / "data.parquet", tmp_path / "w.burnish", tmp_path / "out.parquet"
    pq.write_table(pa.table({name: pa.array(held, kind) for name, (kind, held) in columns.items()}), data)
    before = pq.read_table(data)
    ended = burnish("run", data, "-w", workspace, "--method", "score", "--student", "demo", "--json")
    assert ended.code == 0, ended.err
    assert set(json.loads(ended.out)["dataset"]) == {"path", "format", "fields", "sha256", "columns", "turns"}
    data.unlink()
    assert burnish("export", workspace, out).code == 0
    assert pq.read_table(out).equals(before)
    assert pq.read_schema(out).equals(before.schema)


@pytest.mark.parametrize(
    ("name", "options", "format"),
    [
        ("out.csv", (), "csv"),
        ("out.PARQUET", (), "parquet"),
        ("out.json", (), "alpaca"),
        ("out.jsonl", (), "alpaca"),  # readers tell these two apart by what is in them
        ("out", (), "alpaca"),
        ("out.csv", ("--format", "alpaca-jsonl"), "alpaca-jsonl"),
        ("out.parquet", ("--trainer", "trl"), "messages-parquet"),
    ],
)
def test_the_name_says_what_kind_of_file_is_written(
    refined: Path, tmp_path: Path, name: str, options: tuple[str, ...], format: str
) -> None:
    tried = json.loads(burnish("export", refined, tmp_path / name, *options, "--dry-run", "--json").out)
    written = json.loads(burnish("export", refined, tmp_path / name, *options, "--json").out)
    assert tried["format"] == written["format"] == format


def test_a_name_that_a_trainer_s_rows_cannot_have_is_one_line(refined: Path, tmp_path: Path) -> None:
    ended = burnish("export", refined, tmp_path / "out.csv", "--trainer", "axolotl")
    assert ended.code == 2
    assert ended.complaint.endswith("out.csv: these rows are not written as CSV; call it NAME.jsonl")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("trainer", "config"),
    [("llamafactory", "dataset_info.json"), ("axolotl", "out.axolotl.yaml"), ("trl", "out.trl.yaml")],
)
def test_a_trainer_s_config_lies_beside_its_dataset(
    refined: Path, tmp_path: Path, trainer: str, config: str
) -> None:
    ended = burnish("export", refined, tmp_path / "out.json", "--trainer", trainer, "--json")
    written = json.loads(ended.out)
    assert set(contents(tmp_path)) == {"out.json", config}
    assert (written["rows"], written["config"]) == (3, str(tmp_path / config))
    assert written["use"]
    words = burnish("export", refined, tmp_path / "out.json", "--trainer", trainer).out
    assert config in words


@pytest.fixture(scope="module")
def with_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored dataset of turns, of which the second has tools in words and the third two questions in a row."""
    last = [{"from": "human", "value": "Name a colour."}, {"from": "gpt", "value": "Red is a colour."}]
    twice = [{"from": "human", "value": "Hello."}]
    rows: list[dict[str, Any]] = [
        {"conversations": last},
        {"conversations": last, "tools": "hammer"},
        {"conversations": twice + last},
    ]
    folder = tmp_path_factory.mktemp("tools")
    data, path = dataset(folder / "data.json", rows), folder / "w.burnish"
    assert burnish("run", data, "-w", path, "--method", "score", "--student", "demo").code == 0
    return path


def test_rows_that_a_trainer_will_not_train_on_are_named_and_left_out_on_request(
    with_tools: Path, tmp_path: Path
) -> None:
    out = tmp_path / "d.json"
    ended = burnish("export", with_tools, out, "--trainer", "llamafactory")
    assert ended.code == 0
    assert "3 of 3 samples" in ended.out
    assert ended.err.splitlines() == [
        "2 rows in the file that LLaMA-Factory will not train on as they are (--drop-untrainable leaves them out):",
        '  role order: 1 in the file, row 3 (sample 2): turn 2 is "human" where an answer is due; '
        "LLaMA-Factory skips it",
        '  tools: 1 in the file, row 2 (sample 1): its `tools` are no JSON: "hammer"; LLaMA-Factory stops at it',
    ]
    assert len(json.loads(out.read_text("utf-8"))) == 3
    ended = burnish("export", with_tools, out, "--trainer", "llamafactory", "--drop-untrainable", "--json")
    told = json.loads(ended.out)
    assert (told["rows"], told["of"], ended.err) == (1, 3, "")
    assert [(one["rule"], one["samples"], one["left_out"]) for one in told["untrainable"]] == [
        ("role order", [2], True),
        ("tools", [1], True),
    ]
    assert len(json.loads(out.read_text("utf-8"))) == 1
    words = burnish("export", with_tools, out, "--trainer", "llamafactory", "--drop-untrainable")
    assert words.err.startswith("2 rows left out, for LLaMA-Factory would not train on them as they are:\n")


def test_a_trainer_gets_any_format_it_takes_and_no_other(refined: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.parquet"
    ended = burnish("export", refined, out, "--trainer", "trl", "--format", "messages-parquet", "--json")
    assert json.loads(ended.out)["format"] == "messages-parquet"
    assert out.read_bytes()[:4] == b"PAR1"
    ended = burnish("export", refined, out, "--trainer", "trl", "--format", "csv")
    assert (ended.code, "TRL does not take it; it takes messages" in ended.complaint) == (2, True)


@pytest.mark.parametrize("option", ["--drop-untrainable", "--replace-entry"])
def test_an_option_for_a_trainer_is_not_ignored_without_one(
    refined: Path, tmp_path: Path, option: str
) -> None:
    ended = burnish("export", refined, tmp_path / "d.json", option)
    assert (ended.code, f"{option} goes with --trainer" in ended.complaint) == (2, True)


def test_an_entry_that_burnish_did_not_write_is_replaced_on_request(refined: Path, tmp_path: Path) -> None:
    info = tmp_path / "dataset_info.json"
    info.write_text('{"d": {"file_name": "other.json"}}')
    ended = burnish("export", refined, tmp_path / "d.json", "--trainer", "llamafactory")
    assert (ended.code, "--replace-entry" in ended.complaint) == (1, True)
    assert not (tmp_path / "d.json").exists()
    ended = burnish("export", refined, tmp_path / "d.json", "--trainer", "llamafactory", "--replace-entry")
    assert (ended.code, json.loads(info.read_text())["d"]["file_name"]) == (0, "d.json")


def test_a_trace_tells_how_each_row_came_to_be(refined: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert burnish("export", refined, out, "--with-trace").code == 0
    first, _, last = json.loads(out.read_text("utf-8"))
    trace = first["burnish"]
    assert set(trace) == {
        *(
            "index",
            "row",
            "turn",
            "history",
            "original",
            "choices",
            "before",
            "after",
            "review",
            "ratings",
            "note",
            "tags",
            "fields",
            "run",
            "teacher",
            "student",
            "verifier",
        ),
    }
    assert trace["original"]["instruction"] == SHORT[0]["instruction"]
    assert all(choice["critique"] for choice in trace["choices"])
    assert trace["before"]["ifd"]["value"] > 0
    assert trace["teacher"]["digest"].startswith("sha256:")
    assert trace["student"]["digest"].startswith("sha256:")
    assert last["burnish"]["choices"] == []


def test_rules_let_through_what_they_say(refined: Path, scored: Path, tmp_path: Path) -> None:
    def rows(path: Path, *options: str) -> int:
        ended = burnish("export", path, tmp_path / "out.json", *options, "--json")
        return int(json.loads(ended.out)["rows"])

    with Workspace.read(refined) as workspace:
        run = workspace.latest_run()
        replaced = sum(
            row.outcome is not None and row.outcome.choices[1].verdict == "replaced"
            for row in exported(workspace, run)
        )
    assert rows(refined, "--rule", "paper") == replaced
    assert rows(refined, "--rule", "accepted") == 0
    assert rows(scored, "--rule", "top", "--top", "1") == 1
    assert rows(scored, "--rule", "top", "--top", "100%") == 2
    assert burnish("export", scored, tmp_path / "o.json", "--rule", "top", "--top", "many").code == 2
    assert burnish("export", scored, tmp_path / "o.json", "--top", "many").code == 2
    assert rows(scored, "--top", "1") == 1
    assert rows(refined, "--rule", "paper", "--top", "1") == min(replaced, 1)
    assert "rule all, top 1" in burnish("export", scored, tmp_path / "o.json", "--top", "1").out


def test_neither_the_source_nor_the_workspace_is_written_over(refined: Path) -> None:
    before = contents(refined.parent)
    for out in (refined.with_name("data.json"), refined):
        ended = burnish("export", refined, out)
        assert ended.code == 1
        assert "does not write over its own source" in ended.complaint
    assert contents(refined.parent) == before
