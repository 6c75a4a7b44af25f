"""Datasets out: complete or not at all, never over their source, and read back as they were."""

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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.formats.layouts import render
from engine.formats.names import Container, DatasetError, Format
from engine.formats.read import open_dataset
from engine.formats.write import write_dataset
from engine.sample import Sample

ROW = {"instruction": "Add.", "input": "1 2", "output": "3"}
JSON_FORMATS = [format for format in Format if format.container in (Container.JSON, Container.JSONL)]


# Round trips ----------------------------------------------------------------------------------------------

any_text = st.text(st.characters(exclude_categories=()), max_size=20).map(
    # A high and a low surrogate side by side are one character to every JSON reader.
    lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
)
whole_text = st.text(max_size=20)


def filled(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return text.filter(lambda given: bool(given) and not given.isspace())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=5,
)


def names(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    known = {"instruction", "input", "output", "context", "conversations", "messages", "burnish"}
    known |= {"prompt", "response", "completion", "question", "query", "answer"}
    return text.filter(lambda name: name.strip().casefold() not in known)


def rows(
    format: Format, text: st.SearchStrategy[str], unknown: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Rows of a format with texts and unknown fields of these kinds."""
    style = {
        "conversations": ("from", "value", "human", "gpt"),
        "messages": ("role", "content", "user", "assistant"),
    }
    field = format.layout.value
    if field in style:
        role, content, user, assistant = style[field]

        def turn(name: str, words: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
            return st.fixed_dictionaries({role: st.just(name), content: words})

        earlier = st.lists(
            st.sampled_from([user, assistant, "system"]).flatmap(lambda name: turn(name, text)), max_size=3
        )
        last = st.tuples(turn(user, filled(text)), turn(assistant, filled(text))).map(list)
        known: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
            {field: st.builds(lambda a, b: [*a, *b], earlier, last)}
        )
    else:
        texts = {"instruction": filled(text), "output": filled(text)}
        known = st.fixed_dictionaries(texts | ({"input": text} if field.count(",") == 2 else {}))
    return st.builds(lambda a, b: a | b, known, unknown)


def written_and_read(folder: Path, format: Format, records: list[dict[str, Any]]) -> list[Sample]:
    path = folder / "data"
    assert write_dataset(path, format, iter(records)) == len(records)
    dataset = open_dataset(path)
    assert dataset.format.container is format.container
    return list(dataset.samples())


relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("format", JSON_FORMATS)
@relaxed
@given(data=st.data())
def test_json_brings_back_every_row_exactly(tmp_path: Path, format: Format, data: st.DataObject) -> None:
    unknown = st.dictionaries(names(any_text), values, max_size=3)
    records = data.draw(st.lists(rows(format, any_text, unknown), min_size=1, max_size=4))
    samples = written_and_read(tmp_path, format, records)
    assert json.dumps([sample.row for sample in samples]) == json.dumps(records)
    # And once more through the program's own reading and rendering: byte for byte the same file.
    rewritten = [render(sample, sample.original, format, format) for sample in samples]
    before = (tmp_path / "data").read_bytes()
    write_dataset(tmp_path / "data", format, rewritten)
    assert (tmp_path / "data").read_bytes() == before


@relaxed
@given(data=st.data())
def test_csv_brings_back_every_text_exactly(tmp_path: Path, data: st.DataObject) -> None:
    # A NUL in the first line is how a binary file is told from a table.
    heading = names(whole_text).filter(lambda name: "\x00" not in name)
    header = data.draw(st.lists(heading, max_size=2, unique=True))
    unknown = st.fixed_dictionaries(dict.fromkeys(header, whole_text))
    records = data.draw(st.lists(rows(Format.CSV, whole_text, unknown), min_size=1, max_size=4))
    assert [sample.row for sample in written_and_read(tmp_path, Format.CSV, records)] == records


@pytest.mark.parametrize("format", [Format.PARQUET, Format.SHAREGPT_PARQUET, Format.MESSAGES_PARQUET])
@relaxed
@given(data=st.data())
def test_parquet_brings_back_every_row_exactly(tmp_path: Path, format: Format, data: st.DataObject) -> None:
    unknown = st.fixed_dictionaries(
        {
            "n": st.integers(-(2**63), 2**63 - 1),
            "x": st.floats(allow_nan=False, allow_infinity=False),
            "t": whole_text,
        }
    )
    records = data.draw(st.lists(rows(format, whole_text, unknown), min_size=1, max_size=4))
    assert [sample.row for sample in written_and_read(tmp_path, format, records)] == records


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


def test_the_source_and_the_workspace_are_never_written_over(tmp_path: Path) -> None:
    source, link = tmp_path / "data.json", tmp_path / "link.json"
    source.write_text(json.dumps([ROW]))
    link.symlink_to(source)
    for target in (source, link, tmp_path / "." / "data.json"):
        with pytest.raises(DatasetError, match="does not write over its own source"):
            write_dataset(target, Format.ALPACA, [ROW], protected=[tmp_path / "gone", source])
    assert source.read_text() == json.dumps([ROW])


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


@pytest.mark.parametrize("format", [Format.ALPACA, Format.ALPACA_JSONL, Format.CSV])
def test_memory_does_not_grow_with_the_export(tmp_path: Path, format: Format) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            write_dataset(tmp_path / "out", format, (ROW | {"id": number} for number in range(count)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20_000) < peak(4_000) * 1.2
