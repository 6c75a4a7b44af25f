"""Rows that cannot be refined come out as they were, in their place; no other rule than all has them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.export.export import ExportRequest, RowProgress, preview, write
from engine.export.trainers import Trainer
from engine.formats.names import Format
from engine.formats.passed import passed_on
from engine.formats.read import open_dataset
from engine.run.opening import open_workspace
from engine.sample import Decision, Version, WhyPassed
from engine.store.leaving import ExportRule
from engine.store.workspace import Workspace
from tests.factory import RECORD, recipe, review

NEW = Version(instruction="New?", response="Newer.")

GOOD: dict[str, Any] = {
    "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}],
    "n": 1,
}
CALL = '{"name": "kiln", "arguments": {"of": 1}}'
TOOLS: dict[str, Any] = {
    "tools": '[{"name": "kiln"}]',
    "conversations": [
        {"from": "human", "value": "How warm?"},
        {"from": "function_call", "value": CALL, "loss": False},
        {"value": '{"celsius": 640}', "from": "observation"},
        {"from": "gpt", "value": "640 degrees."},
    ],
    "id": None,
}
CALLED: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "How warm?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": json.loads(CALL)}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "640"},
    ]
}
OPEN: dict[str, Any] = {
    "n": 2,
    "conversations": [{"from": "system", "value": None}, {"from": "human", "value": " c"}],
}
IMAGE: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": [{"type": "image", "url": "x.png"}, {"type": "text", "text": "What?"}]},
        {"role": "assistant", "content": "A kiln."},
    ]
}
ASKED = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "n": 1}


def opened(folder: Path, content: str | bytes, name: str = "data.json") -> Path:
    """The workspace of a dataset, whose first sample a person replaced."""
    data = folder / name
    data.write_bytes(content.encode() if isinstance(content, str) else content)
    path = folder / "w.burnish"
    with open_workspace(path, data, None, None) as workspace:
        workspace.run(recipe(), RECORD)
        workspace.reviews.keep(review(0, Decision.EDITED, version=NEW))
    return path


def exported(workspace: Path, out: Path, **wanted: Any) -> list[Any]:
    write(workspace, out, ExportRequest(**wanted), RowProgress())
    return [row for _, row in open_dataset(out).rows()]


@pytest.mark.parametrize("as_lines", [False, True])
@pytest.mark.parametrize(
    ("rows", "at"),
    [
        ([OPEN, TOOLS, GOOD, TOOLS, GOOD, OPEN], 2),
        ([ASKED, CALLED, IMAGE, ASKED], 0),
        (
            [
                {"z": 1, "output": None, "instruction": "i", "history": [["a", "b"]], "system": "s"},
                {"output": "o", "input": "", "instruction": "i"},
                {"prompt": "only this", "n": [1, None]},
                {"completion": "", "prompt": "x"},
            ],
            1,
        ),
    ],
)
def test_rows_come_out_in_their_place_and_untouched(
    tmp_path: Path, rows: list[dict[str, Any]], at: int, as_lines: bool
) -> None:
    content = "".join(json.dumps(row) + "\n" for row in rows) if as_lines else json.dumps(rows)
    path = opened(tmp_path, content)
    for trace in (False, True):
        out = exported(path, tmp_path / "out.json", trace=trace)
        assert len(out) == len(rows)
        same = [number for number, row in enumerate(out) if json.dumps(row) == json.dumps(rows[number])]
        refined = [number for number, row in enumerate(out) if "Newer." in json.dumps(row)]
        assert refined == [at]
        passed = len(rows) - sum("burnish" in row for row in out) if trace else None
        assert passed is None or passed == sum(Workspace.read(path).passed().values())
        if not trace:
            assert same == [number for number in range(len(rows)) if number != at]


def test_a_table_keeps_its_rows(tmp_path: Path) -> None:
    path = opened(tmp_path, "instruction,input,output\na,,\nb,,c\nd,u,\n", "data.csv")
    write(path, tmp_path / "out.csv", ExportRequest(), RowProgress())
    with (tmp_path / "out.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [["a", "", ""], ["New?", "", "Newer."], ["d", "u", ""]]


def test_parquet_keeps_its_rows_and_types(tmp_path: Path) -> None:
    kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("weight", pa.int8())]))
    rows = [
        {"messages": [{"role": "user", "content": "a", "weight": None}], "n": 1},
        {
            "messages": [
                {"role": "user", "content": "a", "weight": 1},
                {"role": "assistant", "content": "b", "weight": 1},
            ],
            "n": 2,
        },
        {"messages": None, "n": 3},
        {"messages": [{"role": "tool", "content": "x", "weight": 0}], "n": None},
    ]
    table = pa.Table.from_pylist(rows, pa.schema([("messages", kind), ("n", pa.int32())]))
    pq.write_table(table, tmp_path / "in.parquet")
    path = opened(tmp_path, (tmp_path / "in.parquet").read_bytes(), "data.parquet")
    write(path, tmp_path / "out.parquet", ExportRequest(), RowProgress())
    out = pq.read_table(tmp_path / "out.parquet")
    assert out.schema.equals(table.schema)
    assert [row for number, row in enumerate(out.to_pylist()) if number != 1] == [rows[0], rows[2], rows[3]]
    assert out.to_pylist()[1]["messages"][1]["content"] == "Newer."


@pytest.mark.parametrize("rule", [rule for rule in ExportRule if rule is not ExportRule.ALL])
def test_a_rule_that_chooses_samples_leaves_them_out_and_says_how_many(
    tmp_path: Path, rule: ExportRule
) -> None:
    path = opened(tmp_path, json.dumps([TOOLS, GOOD, OPEN]))
    report = write(path, tmp_path / "out.json", ExportRequest(rule), RowProgress())
    assert (report.rows, report.of) == (rule is ExportRule.ACCEPTED, 3)
    assert (report.passed, report.left_out) == (0, 2)


def test_all_counts_them_and_the_preview_shows_them(tmp_path: Path) -> None:
    path = opened(tmp_path, json.dumps([TOOLS, GOOD, OPEN]))
    report = write(path, tmp_path / "out.json", ExportRequest(), RowProgress())
    assert (report.rows, report.of, report.passed, report.left_out) == (3, 3, 2, 0)
    shown = preview(path, ExportRequest(), 2)
    assert shown.samples == (None, 0)
    assert shown.rows[0] == json.dumps(TOOLS)
    assert (shown.leaving[ExportRule.ALL], shown.of, shown.passed) == (3, 3, 2)
    with Workspace.read(path) as reading:
        assert (len(reading), reading.passed()) == (1, {WhyPassed.NO_ANSWER: 1, WhyPassed.TOOLS: 1})
        assert reading.database.execute("SELECT row FROM rows WHERE why IS NOT NULL ORDER BY row") == [
            (0,),
            (2,),
        ]
        assert reading.sample(0).row == GOOD


def test_tool_turns_change_their_names_between_the_layouts(tmp_path: Path) -> None:
    path = opened(tmp_path, json.dumps([TOOLS, GOOD, OPEN]))
    first, _, last = exported(path, tmp_path / "out.jsonl", format=Format.MESSAGES)
    assert first == {
        "messages": [
            {"role": "user", "content": "How warm?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"type": "function", "function": json.loads(CALL)}],
                "loss": False,
            },
            {"role": "tool", "content": '{"celsius": 640}'},
            {"role": "assistant", "content": "640 degrees."},
        ],
        "tools": '[{"name": "kiln"}]',
        "id": None,
    }
    assert last["messages"][1] == {"role": "user", "content": " c"}
    sharegpt = passed_on(CALLED, Format.MESSAGES.layout, Format.SHAREGPT.layout)
    assert sharegpt is not None
    assert [turn["from"] for turn in sharegpt["conversations"]] == ["human", "function_call", "observation"]
    assert json.loads(sharegpt["conversations"][1]["value"]) == json.loads(CALL)


def test_a_row_that_another_layout_has_no_place_for_is_left_out_and_counted(tmp_path: Path) -> None:
    path = opened(tmp_path, json.dumps([TOOLS, GOOD, OPEN]))
    report = write(path, tmp_path / "out.json", ExportRequest(format=Format.ALPACA), RowProgress())
    assert (report.rows, report.of, report.passed, report.left_out) == (1, 3, 0, 2)
    assert passed_on(IMAGE, Format.MESSAGES.layout, Format.SHAREGPT.layout) is None
    critic = {"conversations": [{"from": "critic", "value": "x"}]}
    assert passed_on(critic, Format.SHAREGPT.layout, Format.MESSAGES.layout) is None


def test_a_question_without_an_answer_is_one_turn(tmp_path: Path) -> None:
    row = {"question": "a", "context": "u", "answer": None, "n": 1}
    assert passed_on(row, Format.ALPACA.layout, Format.MESSAGES.layout) == {
        "messages": [{"role": "user", "content": "a\nu"}],
        "n": 1,
    }


@pytest.mark.parametrize("trainer", list(Trainer))
def test_a_trainer_gets_them_in_its_own_names(tmp_path: Path, trainer: Trainer) -> None:
    odd = {"conversations": [{"role": "User", "content": "a"}, {"role": "function_call", "content": CALL}]}
    path = opened(tmp_path, json.dumps([TOOLS, GOOD, odd]))
    name = "out.json" if trainer is Trainer.LLAMAFACTORY else "out.jsonl"
    first, _, last = exported(path, tmp_path / name, trainer=trainer)
    if trainer is Trainer.LLAMAFACTORY:
        assert json.dumps(first) == json.dumps(TOOLS)
        assert last["conversations"] == [
            {"from": "human", "value": "a"},
            {"from": "function_call", "value": CALL},
        ]
    else:
        assert first["tools"] == [{"name": "kiln"}]
        assert [turn["role"] for turn in first["messages"]] == ["user", "assistant", "tool", "assistant"]
        assert last["messages"][1]["tool_calls"][0]["function"]["name"] == "kiln"
