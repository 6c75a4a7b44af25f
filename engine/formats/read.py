"""Datasets in: the format of a file, told from its content, and its samples, one at a time.

Memory does not grow with the file: JSON arrays pass through a window, JSON Lines and CSV line by line, Parquet
in batches. Files are opened for reading only.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

from engine.formats import extras
from engine.formats.conversation import Exchange, exchanges_in
from engine.formats.encodings import (
    UTF8,
    LargeRowError,
    Lines,
    decoded,
    encoding_named,
    encoding_told,
    recoded,
)
from engine.formats.fields import NO_COLUMNS, Columns, fields_of
from engine.formats.folders import in_folder
from engine.formats.json import array_rows
from engine.formats.layouts import fits, layout_of
from engine.formats.limits import row_limit, too_large
from engine.formats.names import (
    LOST,
    BrokenError,
    Container,
    DatasetError,
    Format,
    Layout,
    Row,
    RowError,
    UnrefinableError,
    shown,
)
from engine.formats.objects import Inside, inside
from engine.formats.packed import PackedError, Packing, bare_name, packing_of, unpacked
from engine.formats.reasons import Reasons
from engine.formats.shapes import names_turns
from engine.sample import PassedRow, Sample, Turns

_EXPECTED = (
    "expected rows with `instruction` and `output`, `conversations` or `messages`, as a JSON array, JSON Lines, "
    "CSV or Parquet; --columns instruction=NAME,response=NAME gives other names"
)
_LOOK = 100  # rows looked at to tell the layout
_REASONS = 3  # told where no row is good


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read as one of its dataset."""

    where: str  # "line 17", "row 17"
    message: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file that holds a dataset, and its format."""

    path: Path
    format: Format
    fields: tuple[str, ...]  # of the first row that fits the format
    columns: Columns  # names that a person gave
    reading: Reading

    def rows(self) -> Iterator[Row]:
        """Every row as it is, by its number; `RowError` in place of one that cannot be read."""
        return _rows(self.path, self.reading)

    def types(self) -> str | None:
        """The types of a Parquet file's columns, for an export to keep; None: the format has no types but JSON's."""
        return (
            extras.parquet(self.path).types_of(self.path)
            if self.format.container is Container.PARQUET
            else None
        )

    def where(self, number: int) -> str:
        """A row's place, as a message gives it."""
        return f"{self.reading.unit} {number}"

    def samples(
        self, on_bad: Callable[[BadRow], None] | None = None, turns: Turns = Turns.LAST
    ) -> Iterator[Sample]:
        """The samples in `contents`."""
        return (row for row in self.contents(on_bad, turns) if isinstance(row, Sample))

    def contents(
        self, on_bad: Callable[[BadRow], None] | None = None, turns: Turns = Turns.LAST
    ) -> Iterator[Sample | PassedRow]:
        """Every sample and every row that cannot be refined, in the file's order; `turns`: the samples of a row.

        Bad rows, which cannot be read, go to `on_bad` and the rest goes on; without it the first one raises
        `DatasetError`, and so does a file in which no row can be refined. After a break in a JSON array nothing can
        be read: it is the last bad row.
        """
        layout, count, reasons, good = self.format.layout, 0, Reasons(), 0
        for number, row in self.rows():
            try:
                for exchange in _exchanges(row, layout, turns, self.columns):
                    assert isinstance(row, dict)
                    yield Sample(
                        index=count,
                        original=exchange.version,
                        row=row,
                        number=good,
                        turn=exchange.turn,
                        history=exchange.history,
                        next=exchange.next,
                    )
                    count += 1
            except UnrefinableError as error:
                assert isinstance(row, dict)
                reasons.add(self.where(number), str(error))
                yield PassedRow(number=good, why=error.why, row=row)
            except RowError as error:
                bad = BadRow(self.where(number), str(error))
                reasons.add(bad.where, bad.message)
                if on_bad is None:
                    raise DatasetError(f"{self.path}: {bad.where}: {bad.message}") from None
                on_bad(bad)
                continue
            good += 1
        if not count:
            told = "; ".join(map(str, islice(reasons, _REASONS)))
            what = f"{reasons.count:,} read as {self.format.value} ({layout.value})"
            raise DatasetError(f"{self.path}: no row holds a sample, of {what}: {told}")


