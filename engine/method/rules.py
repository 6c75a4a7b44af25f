"""A person's own rules for the teacher: guidelines that every critique and rewrite keeps to, and criteria.

Both are told to the teacher in every question, so both are short.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from engine.sample import Frozen

MOST_GUIDELINES = 40
LONGEST_GUIDELINE = 300  # characters
MOST_CRITERIA = 12  # of an instruction, or of a response
LONGEST_TITLE = 60
LONGEST_MEANING = 300


def line_of(longest: int, text: str) -> str:
    """The text without space around it. `ValueError`: it is no line of text of so many characters at most."""
    text = text.strip()
    if not text:
        raise ValueError("empty; write it, or leave it out")
    if len(text) > longest:
        raise ValueError(f"{len(text):,} characters, of {longest} at most; shorten it")
    if odd := next((mark for mark in text if not mark.isprintable()), None):
        raise ValueError(f"holds {odd!a}, and is to be one line of text; take it out")
    return text


def guidelines_of(rules: Sequence[str]) -> tuple[str, ...]:
    """House rules, checked. `ValueError`: there are too many."""
    if len(rules) > MOST_GUIDELINES:
        raise ValueError(
            f"{len(rules):,} guidelines, of {MOST_GUIDELINES} at most: the teacher is told each in every question"
        )
    return tuple(rules)


Guideline = Annotated[str, AfterValidator(lambda text: line_of(LONGEST_GUIDELINE, text))]
Guidelines = Annotated[tuple[Guideline, ...], AfterValidator(guidelines_of)]


class Criterion(Frozen):
    """Something that a text is criticised on."""

    title: str
    meaning: str = ""  # told beside the title; empty: the title says it

    @field_validator("title", "meaning")
    @classmethod
    def _checked(cls, text: str, info: ValidationInfo) -> str:
        if info.field_name == "title":
            return line_of(LONGEST_TITLE, text)
        return text and line_of(LONGEST_MEANING, text)


class Criteria(Frozen):
    """The criteria of both halves of a sample, in the order in which the teacher writes about them."""

    instruction: tuple[Criterion, ...] = Field((), max_length=MOST_CRITERIA)
    response: tuple[Criterion, ...] = Field((), max_length=MOST_CRITERIA)

    @model_validator(mode="after")
    def _told_apart(self) -> Criteria:
        """A critique is kept by its criteria's titles."""
        seen: set[str] = set()
        for one in (*self.instruction, *self.response):
            if (title := one.title.casefold()) in seen:
                raise ValueError(
                    f"the title {one.title!r} stands twice; name them apart, such as '{one.title} of the response'"
                )
            seen.add(title)
        return self


class OwnCriteria(Criteria):
    """A person's criteria. A half without any keeps the papers'."""

    beside_papers: bool = False  # the papers' come first; False: these take their place

    @model_validator(mode="after")
    def _beside_papers_told_apart(self) -> OwnCriteria:
        self.in_force()
        return self

    def in_force(self) -> Criteria:
        """All criteria that the teacher is asked for."""
        first = PAPERS if self.beside_papers else Criteria()
        return Criteria(
            instruction=(*first.instruction, *self.instruction) or PAPERS.instruction,
            response=(*first.response, *self.response) or PAPERS.response,
        )


PAPERS = Criteria(
    instruction=tuple(
        Criterion(title=title)
        for title in (
            "Complexity of the Topic",
            "Level of Detail Required",
            "Knowledge Required",
            "Ambiguity of the Instruction",
            "Logical Reasoning or Problem-Solving Involved",
        )
    ),
    response=tuple(
        Criterion(title=title) for title in ("Helpfulness", "Relevance", "Accuracy", "Level of Details")
    ),
)
"""The papers' nine criteria (arXiv 2310.11716 and 2402.10110, section 3)."""

LONGEST_NAME = 40  # characters


def field_names(criteria: Sequence[Criterion]) -> dict[str, str]:
    """The titles of criteria by the names of their fields in the json form.

    Ollama orders an object's fields by the alphabet for most models since 0.30, whatever the schema says: a letter
    before each keeps them in the order in which they are to be written. Names are ASCII, which any grammar takes.
    """
    return {
        f"{letter}_{_name(one.title)}": one.title
        for letter, one in zip(ascii_lowercase, criteria, strict=False)
    }


def _name(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii")
    name = ""
    for word in re.findall("[a-z0-9]+", plain.lower()):
        longer = f"{name}_{word}".removeprefix("_")
        if name and len(longer) > LONGEST_NAME:
            break
        name = longer[:LONGEST_NAME]
    return name or "criterion"


INSTRUCTION_CRITERIA = field_names(PAPERS.instruction)
RESPONSE_CRITERIA = field_names(PAPERS.response)
