"""JSON files that begin with an object: rows one a line or one after another, under a name, by column or by index."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from io import BufferedReader
from typing import Any, NamedTuple

from engine.formats.encodings import skip_bom
from engine.formats.fields import Columns, fields_of
from engine.formats.json import first_of_members, line_rows, member_rows, object_rows
from engine.formats.layouts import layout_of, version_of
from engine.formats.names import Container, Row, RowError
from engine.formats.roles import turn_keys
from engine.formats.shapes import names_turns

_LINE = 1 << 24  # bytes: a longer line is no row, but a whole file without line ends
_LOOK = 1 << 16  # bytes after the first line that are looked at

Open = Callable[[], AbstractContextManager[BufferedReader]]
"""Opens the file as UTF-8, at its beginning."""


class Inside(NamedTuple):
    """A way to read the rows of a file: its container, the reader, and the unit of a row."""

    container: Container
    rows: Callable[[BufferedReader, str], Iterator[Row]]
    unit: str  # that rows are counted by in messages


LINES = Inside(Container.JSONL, line_rows, "line")
_OBJECTS = Inside(Container.JSONL, object_rows, "row")


def inside(open_text: Open, encoding: str, columns: Columns) -> Inside:
    """The way to read a file that begins with an object."""
    with open_text() as file:
        first, *rest = _lines(file) or [b""]
    value = _object(first)
    if value is not None:
        return LINES if rest else _inside(value, columns) or LINES
    with open_text() as file:
        name = _wrapper(first_of_members(file, encoding), columns)
    if name is not None:
        return Inside(Container.JSON, partial(member_rows, name=name), "row")
    with open_text() as file:
        _, whole = next(object_rows(file, encoding))
    if isinstance(whole, dict):
        return _inside(whole, columns) or _OBJECTS
    goes_on = first.rstrip().endswith((b"{", b"[", b",", b":"))
    return _OBJECTS if goes_on and not any(map(_object, rest)) else LINES


def _lines(file: BufferedReader) -> list[bytes]:
    """The first line that is not blank, and the whole ones soon after it."""
    skip_bom(file)
    lines: list[bytes] = []
    while not lines and (line := file.readline(_LINE)):
        lines += [line] if line.strip() else []
    rest = file.read(_LOOK).splitlines(keepends=True)
    return lines + [line for line in rest if line.strip()]


def _object(line: bytes) -> dict[str, Any] | None:
    """The object that a line is, a comma after it or not."""
    try:
        value = json.loads(line.strip().removesuffix(b","))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _inside(value: dict[str, Any], columns: Columns) -> Inside | None:
    """The way to read the one object of a file; None where it is itself the row."""
    for rows_of in (_split, _by_column, _by_column_and_index, _by_index):
        if rows_of is not _split and _is_row(value, columns):
            return None
        rows = rows_of(value)
        if rows and all(isinstance(row, dict) for row in rows) and layout_of(rows[0], columns) is not None:
            return Inside(Container.JSON, partial(_rows_of_whole, rows_of=rows_of), "row")
    firsts = ((name, found[:1] if isinstance(found, list) else found) for name, found in value.items())
    name = _wrapper(firsts, columns)
    return None if name is None else Inside(Container.JSON, partial(member_rows, name=name), "row")


def _is_row(value: dict[str, Any], columns: Columns) -> bool:
    layout = layout_of(value, columns)
    if layout is None:
        return False
    try:
        version_of(value, layout, columns)
    except RowError:
        fields = fields_of(value, columns)
        return fields is not None and isinstance(value[fields.instruction], str)
    return True


def _wrapper(firsts: Iterable[tuple[str, Any]], columns: Columns) -> str | None:
    """The name of the array that holds the rows, of an object's names with values, of arrays with first elements."""
    before: dict[str, Any] = {}
    for name, value in firsts:
        first = value[0] if isinstance(value, list) and value else None
        if isinstance(first, dict) and not isinstance(first.get(turn_keys(first)[0]), str):
            one_exchange = fields_of(first, columns) is not None
            if layout_of(first, columns) is not None and not (one_exchange and names_turns(name)):
                return None if fields_of(before, columns) else name
        before[name] = value
    return None


# Rows of an object that is read whole -----------------------------------------------------------------------


def _rows_of_whole(
    file: BufferedReader, encoding: str, rows_of: Callable[[dict[str, Any]], list[Any] | None]
) -> Iterator[Row]:
    rows = object_rows(file, encoding)
    number, value = next(rows)
    found = rows_of(value) if isinstance(value, dict) else None
    if found is None:
        yield number, value
        return
    for number, row in enumerate(found, 1):
        yield number, row
    for after, (_, row) in enumerate(rows, number + 1):
        yield after, RowError("expected the end of the file") if isinstance(row, dict) else row


def _split(value: dict[str, Any]) -> list[Any] | None:
    """pandas' `orient="split"`: the columns' names, and each row as a list."""
    names, rows = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not isinstance(rows, list):
        return None
    if not all(isinstance(name, str) for name in names):
        return None
    fit = all(isinstance(row, list) and len(row) == len(names) for row in rows)
    return [dict(zip(names, row, strict=True)) for row in rows] if fit else None


def _by_column(value: dict[str, Any]) -> list[Any] | None:
    """Each column as a list, as `Dataset.to_dict` of datasets has them."""
    if (
        not all(isinstance(cells, list) for cells in value.values())
        or len(set(map(len, value.values()))) != 1
    ):
        return None
    return [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]


def _by_column_and_index(value: dict[str, Any]) -> list[Any] | None:
    """Each column as an object from index to cell, as pandas' `to_json` writes unless told otherwise."""
    columns = list(value.values())
    if not all(isinstance(cells, dict) and cells.keys() == columns[0].keys() for cells in columns):
        return None
    return [
        {name: cells[index] for name, cells in value.items()} for index in (columns[0] if columns else ())
    ]


def _by_index(value: dict[str, Any]) -> list[Any] | None:
    """Each row under its index or id."""
    return list(value.values()) if len(value) > 1 or all(map(str.isdigit, value)) else None
