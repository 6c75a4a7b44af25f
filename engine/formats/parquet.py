"""Parquet in and out and Arrow in, with the extra `parquet`; nothing else imports pyarrow."""

from __future__ import annotations

import base64
import datetime
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from engine.formats.limits import row_limit, too_large
from engine.formats.names import LOST, TRACE, BrokenError, DatasetError, Record, Row, RowError, is_deep, shown

BATCH = 1000  # rows in memory at a time
_BUFFER = 1 << 20  # bytes of a column that are read ahead: else all of a group's columns would be
DEPTH = 32  # of a column's values: objects 800 deep would take pyarrow half a minute and more than a gigabyte


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a file of Parquet or Arrow, a batch at a time."""
    number = 1
    try:
        with _opened(path) as (schema, batches):
            names = schema.names
            twice = next((name for name, count in Counter(names).items() if count > 1), None)
            if twice is not None:
                raise DatasetError(f"{path}: the column {shown(twice)} is there twice")
            for batch in batches:
                if batch is None:
                    yield number, too_large()
                    number += 1
                    continue
                for cells in _cells(batch):
                    if cells is None:
                        yield number, too_large()
                        number += 1
                        continue
                    row = dict(zip(names, cells, strict=True))
                    try:
                        yield number, {name: _plain(value, name) for name, value in row.items()}
                    except RowError as error:
                        yield number, error
                    number += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        yield number, BrokenError(f"broken Parquet ({_line(error)}); {LOST}")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema of a file's columns, and its rows in batches. The container is told from the file's first bytes."""
    with path.open("rb") as file:
        mark = file.peek(4)[:4]
        if mark == b"PAR1":
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as table:
                yield table.schema_arrow, _batches(table, file)
        elif mark == b"ARRO":
            with pa.ipc.open_file(file) as shards:
                yield shards.schema, _sliced(map(shards.get_batch, range(shards.num_record_batches)))
        else:
            with pa.ipc.open_stream(file) as stream:
                yield stream.schema, _sliced(stream)


def _batches(table: Any, file: BinaryIO) -> Iterator[Any]:
    """A Parquet file's rows in batches that fit in memory; None in place of a group that is one too large row.

    What a row has is known where it is a group of its own. Among others it is known when its page was read: then it has
    taken four times its size.
    """
    for group in range(table.num_row_groups):
        about = table.metadata.row_group(group)
        if about.num_rows == 1 and about.total_byte_size > row_limit():
            yield None
            continue
        rows = row_limit() * about.num_rows // max(about.total_byte_size, 1)
        for number in range(about.num_columns):
            # Any number of rows may hold the largest value of a dictionary.
            largest = _dictionary_size(file, about.column(number))
            rows = min(rows, _BATCHES * row_limit() // max(largest, 1))
        yield from table.iter_batches(batch_size=max(1, min(BATCH, rows)), row_groups=[group])


def _dictionary_size(file: BinaryIO, column: Any) -> int:
    """Bytes of the dictionary of a column's values, 0 where it has none.

    The first fields of a page's header, in Thrift's compact protocol: its kind and its size when it is unpacked.
    """
    if not column.has_dictionary_page:
        return 0
    file.seek(column.dictionary_page_offset)
    found = _PAGE_HEADER.match(file.read(16))
    if found is None:
        return int(column.total_uncompressed_size)
    size: bytes = found[1]
    return sum((byte & 127) << (7 * place) for place, byte in enumerate(size)) >> 1


_PAGE_HEADER = re.compile(rb"\x15\x04\x15([\x80-\xff]*[\x00-\x7f])", re.DOTALL)
_BATCHES = 4  # times a row's limit that a batch may have at most


def _cells(batch: Any) -> Iterator[tuple[Any, ...] | None]:
    """The cells of each row; None in place of one that is too large."""
    if batch.nbytes <= row_limit():
        yield from zip(*map(_values, batch.columns), strict=True)
        return
    for place in range(batch.num_rows):
        row = batch.slice(place, 1)
        large = row.nbytes > row_limit()
        yield None if large else tuple(values[0] for values in map(_values, row.columns))


def _sliced(batches: Iterable[Any]) -> Iterator[Any]:
    """Batches of no more than `BATCH` rows."""
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH):
            yield batch.slice(start, BATCH)


def _values(column: Any) -> Any:
    """A column's values; of times that Python cannot hold (nanoseconds, far years) as Arrow writes them."""
    plain = _mapped(column.type, _numbers)
    column = column if plain == column.type else column.cast(plain)
    try:
        return column.to_pylist()
    except (ValueError, OverflowError, LookupError):
        # Of an offset with seconds, as before there were time zones, Arrow writes no seconds: so all are in UTC.
        return column.cast(_mapped(plain, _utc)).cast(_mapped(plain, _texts)).to_pylist()


