"""A workspace takes up the rows that its dataset has gained, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.names import DatasetError
from engine.run.opening import ChangedDatasetError, append_dataset, open_workspace
from engine.store.file_errors import WorkspaceError
from engine.store.workspace import Workspace
from models.errors import BurnishError, UsageError
from models.teacher import Reply

ROWS: list[dict[str, Any]] = [
    {"instruction": "a", "output": "1"},
    {"instruction": "no answer", "output": ""},
    {"instruction": "b", "output": "2"},
]
NEW: list[dict[str, Any]] = [
    {"instruction": "nor here", "output": None},
    {"instruction": "c", "output": "3"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def stored_rows(workspace: Workspace) -> list[Any]:
    return [json.loads(body) for (body,) in workspace.database.execute("SELECT body FROM rows ORDER BY row")]


@pytest.fixture
def opened(tmp_path: Path) -> Workspace:
    data = write(tmp_path / "data.jsonl", ROWS)
    return open_workspace(tmp_path / "data.burnish", data, None, None)


def test_new_rows_at_the_end_are_taken_up_and_what_was_paid_for_stays(
    tmp_path: Path, opened: Workspace
) -> None:
    reply = Reply("t", tokens=1)
    opened.keep_reply(1, b"q", reply, {})
    grown = write(tmp_path / "grown.jsonl", [*ROWS, *NEW])
    opened.close()
    with pytest.raises(ChangedDatasetError, match=r"--append$"):
        open_workspace(opened.path, grown, None, None)
    with Workspace.open(opened.path) as again:
        assert append_dataset(again, grown, None) == 2
        assert [sample.original.instruction for sample in again.samples()] == ["a", "b", "c"]
        assert stored_rows(again) == [*ROWS, *NEW]
        assert again.database.execute("SELECT row FROM rows WHERE why IS NOT NULL ORDER BY row") == [
            (1,),
            (3,),
        ]
        assert again.reply(1, b"q") == reply
        assert again.source().path == str(grown)
        assert append_dataset(again, grown, None) == 0
    open_workspace(opened.path, grown, None, None).close()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROWS[0], ROWS[1], {"instruction": "b", "output": "two"}, *NEW], r"row 3 of .* is another than it was"),
        ([{"instruction": "a", "output": "1", "n": 1}, *ROWS[1:], *NEW], r"row 1 of .* is another than it was"),
        ([*NEW, *ROWS], r"row 1 of .* is another than it was"),
        (ROWS[:2], r"ends before row 3; its old rows must stay"),
        ([*ROWS, [1]], r"line 4: expected an object, found a list"),
    ],
)  # fmt: skip
def test_a_dataset_that_changed_otherwise_is_refused_and_nothing_is_taken_up(
    tmp_path: Path, opened: Workspace, rows: list[dict[str, Any]], message: str
) -> None:
    before = opened.source(), stored_rows(opened)
    with pytest.raises((WorkspaceError, DatasetError), match=message):
        append_dataset(opened, write(tmp_path / "grown.jsonl", rows), None)
    assert (opened.source(), stored_rows(opened)) == before


def test_a_dataset_that_is_gone_cannot_have_grown(tmp_path: Path, opened: Workspace) -> None:
    with pytest.raises(BurnishError, match=r"gone\.jsonl: no such file"):
        append_dataset(opened, tmp_path / "gone.jsonl", None)
    with pytest.raises(BurnishError, match="is a directory"):
        append_dataset(opened, tmp_path, None)


def test_a_grown_dataset_is_read_as_it_was_then(tmp_path: Path) -> None:
    def table(*rows: str) -> bytes:
        return "\n".join(("frage;antwort", *rows)).encode("cp1252")

    data, columns = tmp_path / "data.csv", Columns(instruction="frage", response="antwort")
    data.write_bytes(table("où;là"))
    workspace = tmp_path / "data.burnish"
    open_workspace(workspace, data, None, None, encoding="cp1252", columns=columns).close()
    with pytest.raises(UsageError, match="was read with --columns instruction=frage,response=antwort, not"):
        open_workspace(workspace, data, None, None, columns=Columns(response="frage"))
    data.write_bytes(table("où;là", "é;è"))
    with Workspace.open(workspace) as opened:
        assert opened.source().columns == columns != NO_COLUMNS
        assert append_dataset(opened, data, None) == 1
        assert [sample.original.instruction for sample in opened.samples()] == ["où", "é"]
        with pytest.raises(UsageError, match="a workspace; give the dataset"):
            append_dataset(opened, workspace, None)
