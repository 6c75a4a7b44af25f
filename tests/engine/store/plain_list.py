"""The list of samples in plain Python, which the one in SQL must equal, and workspaces filled with made-up samples."""

from __future__ import annotations

import json
import operator
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.examine.flags import Flag
from engine.sample import PARTS, Annotation, Sample, Turn, Version
from engine.store.annotations import NONE
from engine.store.sample_list import (
    FilterTerm,
    SampleColumn,
    SampleFilter,
    SampleState,
)
from engine.store.workspace import Run, Workspace
from tests.factory import RECORD, SOURCE, recipe

SAID = Turn(role="user", text="Said.")
LETTERS = "aAbBzZ éÉßİıк將\0\ud800\udfff\U0001f600\"'\\/%_*?[]\n\t\x7f\u2028un0fd1{}:,."
"""Words of these are such that SQL, JSON, patterns or UTF-8 might stumble over."""

Fact = Any


@dataclass(frozen=True)
class PlainSample:
    """A sample, and what lists know of it."""

    text: tuple[str, str, str]
    figures: dict[str, Fact] | None = None
    standing: dict[str, Fact] | None = None  # decision, ifd, r_ifd, length
    flags: frozenset[Flag] = frozenset()
    final: tuple[str, str, str] | None = None  # of its outcome
    decided: tuple[str, str, str] | None = None  # by a person
    follows: tuple[bool, bool, bool] = (False, False, False)  # the columns of `dependence`
    place: tuple[int, int] | None = None  # its row and its turn there; None: a row of its own
    ends: bool = True  # nothing follows it in its row
    annotation: Annotation = NONE


def lowered(text: str) -> bytes:
    """ASCII letters in lower case. Bytes in UTF-8 compare as the characters do."""
    return text.encode("utf-8", "surrogatepass").lower()


def state(one: PlainSample) -> str:
    if one.standing:
        return str(one.standing["decision"])
    return "waiting" if one.figures is None else "failed" if one.figures["failed"] else "done"


def figure(one: PlainSample, name: str) -> Fact:
    return None if one.figures is None else one.figures[name]


def score_after(one: PlainSample, name: str) -> Fact:
    match one.standing and one.standing["decision"]:
        case "original" | "dropped":
            return figure(one, f"{name}_before")
        case "chosen" | "edited":
            return one.standing and one.standing[name]
    return figure(one, f"{name}_after")


def verdict(one: PlainSample) -> Fact:
    both = figure(one, "instruction"), figure(one, "response")
    return None if None in both else 2 * (both[0] == "replaced") + (both[1] == "replaced")


KEYS: dict[SampleColumn, Callable[[PlainSample], Fact]] = {
    SampleColumn.ROW: lambda one: one.place and one.place[0],
    SampleColumn.STATE: state,
    SampleColumn.INSTRUCTION: lambda one: lowered(one.text[0][:80]).replace(b"\0", b"\1"),
    SampleColumn.IFD_BEFORE: lambda one: figure(one, "ifd_before"),
    SampleColumn.IFD_AFTER: lambda one: score_after(one, "ifd"),
    SampleColumn.R_IFD_BEFORE: lambda one: figure(one, "r_ifd_before"),
    SampleColumn.R_IFD_AFTER: lambda one: score_after(one, "r_ifd"),
    SampleColumn.LENGTH_BEFORE: lambda one: len(one.text[2]),
    SampleColumn.LENGTH_AFTER: lambda one: (
        one.standing["length"] if one.standing else figure(one, "length_after")
    ),
    SampleColumn.MARGIN: lambda one: figure(one, "instruction_margin"),
    SampleColumn.EQUAL_MARGIN: lambda one: figure(one, "instruction_equal_margin"),
    SampleColumn.VERDICT: verdict,
    SampleColumn.RATING_BEFORE: lambda _: None,  # see test_ratings
    SampleColumn.RATING_AFTER: lambda _: None,
}


def length_after(one: PlainSample) -> Fact:
    known = KEYS[SampleColumn.LENGTH_AFTER](one)
    return len(one.text[2]) if known is None else known


