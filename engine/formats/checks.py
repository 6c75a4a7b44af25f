"""Checks of what a row holds, and the words in which a fault says what was found."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from engine.formats.names import UnrefinableError, shown
from engine.sample import Version, WhyPassed, as_one_text
from engine.thoughts import parted_answer


def is_blank(value: object) -> bool:
    """True of null and of a text that says nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


def names_in(row: Mapping[str, Any]) -> str:
    """A row's first names, as found in place of others."""
    names = [shown(name) for name in list(row)[:8]]
    return ", ".join(names) + (", ..." if len(row) > 8 else "") if names else "no field"


def kind_of(value: object) -> str:
    """The kind of a value, in JSON's words."""
    kinds = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def text_in(value: object, name: str) -> str:
    """A text. Raises `UnrefinableError` for any other value."""
    if not isinstance(value, str):
        raise UnrefinableError(WhyPassed.NOT_TEXT, f"{name}: expected text, found {kind_of(value)}")
    return value


def filled(value: object, name: str, missing: WhyPassed) -> str:
    """A text that says something. Raises `UnrefinableError`, with `missing` where there is none."""
    if is_blank(value):
        raise UnrefinableError(missing, f"{name} is empty")
    return text_in(value, name)


def answer_in(version: Version, name: str) -> str:
    """The answer in a version's response, without the reasoning that it begins with."""
    answer = parted_answer(version.response, as_one_text(version)).text
    if not answer.strip():
        raise UnrefinableError(WhyPassed.NO_ANSWER, f"{name} holds reasoning, and no answer after it")
    return answer


def without(row: Mapping[str, Any], names: Collection[str | None]) -> dict[str, Any]:
    """A row without the fields of these names."""
    return {name: value for name, value in row.items() if name not in names}
