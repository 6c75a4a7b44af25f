"""Datasets' contents for tests, written to a file and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.formats.names import DatasetError, Format
from engine.formats.read import BadRow, open_dataset
from engine.formats.write import write_dataset
from engine.sample import Sample

ALPACA = {"instruction": "Add.", "input": "1 2", "output": "3"}
WIZARD = {"instruction": "Say hi.", "output": "Hi."}
SHAREGPT = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
MESSAGES = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}

GOOD = '{"instruction":"a","output":"b"}'  # 32 bytes


def array(*rows: object) -> str:
    return json.dumps(rows, indent=2)


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def deep(depth: int) -> str:
    """A row nested so deep."""
    return '{"instruction": "a", "output": "b", "n": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def write(folder: Path, content: str | bytes, name: str = "data.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def fault(folder: Path, content: str | bytes, format: Format | None = None) -> str:
    """The one line that reading this content strictly ends in."""
    path = write(folder, content)
    with pytest.raises(DatasetError) as error:
        list(open_dataset(path, format).samples())
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def rest(folder: Path, content: str | bytes) -> tuple[list[str], list[BadRow]]:
    """The instructions of the good rows, and the bad rows."""
    bad: list[BadRow] = []
    good = list(open_dataset(write(folder, content)).samples(bad.append))
    assert [sample.index for sample in good] == list(range(len(good)))
    return [sample.original.instruction for sample in good], bad


def written_and_read(folder: Path, format: Format, records: list[dict[str, Any]]) -> list[Sample]:
    path = folder / "data"
    assert write_dataset(path, format, iter(records)) == len(records)
    dataset = open_dataset(path)
    assert dataset.format.container is format.container
    return list(dataset.samples())
