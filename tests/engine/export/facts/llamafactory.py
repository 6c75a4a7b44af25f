"""What LLaMA-Factory takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from engine.export.trainers import Trainer
from tests.engine.export.facts.loaded import Loaded, Rows, are_tools, fact

_LF = (Trainer.LLAMAFACTORY, "hiyouga/LLaMA-Factory")
_CONVERTER = ("src/llamafactory/data/converter.py", "908cd68e457daf38e7aae14cbc99e5ac01524496")
_FORMATTER = ("src/llamafactory/data/formatter.py", "02e2fb34bf8a79330b080607872fe4565876d0e6")
_FEEDBACK = ("src/llamafactory/data/processor/feedback.py", "36dc24d2667eb91c526b4c349683af32b1b671de")


@fact(
    *_LF,
    "src/llamafactory/data/parser.py",
    "85b0f312ff145428784384b282603b048ee7f61b",
    "A row is asked for every column that the entry names: one that no row has is an error.",
)
def _named_columns_are_there(data: Loaded) -> Rows:
    names = set(data.told["columns"].values())
    return data.where(lambda row: names - row.keys())


@fact(
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


@fact(*_LF, *_CONVERTER, "An odd number of turns, or none, has no answer to train on; it skips the row.")
def _an_even_number_of_turns(data: Loaded) -> Rows:
    return (
        data.where(lambda row: len(data.turns(row)) % 2 or not data.turns(row)) if data.has_turns else set()
    )


@fact(*_LF, *_FORMATTER, "What a turn says is a text; anything else stops it.")
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


@fact(*_LF, *_FORMATTER, "A function's turn is JSON with the call's name and arguments, or a list of such.")
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


@fact(*_LF, *_CONVERTER, "Of a turn it takes the text alone: a call in `tool_calls` is lost.")
def _calls_in_a_key_are_lost(data: Loaded) -> Rows:
    if not data.has_turns:
        return set()
    return data.where(
        lambda row: any(
            isinstance(turn, dict) and turn.get("tool_calls")
            for turn in row[data.column("messages") or ""] or []
        )
    )


@fact(
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


@fact(
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


@fact(
    *_LF,
    "src/llamafactory/data/template.py",
    "828111951dbc012451eeed5f8758cd3000ace74f",
    "The text of the tools is put to the system message, which is therefore a text.",
)
def _system_is_text(data: Loaded) -> Rows:
    name = data.column("system")
    return data.where(lambda row: name and row[name] and not isinstance(row[name], str))


@fact(
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
        return not are_tools(tools)

    return data.where(broken)


@fact(
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


@fact(*_LF, *_FEEDBACK, "Where the entry names a label, a row without true or false is skipped.")
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


# Not refused, and still no training


@fact(
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
