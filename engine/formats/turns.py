"""Rows of turns: each turn with its role and its text, and a turn with another text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.formats.checks import kind_of, names_in, text_in, without
from engine.formats.fields import Columns, fields_of, system_of
from engine.formats.names import Layout, RowError, UnrefinableError, shown
from engine.formats.roles import STYLES, is_call, is_program, roles_in, speaker, turn_keys
from engine.formats.shapes import Unfolded, unfolded
from engine.sample import Version, WhyPassed, as_one_text


class ConversationTurn(NamedTuple):
    """A turn of a row."""

    role: str  # system, user, assistant or tool, whatever the row calls them
    text: str  # as teacher and student are shown it: a call and a part that is no text included
    rest: dict[str, Any]  # the turn's other keys
    is_null: bool = False  # the text was null, and is carried as an empty one
    never: UnrefinableError | None = None  # why it is never rewritten
    beside: str = ""  # of a turn that calls a tool in keys of its own, the text without the call


def content_text(given: object, name: str) -> str:
    """A turn's text, put together of its parts where it is a list of them, as chat templates do.

    Parts that hold reasoning are no text. Raises `UnrefinableError`.
    """
    text = _text_of(given)
    return text_in(given, name) if text is None else text


def _text_of(given: object) -> str | None:
    """The text of a turn's content, or of a part of it however deep it stands; None for others, such as an image."""
    if isinstance(given, str):
        return given
    if isinstance(given, list):
        texts = [_text_of(part) for part in given if not _is_reasoning_part(part)]
        return None if None in texts or (given and not texts) else "".join(filter(None, texts))
    if not isinstance(given, dict) or (key := _part_key(given)) is None:
        return None
    return _text_of(given[key])


def _part_key(part: dict[str, Any]) -> str | None:
    """The key of a part's text: OpenAI has `text` and in its threads `text.value`, Gemini and ChatGPT `parts`."""
    if str(part.get("type") or "text").casefold() not in ("text", "input_text", "output_text"):
        return None
    return next(
        (key for key in ("text", "value", "content", "parts") if _text_of(part.get(key)) is not None), None
    )


