"""A critique by its criteria, as it is shown; what the teacher wrote is kept as it came."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json

from engine.method.markers_form import HEADINGS, sections_so_far
from engine.method.prompts import CAUSE, CRITIQUE
from engine.method.rules import Criteria, field_names

Titled = list[tuple[str, str]]
"""Texts, each under its title, in the order in which they were written."""

_SORTING = re.compile(r"^[a-z]_")
"""The letter before the name of a field of the json form."""


def by_criterion(critique: Mapping[str, str], criteria: Criteria) -> Titled:
    """A critique, criterion by criterion.

    One that was written as a single text, as in markers and steps, is split where two criteria's titles stand as
    headings; what is written before the first keeps its own title.
    """
    return [part for title, text in critique.items() for part in _split(title, text, criteria)]


def growing(question: str, text: str, criteria: Criteria) -> Titled:
    """A reply to a question as far as it has come, part by part, and the critique in it criterion by criterion."""
    if (fields := _fields(text, criteria)) is not None:
        return fields
    parts: Titled = []
    for name, written in sections_so_far(HEADINGS)(text) or [(question, text)]:
        whole = name == CRITIQUE.casefold()
        parts += (
            _split(CRITIQUE, written.strip(), criteria) if whole else [(name.capitalize(), written.strip())]
        )
    return parts


def _split(title: str, text: str, criteria: Criteria) -> Titled:
    """A text by the criteria that it has headings of, if it has two of them, or the only one there is."""
    titles = {_plain(one.title): one.title for one in (*criteria.instruction, *criteria.response)}
    headings = list(_headings([*titles.values(), CAUSE]).finditer(text))
    found = titles.keys() & {_plain(heading["title"]) for heading in headings}
    if title != CRITIQUE or len(found) < min(2, len(titles)):
        return [(title, text)]
    titles[_plain(CAUSE)] = CAUSE
    ends = [*(heading.start() for heading in headings[1:]), len(text)]
    before = text[: headings[0].start()].strip()
    return [
        *([(title, before)] if before else []),
        *(
            (titles[_plain(heading["title"])], text[heading.end() : end].strip())
            for heading, end in zip(headings, ends, strict=True)
        ),
    ]


def _plain(title: str) -> str:
    return " ".join(title.casefold().split())


def _headings(titles: Iterable[str]) -> re.Pattern[str]:
    """Titles at the beginning of a line or a sentence, maybe as items of a list or in bold print."""
    names = "|".join(
        r"\s+".join(map(re.escape, title.split())) for title in sorted(titles, key=len, reverse=True)
    )
    return re.compile(
        rf"""(?: ^[ \t]*+ | (?<=[.!?][ \t]) | (?<=[。！？]) )
        (?: [#>*_•+-]+[ \t]*+ | \(?\d{{1,2}}[.)][ \t]*+ )*+
        (?P<title>{names}) [*_]*+[ \t]*+ (?: [:：][*_]*+ | [-–—][ \t] | $ )""",
        re.IGNORECASE | re.MULTILINE | re.VERBOSE,
    )


def _fields(text: str, criteria: Criteria) -> Titled | None:
    """The texts of a reply in the json form by title; None if it is no JSON object."""
    try:
        reply = from_json(text, allow_partial="trailing-strings") if text.lstrip()[:1] == "{" else None
    except ValueError:
        return None
    return list(_leaves(reply, {}, criteria)) if isinstance(reply, dict) else None


def _leaves(
    reply: Mapping[str, Any], titles: Mapping[str, str], criteria: Criteria
) -> Iterable[tuple[str, str]]:
    for name, value in reply.items():
        if isinstance(value, dict):
            half = criteria.instruction if name == "a_instruction_critique" else criteria.response
            yield from _leaves(value, field_names(half), criteria)
        elif isinstance(value, str):
            plain = CAUSE if name == "c_cause" else _SORTING.sub("", name).replace("_", " ").capitalize()
            yield titles.get(name, plain), value
