"""Datasets in: the format of a file, told from its content, and its samples, one at a time.

Memory does not grow with the file: JSON arrays pass through a window, JSON Lines and CSV line by line, Parquet
in batches. Files are opened for reading only.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from engine.formats import extras
from engine.formats.json import array_rows, line_rows, skip_bom
from engine.formats.layouts import fields_of, fits, layout_of, version_of
from engine.formats.names import (
    Container,
    DatasetError,
    Format,
    Layout,
    Row,
    RowError,
    shown,
)
from engine.sample import Sample

_EXPECTED = (
    "expected rows with `instruction` and `output`, `conversations` or `messages`, as a JSON array, JSON Lines, "
    "CSV or Parquet"
)
_LOOK = 100  # rows looked at to tell the layout


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that holds no sample."""

    where: str  # "line 17", "row 17"
    message: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file that holds a dataset, and its format."""

    path: Path
    format: Format
    fields: tuple[str, ...]  # of the first row that fits the format

    def rows(self) -> Iterator[Row]:
        """Every row as it is, by its number; `RowError` in place of one that cannot be read."""
        return _rows(self.path, self.format.container)

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
        """Every sample, in the file's order.

        Bad rows go to `on_bad` and the rest goes on; without it the first one raises `DatasetError`, and so
        does a file in which no row is good. After a break in a JSON array nothing can be read: it is the last
        bad row.
        """
        layout, count = self.format.layout, 0
        for number, row in self.rows():
            try:
                version = version_of(row, layout)
            except RowError as error:
                bad = BadRow(self.where(number), str(error))
                if on_bad is None:
                    raise DatasetError(f"{self.path}: {bad.where}: {bad.message}") from None
                on_bad(bad)
                continue
            assert isinstance(row, dict)
            yield Sample(index=count, original=version, row=row)
            count += 1
        if not count:
            raise DatasetError(f"{self.path}: no row holds a sample; {_EXPECTED}")


def open_dataset(path: Path, format: Format | None = None) -> Dataset:
    """The dataset in a file. Its format is told from its first rows unless `format` says it.

    `DatasetError`: the file cannot be read, is no dataset, or is none of `format`.
    """
    container = _container(path, format)
    rows = list(islice(_rows(path, container), _LOOK))
    if not rows:
        raise DatasetError(f"{path}: holds no rows; {_EXPECTED}")
    if format is None:
        format = Format.of(container, _layout([row for _, row in rows]))
        expected = _EXPECTED
    else:
        expected = f"expected {format.layout.value} for {format.value}"
    for _, row in rows:
        if isinstance(row, dict) and fits(row, format.layout):
            return Dataset(path, format, tuple(row))
    number, row = rows[0]
    if container is Container.JSONL and isinstance(row, RowError):
        expected = "a file that begins with `{` is JSON Lines: one object a line"
    try:
        version_of(row, format.layout)
    except RowError as error:
        raise DatasetError(f"{path}: {_UNIT[container]} {number}: {error}; {expected}") from None
    raise AssertionError("a row that holds a sample fits its layout")


def _layout(rows: list[object]) -> Layout:
    """The layout of the first row that has one. One row without an input says nothing; a hundred do."""
    layouts = [layout for row in rows if (layout := layout_of(row)) is not None]
    first = layouts[0] if layouts else Layout.ALPACA
    return Layout.ALPACA if first is Layout.WIZARDLM and Layout.ALPACA in layouts else first


def _rows(path: Path, container: Container) -> Iterator[Row]:
    try:
        yield from _READERS[container](path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None


def any_rows(path: Path) -> Iterator[object]:
    """The rows of a file that need hold no samples: JSON values, CSV's rows by column, or lines of text.

    `DatasetError`: the file cannot be read, or a row of it.
    """
    container, _ = _beginning(path)
    if container is Container.CSV and path.suffix.lower() not in (".csv", ".tsv"):
        rows: Iterator[Row] = _text_lines(path)
    else:
        rows = _rows(path, container)
    for number, row in rows:
        if isinstance(row, RowError):
            raise DatasetError(f"{path}: {_UNIT[container]} {number}: {row}")
        yield row


def _text_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        lines = _CsvLines(file)
        for number, line in enumerate(lines, 1):
            yield number, line if lines.bad_byte is None else RowError(f"byte {lines.bad_byte}: not UTF-8")


def demo_dataset() -> Path:
    """The packaged demo dataset: 32 samples in Alpaca's format."""
    path = resources.files("engine") / "demo" / "instructions.json"
    assert isinstance(path, Path), "burnish is installed as files"
    return path


