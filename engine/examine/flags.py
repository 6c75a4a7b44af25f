"""The flags on samples before anything is refined, and the results of examining a dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.examine.words import words
from engine.method.stand_ins import is_refusal
from engine.sample import Frozen, Version


class Flag(StrEnum):
    """A reason to look at a sample, and no verdict."""

    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near duplicate"
    EMPTY = "empty field"
    COPIED = "copied field"
    REFUSAL = "refusal"
    OTHER_LANGUAGE = "other language"
    PERSONAL = "personal data"
    IN_TEST = "in the test"


@dataclass(frozen=True, slots=True)
class Finding:
    """A flagged sample."""

    sample: int
    flag: Flag
    details: tuple[Mapping[str, Any], ...]  # what was found in it; nothing personal that is not masked


class Lengths(Frozen):
    """Characters."""

    least: int
    low: int  # 5 % are shorter
    median: int
    high: int  # 5 % are longer
    most: int


class TestSet(Frozen):
    """The test that the samples were compared with."""

    __test__ = False  # no test of ours

    path: str
    sha256: str
    rows: int
    texts: int  # of 8 words or more
    short: int  # texts left out


class Stats(Frozen):
    """The contents of a dataset in numbers, and its flags."""

    samples: int
    flagged: int  # samples with a flag or more
    flags: dict[Flag, int]  # samples by flag
    languages: dict[str, int]  # samples by `languages.language`, the most frequent first
    instruction: Lengths  # with the input
    response: Lengths
    personal: dict[str, int]  # by kind, the samples that hold one
    against: TestSet | None = None
    reasoning: int = 0  # samples whose answer has some


def empty_fields(version: Version) -> list[dict[str, Any]]:
    """The fields that say nothing. An empty input is none of them."""
    fields = version.model_dump().items()
    return [{"field": name, "text": text.strip()} for name, text in fields if text and says_nothing(text)]


def says_nothing(text: str) -> bool:
    """True of an empty text, and of what stands for one: "N/A", "none", a dash."""
    return _NOTHING.fullmatch(text) is not None


def copied_fields(version: Version) -> list[dict[str, Any]]:
    """Pairs of fields with the same words: the response says again what was asked, or the input the instruction."""
    instruction, input, response = map(words, (version.instruction, version.input, version.response))
    found = []
    if response and response == instruction:
        found.append({"field": "response", "of": "instruction"})
    if response and response == input:
        found.append({"field": "response", "of": "input"})
    if input and response == instruction + input:
        found.append({"field": "response", "of": "instruction and input"})
    if input and input == instruction:
        found.append({"field": "input", "of": "instruction"})
    return found


def refuses(version: Version) -> bool:
    return is_refusal(version.response)


# Short: what is longer says something, and need not be looked through.
_SIGNS = r"[\s.…_*?!<>()\[\]{}\"'`/\\–—-]{0,20}"
_NOTHING = re.compile(
    rf"""{_SIGNS} (?: n/?a | none | null | nil | nan | nothing | empty | undefined | todo | tbd | tba
      | no\s?(?:input|output|response|answer|context) | not\ applicable )? {_SIGNS}""",
    re.IGNORECASE | re.VERBOSE,
)
