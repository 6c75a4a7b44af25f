"""Exports for a trainer, written for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.export.for_trainer import Item, TrainerFiles, write_for_trainer
from engine.export.trainers import Trainer, trainer_format
from engine.formats.names import Format
from engine.formats.read import open_dataset
from tests.factory import last_sample

FLAT = {"id": 1, "prompt": "Add.", "context": "1 2", "response": "3"}
TURNS = {
    "conversations": [
        {"from": "system", "value": "Be brief."},
        {"from": "user", "value": "a"},
        {"from": "chatgpt", "value": "b"},
        {"from": "user", "value": "c"},
        {"from": "chatgpt", "value": "d"},
    ]
}


def items(
    *rows: dict[str, Any], format: Format = Format.ALPACA, trace: dict[str, Any] | None = None
) -> list[Item]:
    samples = [last_sample(row, format, index) for index, row in enumerate(rows)]
    return [Item(one.row, [(one, one.original)], trace) for one in samples]


def write(
    trainer: Trainer,
    path: Path,
    source: Format,
    rows: list[Item],
    *,
    target: Format | None = None,
    **options: Any,
) -> TrainerFiles:
    """The files of an export, in the trainer's own format unless told otherwise."""
    return write_for_trainer(
        trainer, path, source, trainer_format(trainer, source, target), lambda: rows, **options
    )


def written(
    trainer: Trainer, path: Path, row: dict[str, Any], format: Format
) -> tuple[TrainerFiles, Any, Any]:
    """The exported file, its first row, and the config."""
    files = write(trainer, path, format, items(row, format=format))
    first = next(open_dataset(files.dataset).samples()).row
    return files, first, files.config.read_text()