NUMBERS: dict[str, Callable[[PlainSample], Fact]] = {
    "ifd": KEYS[SampleColumn.IFD_AFTER],
    "ifd-before": KEYS[SampleColumn.IFD_BEFORE],
    "r-ifd": KEYS[SampleColumn.R_IFD_AFTER],
    "r-ifd-before": KEYS[SampleColumn.R_IFD_BEFORE],
    "margin": KEYS[SampleColumn.MARGIN],
    "equal": KEYS[SampleColumn.EQUAL_MARGIN],
    "length": length_after,
    "length-before": KEYS[SampleColumn.LENGTH_BEFORE],
    "rating": lambda _: None,  # see test_ratings
    "rating-before": lambda _: None,
}

SIGNS: dict[str, Callable[[Any, float], bool]] = {
    "<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip


def leaves(one: PlainSample) -> tuple[str, str, str]:
    return one.decided or one.final or one.text


def lost_reasoning(one: PlainSample) -> bool:
    return one.follows[0] and leaves(one)[2] != one.text[2]


def lost_input(one: PlainSample) -> bool:
    return one.standing is None and bool(figure(one, "input_lost"))


def changed_fields(one: PlainSample) -> bool:
    _, asked, answered = one.follows
    if leaves(one)[:2] != one.text[:2]:
        return asked
    return answered and leaves(one)[2] != one.text[2]


KINDS: tuple[dict[FilterTerm, Callable[[PlainSample], Fact]], ...] = (
    {FilterTerm(name): lambda one, name=name: state(one) == name for name in SampleState},  # type: ignore[misc]
    {
        FilterTerm.INSTRUCTION_REPLACED: lambda one: figure(one, "instruction") == "replaced",
        FilterTerm.RESPONSE_REPLACED: lambda one: figure(one, "response") == "replaced",
        FilterTerm.ALL_KEPT: lambda one: (
            (figure(one, "instruction"), figure(one, "response")) == ("kept", "kept")
        ),
    },
    {
        FilterTerm.NEAR_TIE: lambda one: figure(one, "near_tie"),
        FilterTerm.LENGTH_DECIDES: lambda one: figure(one, "length_decides"),
        FilterTerm.INPUT_LOST: lost_input,
        FilterTerm.TRUNCATED: lambda one: figure(one, "truncated"),
        FilterTerm.UNSCORABLE: lambda one: figure(one, "unscorable"),
        FilterTerm.REASONING_DROPPED: lost_reasoning,
        FilterTerm.FIELDS_CHANGED: changed_fields,
    },
    {FilterTerm.EARLIER_TURN: lambda one: not one.ends, FilterTerm.LAST_TURN: lambda one: one.ends},
    {FilterTerm.HAS_HISTORY: lambda one: one.place is not None and one.place[1] > 1},
    {FilterTerm.UNREVIEWED: lambda one: one.figures is not None and one.standing is None},
    {
        FilterTerm.NOTED: lambda one: one.annotation.note != "",
        FilterTerm.TAGGED: lambda one: one.annotation.tags != (),
    },
    {FilterTerm(flag): lambda one, flag=flag: flag in one.flags for flag in Flag},  # type: ignore[misc]
)


def holds(one: PlainSample, mark: FilterTerm) -> bool:
    (test,) = (kind[mark] for kind in KINDS if mark in kind)
    return bool(test(one))


def let_through(one: PlainSample, only: SampleFilter) -> bool:
    if only.text and not any(lowered(only.text) in lowered(text) for text in one.text):
        return False
    for field in only.fields:
        if lowered(field.text) not in lowered(one.text[PARTS.index(field.field)]):
            return False
    note, tags = one.annotation.note, one.annotation.tags
    if not all(lowered(text) in lowered(note) if text else note for text in only.notes):
        return False
    if not all(tag in tags if tag else tags for tag in only.tags):
        return False
    for limit in only.ranges:
        number = NUMBERS[limit.name](one)
        if number is None or not SIGNS[limit.sign](number, limit.limit):
            return False
    asked = [[mark for mark in kind if mark in only.marks] for kind in KINDS]
    return all(any(holds(one, mark) for mark in kind) for kind in asked if kind)


def arranged(
    ones: Sequence[PlainSample], by: SampleColumn, only: SampleFilter, *, descending: bool
) -> list[int]:
    """The samples that the list must have, in its order."""
    left = [index for index, one in enumerate(ones) if let_through(one, only)]
    if by is SampleColumn.NUMBER:
        return left[::-1] if descending else left
    keys = {index: KEYS[by](ones[index]) for index in left}
    known = sorted(
        (i for i in left if keys[i] is not None), key=lambda index: keys[index], reverse=descending
    )
    return known + [index for index in left if keys[index] is None]


def fill(path: Path, ones: Sequence[PlainSample]) -> Run:
    """A workspace of these samples, closed."""
    samples = (
        Sample(
            index=index,
            original=Version(instruction=x, input=u, response=y),
            row={"instruction": "in the row: everything", "more": LETTERS},
            number=one.place[0] if one.place else index,
            turn=one.place[1] if one.place else 1,
            history=(SAID,) if one.place and one.place[1] > 1 else (),
            next=None if one.ends else SAID,
        )
        for index, (one, (x, u, y)) in enumerate((one, one.text) for one in ones)
    )
    with Workspace.create(path, SOURCE, samples) as opened:
        run = opened.run(recipe(method="selective"), RECORD)
        with opened.database.transaction():
            for sample, one in enumerate(ones):
                if one.figures is not None:
                    insert(opened, "figures", run=run.id, sample=sample, **one.figures)
                if one.standing is not None:
                    body = json.dumps({"version": one.decided and version(one.decided)})
                    insert(opened, "standing", sample=sample, body=body, **one.standing)
                if one.final is not None:
                    body = json.dumps({"final": version(one.final)})
                    insert(opened, "outcomes", run=run.id, sample=sample, failed=0, body=body)
                if any(one.follows):
                    columns = dict(zip(("reasoning", "asked", "answered"), one.follows, strict=True))
                    insert(opened, "dependence", sample=sample, **columns)
                if one.annotation != NONE:
                    insert(opened, "annotated", sample=sample, body=json.dumps(one.annotation.model_dump()))
                for flag in one.flags:
                    insert(opened, "findings", flag=flag, sample=sample, details="[]")
    return run


def version(texts: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(Version.model_fields, texts, strict=True))


def insert(opened: Workspace, table: str, **values: Fact) -> None:
    marks = ", ".join("?" * len(values))
    opened.database.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values())


