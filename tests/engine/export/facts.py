"""What the trainers take, as facts read in their sources, each with a check of its own on an exported dataset.

A check gets the dataset as the trainer has it after loading: every row with every column, null where it had none
(Hugging Face's datasets fill them in). It returns the rows that break the fact. Nothing here is burnish's: what burnish
names as a row that a trainer will not train on must be what these find, and what it writes must pass them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from engine.export.trainers import Trainer

Rows = set[int]  # numbers of rows, from 0


@dataclass(frozen=True)
class Loaded:
    """A dataset as its trainer has it."""

    rows: list[dict[str, Any]]
    told: Mapping[str, Any]  # the entry, or the dataset's part of the YAML

    def where(self, broken: Callable[[dict[str, Any]], object]) -> Rows:
        return {number for number, row in enumerate(self.rows) if broken(row)}

    def column(self, name: str) -> str | None:
        """The field that LLaMA-Factory's entry names for a column."""
        found = self.told.get("columns", {}).get(name)
        return None if found is None else str(found)

    @property
    def has_turns(self) -> bool:
        return self.told.get("formatting") == "sharegpt"

    def tag(self, name: str) -> str:
        return str(self.told["tags"][name])

    def turns(self, row: Mapping[str, Any]) -> list[Any]:
        """LLaMA-Factory's turns without a leading system's."""
        turns = row[self.column("messages") or ""] or []
        leads = (
            turns
            and isinstance(turns[0], dict)
            and turns[0].get(self.tag("role_tag")) == self.tag("system_tag")
        )
        return turns[1:] if leads else turns


@dataclass(frozen=True)
class Fact:
    trainer: Trainer | None  # None: of all that load files by Hugging Face's datasets
    project: str
    file: str
    version: str  # the commit that was read, or the number of an issue
    says: str
    broken: Callable[[Loaded], Rows] = field(repr=False)


FACTS: list[Fact] = []


def _fact(
    trainer: Trainer | None, project: str, file: str, version: str, says: str
) -> Callable[[Callable[[Loaded], Rows]], Callable[[Loaded], Rows]]:
    def put(broken: Callable[[Loaded], Rows]) -> Callable[[Loaded], Rows]:
        FACTS.append(Fact(trainer, project, file, version, says, broken))
        return broken

    return put


def load(trainer: Trainer, config: Path, dataset: Path) -> Loaded:
    """The dataset at a path, by what its trainer is told of it, and only by that."""
    if trainer is Trainer.LLAMAFACTORY:
        # src/llamafactory/data/parser.py: the entry of the dataset's name in the folder's dataset_info.json.
        told = json.loads(config.read_text())[dataset.stem]
        path = config.parent / told["file_name"]
    else:
        [told] = yaml.safe_load(config.read_text("utf-8"))["datasets"]
        path = Path(told["path"] if trainer is Trainer.AXOLOTL else told["data_files"])
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    else:
        text = path.read_text("utf-8")
        rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    return Loaded(filled_in(rows), told)


def filled_in(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]


# Hugging Face's datasets ----------------------------------------------------------------------------------


@_fact(
    None,
    "huggingface/datasets",
    "issue 7322, answer of a maintainer",
    "#7322",
    "A column and what it holds have one type in all rows; where it changes, the file does not load.",
)
def _one_type_a_column(data: Loaded) -> Rows:
    kinds: dict[str, dict[str, Rows]] = {}

    def walk(value: object, place: str, number: int) -> None:
        if value is None:
            return
        kind = "number" if type(value) in (int, float) else type(value).__name__
        kinds.setdefault(place, {}).setdefault(kind, set()).add(number)
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, f"{place}/{name}", number)
        if isinstance(value, list):
            for inner in value:
                walk(inner, f"{place}/[]", number)

    for number, row in enumerate(data.rows):
        walk(row, "", number)
    odd: Rows = set()
    for held in kinds.values():
        most = max(held.values(), key=len)
        odd |= {number for rows in held.values() if rows is not most for number in rows}
    return odd


# LLaMA-Factory --------------------------------------------------------------------------------------------

