"""Datasets in: the format of a file, told from its content, and its samples, one at a time.

Memory does not grow with the file: JSON arrays pass through a window, JSON Lines and CSV line by line, Parquet
in batches. Files are opened for reading only.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from engine.formats import extras
from engine.formats.encodings import (
    UTF8,
    advice,
    decoded,
    encoding_marked,
    encoding_named,
    lines_of,
    unmarked_utf16,
)
from engine.formats.fields import fields_of
from engine.formats.json import array_rows, line_rows
from engine.formats.layouts import fits, layout_of, version_of
from engine.formats.names import (
    Container,
    DatasetError,
    Format,
    Layout,
    Row,
    RowError,
    UnrefinableError,
    shown,
)
from engine.formats.reasons import Reasons
from engine.formats.shapes import names_turns
from engine.sample import PassedRow, Sample, Version

_EXPECTED = (
    "expected rows with `instruction` and `output`, `conversations` or `messages`, as a JSON array, JSON Lines, "
    "CSV or Parquet"
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
    encoding: str  # of a table; all else is UTF-8

    def rows(self) -> Iterator[Row]:
        """Every row as it is, by its number; `RowError` in place of one that cannot be read."""
        return _rows(self.path, self.format.container, self.encoding)

    def types(self) -> str | None:
        """The types of a Parquet file's columns, for an export to keep; None: the format has no types but JSON's."""
        return (
            extras.parquet(self.path).types_of(self.path)
            if self.format.container is Container.PARQUET
            else None
        )

    def where(self, number: int) -> str:
        """A row's place, as a message gives it."""
        return f"{_UNIT[self.format.container]} {number}"

    def samples(self, on_bad: Callable[[BadRow], None] | None = None) -> Iterator[Sample]:
        """The samples in `contents`."""
        return (row for row in self.contents(on_bad) if isinstance(row, Sample))

    def contents(self, on_bad: Callable[[BadRow], None] | None = None) -> Iterator[Sample | PassedRow]:
        """Every sample and every row that cannot be refined, in the file's order.

        Bad rows, which cannot be read, go to `on_bad` and the rest goes on; without it the first one raises
        `DatasetError`, and so does a file in which no row can be refined. After a break in a JSON array nothing can
        be read: it is the last bad row.
        """
        layout, count, reasons = self.format.layout, 0, Reasons()
        for number, row in self.rows():
            try:
                version = _version(row, layout)
            except UnrefinableError as error:
                assert isinstance(row, dict)
                reasons.add(self.where(number), str(error))
                yield PassedRow(place=count, why=error.why, row=row)
                continue
            except RowError as error:
                bad = BadRow(self.where(number), str(error))
                reasons.add(bad.where, bad.message)
                if on_bad is None:
                    raise DatasetError(f"{self.path}: {bad.where}: {bad.message}") from None
                on_bad(bad)
                continue
            assert isinstance(row, dict)
            yield Sample(index=count, original=version, row=row)
            count += 1
        if not count:
            told = "; ".join(map(str, islice(reasons, _REASONS)))
            what = f"{reasons.count:,} read as {self.format.value} ({layout.value})"
            raise DatasetError(f"{self.path}: no row holds a sample, of {what}: {told}")


def _version(row: object, layout: Layout) -> Version:
    """The sample a row holds, or the `RowError` that says why it holds none and what it is instead."""
    try:
        return version_of(row, layout)
    except RowError as error:
        if isinstance(row, dict) and "chosen" in row and "rejected" in row:
            what = (
                "a row with `chosen` and `rejected` is preference data, which has no one response to refine"
            )
            message = f"{error}; {what}"
            why = error.why if isinstance(error, UnrefinableError) else None
            raise (RowError(message) if why is None else UnrefinableError(why, message)) from None
        if str(error).endswith("not UTF-8"):
            raise RowError(f"{error}; save it as UTF-8") from None
        raise


