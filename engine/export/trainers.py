"""The programs that fine-tune: the formats each takes, the fields it reads, and the entry or config it is told by."""

from __future__ import annotations

import glob
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from engine.formats.names import Container, Format, Layout
from models.errors import UsageError


class Trainer(StrEnum):
    """A program that fine-tunes; the value is its name on the command line."""

    LLAMAFACTORY = "llamafactory"
    AXOLOTL = "axolotl"
    TRL = "trl"

    @property
    def proper_name(self) -> str:
        """Its name as it is written in a sentence."""
        return _PROPER[self]


_PROPER = {Trainer.LLAMAFACTORY: "LLaMA-Factory", Trainer.AXOLOTL: "Axolotl", Trainer.TRL: "TRL"}

# Fields --------------------------------------------------------------------------------------------------

_Names = dict[str, tuple[str, ...]]

MEDIA: _Names = {"images": ("images", "image"), "videos": ("videos", "video"), "audios": ("audios", "audio")}
KTO = ("kto_tag", "label")
_SYSTEM: _Names = {"system": ("system",)}
_TOOLS: _Names = {"tools": ("tools",)}
_HISTORY: _Names = {"history": ("history",)}
_IMAGES: _Names = {"images": MEDIA["images"]}
_PAIR: _Names = {"chosen": ("chosen",), "rejected": ("rejected",)}
_KWARGS: _Names = {"chat_template_kwargs": ("chat_template_kwargs",)}

# Fields beside the turns or texts that a trainer may read: by the trainer's name for each, the names that rows
# give it. What a trainer's config does not name, it does not read, without a word:
# - LLaMA-Factory, src/llamafactory/data/parser.py: a column that `columns` leaves out is None, and so is a tag that
#   `tags` leaves out. data/README.md: `history` goes with the alpaca formatting alone; `kto_tag` is a boolean, in
#   its own demonstration set under the name `label`.
# - Axolotl, src/axolotl/prompt_strategies/chat_template.py: `field_tools` and `field_system`, and `images` under
#   that name only. prompt_strategies/alpaca_chat.py: instruction, input and output alone.
# - TRL, trl/scripts/utils.py: `columns` are all that is loaded. docs/source/dataset_formats.md and sft_trainer.md:
#   `messages`, `tools`, `images` or `image`, and `chat_template_kwargs`.
_OF_TURNS: dict[Trainer, _Names] = {
    Trainer.LLAMAFACTORY: _SYSTEM | _TOOLS | MEDIA,
    Trainer.AXOLOTL: _TOOLS | _SYSTEM | {"images": ("images",)},
    Trainer.TRL: _TOOLS | _IMAGES | _KWARGS,
}
_OF_ONE_EXCHANGE: dict[Trainer, _Names] = {
    Trainer.LLAMAFACTORY: _SYSTEM | _HISTORY | _TOOLS | MEDIA,
    Trainer.AXOLOTL: {},
}

MATTER = ("system", "history", "tools", *(name for names in MEDIA.values() for name in names))
"""Fields that a model is trained with wherever they are read."""


class TurnKeys(NamedTuple):
    """The names under which rows of turns hold the turns, and a turn its role and text."""

    field: str
    role: str
    text: str


TURNS = {
    Layout.SHAREGPT: TurnKeys("conversations", "from", "value"),
    Layout.MESSAGES: TurnKeys("messages", "role", "content"),
}


def read_columns(trainer: Trainer, format: Format, filled: Collection[str]) -> dict[str, str]:
    """The rows' fields that a trainer reads beside turns or texts, by its own names for them.

    `filled`: the fields that hold something in some row.
    """
    named = _OF_TURNS[trainer] if format.layout in TURNS else _OF_ONE_EXCHANGE[trainer]
    found = (
        (column, next((name for name in names if name in filled), None)) for column, names in named.items()
    )
    return {column: name for column, name in found if name is not None}


