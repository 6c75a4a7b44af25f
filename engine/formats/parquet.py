"""Parquet in and out, with the extra `parquet`; nothing else imports pyarrow."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from engine.formats.names import LOST, TRACE, BrokenError, DatasetError, Record, Row, RowError, is_deep, shown

BATCH = 1000  # rows in memory at a time
DEPTH = 32  # of a column's values: objects 800 deep would take pyarrow half a minute and more than a gigabyte


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, a batch at a time."""
    number = 1
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            twice = next((name for name, count in Counter(names).items() if count > 1), None)
            if twice is not None:
                raise DatasetError(f"{path}: the column {shown(twice)} is there twice")
            for batch in file.iter_batches(batch_size=BATCH):
                for cells in zip(*map(_values, batch.columns), strict=True):
                    row = dict(zip(names, cells, strict=True))
                    try:
                        yield number, {name: _plain(value, name) for name, value in row.items()}
                    except RowError as error:
                        yield number, error
                    number += 1
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        yield number, BrokenError(f"broken Parquet ({_line(error)}); {LOST}")


def _values(column: Any) -> Any:
    """A column's values; of times that Python cannot hold (nanoseconds, far years) as Arrow writes them."""
    try:
        return column.to_pylist()
    except (ValueError, OverflowError, LookupError):
        return column.cast(pa.string()).to_pylist()


def _plain(value: Any, name: str) -> Any:
    """A Parquet value as JSON holds it: dates and decimals as text, not-a-number as null."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, name) for key, item in value.items()}
    if isinstance(value, bytes):
        raise RowError(f"{shown(name)} holds bytes, which a dataset of texts cannot carry")
    return str(value)


def _line(error: Exception) -> str:
    return shown(" ".join(str(error).split()), 200)


class Columns:
    """A table's columns, found from all its rows before the first is written.

    A column of one type is a column of that type; the trace, and values that no one type holds, are JSON text.
    """

    def __init__(self) -> None:
        self._types: dict[str, Any] = {}  # None: JSON text

    def look(self, rows: list[Record]) -> None:
        for name in dict.fromkeys(name for row in rows for name in row):
            known = None if name == TRACE else self._types.get(name, pa.null())
            self._types[name] = known and _common_type(known, [row.get(name) for row in rows])

    def write(self, file: BinaryIO, rows: Iterator[Record]) -> int:
        """Write all the rows that were looked at; returns how many. `DatasetError`."""
        schema = pa.schema([(name, kind or pa.string()) for name, kind in self._types.items()])
        count = 0
        with pq.ParquetWriter(file, schema) as table:
            while batch := list(islice(rows, BATCH)):
                try:
                    columns = {
                        name: [row.get(name) if kind else _json(row.get(name)) for row in batch]
                        for name, kind in self._types.items()
                    }
                    table.write_table(pa.Table.from_pydict(columns, schema))
                except (pa.ArrowException, OverflowError, RecursionError) as error:
                    where = f"rows {count + 1} to {count + len(batch)} of the export"
                    raise DatasetError(f"{where} fit no Parquet column: {_line(error)}") from None
                count += len(batch)
        return count


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