def _exchanges(row: object, layout: Layout, turns: Turns, columns: Columns) -> Iterator[Exchange]:
    """The exchanges of a row, or the `RowError` that says why it holds none and what it is instead."""
    try:
        yield from exchanges_in(row, layout, turns, columns)
    except UnrefinableError as error:
        if isinstance(row, dict) and (what := _preference(row)) is not None:
            raise UnrefinableError(error.why, f"{error}; {what}") from None
        raise
    except RowError as error:
        if isinstance(row, dict) and (what := _preference(row) or _inner(row)) is not None:
            raise RowError(f"{error}; {what}") from None
        raise


def _preference(row: dict[str, Any]) -> str | None:
    if "chosen" in row and "rejected" in row:
        return "a row with `chosen` and `rejected` is preference data, which has no one response to refine"
    return None


def _inner(row: dict[str, Any]) -> str | None:
    """The names in the first list of objects that a row holds."""
    for name, value in row.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return f"{shown(name)} is a list of objects with {', '.join(map(shown, list(value[0])[:8]))}"
    return None


def open_dataset(
    path: Path,
    format: Format | None = None,
    encoding: str | None = None,
    columns: Columns = NO_COLUMNS,
) -> Dataset:
    """The dataset in a file. Its format is told from its first rows unless `format` says it.

    `encoding` is a text file's where it is not UTF-8 and nothing in it says so; `columns` are names of a row's parts
    that a person gives.
    `DatasetError`: the file cannot be read, is no dataset, or is none of `format`. `UsageError`: no such encoding.
    """
    reading = _reading(path, encoding, columns)
    if format is not None and format.container is not reading.container:
        raise DatasetError(
            f"{path}: expected {format.container.value} for {format.value}, found {reading.container.value}"
        )
    rows = list(_first(_rows(path, reading)))
    if not rows:
        raise DatasetError(f"{path}: holds no rows; {_EXPECTED}")
    if format is None:
        format = Format.of(reading.container, _layout([row for _, row in rows], columns))
        expected = _EXPECTED
    else:
        expected = f"expected {format.layout.value} for {format.value}"
    for _, row in rows:
        if isinstance(row, dict) and fits(row, format.layout, columns):
            return Dataset(path, format, tuple(row), columns, reading)
    number, row = rows[0]
    if isinstance(row, RowError):
        raise DatasetError(f"{path}: {reading.unit} {number}: {row}")
    try:
        next(_exchanges(row, format.layout, Turns.LAST, columns))
    except RowError as error:
        raise DatasetError(f"{path}: {reading.unit} {number}: {error}; {expected}") from None
    raise AssertionError("a row that holds a sample fits its layout")


def _first(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows that a dataset's layout is told from: not more than fit in memory together."""
    room = row_limit()
    for number, row in islice(rows, _LOOK):
        yield number, row
        if isinstance(row, dict):
            room -= sum(len(value) for value in row.values() if isinstance(value, str))
        if room < 0:
            return


def _layout(rows: list[object], columns: Columns) -> Layout:
    """The layout of the first row that has one. One row without an input says nothing; a hundred do."""
    layouts = [layout for row in rows if (layout := layout_of(row, columns)) is not None]
    first = layouts[0] if layouts else Layout.MESSAGES if columns.messages else Layout.ALPACA
    return Layout.ALPACA if first is Layout.WIZARDLM and Layout.ALPACA in layouts else first


def any_rows(path: Path, encoding: str | None = None) -> Iterator[object]:
    """The rows of a file that need hold no samples: JSON values, CSV's rows by column, or lines of text.

    `DatasetError`: the file cannot be read, or a row of it. `UsageError`: no such encoding.
    """
    reading = _reading(path, encoding, NO_COLUMNS, any_text=True)
    for number, row in _rows(path, reading):
        if isinstance(row, RowError):
            raise DatasetError(f"{path}: {reading.unit} {number}: {row}")
        yield row


def demo_dataset() -> Path:
    """The packaged demo dataset: 35 samples in Alpaca's format."""
    path = resources.files("engine") / "demo" / "instructions.json"
    assert isinstance(path, Path), "burnish is installed as files"
    return path


# Containers -----------------------------------------------------------------------------------------------

_HEAD = 1 << 16  # bytes
_SPACE = " \t\n\r\v\f"
# Files that begin so are no rows, and say what they are.
_OTHERS = (
    (b"PK\x03\x04", "a spreadsheet or a zip archive; save it as CSV, or unpack it first"),
    (b"BZh", "packed with bzip2; unpack it first"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of an old kind; save it as CSV"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself; fetch it with git lfs pull"),
    (b"SQLite format 3\0", "a SQLite file, not a dataset"),
    (b"GGUF", "a model's file, not a dataset"),
    (b"FEA1", "Feather of the first version; write it as Parquet"),
    (b"ORC", "ORC; write it as Parquet"),
    (b"Obj\x01", "Avro; write it as Parquet"),
    (b"7z\xbc\xaf", "packed with 7-Zip; unpack it first"),
    (b"\x80\x04", "a Python pickle, which burnish does not open; write it as JSON Lines"),
)


_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)[\s>]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file's container, encoding and reader."""

    container: Container
    unit: str  # that rows are counted by in messages
    encoding: str
    rows: Callable[[], Iterator[Row]]