_LF = (Trainer.LLAMAFACTORY, "hiyouga/LLaMA-Factory")
_CONVERTER = ("src/llamafactory/data/converter.py", "908cd68e457daf38e7aae14cbc99e5ac01524496")
_FORMATTER = ("src/llamafactory/data/formatter.py", "02e2fb34bf8a79330b080607872fe4565876d0e6")
_FEEDBACK = ("src/llamafactory/data/processor/feedback.py", "36dc24d2667eb91c526b4c349683af32b1b671de")


@_fact(
    *_LF,
    "src/llamafactory/data/parser.py",
    "85b0f312ff145428784384b282603b048ee7f61b",
    "A row is asked for every column that the entry names: one that no row has is an error.",
)
def _named_columns_are_there(data: Loaded) -> Rows:
    names = set(data.told["columns"].values())
    return data.where(lambda row: names - row.keys())


@_fact(
    *_LF,
    *_CONVERTER,
    "After a system turn, those that ask and those that answer take turns; else it skips the row.",
)
def _roles_take_turns(data: Loaded) -> Rows:
    if not data.has_turns:
        return set()
    asks = (data.tag("user_tag"), data.tag("observation_tag"))
    answers = (data.tag("assistant_tag"), data.tag("function_tag"))

    def broken(row: dict[str, Any]) -> bool:
        roles = [
            turn.get(data.tag("role_tag")) if isinstance(turn, dict) else None for turn in data.turns(row)
        ]
        return any(role not in (asks, answers)[number % 2] for number, role in enumerate(roles))

    return data.where(broken)


@_fact(*_LF, *_CONVERTER, "An odd number of turns, or none, has no answer to train on; it skips the row.")
def _an_even_number_of_turns(data: Loaded) -> Rows:
    return (
        data.where(lambda row: len(data.turns(row)) % 2 or not data.turns(row)) if data.has_turns else set()
    )


@_fact(*_LF, *_FORMATTER, "What a turn says is a text; anything else stops it.")
def _turns_say_text(data: Loaded) -> Rows:
    if not data.has_turns:
        return set()
    key = data.tag("content_tag")
    return data.where(
        lambda row: any(
            not isinstance(turn, dict) or not isinstance(turn.get(key), str)
            for turn in row[data.column("messages") or ""] or []
        )
    )


@_fact(*_LF, *_FORMATTER, "A function's turn is JSON with the call's name and arguments, or a list of such.")
def _calls_are_json(data: Loaded) -> Rows:
    if not data.has_turns:
        return set()

    def broken(turn: object) -> bool:
        if not isinstance(turn, dict) or turn.get(data.tag("role_tag")) != data.tag("function_tag"):
            return False
        text = turn.get(data.tag("content_tag"))
        try:
            calls = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            return True
        calls = calls if isinstance(calls, list) else [calls]
        return not all(isinstance(call, dict) and {"name", "arguments"} <= call.keys() for call in calls)

    return data.where(lambda row: any(map(broken, data.turns(row))))


@_fact(*_LF, *_CONVERTER, "Of a turn it takes the text alone: a call in `tool_calls` is lost.")
def _calls_in_a_key_are_lost(data: Loaded) -> Rows:
    if not data.has_turns:
        return set()
    return data.where(
        lambda row: any(
            isinstance(turn, dict) and turn.get("tool_calls")
            for turn in row[data.column("messages") or ""] or []
        )
    )


@_fact(
    *_LF,
    *_CONVERTER,
    "A response that is no text is none, and the row is skipped; a prompt or query is text.",
)
def _one_exchange_is_text(data: Loaded) -> Rows:
    if data.has_turns:
        return set()
    asked = [name for name in (data.column("prompt"), data.column("query")) if name]
    return data.where(
        lambda row: (
            not isinstance(row[data.column("response") or ""], str)
            or any(row[name] and not isinstance(row[name], str) for name in asked)
        )
    )


@_fact(
    *_LF,
    *_CONVERTER,
    "A history that is a list is gone through by pairs of texts; one that is none is not read.",
)
def _history_is_pairs(data: Loaded) -> Rows:
    name = data.column("history")
    if name is None:
        return set()
    return data.where(
        lambda row: (
            row[name]
            and not (
                isinstance(row[name], list)
                and all(
                    isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
                    for pair in row[name]
                )
            )
        )
    )


