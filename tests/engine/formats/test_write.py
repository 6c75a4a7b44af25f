"""Datasets out: complete or not at all, and never over their source."""

from __future__ import annotations

import csv
import datetime
import decimal
import json
import os
import stat
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.formats.names import Container, DatasetError, Format
from engine.formats.read import open_dataset
from engine.formats.render import render
from engine.formats.write import write_dataset
from tests.engine.formats.content import written_and_read
from tests.parts import in_part

ROW = {"instruction": "Add.", "input": "1 2", "output": "3"}


# JSON -----------------------------------------------------------------------------------------------------


def test_json_is_readable_and_escapes_no_more_than_it_must(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_dataset(path, Format.ALPACA_JSONL, [{"instruction": "é 😀 \u2028 \ud800", "output": "\x00\x7f"}])
    assert path.read_bytes() == '{"instruction": "é 😀 \u2028 \\ud800", "output": "\\u0000\x7f"}\n'.encode()


def test_an_array_has_one_row_a_line(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    assert write_dataset(path, Format.ALPACA, [{"a": 1}, {"b": 2}]) == 2
    assert path.read_text() == '[\n{"a": 1},\n{"b": 2}\n]\n'
    assert write_dataset(path, Format.ALPACA, []) == 0
    assert json.loads(path.read_text()) == []


@pytest.mark.parametrize("format", [Format.ALPACA, Format.ALPACA_JSONL, Format.CSV, Format.PARQUET])
def test_what_is_no_number_is_never_written(tmp_path: Path, format: Format) -> None:
    for value in (float("nan"), float("inf"), [{"deep": float("-inf")}]):
        with pytest.raises(DatasetError, match=r"^row 2 of the export cannot be written as JSON"):
            write_dataset(tmp_path / "out", format, [ROW, ROW | {"score": value}])
    assert list(tmp_path.iterdir()) == []


# Tables ---------------------------------------------------------------------------------------------------


def test_a_csv_header_names_every_field_of_every_row(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    late = ROW | {"tags": ["a", "é"], "burnish": {"ifd": 0.5}, "none": None, "yes": True, "n": 7}
    assert write_dataset(path, Format.CSV, [*[ROW] * 1500, late]) == 1501
    with path.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert table[0] == ROW | {"tags": "", "burnish": "", "none": "", "yes": "", "n": ""}
    assert table[-1] == ROW | {
        "tags": '["a", "é"]',
        "burnish": '{"ifd": 0.5}',
        "none": "",
        "yes": "true",
        "n": "7",
    }


@pytest.mark.parametrize("format", [Format.CSV, Format.PARQUET])
def test_a_table_refuses_half_a_character_and_names_the_row(tmp_path: Path, format: Format) -> None:
    with pytest.raises(
        DatasetError, match=r"^row 2 of the export holds half a character .*export it as JSON$"
    ):
        write_dataset(tmp_path / "out", format, [ROW, ROW | {"output": "x\udfff"}])
    assert list(tmp_path.iterdir()) == []


def test_parquet_keeps_types_and_puts_what_has_none_into_json(tmp_path: Path) -> None:
    mixed: list[dict[str, Any]] = [
        {"m": 1},
        {"m": "one"},
        {"m": None},
        {"empty": {}},
        {"big": 2**70},
        {"n": 2},
    ]
    trace = {"burnish": {"scores": [1, 2]}}
    samples = written_and_read(tmp_path, Format.PARQUET, [ROW | more | trace for more in mixed])
    found = [{name: sample.row[name] for name in ("m", "empty", "big", "n", "burnish")} for sample in samples]
    blank = {"m": None, "empty": None, "big": None, "n": None, "burnish": '{"scores": [1, 2]}'}
    assert found == [
        blank | {"m": "1"},
        blank | {"m": "one"},
        blank,
        blank | {"empty": "{}"},
        blank | {"big": str(2**70)},
        blank | {"n": 2},
    ]


def test_parquet_turns_with_keys_of_their_own_are_joined_over_batches(tmp_path: Path) -> None:
    def row(**more: object) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", **more}]}

    samples = written_and_read(tmp_path, Format.MESSAGES_PARQUET, [row()] * 1200 + [row(weight=1)])
    assert samples[-1].row["messages"][1] == {"role": "assistant", "content": "b", "weight": 1}
    assert samples[0].original == samples[-1].original


def test_parquet_values_that_json_has_not_become_text(tmp_path: Path) -> None:
    row = ROW | {"on": datetime.date(2024, 2, 3), "cost": decimal.Decimal("1.50"), "x": float("nan")}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "data")
    assert next(open_dataset(tmp_path / "data").samples()).row == ROW | {
        "on": "2024-02-03",
        "cost": "1.50",
        "x": None,
    }
    pq.write_table(pa.Table.from_pylist([ROW | {"image": b"\x00"}]), tmp_path / "data")
    with pytest.raises(DatasetError, match='row 1: "image" holds bytes'):
        next(open_dataset(tmp_path / "data").samples())


@pytest.mark.parametrize("format", [f for f in Format if f.container is not Container.CSV], ids=str)
def test_the_deepest_row_that_is_read_is_written(tmp_path: Path, format: Format) -> None:
    def nested(depth: int) -> Any:
        return [nested(depth - 1)] if depth else []

    path = tmp_path / "data.json"
    path.write_text(json.dumps([ROW | {"n": nested(98)}]), "utf-8")
    (sample,) = open_dataset(path).samples()
    row = render(sample, sample.original, Format.ALPACA, format)
    assert write_dataset(tmp_path / "out", format, iter([row])) == 1


def test_without_pyarrow_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(tmp_path / "data", Format.PARQUET, [ROW])
    monkeypatch.delitem(sys.modules, "engine.formats.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for attempt in (
        lambda: open_dataset(tmp_path / "data"),
        lambda: write_dataset(tmp_path / "out", Format.PARQUET, [ROW]),
    ):
        with pytest.raises(DatasetError, match=r"pip install 'burnish\[parquet\]'$"):
            attempt()


# Files ----------------------------------------------------------------------------------------------------


def test_a_failed_export_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("before")

    def records() -> Iterator[dict[str, Any]]:
        yield ROW
        raise KeyboardInterrupt

    for format in (Format.ALPACA, Format.CSV, Format.PARQUET):
        with pytest.raises(KeyboardInterrupt):
            write_dataset(path, format, records())
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.json"]
    assert path.read_text() == "before"


def test_through_a_link_the_file_it_leads_to_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    target.write_text("before")
    link.symlink_to(target)
    write_dataset(link, Format.ALPACA_JSONL, [{"a": 1}])
    assert link.is_symlink()
    assert target.read_text() == '{"a": 1}\n'


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_dataset(tmp_path / "out", Format.ALPACA, [ROW])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == mode


@pytest.mark.parametrize(
    ("name", "reason"),
    [("no/out.json", "No such file"), ("file/out.json", "Not a directory"), ("folder", "is not a file")],
)
def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(DatasetError, match=f"cannot be written: .*{reason}"):
        write_dataset(tmp_path / name, Format.ALPACA, [ROW])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def full(path: Any, flags: int, mode: int = 0o777) -> int:
        descriptor = opened(path, flags, mode)
        if flags & os.O_WRONLY:
            os.dup2(opened("/dev/full", os.O_WRONLY), descriptor)
        return descriptor

    monkeypatch.setattr("models.system.atomic_file.os.open", full)
    with pytest.raises(DatasetError, match=r"cannot be written: No space left on device; what was there"):
        write_dataset(tmp_path / "out", Format.ALPACA, [ROW])
    assert list(tmp_path.iterdir()) == []


@in_part("format", [Format.ALPACA, Format.ALPACA_JSONL, Format.CSV])
def test_memory_does_not_grow_with_the_export(tmp_path: Path, format: Format) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            write_dataset(tmp_path / "out", format, (ROW | {"id": number} for number in range(count)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20_000) < peak(4_000) * 1.2


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zst"])
@pytest.mark.parametrize("format", [Format.ALPACA, Format.ALPACA_JSONL, Format.CSV])
def test_a_file_is_packed_as_its_name_says_the_same_every_time(
    tmp_path: Path, format: Format, ending: str
) -> None:
    pytest.importorskip("zstandard")
    rows = [{"instruction": "a" * 1000, "output": "b"}] * 100
    path, other, plain = (tmp_path / name for name in (f"x{ending}", f"other.jsonl{ending}", "plain"))
    for out in (path, other, plain):
        assert write_dataset(out, format, rows) == 100
    assert path.read_bytes() == other.read_bytes()
    assert path.stat().st_size < plain.stat().st_size / 10
    assert [sample.row for sample in open_dataset(path, format).samples()] == rows
    with pytest.raises(DatasetError, match=f"Parquet is packed as it is; give it a name without {ending}"):
        write_dataset(path, Format.PARQUET, rows)
    assert sorted(tmp_path.iterdir()) == sorted([path, other, plain])