def _rows(path: Path, reading: Reading) -> Iterator[Row]:
    number = 0
    try:
        for number, row in reading.rows():
            yield number, row
    except PackedError as error:
        yield number + 1, BrokenError(f"{error}; {LOST}")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeError as error:
        raise DatasetError(f"{path}: cannot be read as {reading.encoding}: {error}") from None


def _reading(path: Path, named: str | None, columns: Columns, *, any_text: bool = False) -> Reading:
    """The way to read a file, told from its beginning, in the encoding that was named if one was.

    `any_text`: text that is neither JSON nor called a table is read as lines. Else it must look like a table.
    """
    encoding = None if named is None else encoding_named(named)
    head, packing = _head(path)
    if extras.is_arrow(head):
        if named is not None:
            raise DatasetError(f"{path}: --encoding is for text, and this is Parquet or Arrow")
        if packing is not None:
            raise DatasetError(f"{path}: Parquet or Arrow in a {packing} file; unpack it first")
        return Reading(Container.PARQUET, "row", UTF8, lambda: extras.parquet(path).parquet_rows(path))
    encoding = encoding or encoding_told(head)

    @contextmanager
    def open_text() -> Iterator[BufferedReader]:
        with path.open("rb") as file:
            yield recoded(unpacked(path, file, packing), encoding)

    try:
        text = decoded(head, encoding)
        start = text.lstrip(_SPACE)[:1]
        if not start:
            raise DatasetError(f"{path}: empty; {_EXPECTED}")
        if start == "[":
            found = Inside(Container.JSON, array_rows, "row")
        elif start == "{":
            found = inside(open_text, encoding, columns)
        else:
            found = _inside_text(path, text, columns, any_text=any_text)
    except UnicodeError as error:
        raise DatasetError(f"{path}: cannot be read as {encoding}: {error}") from None
    except PackedError as error:
        raise DatasetError(f"{path}: {error}") from None

    def rows() -> Iterator[Row]:
        with open_text() as file:
            yield from found.rows(file, encoding)

    return Reading(found.container, found.unit, encoding, rows)


def _head(path: Path) -> tuple[bytes, Packing | None]:
    """The beginning of what a file holds, and how it is packed. Raises `DatasetError`, also for what holds no rows."""
    try:
        if path.is_dir():
            raise DatasetError(f"{path}: a folder; {in_folder(path)}")
        if path.exists() and not path.is_file():
            raise DatasetError(f"{path}: expected a file that holds a dataset, found something else")
        with path.open("rb") as file:
            packing = packing_of(file.peek(8))
            head = unpacked(path, file, packing).read(_HEAD)
    except PackedError as error:
        raise DatasetError(f"{path}: {error}") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    if (other := next((what for mark, what in _OTHERS if head.startswith(mark)), None)) is not None:
        raise DatasetError(f"{path}: {other}")
    if _WEB_PAGE.match(head):
        raise DatasetError(f"{path}: a web page in place of the file; download the file itself")
    return head, packing