def _numbers(kind: Any) -> Any:
    """Durations are numbers, in the column's unit: text of Python's does not hold all of them."""
    if pa.types.is_duration(kind):
        return pa.int64()
    return pa.float32() if pa.types.is_float16(kind) else kind


def _utc(kind: Any) -> Any:
    return pa.timestamp(kind.unit, "UTC") if pa.types.is_timestamp(kind) and kind.tz else kind


def _texts(kind: Any) -> Any:
    return (
        pa.string()
        if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_date(kind)
        else kind
    )


def _mapped(kind: Any, leaf: Callable[[Any], Any], room: int = DEPTH) -> Any:
    """A type with other types at its leaves; what is nested more than `room` deep stays."""

    def inner(field: Any) -> Any:
        return field.with_type(_mapped(field.type, leaf, room - 1))

    make = next((make for is_kind, make in _LISTS if is_kind(kind)), None)
    if not room:
        mapped = kind
    elif pa.types.is_struct(kind):
        mapped = pa.struct([inner(field) for field in kind])
    elif pa.types.is_map(kind):
        mapped = pa.map_(inner(kind.key_field), inner(kind.item_field), kind.keys_sorted)
    elif pa.types.is_fixed_size_list(kind):
        mapped = pa.list_(inner(kind.value_field), kind.list_size)
    elif make is not None:
        mapped = make(inner(kind.value_field))
    elif pa.types.is_dictionary(kind):
        value = _mapped(kind.value_type, leaf, room - 1)
        mapped = kind if value == kind.value_type else value
    else:
        mapped = leaf(kind)
    return mapped


_LISTS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (pa.types.is_list, pa.list_),
    (pa.types.is_large_list, pa.large_list),
    (pa.types.is_list_view, pa.list_view),
    (pa.types.is_large_list_view, pa.large_list_view),
)


def _plain(value: Any, name: str) -> Any:
    """A Parquet value as JSON holds it: dates and decimals as text, maps as pairs, not-a-number as null."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, name) for key, item in value.items()}
    if isinstance(value, bytes):
        # Some writers, such as Spark's, do not say of their texts that they are some.
        text = value.decode("utf-8", "replace")
        if "\0" in text or text.encode() != value:
            raise RowError(f"{shown(name)} holds bytes, which a dataset of texts cannot carry")
        return text
    return str(value)


def _line(error: Exception) -> str:
    return shown(" ".join(str(error).split()), 200)


# Types ----------------------------------------------------------------------------------------------------


def types_of(path: Path) -> str:
    """The types of a file's columns, as text that `Columns` takes. `DatasetError`: the file cannot be read."""
    try:
        with _opened(path) as (schema, _):
            return base64.b64encode(schema.serialize()).decode()
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: broken Parquet ({_line(error)})") from None


def _schema(types: str) -> Any:
    try:
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(types)))
    except (pa.ArrowException, ValueError, OSError) as error:
        raise DatasetError(f"the workspace's types of Parquet columns are broken ({_line(error)})") from None


_Back = Callable[[Any], Any]


def _back(kind: Any, room: int = DEPTH) -> _Back:
    """The way from a value as `_plain` leaves it to one that Arrow takes for this type.

    What it makes of a value of another type is for Arrow to refuse, as far as Arrow would not drop a part of it.
    """
    if not room:
        raise ValueError(f"nested more than {DEPTH} deep")
    if pa.types.is_struct(kind):
        fields = {field.name: _back_in(field, room) for field in kind}
        return lambda value: _fields_back(value, fields)
    if pa.types.is_map(kind):
        key, item = _back_in(kind.key_field, room), _back_in(kind.item_field, room)
        return lambda value: [(key(name), item(held)) for name, held in value]
    if pa.types.is_fixed_size_list(kind) or any(is_kind(kind) for is_kind, _ in _LISTS):
        element = _back_in(kind.value_field, room)
        return lambda value: [element(item) for item in value]
    if pa.types.is_dictionary(kind):
        return _back(kind.value_type, room - 1)
    make = next((make for is_kind, make in _LEAVES if is_kind(kind)), None)
    return (lambda value: value) if make is None else (lambda value: make(value, kind))


def _back_in(field: Any, room: int) -> _Back:
    """The way back for what a struct, list or map holds, which is null only where it may be."""
    back = _back(field.type, room - 1)

    def nullable(value: Any) -> Any:
        if value is None and not field.nullable:
            raise ValueError(f"{shown(field.name)} may not be null")
        return None if value is None else back(value)

    return nullable


