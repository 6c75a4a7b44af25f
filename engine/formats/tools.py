"""The tools of a row, and the calls of a turn, in the form that chat templates take: OpenAI's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.formats.turns import ConversationTurn
from engine.sample import ToolCall
from models.teacher import json_value


def definitions_in(row: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The definitions in a row's `tools`, a list or its JSON; none where they have another form."""
    found = _as_list(row.get("tools"))
    if not all(isinstance(tool, dict) and _name_of(tool) for tool in found):
        return ()
    return tuple(tool if "function" in tool else {"type": "function", "function": tool} for tool in found)


def tools_text(row: object) -> str:
    """The definitions in a row's `tools` as a text, whatever their form; "": none."""
    given = row.get("tools") if isinstance(row, dict) else None
    if not given:
        return ""
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)


def calls_in(turn: ConversationTurn) -> tuple[ToolCall, ...]:
    """The calls that an assistant's turn makes, in keys of its own or as its text; none in another form."""
    given = turn.rest.get("tool_calls") or turn.rest.get("function_call")
    calls = _as_list(turn.text if given is None else given)
    if not all(isinstance(call, dict) and _name_of(call) for call in calls):
        return ()
    return tuple(_call(call) for call in calls)


def _call(given: dict[str, Any]) -> ToolCall:
    function = _function_of(given)
    arguments = function.get("arguments", {})
    parsed = json_value(arguments)
    return ToolCall(
        name=function["name"],
        arguments=parsed if isinstance(parsed, dict) else arguments,
        id=str(given.get("id") or ""),
    )


def _function_of(given: dict[str, Any]) -> dict[str, Any]:
    """A definition or a call without what OpenAI puts around it."""
    inner = given.get("function")
    return inner if isinstance(inner, dict) else given


def _name_of(given: dict[str, Any]) -> str | None:
    name = _function_of(given).get("name")
    return name if isinstance(name, str) else None


def _as_list(given: object) -> list[Any]:
    found = json_value(given)
    return found if isinstance(found, list) else [found] if isinstance(found, dict) else []
