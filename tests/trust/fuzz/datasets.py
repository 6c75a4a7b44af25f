"""Datasets in every format, damaged: read as a user's file is, with and without bad rows, and written again."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import zlib
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from engine.export.for_trainer import Item, write_for_trainer
from engine.export.trainers import Trainer, formats_of
from engine.formats.names import DatasetError, Format
from engine.formats.read import BadRow, open_dataset
from engine.formats.render import render
from engine.formats.write import row_texts, write_dataset
from engine.run.opening import open_workspace
from models.errors import UsageError
from tests.factory import history_of
from tests.trust.fuzz.mutation import as_json, bent, mutated
from tests.trust.fuzz.watch import one_line

FLAT: list[dict[str, Any]] = [
    {"instruction": "Name a fruit.", "input": "", "output": "An apple.", "id": 7},
    {"instruction": "Übersetze \U0001f600", "input": "The train\nis late.", "output": 'He said "no".'},
    {"prompt": "What is two plus two?", "context": None, "response": "Four.", "history": [["Hi.", "Hello."]]},
    {"instruction": "Sort.", "input": "b a", "output": "a b", "system": "Be brief.", "history": []},
]
WITHOUT_INPUT: list[dict[str, Any]] = [{"instruction": f"Say {n}.", "output": str(n)} for n in range(3)]
SHAREGPT: list[dict[str, Any]] = [
    {
        "id": "a",
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "Hi.", "weight": 0},
            {"from": "gpt", "value": "Hello."},
            {"from": "human", "value": "Name a fruit."},
            {"from": "gpt", "value": "An apple."},
        ],
    },
    {
        "conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}],
        "system": "Be.",
    },
]
MESSAGES: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": f"Say {n}."}, {"role": "assistant", "content": str(n)}]}
    for n in range(2)
] + [
    {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Look it up.", "name": "x"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
        ]
    }
]
_ASKED, _ANSWERED = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}
SHAPED: list[dict[str, Any]] = [
    {"prompt": [_ASKED], "completion": [_ANSWERED], "label": True},
    {"prompt": "Why?", "completion": [_ANSWERED]},
    {"conversation": [{"system": "", "input": "Why?", "output": "Because."}]},
    {"messages": json.dumps([_ASKED, _ANSWERED]), "id": 1},
    {"messages": repr([_ASKED, _ANSWERED])},
    {"conversations": {"from": ["human", "gpt"], "value": ["Why?", "Because."]}},
    {"data": ["Why?", "Because."]},
    {"log": [_ASKED, _ANSWERED]},
    {"User Question": "Why?", "Model Answer": "Because."},
]
ROWS = (FLAT, WITHOUT_INPUT, SHAREGPT, MESSAGES, SHAPED)
TOKENS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\n",
        b"\r\n",
        b'""',
        b"\\u0000",
        b"\\ud800",
        b"NaN",
        b"1e999",
        b"-",
    ),
    *(
        b"null",
        b"true",
        b'{"instruction":"a","output":"b"}',
        b"\xef\xbb\xbf",
        b"PAR1",
        b"\x1f\x8b",
        b"\xff\xfe",
        b";",
    ),
    *(b'"input":', b'"messages":', b'"conversations":', b"," * 20_000, b";" * 20_000, b'"a",' * 20_000),
    b",".join(b"c%d" % number for number in range(60_000)),  # columns
)
SHOWN = 30  # rows that are looked at further


def make(dice: Random) -> bytes:
    rows: Any = dice.choice(ROWS)
    for _ in range(dice.randint(0, 2)):
        rows = bent(rows, dice)
    match dice.randint(0, 7):
        case 0 | 1:
            found = as_json(rows).encode()
        case 2 | 3 if isinstance(rows, list):
            found = dice.choice(("\n", ",\n", "")).join(map(as_json, rows)).encode()
        case 4 if isinstance(rows, list):
            found = as_json({"version": 1, dice.choice(("data", "train", "messages")): rows}).encode()
        case 5 if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            names = dict.fromkeys(name for row in rows for name in row)
            found = as_json({name: [row.get(name) for row in rows] for name in names}).encode()
        case _:
            found = _table(rows, dice.choice(",;\t|")).encode("utf-8", "surrogatepass")
    found = mutated(found, dice, TOKENS) if dice.randint(0, 2) else found
    match dice.randint(0, 15):
        case 0:
            found = found.decode("utf-8", "replace").encode(dice.choice(("utf-16", "utf-16-le", "utf-32")))
        case 1:
            found = mutated(dice.choice((gzip.compress, lzma.compress))(found), dice, TOKENS)
        case _:
            pass
    return found


def _table(rows: Any, delimiter: str) -> str:
    out = io.StringIO()
    table = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    names = dict.fromkeys(name for row in rows for name in row)
    table.writerow(names)
    for row in rows:
        table.writerow([cell if isinstance(cell := row.get(name), str) else as_json(cell) for name in names])
    return out.getvalue()


def judge(case: bytes, folder: Path) -> bool:
    data = folder / "data"
    data.write_bytes(case)
    some = zlib.crc32(case)
    forced = list(Format)[some % len(Format)]
    taken = [_read(data, format, some) for format in (None, forced)]
    if some % 16 == 0:  # a workspace waits for the disk
        _import(data, folder / "w.burnish")
    return any(taken)


def _read(data: Path, format: Format | None, some: int) -> bool:
    bad: list[BadRow] = []
    try:
        dataset = open_dataset(data, format)
        samples = list(dataset.samples(bad.append))
    except DatasetError as error:
        one_line(error)
        return False
    finally:
        for row in bad[:SHOWN]:
            one_line(DatasetError(row.message))
    source, target = dataset.format, list(Format)[some // 16 % len(Format)]
    first = samples[:SHOWN]
    try:
        records = [render(sample, sample.original, source, target) for sample in first]
        row_texts(target, records)
        write_dataset(data.with_name("out"), target, iter(records))
        trainer = list(Trainer)[some // 256 % len(Trainer)]
        formats = formats_of(trainer)
        taken = formats[some // 1024 % len(formats)]
        items = [Item(s.row, [(s, s.original)], {"a": 1}) for s in first]
        drop = bool(some // 65536 % 2)
        named = write_for_trainer(
            trainer, data.with_name("out.json"), source, taken, lambda: items, drop=drop, replace_entry=True
        )
        for broken in named.broken:
            one_line(DatasetError(str(broken)))
    except (DatasetError, UsageError) as error:
        one_line(error)
    assert all(history_of(sample.row, source.layout) == sample.history for sample in first)
    return True


def _import(data: Path, path: Path) -> None:
    try:
        with open_workspace(path, data, None, lambda _: None) as opened:
            assert [s.index for s in islice(opened.samples(), SHOWN)] == list(range(min(len(opened), SHOWN)))
    except DatasetError as error:
        one_line(error)
        assert not path.exists(), "all of it, or no file at all"
    finally:
        path.unlink(missing_ok=True)
