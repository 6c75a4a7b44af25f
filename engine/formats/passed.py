"""Rows that cannot be refined on their way out: as they were, or in another layout where that has a place for them."""

from __future__ import annotations

import json
from typing import Any

from engine.formats.fields import NO_COLUMNS, Columns, fields_of
from engine.formats.names import Layout
from engine.formats.roles import STYLES, TurnStyle, is_program, roles_in, speaker, turn_keys
from engine.formats.shapes import unfolded

# Turns that call a tool, and a tool's own: OpenAI's field and role, ShareGPT's roles.
_TOOL_CALLS, _TOOL = "tool_calls", "tool"
_FUNCTION_CALL, _OBSERVATION = "function_call", "observation"


def passed_on(
    row: dict[str, Any], source: Layout, target: Layout, columns: Columns = NO_COLUMNS
) -> dict[str, Any] | None:
    """A row as an export holds it; None where the layout `target` has no place for what is in it.

    In its own layout it is as it was, to the order of its keys.
    """
    if source is target or not (source in STYLES or target in STYLES):
        return row
    return in_names_of(row, source, target, columns)


def in_names_of(
    row: dict[str, Any], source: Layout, target: Layout, columns: Columns = NO_COLUMNS
) -> dict[str, Any] | None:
    """The same under the layout's own names, as trainers want them, with unknown fields after them."""
    style = STYLES.get(source)
    written = _of_fields(row, target, columns) if style is None else _of_turns(row, style, target, columns)
    return row if written == row else written  # to the order of its keys


def _of_turns(
    row: dict[str, Any], style: TurnStyle, target: Layout, columns: Columns
) -> dict[str, Any] | None:
    found = unfolded(row, style.field, columns)
    row = row if found is None else found.row
    turns = row.get(style.field)
    if target not in STYLES or not isinstance(turns, list):
        return None
    roles = roles_in(turns)
    written = [_turn(turn, roles.get(speaker(turn)), target) for turn in turns]
    if None in written:
        return None
    unknown = {name: value for name, value in row.items() if name != style.field}
    return {STYLES[target].field: written, **unknown}


def _turn(turn: dict[str, Any], role: str | None, target: Layout) -> dict[str, Any] | None:
    """A turn in another layout; `role` is None where it is no user's, assistant's or system's."""
    role_key, text_key = turn_keys(turn)
    text = turn.get(text_key)
    rest = {key: value for key, value in turn.items() if key not in (role_key, text_key)}
    if target is Layout.MESSAGES:
        if speaker(turn) == _FUNCTION_CALL:
            calls = _calls(text)
            return None if calls is None else {"role": "assistant", "content": "", _TOOL_CALLS: calls, **rest}
        role = role or (_TOOL if is_program(turn) else None)
        return None if role is None else {"role": role, "content": text, **rest}
    if calls := rest.pop(_TOOL_CALLS, None):
        call = _call_text(calls)
        return None if text or call is None else {"from": _FUNCTION_CALL, "value": call, **rest}
    name = STYLES[target].roles.get(role or "")
    if role is None and is_program(turn):
        name = _FUNCTION_CALL if speaker(turn) == _FUNCTION_CALL else _OBSERVATION
    return {"from": name, "value": text, **rest} if name and isinstance(text, str | None) else None


def _calls(text: object) -> list[dict[str, Any]] | None:
    """OpenAI's tool calls for the JSON in a ShareGPT turn; None where it is none of calls."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    calls = found if isinstance(found, list) else [found]
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        return None
    return [{"type": "function", "function": call} for call in calls]


def _call_text(calls: object) -> str | None:
    """The JSON of a ShareGPT turn for OpenAI's tool calls; None where they have another shape."""
    functions = (
        [call.get("function") if isinstance(call, dict) else None for call in calls]
        if isinstance(calls, list)
        else []
    )
    if not functions or not all(isinstance(function, dict) for function in functions):
        return None
    return json.dumps(functions[0] if len(functions) == 1 else functions, ensure_ascii=False)


def _of_fields(row: dict[str, Any], target: Layout, columns: Columns) -> dict[str, Any] | None:
    """A row with one exchange, of which a half is missing or is no text."""
    halves: tuple[dict[str, None], ...] = (
        {},
        {columns.response or "output": None},
        {columns.instruction or "instruction": None},
    )
    fields = next((found for half in halves if (found := fields_of(row | half, columns))), None)
    if fields is None:
        return None
    asked, answered = row.get(fields.instruction), row.get(fields.response)
    given = row.get(fields.input) if fields.input else None
    unknown = {name: value for name, value in row.items() if name not in fields}
    if target not in STYLES:
        names = {"instruction": asked, "input": given, "output": answered}
        return {name: value for name, value in names.items() if name in row or value is not None} | unknown
    if row.get("history") or not all(isinstance(part, str | None) for part in (asked, given, answered)):
        return None
    style, question = STYLES[target], "\n".join(filter(None, (asked, given)))
    turns = [("user", question)] * bool(question) + [("assistant", answered)] * bool(answered)
    return {
        style.field: [{style.role: style.roles[role], style.text: text} for role, text in turns],
        **unknown,
    }
