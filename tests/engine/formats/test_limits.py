"""A row that is too large is one line, before it is read whole, and the rows around it are read."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.formats.limits import DEFAULT, MIB, limit_rows
from engine.formats.names import DatasetError
from engine.formats.read import any_rows, open_dataset
from tests.command import burnish

GOOD = {"instruction": "Hi?", "output": "Hello."}
LARGE: dict[str, object] = {
    "text": "x" * (MIB + MIB // 4),
    "escapes": 'a\\"}{][b\n' * (MIB // 7),
    "wide": "é" * (MIB + MIB // 4),
}
NESTED = {"more": [[[1], {"a": "]"}]] * (MIB // 4)}


@pytest.fixture(autouse=True)
def _limit() -> Iterator[None]:
    limit_rows(1)
    yield
    limit_rows(DEFAULT)


def table(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, GOOD)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def parquet(path: Path, rows: list[dict[str, object]], **options: int) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, **options)


WRITERS: dict[str, Callable[[Path, list[dict[str, object]]], object]] = {
    "data.json": lambda path, rows: path.write_text(json.dumps(rows, ensure_ascii=False)),
    "data.jsonl": lambda path, rows: path.write_text("".join(json.dumps(row) + "\n" for row in rows)),
    "wrapped.json": lambda path, rows: path.write_text(json.dumps({"version": 1, "data": rows})),
    "data.csv": lambda path, rows: path.write_text(table(rows)),
    "data.parquet": parquet,
    "groups.parquet": lambda path, rows: parquet(path, rows, row_group_size=1),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("place", [1, 2])
def test_a_large_row_is_passed_over(tmp_path: Path, name: str, kind: str, place: int) -> None:
    rows: list[dict[str, object]] = [{**GOOD, "output": f"{number}"} for number in range(3)]
    rows[place] = {**GOOD, "output": LARGE[kind]}
    path = tmp_path / name
    WRITERS[name](path, rows)
    bad: list[str] = []
    samples = list(open_dataset(path).samples(lambda one: bad.append(one.message)))
    assert [sample.original.response for sample in samples] == [f"{n}" for n in range(3) if n != place]
    assert len(bad) == 1
    assert "larger than 1 MiB; leave it out, or raise the setting data.row_mib" in bad[0]


@pytest.mark.parametrize("name", ["data.json", "data.jsonl"])
def test_a_large_row_of_many_small_values_is_passed_over(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path, [dict(GOOD), {**GOOD, **NESTED}, dict(GOOD)])
    bad: list[str] = []
    assert len(list(open_dataset(path).samples(lambda one: bad.append(one.message)))) == 2
    assert len(bad) == 1


def dictionary(rows: int, value: str) -> pa.Table:
    values = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))
    return pa.table({"instruction": ["Hi?"] * rows, "output": values})


def test_rows_that_share_one_large_value_are_not_all_unpacked_at_once(tmp_path: Path) -> None:
    path, size, rows = tmp_path / "data.parquet", MIB * 3 // 4, 200
    pq.write_table(dictionary(rows, "x" * size), path, dictionary_pagesize_limit=MIB)
    assert path.stat().st_size < size
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        samples = open_dataset(path).samples()
        assert sum(len(sample.original.response) for sample in samples) == rows * size
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < 20 * MIB < rows * size


def test_a_group_is_read_as_its_rows_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    rows = pa.table({"instruction": ["Hi?"] * 4000, "output": [f"{n} " * 1000 for n in range(4000)]})
    pq.write_table(rows, path, compression="none", use_dictionary=False)
    pool, usual = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        next(open_dataset(path).samples())
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < path.stat().st_size // 2


def test_a_quote_that_is_never_closed_ends_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(table([dict(GOOD)]) + 'Hi?,"' + "and on\n" * MIB)
    bad: list[str] = []
    assert len(list(open_dataset(path).samples(lambda one: bad.append(one.message)))) == 1
    assert len(bad) == 1


def test_rows_after_a_large_one_of_many_lines_keep_their_places(tmp_path: Path) -> None:
    path, lines = tmp_path / "data.csv", 2 * MIB // 7
    large, after = 'Hi?,"' + "and on\n" * lines + 'x"" y""\n z"\n', 'c,d\ne\n"f\n",g\n'
    path.write_text(table([dict(GOOD)]) + large + after)
    bad: list[str] = []
    samples = list(open_dataset(path).samples(lambda one: bad.append(one.where)))
    assert [sample.original.instruction for sample in samples] == ["Hi?", "c", "f\n"]
    assert bad == ["line 3", f"line {3 + lines + 3}"]


def test_a_large_line_of_text_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("one\n" + 'x"' * 2 * MIB + "\nthree\n")
    with pytest.raises(DatasetError, match="line 2: larger than 1 MiB"):
        list(any_rows(path))


@pytest.mark.parametrize("name", ["data.json", "data.jsonl", "data.csv", "groups.parquet"])
def test_a_command_says_one_line_before_the_row_is_read_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path, [dict(GOOD), {**GOOD, "output": "x" * 40 * MIB}])
    tracemalloc.start()
    ended = burnish(
        *("run", path, "-w", tmp_path / "w.burnish", "--teacher", "demo", "--method", "reflect"),
        environment={"BURNISH_DATA__ROW_MIB": "1"},
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (ended.code, "larger than 1 MiB" in ended.complaint) == (1, True)
    assert str(path) in ended.complaint
    assert peak < 30 * MIB
    assert [one.name for one in tmp_path.iterdir()] == [name], "nothing is left, not even a lock"


def test_a_row_that_a_workspace_cannot_hold_does_not_call_a_file_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_rows(DEFAULT)
    connect = __import__("sqlite3").connect

    def small(*arguments: object, **options: object) -> object:
        opened = connect(*arguments, **options)
        opened.setlimit(0, 100_000)  # SQLITE_LIMIT_LENGTH
        return opened

    path = tmp_path / "data.json"
    WRITERS["data.json"](path, [{**GOOD, "output": "x" * 200_000}])
    monkeypatch.setattr("engine.store.connection.sqlite3.connect", small)
    ended = burnish("run", path, "-w", tmp_path / "w.burnish", "--teacher", "demo", "--method", "reflect")
    assert (ended.code, "a row is larger than a SQLite file can hold" in ended.complaint) == (1, True)
    assert [one.name for one in tmp_path.iterdir()] == ["data.json"]