# Formats --------------------------------------------------------------------------------------------------


def formats_of(trainer: Trainer) -> tuple[Format, ...]:
    """The formats a trainer takes. In CSV a list is text, and an empty cell or the word NA is nothing."""
    takes = (Layout.MESSAGES,) if trainer is Trainer.TRL else tuple(Layout)
    return tuple(
        format for format in Format if format.layout in takes and format.container is not Container.CSV
    )


def trainer_format(trainer: Trainer, source: Format, wanted: Format | None = None) -> Format:
    """The format that rows of `source` are written in for a trainer: `wanted`, or one exchange stays one, turns turns.

    `UsageError`: the trainer does not take `wanted`.
    """
    if wanted is not None:
        if wanted not in formats_of(trainer):
            raise UsageError(
                f"--format {wanted}: {trainer.proper_name} does not take it; it takes {', '.join(formats_of(trainer))}"
            )
        return wanted
    one = source.layout in (Layout.ALPACA, Layout.WIZARDLM)
    if trainer is Trainer.LLAMAFACTORY:
        return Format.ALPACA if one else Format.SHAREGPT
    if trainer is Trainer.AXOLOTL:
        return Format.ALPACA_JSONL if one else Format.MESSAGES
    return Format.MESSAGES


def config_path(trainer: Trainer, path: Path, format: Format) -> Path:
    """The place of the entry or config of a dataset at `path`. `UsageError`: the name does not suit the trainer."""
    # Hugging Face's datasets, which load the file for all of them, resolve its path as a pattern, and `::` in it as
    # steps (src/datasets/data_files.py); TRL alone is given the path itself, in which a pattern can be escaped.
    signs = "::" if trainer is Trainer.TRL else "[*?"
    if "::" in str(path.resolve()) or any(sign in str(path.resolve()) for sign in signs if sign != ":"):
        raise UsageError(
            f"{path}: {trainer.proper_name} takes `[`, `*`, `?` and `::` in a path for a pattern; choose another path"
        )
    if trainer is not Trainer.LLAMAFACTORY:
        if any("\ud800" <= character <= "\udfff" for character in str(path.resolve())):
            raise UsageError(f"{path}: a name that is not UTF-8 cannot stand in a config; choose another")
        return path.with_name(f"{path.stem}.{trainer.value}.yaml")
    endings = (".parquet",) if format.container is Container.PARQUET else (".json", ".jsonl")
    if path.suffix not in endings or path.name == "dataset_info.json":
        raise UsageError(
            f"{path}: LLaMA-Factory tells a file's format from its ending; call it NAME{endings[0]}"
        )
    if "," in path.stem or path.stem != path.stem.strip():
        raise UsageError(f"{path}: LLaMA-Factory takes a comma or outer space in a name for the end of it")
    return path.with_name("dataset_info.json")


# LLaMA-Factory --------------------------------------------------------------------------------------------

# Keys of an entry that say how its rows are read.
_DESCRIBE = ("file_name", "formatting", "columns", "tags", "ranking")
# An entry with one of these is not a file's, whatever its `file_name` (data/parser.py).
_ELSEWHERE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")


class LlamaFactoryRoles(NamedTuple):
    """The names of roles in rows of a layout, as the entry tags them."""

    user: str
    assistant: str
    observation: str
    function: str
    system: str

    @property
    def asks(self) -> tuple[str, ...]:
        return self.user, self.observation

    @property
    def answers(self) -> tuple[str, ...]:
        return self.assistant, self.function


LLAMAFACTORY_ROLES = {
    Layout.SHAREGPT: LlamaFactoryRoles("human", "gpt", "observation", "function_call", "system"),
    Layout.MESSAGES: LlamaFactoryRoles("user", "assistant", "tool", "function_call", "system"),
}