def some_text(chance: random.Random) -> str:
    text = "".join(chance.choices(LETTERS, k=chance.choice((0, 1, 3, 10, 120))))
    return str(json.loads(json.dumps(text)))  # a high surrogate before a low one is a character


def some_samples(seed: int, count: int) -> list[PlainSample]:
    chance = random.Random(seed)

    def number() -> float | None:
        return chance.choice((None, 0.5, 0.75, chance.random(), 3.0))

    def one() -> PlainSample:
        text = (some_text(chance), some_text(chance), some_text(chance))
        figures = standing = None
        if chance.random() < 0.8:
            figures = {
                "failed": chance.random() < 0.2,
                "instruction": chance.choice((None, "kept", "replaced", "failed")),
                "response": chance.choice(("kept", "replaced", "failed")),
                **{
                    flag: chance.random() < 0.3
                    for flag in ("near_tie", "length_decides", "input_lost", "truncated", "unscorable")
                },
                "instruction_margin": number(),
                "instruction_equal_margin": number(),
                **{f"{name}_{when}": number() for name in ("ifd", "r_ifd") for when in ("before", "after")},
                "length_before": len(text[2]),
                "length_after": chance.randrange(5),
            }
        if chance.random() < 0.4:
            standing = {
                "decision": chance.choice(("accepted", "original", "chosen", "edited", "dropped")),
                "ifd": number(),
                "r_ifd": number(),
                "length": chance.randrange(5),
            }
        flags = frozenset(flag for flag in Flag if chance.random() < 0.1)

        def other() -> tuple[str, str, str]:
            x, u, y = (f"{'!' * chance.randrange(2)}{part}" for part in text)
            return x, u, y

        note = some_text(chance) if chance.random() < 0.3 else ""
        tags = tuple(tag for tag in ("bad", "été") if chance.random() < 0.2)
        return PlainSample(
            text,
            figures,
            standing,
            flags,
            final=other() if figures else None,
            decided=other() if standing else None,
            annotation=Annotation(note=note, tags=tags),
            follows=chance.choice(
                ((False, False, False), (True, True, False), (False, True, True), (True, True, True))
            ),
        )

    return [
        replace(one(), place=(number // 3, number % 3 + 1), ends=number % 3 == 2) for number in range(count)
    ]