def open_dataset(path: Path, format: Format | None = None, encoding: str | None = None) -> Dataset:
    """The dataset in a file. Its format is told from its first rows unless `format` says it.

    `encoding` is a table's where it is not UTF-8 and no byte order mark says it.
    `DatasetError`: the file cannot be read, is no dataset, or is none of `format`. `UsageError`: no such encoding.
    """
    container, encoding = _container(path, format, encoding)
    rows = list(islice(_rows(path, container, encoding), _LOOK))
    if not rows:
        raise DatasetError(f"{path}: holds no rows; {_EXPECTED}")
    if format is None:
        format = Format.of(container, _layout([row for _, row in rows]))
        expected = _EXPECTED
    else:
        expected = f"expected {format.layout.value} for {format.value}"
    for _, row in rows:
        if isinstance(row, dict) and fits(row, format.layout):
            return Dataset(path, format, tuple(row), encoding)
    number, row = rows[0]
    if container is Container.CSV and isinstance(row, RowError):
        raise DatasetError(f"{path}: {_UNIT[container]} {number}: {row}")
    if container is Container.JSONL and isinstance(row, RowError):
        expected = "a file that begins with `{` is JSON Lines: one object a line"
    try:
        _version(row, format.layout)
    except RowError as error:
        raise DatasetError(f"{path}: {_UNIT[container]} {number}: {error}; {expected}") from None
    raise AssertionError("a row that holds a sample fits its layout")


def _layout(rows: list[object]) -> Layout:
    """The layout of the first row that has one. One row without an input says nothing; a hundred do."""
    layouts = [layout for row in rows if (layout := layout_of(row)) is not None]
    first = layouts[0] if layouts else Layout.ALPACA
    return Layout.ALPACA if first is Layout.WIZARDLM and Layout.ALPACA in layouts else first