def _first_line(text: str) -> str:
    return text.lstrip(_SPACE).split("\n", 1)[0].rstrip("\r")


def _inside_text(path: Path, text: str, columns: Columns, *, any_text: bool) -> Inside:
    """The way to read text that is not JSON: as a table, or, for `any_text`, as lines."""
    line = _header_line(text)
    called = bare_name(path).suffix.lower() in _TABLES
    delimiter = _delimiter(text, columns)
    if "\0" not in line and (called or (not any_text and _is_header(_split(line, delimiter), columns))):
        return Inside(Container.CSV, partial(_table_rows, delimiter=delimiter), "line")
    if any_text:
        return Inside(Container.CSV, _text_lines, "line")
    raise DatasetError(f"{path}: line 1: begins with {shown(line[:40])}; {_EXPECTED}")


def _text_lines(file: BufferedReader, encoding: str) -> Iterator[Row]:
    lines = Lines(file, encoding, quotes=False)
    while True:
        lines.begin()
        number = lines.number + 1
        try:
            line = next(lines)
        except StopIteration:
            return
        except LargeRowError:
            yield number, too_large()
            continue
        yield number, line if lines.fault is None else RowError(lines.fault)


# CSV ------------------------------------------------------------------------------------------------------

_TABLES = (".csv", ".tsv")


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _is_header(names: list[str], columns: Columns) -> bool:
    return fields_of(dict.fromkeys(names), columns) is not None or any(
        names_turns(name) or name == columns.messages for name in names
    )


def _delimiter(text: str, columns: Columns) -> str:
    """The mark between the columns: the comma, or the ones spreadsheets write where that is the decimal sign."""
    if (named := _SEPARATOR.fullmatch(_first_line(text))) is not None:
        return named[1]
    header = _first_line(text)
    names = {mark: _split(header, mark) for mark in ",;\t|"}
    known = (mark for mark in names if _is_header(names[mark], columns))
    return next(known, max(names, key=lambda mark: len(names[mark])))


def _header_line(text: str) -> str:
    line = _first_line(text)
    return _first_line(text.lstrip(_SPACE)[len(line) :]) if _SEPARATOR.fullmatch(line) else line


# A line that Excel takes the mark between columns from, and shows no one.
_SEPARATOR = re.compile(r"sep=([,;\t|])")


def _table_rows(file: BufferedReader, encoding: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(row_limit())  # the module's own limit of 128 KB is below long answers
    lines = Lines(file, encoding, quotes=True)
    table = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        lines.begin()
        number = lines.number + 1
        try:
            cells = next(table)
        except StopIteration:
            return
        except LargeRowError:
            yield number, too_large()
            continue
        except csv.Error as error:
            yield number, RowError(f"broken CSV ({_table_fault(str(error))})")
            continue
        if len(cells) < 2 and not "".join(cells).strip():
            continue
        if header is None:
            if number == 1 and _SEPARATOR.fullmatch(delimiter.join(cells)):
                continue
            header = cells if cells[-2:] != ["", ""] else _without_blank_end(cells)
            twice = next((name for name, count in Counter(header).items() if count > 1), None)
            if lines.fault is not None or twice is not None:
                fault = lines.fault or f"the column {shown(twice)} is there twice"
                yield number, BrokenError(f"{fault}; {LOST}")
                return
            continue
        if len(cells) > len(header) and not "".join(cells[len(header) :]).strip():
            cells = cells[: len(header)]  # a spreadsheet's columns that were emptied
        if lines.fault is not None:
            yield number, RowError(lines.fault)
        elif len(cells) != len(header):
            yield number, RowError(f"expected {len(header)} cells as in the header, found {len(cells)}")
        else:
            yield number, dict(zip(header, cells, strict=True))


def _without_blank_end(cells: list[str]) -> list[str]:
    return cells[: max((place for place, cell in enumerate(cells, 1) if cell.strip()), default=0)]


def _table_fault(error: str) -> str:
    if "unexpected end" in error:
        return "a quote is never closed"
    if "new-line character" in error:
        return "a carriage return alone ends a line; save it with usual line ends"
    return error
