"""Turns in other shapes than a list under a layout's name: read as such a list, and put back into their own shape.

TRL's `prompt` and `completion` of turns, exchanges of one object each, turns written as JSON in a text, a list of
texts, or turns under any name where a row has them once.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable, Mapping
from itertools import chain, product
from typing import Any, NamedTuple

from engine.formats.fields import Columns, fields_of
from engine.formats.json import decoded_text
from engine.formats.names import TRACE
from engine.formats.roles import ROLES, turn_keys

_NAMES = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns", "contents")
# Bare texts under these are said in turn: UltraChat has them in `data`.
_SAID_IN_TURN = ("messages", "conversations", "conversation", "dialogue", "dialog", "data")
# Turns under these are no conversation of their own to refine.
_OTHER = ("chosen", "rejected", "history", "tools", TRACE)
# TRL's names for the two sides of a conversation: only these may both be bare texts, among rows of turns.
_SIDES = {"prompt", "completion"}
# The keys of an exchange that is one object, beside the roles' names.
_ASKED = ("input", "instruction", "prompt", "question", "query", "q")
_ANSWERED = ("output", "response", "completion", "answer", "a")
_EXCHANGE = ROLES | dict.fromkeys(_ASKED, "user") | dict.fromkeys(_ANSWERED, "assistant")
_ORDER = ("system", "user", "assistant")
_LITERAL = 1 << 20  # characters of a text that is read as Python writes lists: its parser takes much memory

Row = dict[str, Any]
Turns = list[Any]


class Unfolded(NamedTuple):
    """A row with its turns as a list in one field, and the way from such a row with other texts to its own shape."""

    row: Row
    back: Callable[[Row], Row]


class _Found(NamedTuple):
    """The turns in a value, and the way from other turns to such a value."""

    turns: Turns
    back: Callable[[Turns], Any]
    spoken: bool = True  # each turn says itself whose it is


def unfolded(row: Row, field: str, columns: Columns) -> Unfolded | None:
    """The row with its turns as a list in `field`; None where it has turns in no shape that is known."""
    if columns.messages is None:
        if isinstance(given := row.get(field), list) and (not given or _has_role(given[0])):
            return Unfolded(row, lambda record: record)
        return (
            _in_one_field(row, field)
            or _in_two_fields(row, field, columns)
            or _somewhere(row, field)
            or _in_texts(row, field)
        )
    return _moved(row, field, columns.messages) or _texts(row, field, columns.messages)


def turns_field(row: Row, columns: Columns) -> str | None:
    """The name, `messages` or `conversations`, under which a layout has turns as this row has; None: it has none."""
    for field in ("conversations", "messages"):
        if columns.messages is None and isinstance(row.get(field), list):
            return field
    if columns.messages is None and (columns.instruction or columns.response):
        return None
    fields = fields_of(row, columns) if columns.messages is None else None
    if fields is not None and not (_turns_in(row[fields.instruction]) or _turns_in(row[fields.response])):
        found = _in_one_field(row, "messages", named=("messages", "conversations"))
    else:
        found = unfolded(row, "messages", columns)
    if found is None:
        return None
    first = next((turn for turn in found.row["messages"] if isinstance(turn, dict)), {})
    return "conversations" if "from" in first else "messages"


def names_turns(name: str) -> bool:
    """True of a name that datasets give turns."""
    return name.strip().casefold() in _NAMES


def _in_one_field(row: Row, field: str, named: tuple[str, ...] = _NAMES) -> Unfolded | None:
    """The turns under one of the names that datasets give them."""
    names = [field, *(name for known in named for name in row if name.strip().casefold() == known)]
    found = (_moved(row, field, name) for name in names if name in row)
    return next((moved for moved in found if moved is not None), None)


def _in_two_fields(row: Row, field: str, columns: Columns) -> Unfolded | None:
    """The turns of what was asked and those of the answer, in a field each; either may be a text, or missing."""
    fields = fields_of(row, columns)
    if fields is None or (fields.input and row[fields.input]):
        return None
    asked, answered = fields.instruction, fields.response
    turns = _turns_in(row[asked]), _turns_in(row[answered])
    if turns == (None, None) and {asked.casefold(), answered.casefold()} != _SIDES:
        return None
    one = turns[0] or _one_text(row[asked], "user")
    other = turns[1] or _one_text(row[answered], "assistant")
    if one is None or other is None:
        return None
    count, back, back_of_answer = len(one.turns), one.back, other.back
    return _replaced(
        row,
        field,
        [*one.turns, *other.turns],
        lambda turns: {asked: back(turns[:count]), answered: back_of_answer(turns[count:])},
    )


def _somewhere(row: Row, field: str) -> Unfolded | None:
    """The turns in the one field that has any, whatever its name."""
    found = [
        name
        for name, value in row.items()
        if name.casefold() not in _OTHER and isinstance(value, list | str | dict) and _has_turns(value)
    ]
    return _moved(row, field, found[0]) if len(found) == 1 else None


def _in_texts(row: Row, field: str) -> Unfolded | None:
    """The texts under one of the names that datasets give what is said in turn."""
    names = (name for name in row if name.strip().casefold() in _SAID_IN_TURN)
    return next((found for name in names if (found := _texts(row, field, name)) is not None), None)


def _moved(row: Row, field: str, name: str) -> Unfolded | None:
    """The row with the turns that it has under `name` under `field`."""
    found = _turns_in(row.get(name))
    return found and _replaced(row, field, found.turns, lambda turns: {name: found.back(turns)})


def _texts(row: Row, field: str, name: str) -> Unfolded | None:
    found = _texts_in(row.get(name))
    return found and _replaced(row, field, found.turns, lambda turns: {name: found.back(turns)})


def _replaced(row: Row, field: str, turns: Turns, own: Callable[[Turns], Row]) -> Unfolded:
    """The row with `turns` under `field` in place of the fields that `own` makes of turns again."""
    places = own(turns)
    kept = {name: value for name, value in row.items() if name not in places}

    def back(record: Row) -> Row:
        record = dict(record)
        texts = own(record.pop(field))
        if field in row and field not in texts:
            record[field] = row[field]
        mended = {name: texts.get(name, record.get(name)) for name in row if name in texts or name in record}
        return mended | {name: value for name, value in record.items() if name not in mended}

    return Unfolded(kept | {field: turns}, back)


# The turns in a value ---------------------------------------------------------------------------------------


def _has_role(turn: object) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get(turn_keys(turn)[0]), str)


def _has_turns(value: object) -> bool:
    """True of two turns or more that cannot be anything else."""
    found = _turns_in(value)
    return found is not None and found.spoken and len(found.turns) > 1


def _turns_in(value: object) -> _Found | None:
    if isinstance(value, str):
        return _in_text(value)
    if isinstance(value, dict):
        return _Found([value], lambda turns: turns[0]) if _is_turn(value) else _in_lists(value)
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        return None
    if all(map(_has_role, value)):
        return _Found(value, lambda turns: turns) if any(map(_is_turn, value)) else None
    return _in_exchanges(value)


def _is_turn(turn: Mapping[str, Any]) -> bool:
    return _has_role(turn) and isinstance(turn.get(turn_keys(turn)[1]), str | list)


def _one_text(value: object, role: str) -> _Found | None:
    if value == []:
        return _Found([], lambda turns: turns)
    if not isinstance(value, str | None):
        return None
    return _Found([{"role": role, "content": value}], lambda turns: _content(turns[0]))


def _content(turn: Any) -> Any:
    return turn["content"]


def _in_text(text: str) -> _Found | None:
    """Turns written as JSON, or as Python writes a list, which is how pandas puts one into a CSV file."""
    if not text.lstrip()[:1] or text.lstrip()[0] not in "[{":
        return None
    value = decoded_text(text)
    literal = value is None and len(text) <= _LITERAL
    if literal:
        value = _literal(text)
    found = None if isinstance(value, str) else _turns_in(value)
    if found is None:
        return None

    def back(turns: Turns) -> str:
        after = found.back(turns)
        if after == value:
            return text
        return repr(after) if literal else _encoded(after, text, value)

    return found._replace(back=back)


def _literal(text: str) -> object:
    try:
        with warnings.catch_warnings(action="ignore"):  # of a backslash that Python will not take for ever
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _encoded(value: object, text: str, before: object) -> str:
    """A value as JSON in the style of the text that `before` was read from."""
    separators = ((", ", ": "), (",", ":"), (",", ": "))
    for ascii, marks, indent in product((False, True), separators, (None, 2, 4)):
        encoder = json.JSONEncoder(ensure_ascii=ascii, separators=marks, indent=indent)
        if encoder.encode(before) == text:
            return encoder.encode(value)
    return json.dumps(value, ensure_ascii="\\u" in text)


def _in_lists(value: dict[str, Any]) -> _Found | None:
    """Turns as one list of roles and one of texts, which is how Arrow's lists of objects are often written."""
    role, text = turn_keys(value)
    lists = value.get(role), value.get(text)
    if (
        not all(isinstance(found, list) for found in value.values())
        or len(set(map(len, value.values()))) != 1
    ):
        return None
    if not (lists[0] and lists[1] and all(isinstance(name, str) for name in lists[0])):
        return None
    turns = [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]
    return _Found(turns, lambda turns: {key: [turn[key] for turn in turns] for key in value})


