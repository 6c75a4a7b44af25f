"""A dataset as a trainer takes it, with the entry or config that names it beside the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.json import DEPTH
from engine.formats.layouts import convert
from engine.formats.names import TRACE, DatasetError, Format, Layout, is_deep, shown
from engine.formats.outputs import SourceFile, replacing
from engine.formats.passed import in_names_of
from engine.formats.write import Step, nothing, write_rows
from engine.sample import PassedRow, Sample, Version
from models.errors import UsageError
from models.system.shell import command_line, quoted_word

SHOWN = 5  # of the rows that a trainer skips, by number


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


# Fields beside the turns or texts that a trainer may read: by the trainer's name for each, the names that rows
# give it. What a trainer's config does not name, it does not read, without a word:
# - LLaMA-Factory, src/llamafactory/data/parser.py: a column that `columns` leaves out is None, and so is a tag that
#   `tags` leaves out. data/README.md: `history` goes with the alpaca formatting alone; `kto_tag` is a boolean, in
#   its own demonstration set under the name `label`.
# - Axolotl, src/axolotl/prompt_strategies/chat_template.py: `field_tools` and `field_system`, and `images` under
#   that name only. prompt_strategies/alpaca_chat.py: instruction, input and output alone.
# - TRL, trl/scripts/utils.py: `columns` are all that is loaded. docs/source/dataset_formats.md and sft_trainer.md:
#   `messages`, `tools`, `images` or `image`, and `chat_template_kwargs`.
_FIELDS: dict[Trainer, dict[str, tuple[str, ...]]] = {
    Trainer.LLAMAFACTORY: {
        "system": ("system",),
        "tools": ("tools",),
        "images": ("images", "image"),
        "videos": ("videos", "video"),
        "audios": ("audios", "audio"),
    },
    Trainer.AXOLOTL: {"tools": ("tools",), "system": ("system",), "images": ("images",)},
    Trainer.TRL: {
        "tools": ("tools",),
        "images": ("images", "image"),
        "chat_template_kwargs": ("chat_template_kwargs",),
    },
}
_NAMES = {Trainer.AXOLOTL: "Axolotl", Trainer.TRL: "TRL"}
_KTO = ("kto_tag", "label")

# Fields that a model is trained with wherever they are read.
_MATTER = ("system", "history", "tools", "images", "image", "videos", "video", "audios", "audio")

Leaving = tuple[Sample, Version, Mapping[str, Any] | None]
"""A sample, the version of it to train on, and its trace, if that is to be carried along."""

Item = Leaving | PassedRow


def trainer_format(trainer: Trainer, source: Format) -> Format:
    """The format a trainer takes rows of `source` in: one exchange stays that, turns stay turns."""
    one = source.layout in (Layout.ALPACA, Layout.WIZARDLM)
    if trainer is Trainer.LLAMAFACTORY:
        return Format.ALPACA if one else Format.SHAREGPT
    if trainer is Trainer.AXOLOTL:
        return Format.ALPACA_JSONL if one else Format.MESSAGES
    return Format.MESSAGES


def trainer_records(
    trainer: Trainer,
    target: Format,
    source: Format,
    items: Iterable[Item],
    *,
    named: Columns = NO_COLUMNS,
) -> Iterator[dict[str, Any]]:
    """Rows in the field names of a trainer's format, their trace last. `DatasetError`: the trainer cannot hold one.

    A row that passes through and has no place in the format is left out.
    """
    for item in items:
        if isinstance(item, PassedRow):
            trace, where = None, f"the row before sample {item.place}"
            passed = in_names_of(item.row, source.layout, target.layout, named)
            if passed is None:
                continue
            record = dict(passed)
        else:
            sample, version, trace = item
            where = f"sample {sample.index}"
            record = convert(sample, version, source.layout, target.layout, named)
        if record.get("tools") is not None:
            record["tools"] = _tools(trainer, record["tools"], where)
        lost = [f"`{name}`" for name in _MATTER if record.get(name)]
        if target is Format.ALPACA_JSONL and lost:
            raise DatasetError(
                f"{where}: Axolotl's alpaca type would drop its {' and '.join(lost)}; "
                "export it as messages without a trainer"
            )
        if target is Format.ALPACA and record.get("history") and not _is_history(record["history"]):
            raise DatasetError(
                f"{where}: its `history` is not pairs of question and answer, as LLaMA-Factory takes it"
            )
        yield record if trace is None else record | {TRACE: dict(trace)}


def _tools(trainer: Trainer, given: object, where: str) -> object:
    """A row's tools as the trainer takes them: JSON in one text for LLaMA-Factory, a list of objects for the others.

    LLaMA-Factory's data/formatter.py parses the text, Axolotl's chat_template.py refuses anything but a list, and
    TRL hands them to the chat template. Raises `DatasetError`.
    """
    as_text = trainer is Trainer.LLAMAFACTORY
    tools = given
    if isinstance(tools, str):
        if not tools.strip():
            return given if as_text else None
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            tools = None
    if isinstance(tools, dict):
        tools = [tools]
    elif not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise DatasetError(
            f"{where}: its `tools` are no list of objects, which trainers take: {shown(given)}"
        )
    elif isinstance(given, str) and as_text:
        return given
    return json.dumps(tools, ensure_ascii=False) if as_text else tools


def _is_history(value: object) -> bool:
    """True for pairs of question and answer."""
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in value
    )


def write_for_trainer(
    trainer: Trainer,
    path: Path,
    source: Format,
    items: Iterable[Item],
    *,
    named: Columns = NO_COLUMNS,
    sources: Collection[SourceFile] = (),
    step: Step = nothing,
) -> TrainerFiles:
    """Write the dataset to `path` and the trainer's entry or config beside it.

    Rows get the trainer's own field names; unknown fields come after them. `UsageError`: the file's name does
    not suit the trainer. `DatasetError`: as `write_dataset`, rows the trainer cannot hold, or a dataset_info.json
    that cannot take the entry; then nothing is written.
    """
    target = trainer_format(trainer, source)
    config = config_path(trainer, path)
    if trainer is Trainer.LLAMAFACTORY:
        check_entry(path)
    filled: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    skipped: list[int] = []  # row numbers

    def records() -> Iterator[dict[str, Any]]:
        for number, record in enumerate(trainer_records(trainer, target, source, items, named=named), 1):
            if target is Format.SHAREGPT and not _alternates(record["conversations"]):
                skipped.append(number)
            filled.update(name for name, value in record.items() if value not in (None, "", [], {}))
            flags.update(name for name in _KTO if isinstance(record.get(name), bool))
            yield record

    # Neither file takes its place before both are on the disk: rows without their entry would be no dataset.
    with replacing(path, config, sources=sources) as (file, beside):
        rows = write_rows(file, path, target, records(), step=step)
        columns = _columns(trainer, filled)
        if trainer is Trainer.LLAMAFACTORY:
            if "history" in filled and target.layout is Layout.ALPACA:
                columns["history"] = "history"
            if kto := next((name for name in _KTO if rows and flags[name] == rows), None):
                columns["kto_tag"] = kto
            text, replaced = _with_entry(config, path, target, columns)
        else:
            unread = [name for name in _MATTER if name in filled and name not in columns.values()]
            text = (
                f"# In the rows, but not read by {_NAMES[trainer]}: {', '.join(unread)}\n" if unread else ""
            )
            text += _axolotl(path, target, columns) if trainer is Trainer.AXOLOTL else _trl(path, columns)
        beside.write(text.encode())
    if trainer is Trainer.LLAMAFACTORY:
        stage = ["--stage", "kto"] if kto else []
        command = [
            "llamafactory-cli",
            "train",
            *stage,
            "--dataset_dir",
            str(path.parent),
            "--dataset",
            path.stem,
        ]
        notes = ["its entry was there and has changed"] if replaced else []
        if skipped:
            numbers = ", ".join(str(number) for number in skipped[:SHOWN]) + (
                ", ..." if skipped[SHOWN:] else ""
            )
            notes.append(f"rows it skips, whose roles do not alternate: {len(skipped)} of {rows} ({numbers})")
        use = f"{command_line(command)} ..." + (f"  # {'; '.join(notes)}" if notes else "")
        return TrainerFiles(rows, path, config, use)
    quoted = quoted_word(str(config))
    use = f"trl sft --config {quoted} ..." if trainer is Trainer.TRL else f"merge {quoted} into your config"
    return TrainerFiles(rows, path, config, use)


def _alternates(turns: Collection[Mapping[str, Any]]) -> bool:
    """True where LLaMA-Factory takes these turns: after a system's, a user's and an answer in turn.

    Rows with others it skips with a warning (data/converter.py, SharegptDatasetConverter).
    """
    roles = [turn.get("from") for turn in turns]
    roles = roles[1:] if roles[:1] == ["system"] else roles
    pairs = zip(roles[::2], roles[1::2], strict=False)
    return len(roles) % 2 == 0 and all(
        asked in ("human", "observation") and told in ("gpt", "function_call") for asked, told in pairs
    )


def _columns(trainer: Trainer, filled: Collection[str]) -> dict[str, str]:
    """The rows' fields that a trainer reads beside turns or texts, by its own names for them."""
    found = (
        (column, next((name for name in names if name in filled), None))
        for column, names in _FIELDS[trainer].items()
    )
    return {column: name for column, name in found if name is not None}


