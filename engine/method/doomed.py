"""Replies of which nothing usable can come, told by their beginning, so that nobody waits for the rest.

A rule is a function from a reply's text so far to a kind of failure, or None; a question has a list of them. Only what
is sure is told: most rules are the reader's own conditions, put to the parts that are already complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any

from pydantic_core import from_json

from engine.method.reflection import UnusableReply, not_said_before
from engine.method.rewrite_language import HalfLanguage
from engine.method.stand_ins import beginning_stand_in
from engine.sample import Version
from models.teacher import Fault

Rule = Callable[[str], Fault | None]
"""The kind of failure that a reply is, whatever follows this beginning of it; None: it may be usable."""

Parts = Callable[[str], list[tuple[str, str]]]
"""The named parts of a reply so far, in the order they came; the last may still grow."""

LONGEST_UNIT, LONG_UNIT = 500, 100
"""Characters of what is looked for again and again; and from which on four times are enough, not six."""


def repeats(*given: str) -> Rule:
    """It says the same over and over at its end; not where these given texts do so."""

    def rule(text: str) -> Fault | None:
        for length in range(1, min(LONGEST_UNIT, len(text) // 4) + 1):
            span = max((4 if length >= LONG_UNIT else 6) * length, 600)
            if len(text) >= span and text[-span:-length] == text[length - span :]:
                return None if any(3 * text[-length:] in one for one in given) else Fault.REPEATS
        return None

    return rule


def repeats_itself(old: Version) -> Rule:
    """It says the same over and over, and the version that it is about does not."""
    return repeats(old.instruction, old.input, old.response)


def once_more(critique: str) -> Rule:
    """It begins as the critique does: very small models say again what they said."""

    def rule(text: str) -> Fault | None:
        first, end, _ = text.lstrip().partition("\n")
        return fault_of(lambda: not_said_before(first, critique)) if end else None

    return rule


def out_of_order(parts: Parts, reasons: Iterable[str], conclusions: Collection[str]) -> Rule:
    """It has one of the conclusions before it has all of these reasons. Other parts may stand anywhere."""
    first = set(reasons)

    def rule(text: str) -> Fault | None:
        missing = set(first)
        for name, _ in parts(text):
            if name in conclusions and missing:
                return Fault.OUT_OF_ORDER
            missing.discard(name)
        return None

    return rule


def unusable(parts: Parts, read: Callable[[str, str], object]) -> Rule:
    """It has a part, complete by now, that cannot be used. read: takes a part's name and text as the reader does."""

    def rule(text: str) -> Fault | None:
        faults = (fault_of(partial(read, name, part)) for name, part in parts(text)[:-1])
        return next(filter(None, faults), None)

    return rule


def stands_in_part(parts: Parts, name: str, instruction: str | None, old: Version) -> Rule:
    """A part of it begins as what a teacher writes in place of an answer.

    instruction: the name of the part with the instruction that it answers; None: the old one.
    """

    def rule(text: str) -> Fault | None:
        found = dict(parts(text))
        answered = found.get(instruction, "") if instruction else old.instruction
        return beginning_stand_in(found[name], answered, old) if name in found else None

    return rule


def part_named(parts: Parts, name: str) -> Callable[[str], str]:
    """The text of a part so far, "" before it has begun."""
    return lambda text: dict(parts(text)).get(name, "")


def in_another_language(part: Callable[[str], str], language: HalfLanguage) -> Rule:
    """A part of it is in another language than it is to be in. part: its text so far."""
    return lambda text: Fault.LANGUAGE if language.missed_already(part(text)) else None


def fault_of(read: Callable[[], object]) -> Fault | None:
    """The kind of failure that reading a complete part ends in."""
    try:
        read()
    except UnusableReply as error:
        return error.fault
    return None


_FENCE = re.compile(r"\s*```(?:json)?\s*", re.IGNORECASE)


def fields_so_far(text: str) -> list[tuple[str, str]]:
    """The texts in an object that a reply begins with, under the names of their fields, also in objects in it."""
    fence = _FENCE.match(text)
    try:
        fields = from_json(text[fence.end() :] if fence else text, allow_partial="trailing-strings")
    except ValueError:
        return []
    return list(_texts(fields)) if isinstance(fields, dict) else []


def _texts(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _texts(value)
        elif isinstance(value, str):
            yield name, value