def _fields_back(value: dict[str, Any], fields: dict[str, _Back]) -> dict[str, Any]:
    if value.keys() - fields.keys():
        raise ValueError("a field that the column's type does not have")
    return {name: back(value.get(name)) for name, back in fields.items()}


def _moment(text: str, kind: Any) -> Any:
    if kind.unit == "ns":  # of which Python's own times would drop three digits
        try:
            return pa.scalar(text).cast(kind)
        except pa.ArrowInvalid:  # an offset with seconds, as before there were time zones
            pass
    return datetime.datetime.fromisoformat(text)


_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def _time(text: str, kind: Any) -> Any:
    hour, minute, second = text.split(":")
    seconds = int(hour) * 3600 + int(minute) * 60 + Decimal(second)
    return pa.scalar(int(seconds * _PER_SECOND[kind.unit]), kind)


_LEAVES: tuple[tuple[Callable[[Any], bool], Callable[[Any, Any], Any]], ...] = (
    (pa.types.is_timestamp, _moment),
    (pa.types.is_time, _time),
    (pa.types.is_date, lambda text, _: datetime.date.fromisoformat(text)),
    (pa.types.is_decimal, lambda text, _: Decimal(text)),
    (lambda kind: isinstance(kind, pa.UuidType), lambda text, _: UUID(text).bytes),
)


class Columns:
    """A table's columns, found from all its rows before the first is written.

    A column that the source has too keeps the source's type, as long as every value is one of that type. Another
    column of one type is a column of that type; the trace, and values that no one type holds, are JSON text.
    """

    def __init__(self, types: str | None = None) -> None:
        """`types`: the source's, from `types_of`."""
        self._types: dict[str, Any] = {}  # None: JSON text
        self._source = pa.schema([]) if types is None else _schema(types)
        self._kept = {field.name: field for field in self._source if field.name != TRACE}
        self._backs: dict[str, _Back] = {}

    def look(self, rows: list[Record]) -> None:
        for name in dict.fromkeys(name for row in rows for name in row):
            known = None if name == TRACE else self._types.get(name, pa.null())
            values = [row.get(name) for row in rows]
            self._types[name] = known and _common_type(known, values)
            if (field := self._kept.get(name)) is not None:
                try:
                    nulls = self._array(field, values).null_count
                except (
                    pa.ArrowException,
                    ValueError,
                    TypeError,
                    AttributeError,
                    LookupError,
                    ArithmeticError,
                ):
                    del self._kept[name]
                else:
                    self._kept[name] = field.with_nullable(True) if nulls else field

    def write(self, file: BinaryIO, rows: Iterator[Record]) -> int:
        """Write all the rows that were looked at; returns how many. `DatasetError`."""
        fields = [
            self._kept.get(name) or pa.field(name, kind or pa.string()) for name, kind in self._types.items()
        ]
        # What pandas and datasets keep here speaks of every column.
        whole = set(self._source.names) <= self._kept.keys() & self._types.keys()
        schema = pa.schema(fields, self._source.metadata if whole else None)
        count = 0
        with pq.ParquetWriter(file, schema) as table:
            while batch := list(islice(rows, BATCH)):
                try:
                    arrays = [self._array(field, [row.get(field.name) for row in batch]) for field in fields]
                    table.write_table(pa.Table.from_arrays(arrays, schema=schema))
                except (pa.ArrowException, OverflowError, RecursionError) as error:
                    where = f"rows {count + 1} to {count + len(batch)} of the export"
                    raise DatasetError(f"{where} fit no Parquet column: {_line(error)}") from None
                count += len(batch)
        return count

    def _array(self, field: Any, values: list[Any]) -> Any:
        """The values as a column of this field's type."""
        name = field.name
        if name in self._kept:
            if name not in self._backs:
                self._backs[name] = _back(field.type)
            back = self._backs[name]
            values = [None if value is None else back(value) for value in values]
        elif self._types[name] is None:
            values = [_json(value) for value in values]
        return pa.array(values, field.type)


def _common_type(known: Any, values: list[Any]) -> Any:
    """The Arrow type that holds these values and those before them, None where there is none."""
    if any(is_deep(value, DEPTH) for value in values):
        return None
    try:
        pair = [pa.schema([("", known)]), pa.schema([("", pa.array(values).type)])]
        kind = pa.unify_schemas(pair, promote_options="permissive").field(0).type
    except (pa.ArrowException, OverflowError):
        return None
    return None if "struct<>" in str(kind) else kind  # Parquet has no object without fields


def _json(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