# Containers -----------------------------------------------------------------------------------------------

_BOM = codecs.BOM_UTF8
_NOT_UTF8 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")


def _container(path: Path, format: Format | None) -> Container:
    found, head = _beginning(path)
    if format is None and found is Container.CSV and not _looks_like_a_table(head):
        raise DatasetError(f"{path}: line 1: begins with {shown(_first_line(head)[:40])}; {_EXPECTED}")
    if format is not None and format.container is not found:
        raise DatasetError(
            f"{path}: expected {format.container.value} for {format.value}, found {found.value}"
        )
    return found


def _beginning(path: Path) -> tuple[Container, bytes]:
    """The container that a file's first 64 KiB show, and these bytes. Text that is not JSON is a table."""
    try:
        if path.exists() and not path.is_file():
            raise DatasetError(f"{path}: expected a file that holds a dataset, found something else")
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    if head.startswith(b"PAR1"):
        found = Container.PARQUET
    elif head.startswith(_NOT_UTF8):
        raise DatasetError(f"{path}: byte 0: text in UTF-16 or UTF-32; save it as UTF-8")
    elif head.startswith(_PACKED):
        raise DatasetError(f"{path}: a compressed file; unpack it first")
    else:
        start = head.removeprefix(_BOM).lstrip()[:1]
        if not start:
            raise DatasetError(f"{path}: empty; {_EXPECTED}")
        found = {b"[": Container.JSON, b"{": Container.JSONL}.get(start, Container.CSV)
    return found, head


def _first_line(head: bytes) -> str:
    return head.removeprefix(_BOM).lstrip().split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")


def _looks_like_a_table(head: bytes) -> bool:
    line = _first_line(head)
    return "\0" not in line and fields_of(dict.fromkeys(_split(line, _delimiter(line)))) is not None


# CSV ------------------------------------------------------------------------------------------------------

_CELL = 1 << 26  # characters: an unclosed quote ends here and not at the end of memory


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _delimiter(header: str) -> str:
    """The mark between the columns: the comma, or the ones spreadsheets write where that is the decimal sign."""
    marks = (mark for mark in ",;\t" if fields_of(dict.fromkeys(_split(header, mark))) is not None)
    return next(marks, ",")


class _CsvLines:
    """A table's lines as text, for `csv.reader`; remembers the first byte that was not UTF-8."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = skip_bom(file)
        self.bad_byte: int | None = None

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        start, self._start = self._start, self._start + len(line)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            if self.bad_byte is None:
                self.bad_byte = start + error.start
            # Bytes that are not UTF-8 cannot move a row's end: the rows after this one are sound.
            return line.decode("utf-8", "replace")


def _table_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(_CELL)  # the module's own limit of 128 KB is below long answers
    with path.open("rb") as file:
        delimiter = _delimiter(_first_line(file.read(1 << 16)))
        file.seek(0)
        lines = _CsvLines(file)
        table = csv.reader(lines, delimiter=delimiter, strict=True)
        header: list[str] | None = None
        while True:
            number, lines.bad_byte = table.line_num + 1, None
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
                if lines.bad_byte is not None:
                    raise DatasetError(f"{path}: line {number}: byte {lines.bad_byte}: not UTF-8")
                if twice is not None:
                    raise DatasetError(f"{path}: line {number}: the column {shown(twice)} is there twice")
                continue
            if lines.bad_byte is not None:
                yield number, RowError(f"byte {lines.bad_byte}: not UTF-8")
            elif len(cells) != len(header):
                yield number, RowError(f"expected {len(header)} cells as in the header, found {len(cells)}")
            else:
                yield number, dict(zip(header, cells, strict=True))


_READERS: dict[Container, Callable[[Path], Iterator[Row]]] = {
    Container.JSON: array_rows,
    Container.JSONL: line_rows,
    Container.CSV: _table_rows,
    Container.PARQUET: lambda path: extras.parquet(path).parquet_rows(path),
}
_UNIT = {Container.JSON: "row", Container.JSONL: "line", Container.CSV: "line", Container.PARQUET: "row"}
