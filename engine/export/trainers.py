"""A dataset as a trainer takes it, with the entry or config that names it beside the file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.formats.layouts import convert
from engine.formats.names import TRACE, DatasetError, Format, Layout
from engine.formats.write import Step, nothing, replacing, write_dataset
from engine.sample import Sample, Version
from models.errors import UsageError


class Trainer(StrEnum):
    """A program that fine-tunes; the value is its name on the command line."""

    LLAMAFACTORY = "llamafactory"
    AXOLOTL = "axolotl"
    TRL = "trl"


@dataclass(frozen=True, slots=True)
class TrainerFiles:
    """The files that were written for a trainer."""

    rows: int
    dataset: Path
    config: Path  # dataset_info.json, or a YAML file to start the trainer with
    use: str  # how to hand it to the trainer, one line


Item = tuple[Sample, Version, Mapping[str, Any] | None]
"""A sample, the version of it to train on, and its trace, if that is to be carried along."""


def trainer_format(trainer: Trainer, source: Format) -> Format:
    """The format a trainer takes rows of `source` in: one exchange stays that, turns stay turns."""
    one = source.layout in (Layout.ALPACA, Layout.WIZARDLM)
    if trainer is Trainer.LLAMAFACTORY:
        return Format.ALPACA if one else Format.SHAREGPT
    if trainer is Trainer.AXOLOTL:
        return Format.ALPACA_JSONL if one else Format.MESSAGES
    return Format.MESSAGES


def trainer_records(target: Format, source: Format, items: Iterable[Item]) -> Iterator[dict[str, Any]]:
    """Rows in the field names of a trainer's format, their trace last. `DatasetError`: the trainer cannot hold one."""
    for sample, version, trace in items:
        record = convert(sample, version, source.layout, target.layout)
        if target is Format.ALPACA_JSONL and (record.get("system") or record.get("history")):
            raise DatasetError(
                f"sample {sample.index}: Axolotl's alpaca type would drop its `system` and `history`; "
                "export it as messages without a trainer"
            )
        yield record if trace is None else record | {TRACE: dict(trace)}


def write_for_trainer(
    trainer: Trainer,
    path: Path,
    source: Format,
    items: Iterable[Item],
    *,
    protected: Collection[Path] = (),
    step: Step = nothing,
) -> TrainerFiles:
    """Write the dataset to `path` and the trainer's entry or config beside it.

    Rows get the trainer's own field names; unknown fields come after them. `UsageError`: the file's name does
    not suit the trainer. `DatasetError`: as `write_dataset`, or rows the trainer cannot hold.
    """
    target = trainer_format(trainer, source)
    config = config_path(trainer, path)
    seen: set[str] = set()

    def records() -> Iterator[dict[str, Any]]:
        for record in trainer_records(target, source, items):
            seen.update(record)
            yield record

    rows = write_dataset(path, target, records(), protected=protected, step=step)
    if trainer is Trainer.LLAMAFACTORY:
        _add_entry(config, path, target, seen)
        use = f"llamafactory-cli train --dataset_dir {path.parent} --dataset {path.stem} ..."
    else:
        text = _axolotl(path, target) if trainer is Trainer.AXOLOTL else _trl(path)
        with replacing(config) as file:
            file.write(text.encode())
        use = (
            f"trl sft --config {config} ..." if trainer is Trainer.TRL else f"merge {config} into your config"
        )
    return TrainerFiles(rows, path, config, use)


def config_path(trainer: Trainer, path: Path) -> Path:
    """The place of the entry or config of a dataset at `path`. `UsageError`: the name does not suit the trainer."""
    if trainer is not Trainer.LLAMAFACTORY:
        return path.with_name(f"{path.stem}.{trainer.value}.yaml")
    if path.suffix not in (".json", ".jsonl") or path.name == "dataset_info.json":
        raise UsageError(f"{path}: LLaMA-Factory tells a file's format from its ending; call it NAME.json")
    return path.with_name("dataset_info.json")


# LLaMA-Factory --------------------------------------------------------------------------------------------


def _add_entry(config: Path, path: Path, target: Format, fields: Collection[str]) -> None:
    """Put this dataset into the folder's dataset_info.json, whose other entries stay as they are."""
    info: object = {}
    if config.exists():
        try:
            info = json.loads(config.read_bytes())
        except (OSError, ValueError) as error:
            raise DatasetError(f"{config}: cannot be read, so no entry was added: {error}") from None
    if not isinstance(info, dict):
        raise DatasetError(f"{config}: expected an object with one entry a dataset; no entry was added")
    info[path.stem] = {"file_name": path.name} | _entry(target, fields)
    with replacing(config) as file:
        file.write(json.dumps(info, indent=2).encode() + b"\n")


def _entry(target: Format, fields: Collection[str]) -> dict[str, Any]:
    """A dataset's entry as LLaMA-Factory's data/README.md defines it."""
    if target.layout is Layout.SHAREGPT:
        return {
            "formatting": "sharegpt",
            "columns": {"messages": "conversations"},
            "tags": {
                "role_tag": "from",
                "content_tag": "value",
                "user_tag": "human",
                "assistant_tag": "gpt",
                "system_tag": "system",
            },
        }
    columns = {"prompt": "instruction", "query": "input", "response": "output"}
    return {"columns": columns | {name: name for name in ("system", "history") if name in fields}}


# YAML, in which a JSON string is a string -----------------------------------------------------------------


def _quoted(path: Path) -> str:
    return json.dumps(str(path.resolve()), ensure_ascii=False)


def _axolotl(path: Path, target: Format) -> str:
    head = f"datasets:\n  - path: {_quoted(path)}\n    ds_type: json\n"
    if target.layout is Layout.ALPACA:
        return f"{head}    type: alpaca\n"
    return (
        "# A base model brings no chat template: then ChatML's is used.\n"
        "chat_template: tokenizer_default_fallback_chatml\n"
        f"{head}    type: chat_template\n    field_messages: messages\n"
        "    message_property_mappings:\n      role: role\n      content: content\n"
    )


def _trl(path: Path) -> str:
    return (
        "# trl sft --config THIS_FILE --model_name_or_path MODEL --output_dir FOLDER\n"
        "# A base model without a chat template also needs chat_template_path: a model or a Jinja file that has one.\n"
        f"datasets:\n  - path: json\n    data_files: {_quoted(path)}\n    columns: [messages]\n"
    )