def _in_exchanges(value: list[dict[str, Any]]) -> _Found | None:
    """Objects that each hold what was asked, what was answered, or both, under names that say so."""
    places: list[tuple[int, str, str]] = []
    for number, item in enumerate(value):
        keys = {role: key for key in reversed(item) if (role := _EXCHANGE.get(key.strip().casefold()))}
        texts = [key for key in item if key.strip().casefold() in _EXCHANGE]
        if len(keys) < len(texts) or not keys.keys() & {"user", "assistant", "system"}:
            return None
        if any(not isinstance(item[key], str | None) for key in texts):
            return None
        # A system message is there in each exchange, and mostly empty.
        places += [
            (number, keys[role], role)
            for role in _ORDER
            if role in keys and (role != "system" or item[keys[role]])
        ]
    turns = [{"role": role, "content": value[number][key]} for number, key, role in places]

    def back(turns: Turns) -> Any:
        after = [dict(item) for item in value]
        for (number, key, _), turn in zip(places, turns, strict=True):
            after[number][key] = _content(turn)
        return after

    return _Found(turns, back, spoken=False)


def _texts_in(value: object) -> _Found | None:
    """Texts in turn, what was asked first; or pairs of them."""
    if not isinstance(value, list) or not value:
        return None
    pairs = all(isinstance(item, list) and len(item) == 2 for item in value)
    texts = list(chain.from_iterable(value)) if pairs else value
    if len(texts) % 2 or not all(isinstance(text, str) for text in texts):
        return None
    turns = [
        {"role": role, "content": text}
        for role, text in zip(("user", "assistant") * len(texts), texts, strict=False)
    ]

    def back(turns: Turns) -> Any:
        after = [_content(turn) for turn in turns]
        return [list(pair) for pair in zip(after[::2], after[1::2], strict=True)] if pairs else after

    return _Found(turns, back)