def config_path(trainer: Trainer, path: Path) -> Path:
    """The place of the entry or config of a dataset at `path`. `UsageError`: the name does not suit the trainer."""
    if trainer is not Trainer.LLAMAFACTORY:
        if any("\ud800" <= character <= "\udfff" for character in str(path.resolve())):
            raise UsageError(f"{path}: a name that is not UTF-8 cannot stand in a config; choose another")
        return path.with_name(f"{path.stem}.{trainer.value}.yaml")
    if path.suffix not in (".json", ".jsonl") or path.name == "dataset_info.json":
        raise UsageError(f"{path}: LLaMA-Factory tells a file's format from its ending; call it NAME.json")
    if "," in path.stem or path.stem != path.stem.strip():
        raise UsageError(f"{path}: LLaMA-Factory takes a comma or outer space in a name for the end of it")
    return path.with_name("dataset_info.json")


# LLaMA-Factory --------------------------------------------------------------------------------------------


def check_entry(path: Path) -> None:
    """Raise `DatasetError` where the dataset at `path` cannot be put into its folder's dataset_info.json.

    The file may be broken, or hold an entry of that name for another dataset.
    """
    _entries(path.with_name("dataset_info.json"), path)


_TOO_DEEP = (
    "nested too deeply for a list of datasets, so no entry was added; mend it, or export to another folder"
)

