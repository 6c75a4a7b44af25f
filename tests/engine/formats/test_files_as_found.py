"""Files as they are found: rows in objects, tables by any mark, Arrow, packed files."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from engine.formats.names import DatasetError, Format
from engine.formats.packed import packing_into
from engine.formats.read import open_dataset
from engine.sample import Version
from tests.engine.formats.content import ALPACA, WIZARD, array, fault, lines, write

ROWS = [ALPACA, WIZARD | {"input": "x"}]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"data": ROWS}),
        json.dumps({"version": 1, "meta": [1, {"a": []}], "train": ROWS, "info": {"rows": []}}, indent=2),
        '{"rows": [\n' + ",\n".join(map(json.dumps, ROWS)) + "\n]}",
        json.dumps({name: [row[name] for row in ROWS] for name in ALPACA}),
        json.dumps({name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ALPACA}, indent=1),
        json.dumps({str(n): row for n, row in enumerate(ROWS)}),
        json.dumps(
            {
                "columns": list(ALPACA),
                "index": [0, 1],
                "data": [[row[name] for name in ALPACA] for row in ROWS],
            }
        ),
    ],
    ids=["data", "train", "lines", "by-column", "pandas", "by-index", "split"],
)
def test_an_object_that_holds_the_rows_is_read(tmp_path: Path, content: str) -> None:
    for text in (content, "\ufeff \n" + content + "\n"):
        dataset = open_dataset(write(tmp_path, text))
        assert dataset.format is Format.ALPACA
        assert [dict(sample.row) for sample in dataset.samples()] == [
            {name: row[name] for name in sample.row}
            for sample, row in zip(dataset.samples(), ROWS, strict=True)
        ]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ALPACA),
        json.dumps(ALPACA, indent=2),
        "\n".join(json.dumps(ALPACA, indent=2) for _ in range(3)),
        json.dumps(ALPACA) * 2,
        ",\n".join(json.dumps(ALPACA, indent=2) for _ in range(3)),
        (json.dumps(ALPACA) + ",\n") * 3,
        json.dumps(ALPACA) + "\r\n\r\n \r\n" + json.dumps(ALPACA),
        json.dumps(ALPACA | {"examples": [WIZARD, WIZARD]}, indent=1),
        json.dumps({"examples": [WIZARD]} | ALPACA),
    ],
)
def test_objects_one_after_another_are_rows(tmp_path: Path, content: str) -> None:
    dataset = open_dataset(write(tmp_path, content))
    assert dataset.format is Format.ALPACA_JSONL
    assert {sample.original.instruction for sample in dataset.samples()} == {"Add."}


def test_a_long_file_on_one_line_is_read_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.formats.objects._LINE", 100)
    path = write(tmp_path, json.dumps({"meta": {"a": "x" * 300}, "data": [ALPACA] * 50}))
    assert len(list(open_dataset(path).samples())) == 50


@pytest.mark.parametrize("mark", list(",;\t|"))
@pytest.mark.parametrize("head", ["", "sep={}\r\n", "\ufeff"])
def test_a_table_is_read_by_the_mark_between_its_columns(tmp_path: Path, mark: str, head: str) -> None:
    rows = [["id", "instruction", "output"], ["1", "a", f'"b{mark}\r\nc"']]
    text = head.format(mark) + "\r\n".join(mark.join(row) for row in rows) + "\r\n"
    (sample,) = open_dataset(write(tmp_path, text)).samples()
    assert sample.original == Version(instruction="a", response=f"b{mark}\r\nc")


def test_columns_that_a_spreadsheet_left_empty_are_none(tmp_path: Path) -> None:
    path = write(tmp_path, "instruction,output,,\na,b,,\nc,d\n")
    assert [sample.row for sample in open_dataset(path).samples()] == [
        {"instruction": "a", "output": "b"},
        {"instruction": "c", "output": "d"},
    ]
    assert "line 2: expected 2 cells as in the header, found 4" in fault(
        tmp_path, "instruction,output,,\na,b,,c\n"
    )


def test_a_table_with_other_names_says_which_it_has(tmp_path: Path) -> None:
    path = write(tmp_path, "Frage;Antwort\na;b\n", "a.csv")
    with pytest.raises(DatasetError, match=r'found "Frage", "Antwort"; .*--columns instruction=NAME'):
        open_dataset(path)


def test_arrow_files_and_streams_are_read(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([ALPACA] * 3)
    for make in (pa.ipc.new_file, pa.ipc.new_stream):
        path = tmp_path / "data-00000-of-00001.arrow"
        with pa.OSFile(str(path), "wb") as file, make(file, table.schema) as writer:
            writer.write_table(table)
        dataset = open_dataset(path)
        assert dataset.format is Format.PARQUET
        assert [sample.row for sample in dataset.samples()] == [ALPACA] * 3
        assert dataset.types() is not None
    with pytest.raises(DatasetError, match=r"a folder; choose .* in it, such as data-00000-of-00001\.arrow"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zst"])
def test_a_packed_file_is_read_as_what_it_holds(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("zstandard")
    for name, content in (
        ("a.json", array(ALPACA)),
        ("a.jsonl", lines(ALPACA)),
        ("a.csv", "question;answer\nq;a"),
    ):
        path = tmp_path / (name + ending)
        with path.open("wb") as file, packing_into(path, file) as stream:
            stream.write(content.encode())
        (sample,) = open_dataset(path).samples()
        assert sample.original.instruction in ("Add.", "q")
        for cut in (8, 20, path.stat().st_size - 1):
            short = write(tmp_path, path.read_bytes()[:cut])
            with pytest.raises(DatasetError, match=f"the {ending} file is cut off or damaged"):
                list(open_dataset(short).samples())


def test_a_file_packed_in_several_parts_is_one(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    for pack in (gzip.compress, lzma.compress, zstandard.compress):
        path = write(tmp_path, pack(lines(ALPACA).encode()) + pack(lines(WIZARD).encode()))
        assert len(list(open_dataset(path).samples())) == 2


def test_without_its_package_a_file_of_zstandard_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, b"\x28\xb5\x2f\xfd" + bytes(20))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(DatasetError, match=r"\.zst files need zstandard: pip install 'burnish\[zstd\]'"):
        open_dataset(path)
