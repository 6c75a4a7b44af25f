"""Replies of which nothing usable can come, told by their beginning, so that nobody waits for the rest.

A rule is a function from a reply's text so far to a kind of failure, or None; a question has a list of them. Only what
is sure is told: most rules are the reader's own conditions, put to the parts that are already complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from pydantic_core import from_json

from engine.method.labels import without_label_so_far
from engine.method.reflection import UnusableReply, begins_again, not_said_before
from engine.method.rewrite_language import HalfLanguage
from engine.method.stand_ins import beginning_of_instruction, beginning_stand_in
from engine.sample import Version
from models.teacher import Fault

Rule = Callable[[str], Fault | None]
"""The kind of failure that a reply is, whatever follows this beginning of it; None: it may be usable."""

Parts = Callable[[str], list[tuple[str, str]]]
"""The named parts of a reply so far, in the order they came; the last may still grow."""

LONGEST_UNIT, SHORTEST_LOOP = 1000, 600
"""Characters of what is looked for again and again; and of all of it together."""

TAIL = 16  # characters by which it is found


def repeats(*given: str) -> Rule:
    """It says the same over and over at its end; not where these given texts do so."""

    def rule(text: str) -> Fault | None:
        length = _repeated(text)
        if not length or any(3 * text[-length:] in one for one in given):
            return None
        return Fault.REPEATS

    return rule


def _repeated(text: str) -> int:
    """The characters of what a text ends with again and again; 0: it does not."""
    end = len(text)
    tail, at = text[-TAIL:], end - TAIL
    while end >= SHORTEST_LOOP and (at := text.rfind(tail, 0, at + TAIL - 1)) >= 0:
        length = end - TAIL - at
        span = max(_times(length) * length, SHORTEST_LOOP)
        if length > LONGEST_UNIT:
            break
        if end >= span and text[-span:-length] == text[length - span :]:
            return length
    return 0


def _times(length: int) -> int:
    """The times in a row from which on a unit of so many characters is a loop, and no refrain."""
    return 6 if length < 100 else 4 if length < 200 else 3


def repeats_itself(old: Version) -> Rule:
    """It says the same over and over, and the version that it is about does not."""
    return repeats(old.instruction, old.input, old.response)


def once_more(critique: str, old: Version) -> Rule:
    """It says again what the critique of this version says: very small models do."""

    def rule(text: str) -> Fault | None:
        first, end, _ = text.lstrip().partition("\n")
        said = begins_again(text, critique, old) or (
            end and fault_of(lambda: not_said_before(first, critique, old))
        )
        return Fault.COPY if said else None

    return rule


def misplaced(parts: Parts, wanted: Sequence[str]) -> Rule:
    """Its parts so far are not the first of these: each is to stand once, in this order."""

    def rule(text: str) -> Fault | None:
        found = [name for name, _ in parts(text)]
        if found == list(wanted[: len(found)]):
            return None
        return Fault.OUT_OF_ORDER if len(set(found)) == len(found) else Fault.UNPARSABLE

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
        begun = without_label_so_far(found.get(name, ""))
        return beginning_stand_in(begun, answered, old) if begun else None

    return rule


def reviews_part(parts: Parts, name: str, old: Version) -> Rule:
    """A part of it, the new instruction, begins as what a teacher writes in place of one."""
    return lambda text: beginning_of_instruction(without_label_so_far(dict(parts(text)).get(name, "")), old)


def part_named(parts: Parts, name: str) -> Callable[[str], str]:
    """The text of a part so far, without its label; "" before it has begun."""
    return lambda text: without_label_so_far(dict(parts(text)).get(name, ""))


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