# Keys of an entry that say how its rows are read.
_DESCRIBE = ("file_name", "formatting", "columns", "tags", "ranking")
# An entry with one of these is not a file's, whatever its `file_name` (data/parser.py).
_ELSEWHERE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")


def _entries(config: Path, path: Path) -> dict[str, Any]:
    """The entries of a dataset_info.json, none where it is not there. Raises as `check_entry`."""
    try:
        if config.exists() and not config.is_file():
            raise DatasetError(f"{config}: it is there and is not a file, so no entry was added")
        info = json.loads(config.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise DatasetError(f"{config}: cannot be read, so no entry was added: {error}") from None
    except (RecursionError, MemoryError):
        raise DatasetError(f"{config}: {_TOO_DEEP}") from None
    if is_deep(info, DEPTH):  # Python's encoder goes less deep than its decoder
        raise DatasetError(f"{config}: {_TOO_DEEP}")
    if not isinstance(info, dict):
        raise DatasetError(f"{config}: expected an object with one entry a dataset; no entry was added")
    entry = info.get(path.stem, {"file_name": path.name})
    if (
        not isinstance(entry, dict)
        or any(name in entry for name in _ELSEWHERE)
        or not isinstance(entry.get("file_name"), str)
        or Path(entry["file_name"]) != Path(path.name)
    ):
        raise DatasetError(
            f"{config}: its entry {shown(path.stem)} is another dataset's, and no entry was added; give the export "
            "another name, or remove that entry"
        )
    return info


def _with_entry(config: Path, path: Path, target: Format, columns: Mapping[str, str]) -> tuple[str, bool]:
    """The text of the folder's dataset_info.json with this dataset in it; its other entries stay as they are.

    An entry that this file had keeps what does not describe its rows, such as `num_samples`. True where there was
    one and it has changed.
    """
    info = _entries(config, path)
    before = info.get(path.stem)
    kept = {name: value for name, value in (before or {}).items() if name not in _DESCRIBE}
    info[path.stem] = {"file_name": path.name} | kept | _entry(target, columns)
    return json.dumps(info, indent=2) + "\n", before is not None and before != info[path.stem]


def _entry(target: Format, columns: Mapping[str, str]) -> dict[str, Any]:
    """A dataset's entry as LLaMA-Factory's data/README.md defines it."""
    if target.layout is Layout.SHAREGPT:
        return {
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", **columns},
            "tags": {
                "role_tag": "from",
                "content_tag": "value",
                "user_tag": "human",
                "assistant_tag": "gpt",
                "observation_tag": "observation",
                "function_tag": "function_call",
                "system_tag": "system",
            },
        }
    return {"columns": {"prompt": "instruction", "query": "input", "response": "output", **columns}}


# YAML, in which a JSON string is a string -----------------------------------------------------------------


def _quoted(path: Path) -> str:
    return json.dumps(str(path.resolve()), ensure_ascii=False)


def _axolotl(path: Path, target: Format, columns: Mapping[str, str]) -> str:
    head = f"datasets:\n  - path: {_quoted(path)}\n    ds_type: json\n"
    if target.layout is Layout.ALPACA:
        return f"{head}    type: alpaca\n"
    # `images` are read under that name, and no key of the config gives them another.
    fields = "".join(
        f"    field_{column}: {name}\n" for column, name in columns.items() if column != "images"
    )
    return (
        "# A base model brings no chat template: then ChatML's is used.\n"
        "chat_template: tokenizer_default_fallback_chatml\n"
        f"{head}    type: chat_template\n    field_messages: messages\n"
        f"{fields}"
        "    message_property_mappings:\n      role: role\n      content: content\n"
    )


def _trl(path: Path, columns: Mapping[str, str]) -> str:
    names = ", ".join(["messages", *columns.values()])
    return (
        "# trl sft --config THIS_FILE --model_name_or_path MODEL --output_dir FOLDER\n"
        "# A base model without a chat template also needs chat_template_path: a model or a Jinja file that has one.\n"
        f"datasets:\n  - path: json\n    data_files: {_quoted(path)}\n    columns: [{names}]\n"
    )