@_fact(
    *_LF,
    "src/llamafactory/data/template.py",
    "828111951dbc012451eeed5f8758cd3000ace74f",
    "The text of the tools is put to the system message, which is therefore a text.",
)
def _system_is_text(data: Loaded) -> Rows:
    name = data.column("system")
    return data.where(lambda row: name and row[name] and not isinstance(row[name], str))


@_fact(
    *_LF,
    "src/llamafactory/data/formatter.py, tool_utils.py",
    "02e2fb34bf8a79330b080607872fe4565876d0e6, 0b8161296b19ccea10131500218f944858ea3dec",
    "The tools are JSON, of a list of objects with a name, bare or in `function`.",
)
def _tools_are_json(data: Loaded) -> Rows:
    name = data.column("tools")

    def broken(row: dict[str, Any]) -> bool:
        if name is None or not row[name]:
            return False
        try:
            tools = json.loads(row[name])
        except (ValueError, TypeError, RecursionError):
            return True
        return not _are_tools(tools)

    return data.where(broken)


@_fact(
    *_LF,
    "src/llamafactory/data/mm_plugin.py",
    "01915eaf4015490394d4360318eb07951adb02c4",
    "The texts of a row have a mark for each image, video and audio of it, and no more.",
)
def _a_mark_for_each_file(data: Loaded) -> Rows:
    odd: Rows = set()
    for column, mark in (("images", "<image>"), ("videos", "<video>"), ("audios", "<audio>")):
        name = data.column(column)
        if name is not None:
            odd |= {
                number
                for number, row in enumerate(data.rows)
                if _count(row[name]) != sum(text.count(mark) for text in _texts(data, row))
            }
    return odd


@_fact(*_LF, *_FEEDBACK, "Where the entry names a label, a row without true or false is skipped.")
def _every_row_has_a_label(data: Loaded) -> Rows:
    name = data.column("kto_tag")
    return data.where(lambda row: name and not isinstance(row[name], bool))


def _texts(data: Loaded, row: Mapping[str, Any]) -> Iterator[str]:
    held: list[object]
    if data.has_turns:
        held = [turn.get(data.tag("content_tag")) for turn in data.turns(row) if isinstance(turn, dict)]
    else:
        history = row.get(data.column("history") or "")
        pairs = history if isinstance(history, list) else []
        held = [text for pair in pairs if isinstance(pair, list) for text in pair]
        held += [row.get(data.column(name) or "") for name in ("prompt", "query", "response")]
    return (text for text in held if isinstance(text, str))


def _count(files: object) -> int:
    return len(files) if isinstance(files, list) else 0 if files in (None, "") else 1


def _are_tools(tools: object) -> bool:
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            return False
    return isinstance(tools, list) and all(
        isinstance(tool, dict)
        and isinstance(inner := tool.get("function", tool), dict)
        and isinstance(inner.get("name"), str)
        for tool in tools
    )


# Axolotl --------------------------------------------------------------------------------------------------

_AX = (Trainer.AXOLOTL, "axolotl-ai-cloud/axolotl")
_CHAT = ("src/axolotl/prompt_strategies/chat_template.py", "01f6a5c16dbe3bddff00da5446d90e1a93d85dc2")
_INSTRUCT = ("src/axolotl/prompt_tokenizers.py", "08085d504d46bf33de78eafda1375d550d0cff0d")
_AXOLOTL_ROLES = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system", "tool": "tool"
}  # fmt: skip


def _chat(data: Loaded, row: Mapping[str, Any]) -> list[tuple[str, object, Mapping[str, Any]]]:
    """Axolotl's turns: role, text, and the turn."""
    keys = data.told["message_property_mappings"]
    turns = row[data.told["field_messages"]]
    turns = [turn if isinstance(turn, dict) else {} for turn in turns] if isinstance(turns, list) else []
    roles = [turn.get(keys["role"]) for turn in turns]
    return [
        (_AXOLOTL_ROLES.get(role, role) if isinstance(role, str) else "", turn.get(keys["content"]), turn)
        for role, turn in zip(roles, turns, strict=True)
    ]


def _is_chat(data: Loaded) -> bool:
    return data.told.get("type") == "chat_template"


@_fact(*_AX, *_CHAT, "The field named holds a list of turns, of which it looks at the first.")
def _axolotl_has_turns(data: Loaded) -> Rows:
    return data.where(lambda row: not _chat(data, row)) if _is_chat(data) else set()


