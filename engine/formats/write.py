"""Datasets out: a new file that takes its place in one step, or not at all."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from engine.formats import extras
from engine.formats.names import Container, DatasetError, Format, Record, shown
from engine.formats.outputs import SourceFile, replacing
from engine.formats.packed import packing_into, packing_named

Step = Callable[[], None]
"""Called before each row, of a table twice: what it raises ends the writing, and nothing is left of it."""


def nothing() -> None:
    """The step of a writing that nobody watches."""


def write_dataset(
    path: Path,
    format: Format,
    records: Iterable[Record],
    *,
    types: str | None = None,
    sources: Collection[SourceFile] = (),
    step: Step = nothing,
) -> int:
    """Write rows as `render` makes them; returns how many.

    `types`: of the source's columns, as `Dataset.types` gives them; a Parquet file keeps them.

    One row is in memory at a time (Parquet: a batch). The file appears complete or not at all, over an older
    one, but never over one of `sources`, nor over a workspace. `DatasetError`.
    """
    with replacing(path, sources=sources) as (file,):
        return write_rows(file, path, format, records, types=types, step=step)


def write_rows(
    file: BinaryIO,
    path: Path,
    format: Format,
    records: Iterable[Record],
    *,
    types: str | None = None,
    step: Step = nothing,
) -> int:
    """The same, into a file that is to take the place of `path`, and is packed as that name says."""
    if format.container is Container.PARQUET:
        if (packing := packing_named(path)) is not None:
            raise DatasetError(f"{path}: Parquet is packed as it is; give it a name without {packing}")
        return _write_parquet(file, path, records, types, step)
    with packing_into(path, file) as packed:
        return _WRITERS[format.container](packed, path, records, step)


def is_table(format: Format) -> bool:
    """True where a file of this format has a head that depends on all rows, so that they are gone through twice."""
    return format.container in (Container.CSV, Container.PARQUET)


def row_texts(format: Format, records: Collection[Record]) -> list[str]:
    """Rows as they stand in a file, under CSV's head; a Parquet file, which is no text, holds what the JSON shows."""
    if format.container is not Container.CSV:
        return [_encode(record, number).decode() for number, record in enumerate(records, 1)]
    names = dict.fromkeys(name for record in records for name in record)
    texts = []
    for row in (names, *([_cell(record.get(name)) for name in names] for record in records)):
        line = io.StringIO()
        csv.writer(line).writerow(row)
        texts.append(line.getvalue().removesuffix("\r\n"))
    return texts


# JSON -----------------------------------------------------------------------------------------------------

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _text(record: Record, number: int) -> str:
    """A row as one line of JSON."""
    try:
        return _ENCODER.encode(record)
    except ValueError as error:
        raise DatasetError(f"row {number} of the export cannot be written as JSON: {error}") from None
    except RecursionError:
        raise DatasetError(f"row {number} of the export is nested too deeply to be written") from None


def _encode(record: Record, number: int) -> bytes:
    """A row as one line of JSON in readable UTF-8; of all characters only lone surrogates need an escape."""
    text = _text(record, number)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _write_array(file: BinaryIO, path: Path, records: Iterable[Record], step: Step) -> int:
    count = 0
    for count, record in enumerate(records, 1):
        step()
        file.write(b"[\n" if count == 1 else b",\n")
        file.write(_encode(record, count))
    file.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_lines(file: BinaryIO, path: Path, records: Iterable[Record], step: Step) -> int:
    count = 0
    for count, record in enumerate(records, 1):
        step()
        file.write(_encode(record, count) + b"\n")
    return count


# Tables ---------------------------------------------------------------------------------------------------


_BATCH = 1000  # rows
_Look = Callable[[list[Record]], None]


@contextmanager
def _spooled(path: Path, records: Iterable[Record], look: _Look, step: Step) -> Iterator[Iterator[Record]]:
    """The rows once more, from a nameless file: a table's head depends on all of them, which `look` sees first."""
    with tempfile.TemporaryFile(dir=path.resolve().parent) as spool:
        count, rows = 0, iter(records)
        while batch := list(islice(rows, _BATCH)):
            for record in batch:
                step()
                count += 1
                line = _text(record, count)
                try:
                    spool.write(line.encode() + b"\n")
                except UnicodeEncodeError as error:
                    near = shown(line[max(0, error.start - 10) : error.end + 10])
                    raise DatasetError(
                        f"row {count} of the export holds half a character (near {near}), which only JSON can "
                        "carry: export it as JSON"
                    ) from None
            look(batch)
        spool.seek(0)
        yield _stepped(spool, step)


def _stepped(lines: Iterable[bytes], step: Step) -> Iterator[Record]:
    for line in lines:
        step()
        yield json.loads(line)


class _Utf8(NamedTuple):
    """A file as `csv.writer` wants it."""

    file: BinaryIO

    def write(self, text: str) -> int:
        return self.file.write(text.encode())


def _write_csv(file: BinaryIO, path: Path, records: Iterable[Record], step: Step) -> int:
    """Texts as they are, null as an empty cell, everything else as JSON."""
    names: dict[str, None] = {}

    def look(batch: list[Record]) -> None:
        for record in batch:
            names.update(dict.fromkeys(record))

    count = 0
    with _spooled(path, records, look, step) as rows:
        table = csv.writer(_Utf8(file))
        table.writerow(names)
        for count, row in enumerate(rows, 1):  # noqa: B007 - returned
            table.writerow([_cell(row.get(name)) for name in names])
    return count


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else _ENCODER.encode(value)


def _write_parquet(
    file: BinaryIO, path: Path, records: Iterable[Record], types: str | None, step: Step
) -> int:
    columns = extras.parquet(path).Columns(types)
    with _spooled(path, records, columns.look, step) as rows:
        count: int = columns.write(file, rows)
    return count


_WRITERS: dict[Container, Callable[[BinaryIO, Path, Iterable[Record], Step], int]] = {
    Container.JSON: _write_array,
    Container.JSONL: _write_lines,
    Container.CSV: _write_csv,
}
