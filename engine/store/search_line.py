"""The language of the search in Samples: limits of numbers, words in a field or a note, tags, and text anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.sample import PARTS
from engine.store.annotations import read_tag
from models.errors import UsageError

NUMBERS = {
    "ifd": "ifd_after",
    "ifd-before": "ifd_before",
    "r-ifd": "r_ifd_after",
    "r-ifd-before": "r_ifd_before",
    "margin": "instruction_margin",
    "equal": "instruction_equal_margin",
    "length": "coalesce(length_after, length_before)",
    "length-before": "length_before",
    "rating": "rating_after",
    "rating-before": "rating_before",
}
"""The numbers that can be asked for, by name, as SQL over `leaving.LEAVING`. A score is that of what would leave now,
a margin the instruction stage's (`equal`: at equal length), a length the response's in characters, a rating the latest
judge's of `burnish rate`."""

TEXTS = (*PARTS, "note", "tag")
"""The fields that a word can be searched for in."""

EXAMPLE = "ifd>0.8, margin<0.01, instruction:word, tag:word"

_TERM = re.compile(r'(?<!\S)([A-Za-z][\w-]*)(<=|>=|<|>|=|:)("[^"]*"|\S*)')
_NUMBER = re.compile(r"[-−+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


class SearchError(UsageError):
    """A condition of a search that cannot be read, in one line."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """A limit of one of `NUMBERS`. A sample without the number is not within it."""

    name: str
    sign: str  # <, <=, =, >= or >
    limit: float


@dataclass(frozen=True, slots=True)
class FieldText:
    """A text in one of `PARTS`."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """All that a sample must meet."""

    text: str = ""  # in any field
    ranges: tuple[NumberRange, ...] = ()
    fields: tuple[FieldText, ...] = ()
    notes: tuple[str, ...] = ()  # in a person's note; "": there is one
    tags: tuple[str, ...] = ()  # a person's, whole; "": any


def read_search(line: str) -> SearchTerms:
    """Read a line: conditions such as those of `EXAMPLE`, and a text beside them. Raises `SearchError`.

    A line in quotes is a text, whatever stands in it.
    """
    if len(line) > 1 and line[0] == line[-1] == '"' and _TERM.search(f" {line[1:-1]}"):
        return SearchTerms(text=line[1:-1])
    ranges, fields, notes, tags = [], [], [], []
    for name, sign, value in _TERM.findall(line):
        if sign == ":":
            if name.lower() in PARTS:
                fields.append(_in_field(name.lower(), value.strip('"')))
            elif name.lower() == "note":
                notes.append(value.strip('"'))
            elif name.lower() == "tag":
                tags.append(_tag(value.strip('"')))
        elif name.lower() in NUMBERS:
            ranges.append(_range(name.lower(), sign, value))
        elif sign != "=" and _NUMBER.fullmatch(value):
            raise SearchError(
                f"{name} is no number of a sample: {', '.join(NUMBERS)}; in quotes it is a text"
            )
    if not (ranges or fields or notes or tags):
        return SearchTerms(text=line)
    text = " ".join(_TERM.sub(_other, line).split())
    return SearchTerms(text, tuple(ranges), tuple(fields), tuple(notes), tuple(tags))


def _other(term: re.Match[str]) -> str:
    """A term as a part of the text to search for: "" where it is a condition."""
    name, sign = term[1].lower(), term[2]
    return "" if name in (TEXTS if sign == ":" else NUMBERS) else term[0]


def _in_field(field: str, text: str) -> FieldText:
    if not text:
        raise SearchError(f"{field}: what is looked for stands right after it, as in {EXAMPLE}")
    return FieldText(field, text)


def _tag(word: str) -> str:
    try:
        return read_tag(word) if word else ""
    except UsageError as error:
        raise SearchError(str(error)) from None


def _range(name: str, sign: str, value: str) -> NumberRange:
    if not _NUMBER.fullmatch(value):
        raise SearchError(f"{name}{sign} needs a number, as in {EXAMPLE}")
    return NumberRange(name, sign, float(value.replace("−", "-")))