def llamafactory_entry(
    path: Path, layout: Layout, columns: Mapping[str, str], before: object = None
) -> dict[str, Any]:
    """A dataset's entry, as data/README.md defines it, with all tags: a role whose tag is left out skips its row.

    Of the one there was `before`, what does not describe the rows stays, such as `num_samples`.
    """
    kept = (
        {name: value for name, value in before.items() if name not in _DESCRIBE}
        if isinstance(before, dict)
        else {}
    )
    return {"file_name": path.name} | kept | _description(layout, columns)


def _description(layout: Layout, columns: Mapping[str, str]) -> dict[str, Any]:
    if keys := TURNS.get(layout):
        return {
            "formatting": "sharegpt",
            **({"ranking": True} if "chosen" in columns else {}),
            "columns": {"messages": keys.field, **columns},
            "tags": {
                "role_tag": keys.role,
                "content_tag": keys.text,
                **{f"{role}_tag": name for role, name in LLAMAFACTORY_ROLES[layout]._asdict().items()},
            },
        }
    texts = {"prompt": "instruction", "query": "input", "response": "output"}
    if layout is Layout.WIZARDLM:  # a column that no row has is an error
        del texts["query"]
    return {"columns": {**texts, **columns}}


def is_llamafactory_entry_of_ours(entry: object, path: Path) -> bool:
    """True for an entry as burnish writes it for the file at `path`, whatever fields its rows had."""
    if not isinstance(entry, dict) or any(name in entry for name in _ELSEWHERE):
        return False
    columns, file = entry.get("columns"), entry.get("file_name")
    if not isinstance(columns, dict) or not isinstance(file, str) or Path(file) != Path(path.name):
        return False
    described = {name: entry[name] for name in _DESCRIBE[1:] if name in entry}
    for layout in Layout:
        fixed = _description(layout, {})["columns"]
        added = {column: name for column, name in columns.items() if column not in fixed}
        optional: _Names = _OF_ONE_EXCHANGE[Trainer.LLAMAFACTORY] | {"kto_tag": KTO} | _PAIR
        if all(name in optional.get(column, ()) for column, name in added.items()) and (
            described == _description(layout, added)
        ):
            return True
    return False


# YAML -----------------------------------------------------------------------------------------------------


def config_text(trainer: Trainer, path: Path, format: Format, columns: Mapping[str, str]) -> str:
    """The YAML that Axolotl or TRL is told of the dataset at `path` by."""
    kind = "parquet" if format.container is Container.PARQUET else "json"
    if trainer is Trainer.TRL:
        names = ", ".join([TURNS[format.layout].field, *columns.values()])
        return (
            "# trl sft --config THIS_FILE --model_name_or_path MODEL --output_dir FOLDER\n"
            "# A base model without a chat template also needs chat_template_path: a model or a Jinja file that has "
            "one.\n"
            f"datasets:\n  - path: {kind}\n    data_files: {yaml_text(glob.escape(str(path.resolve())))}\n"
            f"    columns: [{names}]\n"
        )
    head = f"datasets:\n  - path: {yaml_text(str(path.resolve()))}\n    ds_type: {kind}\n"
    if format.layout not in TURNS:
        return f"{head}    type: alpaca\n"
    keys = TURNS[format.layout]
    # `images` are read under that name, and no key of the config gives them another.
    fields = "".join(
        f"    field_{column}: {name}\n" for column, name in columns.items() if column != "images"
    )
    return (
        "# A base model brings no chat template: then ChatML's is used.\n"
        "chat_template: tokenizer_default_fallback_chatml\n"
        f"{head}    type: chat_template\n    field_messages: {keys.field}\n"
        f"{fields}"
        f"    message_property_mappings:\n      role: {keys.role}\n      content: {keys.text}\n"
    )


def yaml_text(text: str) -> str:
    """A text in YAML's double quotes; what is not printable is escaped, for YAML forbids most of it."""
    return '"' + "".join(_yaml_character(character) for character in text) + '"'


def _yaml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    code = ord(character)
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