def _is_reasoning_part(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") in ("thinking", "reasoning", "redacted_thinking")


def reasoning_parts(given: object) -> list[Any]:
    return [part for part in given if _is_reasoning_part(part)] if isinstance(given, list) else []


_ABOUT_PART = ("type", "signature", "id")
"""Keys of a part that holds reasoning, beside that."""


def text_of_parts(parts: list[Any]) -> str:
    """The texts of parts that hold reasoning: a string under any key but those that say what the part is."""
    texts = (value for part in parts for key, value in part.items() if key not in _ABOUT_PART)
    return "\n".join(text for text in texts if isinstance(text, str))


def without_reasoning(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn without the parts of its content that hold reasoning."""
    key = turn_keys(turn)[1]
    reasoning = reasoning_parts(turn[key])
    return turn | {key: [part for part in turn[key] if part not in reasoning]} if reasoning else turn


def with_reasoning_part(turn: dict[str, Any], reasoning: str) -> dict[str, Any]:
    """A turn with other reasoning in the first part of its content that holds some, and in no other."""
    first, *_ = reasoning_parts(turn[turn_keys(turn)[1]])
    text = next(key for key, value in first.items() if key not in _ABOUT_PART and isinstance(value, str))
    part = {key: value for key, value in first.items() if key != "signature"} | {text: reasoning}
    bare = without_reasoning(turn)
    key = turn_keys(turn)[1]
    return bare | {key: [part, *bare[key]]}


def with_content(turn: dict[str, Any], text: str) -> dict[str, Any]:
    """A turn with another text, as it is where that is no other; of several parts the first takes all of it."""
    key = turn_keys(turn)[1]
    given = turn[key]
    if isinstance(given, str):
        return turn | {key: text}
    if content_text(given, key) == text:
        return turn
    return turn | {key: _with_text(given, text)}


def _with_text(given: Any, text: str) -> Any:
    if isinstance(given, str):
        return text
    if isinstance(given, list):
        told = next(part for part in given if _text_of(part) and not _is_reasoning_part(part))
        return [*reasoning_parts(given), _with_text(told, text)]
    key = _part_key(given)
    return given | {key: _with_text(given[key], text)}


def with_turns(row: dict[str, Any], layout: Layout, columns: Columns) -> Unfolded:
    """The row with its turns as a list in the layout's own field, if it has them in any shape that is known."""
    found = unfolded(row, STYLES[layout].field, columns)
    if found is None and columns.messages is not None:
        what = kind_of(row[columns.messages]) if columns.messages in row else names_in(row)
        raise RowError(f"expected `{columns.messages}`, a list of turns, found {what}")
    return found or Unfolded(row, lambda record: record)


def turns_of(row: Mapping[str, Any], layout: Layout) -> list[ConversationTurn]:
    """A row's turns. Raises `RowError` where it has none, `UnrefinableError` where nobody knows whose one is."""
    field = STYLES[layout].field
    given = row.get(field)
    if given is None and field in row:
        raise UnrefinableError(WhyPassed.NO_QUESTION, f"expected `{field}`, a list of turns, found null")
    if field not in row:
        _check_sides(row, field)
    if not isinstance(given, list):
        found = kind_of(given) if field in row else names_in(row)
        raise RowError(f"expected `{field}`, a list of turns, found {found}")
    roles = roles_in(given)
    return [_turn(turn, number, roles) for number, turn in enumerate(given, 1)]


def _turn(turn: object, number: int, roles: Mapping[str, str]) -> ConversationTurn:
    if not isinstance(turn, dict):
        raise RowError(f"turn {number}: expected an object with role and text, found {kind_of(turn)}")
    role_key, text_key = turn_keys(turn)
    given, role, never = turn.get(text_key), roles.get(speaker(turn)), None
    expected = f"turn {number}: expected a system, user or assistant turn, found {shown(turn.get(role_key))}"
    if calls := turn.get("tool_calls") or turn.get("function_call"):
        message = f"turn {number} calls a tool: only turns of plain text can be refined"
        never = UnrefinableError(WhyPassed.TOOLS, message)
        role = role or "assistant"
    elif role is None:
        if not is_program(turn):
            raise UnrefinableError(WhyPassed.ODD_TURNS, expected)
        never = UnrefinableError(WhyPassed.TOOLS, expected)
        role = "assistant" if is_call(turn) else "tool"
    elif role == "assistant" and is_untrained(turn):
        never = UnrefinableError(WhyPassed.NOT_TRAINED, f"turn {number} is marked as not to be trained on")
    text = ""
    if given is not None:  # a null, as HF datasets writes a missing text, is none
        try:
            text = content_text(given, f"turn {number}: `{text_key}`")
        except UnrefinableError as error:
            text, never = _any_text(given), never or error
    beside = text if calls else ""
    if calls:
        text = "\n".join(filter(None, (text, json.dumps(calls, ensure_ascii=False, default=str))))
    rest = {key: value for key, value in turn.items() if key not in (role_key, text_key)}
    return ConversationTurn(role, text, rest, given is None, never, beside)


def is_untrained(turn: Mapping[str, Any]) -> bool:
    """True of a turn that is marked as one to be read and not learned."""
    marks = {name.strip().casefold(): value for name, value in turn.items()}
    return any(marks[name] in _NO for name in _TRAINED if name in marks and marks[name] is not None)


_TRAINED = ("weight", "train", "training", "trainable", "loss")
_NO = (0, "0", "false", "False")  # False is 0


def _any_text(given: object) -> str:
    """A content that is not all text, as a person would be told of it: `[image]` stands for an image."""
    parts = given if isinstance(given, list) else [given]
    texts = []
    for part in parts:
        if (text := _text_of(part)) is None and not _is_reasoning_part(part):
            what = part.get("type") if isinstance(part, dict) else None
            text = f"[{what}]" if isinstance(what, str) else json.dumps(part, ensure_ascii=False, default=str)
        texts.append(text or "")
    return "".join(texts)


def _check_sides(row: Mapping[str, Any], field: str) -> None:
    """Raise `UnrefinableError` where turns are in two fields, as TRL has them, of which one says nothing."""
    fields = fields_of(row) or fields_of({**row, "completion": None}) or fields_of({**row, "prompt": None})
    if fields is None:
        return
    sides = {fields.instruction: WhyPassed.NO_QUESTION, fields.response: WhyPassed.NO_ANSWER}
    if not any(isinstance(row.get(name), list) for name in sides):
        return
    for name, why in sides.items():
        if not row.get(name):
            raise UnrefinableError(why, f"expected `{field}`, or turns in `{name}`, found none")


def check_end(turns: Sequence[ConversationTurn]) -> None:
    """Raise `UnrefinableError` where the last two turns are not a question and its answer, both to be rewritten."""
    roles = [turn.role for turn in turns]
    is_exchange = roles[-2:] == ["user", "assistant"]
    if is_exchange and all(turn.never is None for turn in turns[-2:]):
        return
    if (first := next((turn.never for turn in turns if turn.never), None)) is not None:
        last = next((turn.never for turn in turns[-2:] if turn.never), first)
        raise last if is_exchange else first
    if not roles:
        why = WhyPassed.NO_QUESTION
    elif set(roles) == {"system"}:
        why = WhyPassed.ONLY_SYSTEM
    else:
        why = WhyPassed.NO_ANSWER if roles[-1] == "user" else WhyPassed.ODD_TURNS
    raise UnrefinableError(why, "expected a user's turn and the assistant's answer as the last two turns")


def rewrite_turns(row: dict[str, Any], version: Version, field: str, at: int) -> dict[str, Any]:
    """A row with a version's texts in the turns at `at` and after it."""
    turns = list(row[field])
    turns[at] = with_content(turns[at], as_one_text(version))
    turns[at + 1] = with_content(turns[at + 1], version.response)
    return row | {field: turns}


def system_beside(row: Mapping[str, Any], columns: Columns) -> list[ConversationTurn]:
    """The system message that a row has in a field of its own; none, or one."""
    name = system_of(row, columns)
    return [] if name is None else [ConversationTurn("system", row[name], {})]


class Parts(NamedTuple):
    """The contents of a row beside the version of its sample, whatever its layout."""

    earlier: list[ConversationTurn]
    user: dict[str, Any]  # the last user turn's other keys
    assistant: dict[str, Any]  # the last answer's
    unknown: dict[str, Any]


def parts_of_turns(row: dict[str, Any], layout: Layout, columns: Columns) -> Parts:
    *earlier, user, assistant = turns_of(row, layout)
    earlier = [turn for turn in earlier if not (turn.role == "system" and turn.is_null)]
    known = {STYLES[layout].field}
    if not (earlier and earlier[0].role == "system") and (system := system_beside(row, columns)):
        earlier, known = [*system, *earlier], known | {system_of(row, columns) or "system"}
    last = row[STYLES[layout].field][-1]
    reasoning = text_of_parts(reasoning_parts(last[turn_keys(last)[1]]))
    rest = {"reasoning_content": reasoning, **assistant.rest} if reasoning else assistant.rest
    return Parts(earlier, user.rest, rest, without(row, known))