@_fact(
    *_AX,
    *_CHAT,
    "A key of a turn that is null is left out; without text, chat templates join null to a text.",
)
def _axolotl_turns_say_text(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()
    return data.where(
        lambda row: any(
            not isinstance(text, str) and not (text is None and turn.get("tool_calls"))
            for _, text, turn in _chat(data, row)
        )
    )


@_fact(*_AX, *_CHAT, "A turn in which it finds no text, or that is no assistant's, is not trained on.")
def _the_last_turn_is_an_answer(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()

    def broken(row: dict[str, Any]) -> bool:
        turns = _chat(data, row)
        return bool(turns) and turns[-1][0] != "assistant" and turns[-1][0] in _AXOLOTL_ROLES.values()

    return data.where(broken) | data.where(
        lambda row: any(
            role == "assistant" and isinstance(text, str) and not text.strip() and not turn.get("tool_calls")
            for role, text, turn in _chat(data, row)
        )
    )


@_fact(
    *_AX,
    *_CHAT,
    "A row whose first turn is no system's gets its column `system` for one, also where that is null.",
)
def _no_null_system(data: Loaded) -> Rows:
    if not _is_chat(data) or not any("system" in row for row in data.rows):
        return set()
    bare = data.where(
        lambda row: row["system"] is None and [role for role, _, _ in _chat(data, row)][:1] != ["system"]
    )
    return data.where(lambda row: row["system"] is not None) if bare else set()


@_fact(
    Trainer.AXOLOTL,
    "ved1beta/axolotl (a maintainer's)",
    _CHAT[0],
    "e61521c86cbd6fcae80a47e88719256666eaa88d",
    "The tools are a list of objects, or its JSON (in older versions a list alone); anything else stops it.",
)
def _axolotl_tools_are_a_list(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()
    name = data.told.get("field_tools", "tools")
    return data.where(lambda row: row.get(name) is not None and not _are_tools(row[name]))


@_fact(*_AX, *_CHAT, "The arguments of a call in `tool_calls` are an object or its JSON.")
def _axolotl_arguments_are_json(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()

    def broken(call: object) -> bool:
        try:
            given = call["function"]["arguments"]  # type: ignore[index]
            return not isinstance(json.loads(given) if isinstance(given, str) else given, dict)
        except (ValueError, TypeError, KeyError):
            return True

    return data.where(
        lambda row: any(
            broken(call) for _, _, turn in _chat(data, row) for call in turn.get("tool_calls") or []
        )
    )


@_fact(
    *_AX, *_INSTRUCT, "Type alpaca reads instruction, input and output, which are texts, and no other field."
)
def _alpaca_is_three_texts(data: Loaded) -> Rows:
    if _is_chat(data):
        return set()
    beside = ("system", "history", "tools", "images", "image", "videos", "video", "audios", "audio")
    return data.where(
        lambda row: (
            not isinstance(row["instruction"], str)
            or not isinstance(row["output"], str)
            or any(row.get(name) for name in beside)
        )
    )


@_fact(*_AX, *_INSTRUCT, "It looks at the first token of the output: one without any stops it.")
def _alpaca_answers(data: Loaded) -> Rows:
    if _is_chat(data):
        return set()
    return data.where(lambda row: isinstance(row["output"], str) and not row["output"].strip())


# TRL ------------------------------------------------------------------------------------------------------

_TRL = (Trainer.TRL, "huggingface/trl")
_SFT = ("trl/trainer/sft_trainer.py", "00313f21920d37c3876c4021b51430224c06c936")


def _messages(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    turns = row.get("messages")
    return [turn if isinstance(turn, dict) else {} for turn in turns] if isinstance(turns, list) else []


@_fact(
    *_TRL,
    "trl/data_utils.py",
    "00cc012a666746bd34df2caddae86912287a48e9",
    "Rows are conversations where `messages` is a list whose first turn has role and content.",
)
def _trl_has_turns(data: Loaded) -> Rows:
    return data.where(
        lambda row: not _messages(row) or not all(isinstance(t.get("role"), str) for t in _messages(row))
    )


@_fact(*_TRL, *_SFT, "The turns go to the tokenizer's chat template, which joins their texts.")
def _trl_turns_say_text(data: Loaded) -> Rows:
    return data.where(
        lambda row: any(
            not isinstance(turn.get("content"), str)
            and not (turn.get("content") is None and turn.get("tool_calls"))
            for turn in _messages(row)
        )
    )


@_fact(*_TRL, *_SFT, "Tools are a list for the chat template, or its JSON.")
def _trl_tools_are_a_list(data: Loaded) -> Rows:
    return data.where(lambda row: row.get("tools") is not None and not _are_tools(row["tools"]))


@_fact(*_TRL, *_SFT, "Where the first row has images, every row is asked for its list of them.")
def _every_row_has_images(data: Loaded) -> Rows:
    if "images" in data.told["columns"]:
        return data.where(lambda row: not isinstance(row["images"], list))
    return data.where(lambda row: not row["image"]) if "image" in data.told["columns"] else set()


@_fact(*_TRL, *_SFT, "`chat_template_kwargs` are handed on as named arguments.")
def _kwargs_are_an_object(data: Loaded) -> Rows:
    return data.where(lambda row: not isinstance(row.get("chat_template_kwargs"), dict | None))


# Chat templates -------------------------------------------------------------------------------------------

_MISTRAL = ("trl/chat_templates/mistral.jinja", "4a56de4bd88d182856b8a92798cc285bd50d35f0")
_ALTERNATE = "Mistral's: after a system turn, user and assistant take turns, but for tools' turns and calls."
_NO_OTHER = "Mistral's: no role but system, user, assistant and tool."


def _out_of_turn(roles: list[tuple[str, Mapping[str, Any]]]) -> bool:
    roles = roles[1:] if roles and roles[0][0] == "system" else roles
    told = [role for role, turn in roles if role != "tool" and not turn.get("tool_calls")]
    known = [role for role in told if role in ("system", "user", "assistant")]
    return any((role == "user") != (number % 2 == 0) or role == "system" for number, role in enumerate(known))


@_fact(Trainer.AXOLOTL, "huggingface/trl", *_MISTRAL, _ALTERNATE)
def _axolotl_alternates(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()
    return data.where(lambda row: _out_of_turn([(role, turn) for role, _, turn in _chat(data, row)]))


@_fact(Trainer.AXOLOTL, "huggingface/trl", *_MISTRAL, _NO_OTHER)
def _axolotl_has_no_other_role(data: Loaded) -> Rows:
    if not _is_chat(data):
        return set()
    known = set(_AXOLOTL_ROLES.values())
    return data.where(lambda row: any(role not in known for role, _, _ in _chat(data, row)))


@_fact(*_TRL, *_MISTRAL, _ALTERNATE)
def _trl_alternates(data: Loaded) -> Rows:
    return data.where(lambda row: _out_of_turn([(str(turn.get("role")), turn) for turn in _messages(row)]))


@_fact(*_TRL, *_MISTRAL, _NO_OTHER)
def _trl_has_no_other_role(data: Loaded) -> Rows:
    known = {"system", "user", "assistant", "tool"}
    return data.where(lambda row: any(turn.get("role") not in known for turn in _messages(row)))


# Not refused, and still no training -----------------------------------------------------------------------


@_fact(
    *_LF,
    *_FEEDBACK,
    "In KTO an answer without text is read as an undesired one; elsewhere its end alone is learned.",
)
def _llamafactory_answers(data: Loaded) -> Rows:
    if not data.has_turns:
        return data.where(
            lambda row: isinstance(text := row[data.column("response") or ""], str) and not text.strip()
        )
    answers = data.tag("assistant_tag")
    return data.where(
        lambda row: any(
            isinstance(turn, dict)
            and turn.get(data.tag("role_tag")) == answers
            and isinstance(text := turn.get(data.tag("content_tag")), str)
            and not text.strip()
            for turn in data.turns(row)
        )
    )


@_fact(
    *_TRL,
    *_SFT,
    "By default all turns are learned: an empty answer, and a conversation without its answer, too.",
)
def _trl_answers(data: Loaded) -> Rows:
    return data.where(
        lambda row: (
            (_messages(row)[-1:] != [] and _messages(row)[-1].get("role") in ("user", "system", "tool"))
            or any(
                turn.get("role") == "assistant"
                and not turn.get("tool_calls")
                and isinstance(turn.get("content"), str)
                and not turn["content"].strip()
                for turn in _messages(row)
            )
        )
    )
