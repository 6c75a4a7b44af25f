"""Tool definitions, as a row has them, laid out to be read."""

from __future__ import annotations

import json
from contextlib import suppress


def tool_definitions(tools: str) -> list[str]:
    """The definitions one by one. They are the dataset's: show them through `literal`."""
    given: object = tools
    with suppress(ValueError, RecursionError):
        given = json.loads(tools)
    return [_definition(one) for one in (given if isinstance(given, list) else [given] if given else [])]


def _definition(given: object) -> str:
    """A definition's name and what it says of itself, then the rest in JSON."""
    if isinstance(given, str):
        return given
    inner = given.get("function") if isinstance(given, dict) else None
    told = inner if isinstance(inner, dict) else given
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        return json.dumps(given, ensure_ascii=False)
    about = told.get("description")
    name = f"{told['name']}: {about}" if isinstance(about, str) else told["name"]
    shown = ("name", "description") if isinstance(about, str) else ("name",)
    rest = {key: value for key, value in told.items() if key not in shown}
    return f"{name}\n{json.dumps(rest, ensure_ascii=False)}" if rest else name
