"""What is written is read back as it was: texts, unknown fields, and every type of Parquet."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.formats.names import Container, DatasetError, Format
from engine.formats.read import open_dataset
from engine.formats.render import render
from engine.formats.write import write_dataset
from engine.sample import Sample
from tests.engine.formats.content import written_and_read

ROW = {"instruction": "Add.", "input": "1 2", "output": "3"}


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


relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("array", [format for format in Format if format.container is Container.JSON])
@relaxed
@given(data=st.data())
def test_json_brings_back_every_row_exactly(tmp_path: Path, array: Format, data: st.DataObject) -> None:
    unknown = st.dictionaries(names(any_text), values, max_size=3)
    records = data.draw(st.lists(rows(array, any_text, unknown), min_size=1, max_size=4))
    for format in (array, Format.of(Container.JSONL, array.layout)):
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


microseconds = st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30))
milliseconds = microseconds.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
nanoseconds = st.integers(-(2**62), 2**62)
times = st.times()
seconds_of_a_day = st.integers(0, 86_399)

leaves: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.null(), st.none()),
    (pa.bool_(), st.booleans()),
    *[
        (kind, st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
        for bits, kind in ((8, pa.int8()), (16, pa.int16()), (32, pa.int32()), (64, pa.int64()))
    ],
    *[
        (kind, st.integers(0, 2**bits - 1))
        for bits, kind in ((8, pa.uint8()), (16, pa.uint16()), (32, pa.uint32()), (64, pa.uint64()))
    ],
    (pa.float16(), st.floats(width=16, allow_nan=False, allow_infinity=False)),
    (pa.float32(), st.floats(width=32, allow_nan=False, allow_infinity=False)),
    (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    (pa.string(), whole_text),
    (pa.large_string(), whole_text),
    (pa.string_view(), whole_text),
    (pa.dictionary(pa.int8(), pa.string()), whole_text),
    (pa.dictionary(pa.int32(), pa.string(), ordered=True), whole_text),
    (pa.date32(), st.dates()),
    (pa.time32("ms"), times.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))),
    (pa.time64("us"), times),
    (pa.time64("ns"), seconds_of_a_day.map(lambda second: second * 10**9 + 1)),
    (pa.timestamp("ms"), milliseconds),
    (pa.timestamp("us"), microseconds),
    (pa.timestamp("us", "Asia/Kathmandu"), microseconds),
    (pa.timestamp("ns"), nanoseconds),
    (pa.timestamp("ns", "UTC"), nanoseconds),
    (pa.timestamp("ns", "Europe/Berlin"), nanoseconds),
    (pa.duration("ms"), st.integers(-(2**62), 2**62)),
    (pa.duration("ns"), st.integers(-(2**62), 2**62)),
    *[
        (kind, st.decimals(-9999999, 9999999, places=2))
        for kind in (pa.decimal32(9, 2), pa.decimal64(12, 2), pa.decimal128(20, 2), pa.decimal256(60, 2))
    ],
    *[
        (kind, whole_text.filter(lambda text: "\0" not in text).map(str.encode))
        for kind in (pa.binary(), pa.large_binary())
    ],
    (pa.uuid(), st.uuids().map(lambda made: made.bytes)),
    (pa.json_(), st.just('{"a": 1}')),
]
simple = [pair for pair in leaves if not isinstance(pair[0], pa.BaseExtensionType)]


def nested(
    kinds: st.SearchStrategy[tuple[pa.DataType, st.SearchStrategy[Any]]],
) -> st.SearchStrategy[tuple[pa.DataType, st.SearchStrategy[Any]]]:
    """Lists, structs and maps of these types, each with its values."""
    keys = st.sampled_from([pair for pair in simple if pair[0] in (pa.string(), pa.int32(), pa.date32())])

    def lists(pair: tuple[pa.DataType, st.SearchStrategy[Any]]) -> list[tuple[Any, st.SearchStrategy[Any]]]:
        kind, held = pair[0], st.none() | pair[1]
        return [
            (pa.list_(kind), st.lists(held, max_size=3)),
            (pa.large_list(kind), st.lists(held, max_size=3)),
            (pa.list_(pa.field("item", kind, nullable=kind == pa.null())), st.lists(pair[1], max_size=3)),
            (pa.list_(kind, 2), st.lists(held, min_size=2, max_size=2)),
        ]

    def struct(a: Any, b: Any) -> tuple[Any, st.SearchStrategy[Any]]:
        held = st.fixed_dictionaries({"a": st.none() | a[1], "b": st.none() | b[1]})
        return pa.struct({"a": a[0], "b": b[0]}), held

    def map_of(key: Any, item: Any) -> tuple[Any, st.SearchStrategy[Any]]:
        pairs = st.lists(st.tuples(key[1], st.none() | item[1]), max_size=3)
        return pa.map_(key[0], item[0]), pairs

    return (
        kinds.flatmap(lambda pair: st.sampled_from(lists(pair)))
        | st.builds(struct, kinds, kinds)
        | st.builds(map_of, keys, kinds)
    )


def through_a_workspace(folder: Path, table: pa.Table) -> pa.Table:
    """A table as it is after its rows were JSON, with no file to look at when it is written again."""
    pq.write_table(table, folder / "in.parquet")
    dataset = open_dataset(folder / "in.parquet")
    types, format = dataset.types(), dataset.format
    texts = [sample.model_dump_json() for sample in dataset.samples()]
    (folder / "in.parquet").unlink()
    samples = [Sample.model_validate_json(text) for text in texts]
    rows = [render(sample, sample.original, format, format) for sample in samples]
    write_dataset(folder / "out.parquet", format, rows, types=types)
    return pq.read_table(folder / "out.parquet")


def assert_the_same(folder: Path, kinds: dict[str, Any], columns: dict[str, list[Any]]) -> None:
    count = len(next(iter(columns.values())))
    schema = pa.schema({"instruction": pa.string(), **kinds, "output": pa.string()}, {"about": "each column"})
    rows = {"instruction": ["Add."] * count, **columns, "output": ["3"] * count}
    table = pa.table({name: pa.array(rows[name], schema.field(name).type) for name in rows}, schema)
    try:
        pq.write_table(table, folder / "once.parquet")  # a few types are others in every Parquet file
    except pa.ArrowNotImplementedError:  # and a few values pyarrow cannot write itself
        assume(False)
    table = pq.read_table(folder / "once.parquet")
    found = through_a_workspace(folder, table)
    assert found.schema.equals(table.schema, check_metadata=True)
    assert found.equals(table)


@pytest.mark.parametrize(("kind", "held"), [pytest.param(*pair, id=str(pair[0])) for pair in leaves])
@settings(relaxed, max_examples=10)
@given(data=st.data())
def test_parquet_keeps_every_type_of_value(
    tmp_path: Path, kind: pa.DataType, held: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    column = data.draw(st.lists(st.none() | held, min_size=1, max_size=4))
    assert_the_same(tmp_path, {"kept": kind}, {"kept": column})


@settings(relaxed, max_examples=100)
@given(data=st.data())
def test_parquet_keeps_nested_types(tmp_path: Path, data: st.DataObject) -> None:
    one = nested(st.sampled_from(simple))
    kinds = data.draw(st.lists(one | nested(one), min_size=1, max_size=3))
    count = data.draw(st.integers(1, 4))
    columns = {
        f"kept{number}": data.draw(st.lists(st.none() | held, min_size=count, max_size=count))
        for number, (_, held) in enumerate(kinds)
    }
    assert_the_same(tmp_path, dict(zip(columns, (kind for kind, _ in kinds), strict=True)), columns)


def test_parquet_keeps_the_types_beside_new_texts(tmp_path: Path) -> None:
    turns = pa.list_(
        pa.struct({"role": pa.dictionary(pa.int32(), pa.string()), "content": pa.large_string()})
    )
    columns: dict[str, tuple[pa.DataType, list[Any]]] = {
        "messages": (turns, [[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]]),
        "made": (pa.timestamp("us"), [datetime.datetime(2024, 2, 3, 4, 5, 6, 7)]),
        "turns": (pa.int32(), [2]),
        "share": (pa.float32(), [0.5]),
        "price": (pa.decimal128(9, 2), [decimal.Decimal("1.50")]),
        "facts": (pa.map_(pa.string(), pa.int64()), [[("length", 60), ("length", 61)]]),
        "burnish": (pa.int8(), [1]),  # of another program: a trace takes its place
    }
    schema = pa.schema({name: kind for name, (kind, _) in columns.items()}, {"huggingface": "{}"})
    table = pa.table({name: pa.array(held, kind) for name, (kind, held) in columns.items()}, schema)
    pq.write_table(table, tmp_path / "in")
    dataset = open_dataset(tmp_path / "in")
    (sample,) = dataset.samples()
    assert sample.row["facts"] == [["length", 60], ["length", 61]]
    version = sample.original.model_copy(update={"instruction": "A", "response": "B"})

    def exported(target: Format) -> pa.Table:
        row = render(sample, version, dataset.format, target, {"ifd": 0.5})
        write_dataset(tmp_path / "out", target, [row], types=dataset.types())
        return pq.read_table(tmp_path / "out")

    found = exported(Format.MESSAGES_PARQUET)
    assert found.drop_columns("burnish").schema == table.drop_columns("burnish").schema
    assert found["burnish"].to_pylist() == ['{"ifd": 0.5}']
    assert [turn["content"] for turn in found["messages"].to_pylist()[0]] == ["A", "B"]
    kept = list(columns)[1:-1]
    assert found.select(kept).equals(table.select(kept))
    # In another layout only the turns are another column; what described all columns is gone.
    found = exported(Format.SHAREGPT_PARQUET)
    assert found.select(kept).equals(table.select(kept))
    assert found.schema.metadata is None


def test_a_parquet_column_that_no_longer_holds_its_type_gets_one_that_fits(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            ("input", pa.null()),
            pa.field("x", pa.float32(), nullable=False),
            ("deep", pa.struct([pa.field("x", pa.float32(), nullable=False)])),
            ("s", pa.struct({"a": pa.int8()})),
        ]
    )
    held = {"input": [None], "x": [math.nan], "deep": [{"x": math.nan}], "s": [{"a": 1}]}
    texts = {"instruction": ["Add."], "output": ["3"]}
    for name, kind in (("instruction", pa.string()), ("output", pa.string())):
        schema = schema.append(pa.field(name, kind))
    pq.write_table(pa.Table.from_pydict(held | texts, schema), tmp_path / "in")
    dataset = open_dataset(tmp_path / "in")
    (sample,) = dataset.samples()
    row = sample.row | {"input": "1 2", "s": {"a": 1, "b": 2}}
    write_dataset(tmp_path / "out", Format.PARQUET, [row], types=dataset.types())
    found = pq.read_table(tmp_path / "out")
    assert found.to_pylist() == [row]
    assert found.schema.field("x") == pa.field("x", pa.float32())
    assert found.schema.field("s").type == pa.struct({"a": pa.int64(), "b": pa.int64()})


def test_a_parquet_object_with_a_field_twice_is_refused_in_one_line(tmp_path: Path) -> None:
    twice = pa.struct([("a", pa.int8()), ("a", pa.int8())])
    held = pa.StructArray.from_arrays([pa.array([1], pa.int8())] * 2, fields=list(twice))
    pq.write_table(pa.table({"instruction": ["Add."], "output": ["3"], "s": held}), tmp_path / "in")
    with pytest.raises(DatasetError, match=r"row 1: broken Parquet \(.*; nothing after it can be read"):
        open_dataset(tmp_path / "in")


def test_broken_types_in_a_workspace_are_refused_in_one_line(tmp_path: Path) -> None:
    for types in ("", "AAAA", "no base64!", "é"):
        with pytest.raises(DatasetError, match=r"^the workspace's types of Parquet columns are broken"):
            write_dataset(tmp_path / "out", Format.PARQUET, [ROW], types=types)
    assert list(tmp_path.iterdir()) == []