def _rows(path: Path, container: Container, encoding: str) -> Iterator[Row]:
    try:
        if container is Container.CSV:
            yield from _table_rows(path, encoding)
        else:
            yield from _READERS[container](path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeError as error:
        raise DatasetError(f"{path}: cannot be read as {encoding}: {error}") from None


def any_rows(path: Path) -> Iterator[object]:
    """The rows of a file that need hold no samples: JSON values, CSV's rows by column, or lines of text.

    `DatasetError`: the file cannot be read, or a row of it.
    """
    container, encoding, _ = _beginning(path)
    if container is Container.CSV and path.suffix.lower() not in _TABLES:
        rows: Iterator[Row] = _text_lines(path, encoding)
    else:
        rows = _rows(path, container, encoding)
    for number, row in rows:
        if isinstance(row, RowError):
            raise DatasetError(f"{path}: {_UNIT[container]} {number}: {row}")
        yield row


def _text_lines(path: Path, encoding: str) -> Iterator[Row]:
    with path.open("rb") as file:
        lines = lines_of(file, encoding)
        for number, line in enumerate(lines, 1):
            yield number, line if lines.fault is None else RowError(lines.fault)


def demo_dataset() -> Path:
    """The packaged demo dataset: 32 samples in Alpaca's format."""
    path = resources.files("engine") / "demo" / "instructions.json"
    assert isinstance(path, Path), "burnish is installed as files"
    return path


# Containers -----------------------------------------------------------------------------------------------

_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")
_SPACE = " \t\n\r\v\f"


class _Beginning(NamedTuple):
    """The first 64 KiB of a file, and what they show it to be."""

    container: Container
    encoding: str
    text: str  # "" of Parquet


def _container(path: Path, format: Format | None, encoding: str | None) -> tuple[Container, str]:
    found, encoding, text = _beginning(path, encoding)
    if format is None and found is Container.CSV and not _looks_like_a_table(path, text):
        line = _first_line(text)
        utf16 = unmarked_utf16(line)
        perhaps = f"; {advice(utf16)}" if utf16 else ""
        raise DatasetError(f"{path}: line 1: begins with {shown(line[:40])}{perhaps}; {_EXPECTED}")
    if format is not None and format.container is not found:
        raise DatasetError(
            f"{path}: expected {format.container.value} for {format.value}, found {found.value}"
        )
    return found, encoding


def _beginning(path: Path, named: str | None = None) -> _Beginning:
    """A file's beginning, read in the encoding that was named if one was. Text that is not JSON is a table."""
    try:
        if path.exists() and not path.is_file():
            raise DatasetError(f"{path}: expected a file that holds a dataset, found something else")
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    encoding = encoding_marked(head) if named is None else encoding_named(named)
    if head.startswith(b"PAR1"):
        if named is not None:
            raise DatasetError(f"{path}: --encoding is for CSV, and this is Parquet")
        return _Beginning(Container.PARQUET, UTF8, "")
    if head.startswith(_PACKED):
        raise DatasetError(f"{path}: a compressed file; unpack it first")
    try:
        text = decoded(head, encoding)
    except UnicodeError as error:
        raise DatasetError(f"{path}: cannot be read as {encoding}: {error}") from None
    start = text.lstrip(_SPACE)[:1]
    if not start:
        raise DatasetError(f"{path}: empty; {_EXPECTED}")
    found = {"[": Container.JSON, "{": Container.JSONL}.get(start, Container.CSV)
    if found is not Container.CSV and encoding != UTF8:
        if named is None:
            raise DatasetError(f"{path}: byte 0: text in UTF-16 or UTF-32; save it as UTF-8")
        raise DatasetError(f"{path}: --encoding is for CSV, and this is {found.value}; save it as UTF-8")
    return _Beginning(found, encoding, text)


def _first_line(text: str) -> str:
    return text.lstrip(_SPACE).split("\n", 1)[0].rstrip("\r")


def _looks_like_a_table(path: Path, text: str) -> bool:
    """True of a first line with names that are known, and of any in a file that is called a table."""
    line = _first_line(text)
    called = path.suffix.lower() in _TABLES
    return "\0" not in line and (called or _is_header(_split(line, _delimiter(line))))


# CSV ------------------------------------------------------------------------------------------------------

_TABLES = (".csv", ".tsv")
_CELL = 1 << 26  # characters: an unclosed quote ends here and not at the end of memory


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _is_header(names: list[str]) -> bool:
    return fields_of(dict.fromkeys(names)) is not None or any(map(names_turns, names))


def _delimiter(header: str) -> str:
    """The mark between the columns: the comma, or the ones spreadsheets write where that is the decimal sign."""
    names = {mark: _split(header, mark) for mark in ",;\t"}
    return next(
        (mark for mark in names if _is_header(names[mark])), max(names, key=lambda mark: len(names[mark]))
    )


def _table_rows(path: Path, encoding: str) -> Iterator[Row]:
    csv.field_size_limit(_CELL)  # the module's own limit of 128 KB is below long answers
    with path.open("rb") as file:
        delimiter = _delimiter(_first_line(decoded(file.read(1 << 16), encoding)))
        file.seek(0)
        lines = lines_of(file, encoding)
        table = csv.reader(lines, delimiter=delimiter, strict=True)
        header: list[str] | None = None
        while True:
            number, lines.fault = table.line_num + 1, None
            try:
                cells = next(table)
            except StopIteration:
                return
            except csv.Error as error:
                what = "a quote is never closed" if "unexpected end" in str(error) else str(error)
                yield number, RowError(f"broken CSV ({what})")
                continue
            if len(cells) < 2 and not "".join(cells).strip():
                continue
            if header is None:
                header = cells
                twice = next((name for name, count in Counter(header).items() if count > 1), None)
                if lines.fault is not None:
                    raise DatasetError(f"{path}: line {number}: {lines.fault}")
                if twice is not None:
                    raise DatasetError(f"{path}: line {number}: the column {shown(twice)} is there twice")
                continue
            if lines.fault is not None:
                yield number, RowError(lines.fault)
            elif len(cells) != len(header):
                yield number, RowError(f"expected {len(header)} cells as in the header, found {len(cells)}")
            else:
                yield number, dict(zip(header, cells, strict=True))


_READERS: dict[Container, Callable[[Path], Iterator[Row]]] = {
    Container.JSON: array_rows,
    Container.JSONL: line_rows,
    Container.PARQUET: lambda path: extras.parquet(path).parquet_rows(path),
}
_UNIT = {Container.JSON: "row", Container.JSONL: "line", Container.CSV: "line", Container.PARQUET: "row"}
