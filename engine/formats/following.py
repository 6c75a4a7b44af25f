"""A row whose other fields, and the reasoning of whose answer, follow its sample's texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from engine.formats.checks import text_in
from engine.formats.conversation import place_of_turn
from engine.formats.dependents import OF_REASONING, Done, FieldChange, RowFollower, Texts
from engine.formats.exchange import exchange_fields, history_pairs
from engine.formats.field_kinds import Side, is_reasoning
from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.names import TRACE, Container, DatasetError, Format, Layout, RowError
from engine.formats.roles import STYLES, turn_keys
from engine.formats.shapes import Unfolded
from engine.formats.turns import (
    reasoning_parts,
    text_of_parts,
    turns_of,
    with_reasoning_part,
    with_turns,
    without_reasoning,
)
from engine.sample import Sample, Version, as_one_text
from engine.thoughts import parted_answer, thoughts_in, with_answer, with_reasoning


def changes(
    sample: Sample, version: Version, source: Format, columns: Columns = NO_COLUMNS
) -> tuple[FieldChange, ...]:
    """The fields, and the answer's reasoning, that are updated or dropped where `version` replaces the texts."""
    return following(sample, version, source.layout, columns, in_table=is_table(source)).changes


def reasoning_of(sample: Sample, source: Format, columns: Columns = NO_COLUMNS) -> str:
    """The reasoning that led to a sample's answer, its marks included; "" where its row has none."""
    place = _place_in(sample, source, columns)
    return "\n\n".join(text for text in (*place.beside, place.within) if text.strip())


def reasoning_before(sample: Sample, source: Format, columns: Columns = NO_COLUMNS) -> str:
    """The reasoning that stands before a sample's answer, as a model writes both: within marks, the space after them.

    "" where its row has none, or its text still holds it.
    """
    if parted_answer(sample.original.response, as_one_text(sample.original)).reasoning:
        return ""
    place = _place_in(sample, source, columns)
    if place.marked:
        return place.within
    said = "\n\n".join(text.strip("\n") for text in (*place.beside, place.within) if text.strip())
    return f"<think>\n{said}\n</think>\n\n" if said else ""


class Dependence(NamedTuple):
    """The kinds of things in a row that depend on its sample's texts."""

    reasoning: bool  # the reasoning of the answer, within it or beside it
    asked: bool  # fields that change with the instruction and its answer
    answered: bool  # fields that change with the answer alone


def dependence(sample: Sample, source: Format, columns: Columns = NO_COLUMNS) -> Dependence:
    """The kinds of things in a sample's row that change once its texts do."""
    old = sample.original
    answer = old.model_copy(update={"response": f"{old.response}\0"})
    both = Version(instruction=f"{old.instruction}\0", response=answer.response)
    asked = changes(sample, both, source, columns)
    # What follows the answer alone follows both; most rows hold nothing that follows.
    answered = changes(sample, answer, source, columns) if asked else ()
    return Dependence(
        any(change.done in OF_REASONING for change in asked),
        any(change.done not in OF_REASONING for change in asked),
        any(change.done not in OF_REASONING for change in answered),
    )


class Followed(NamedTuple):
    """A row whose fields follow a version, and that version with the answer as the row is to hold it."""

    plain: Unfolded
    version: Version
    changes: tuple[FieldChange, ...]
    at: int | None  # see `spot_of`


def is_table(format: Format) -> bool:
    return format.container in (Container.CSV, Container.PARQUET)


class _Place(NamedTuple):
    """The fields in which a row holds an exchange, and its answer's reasoning."""

    at: int | None  # see `spot_of`
    answer: str  # the answer's text, its reasoning included
    fields: set[str]  # of the row, that are not looked at for what follows the texts
    path: str  # of the answer
    within: str  # the reasoning in the answer
    marked: bool  # that is in the answer's text, its marks and the space after it included
    beside: list[str]  # reasoning in fields of its own


def spot_of(row: dict[str, Any], turn: int, layout: Layout) -> int | None:
    """The place of an exchange: its question's among the turns, or its pair's in `history`; None: it has fields."""
    if layout in STYLES:
        return place_of_turn(turns_of(row, layout), turn)
    return turn - 1 if turn <= len(history_pairs(row)) // 2 else None


def _place_in(sample: Sample, source: Format, columns: Columns) -> _Place:
    with naming(sample.index):
        layout = source.layout
        plain = with_turns(sample.row, layout, columns).row if layout in STYLES else sample.row
        return _place_of(plain, sample, layout, columns)


def _place_of(row: dict[str, Any], sample: Sample, layout: Layout, columns: Columns) -> _Place:
    at, asked, parts = spot_of(row, sample.turn, layout), as_one_text(sample.original), []
    fields = dict(row) if sample.next is None else {}  # beside earlier answers there is none of theirs
    if layout in STYLES:
        assert at is not None
        field = STYLES[layout].field
        last = row[field][at + 1]
        key = turn_keys(last)[1]
        answer, parts = turns_of(row, layout)[at + 1].text, reasoning_parts(last[key])
        own, path = {field}, f"{field}[{at + 1}].{key}"
        fields |= last
    else:
        named = exchange_fields(row, columns)
        own = {name for name in named if name}
        if at is None:
            answer, path = text_in(row[named.response], f"`{named.response}`"), named.response
        else:
            answer, path = row["history"][at][1], f"history[{at}][1]"
    if sample.next is not None:
        own |= {name for name in row if is_reasoning(name)}
    marked = parted_answer(answer, asked).reasoning
    within = marked or text_of_parts(parts)
    beside = [value for name, value in fields.items() if is_reasoning(name) and isinstance(value, str)]
    return _Place(at, answer, own, path, within, bool(marked), beside)


def following(
    sample: Sample, version: Version, layout: Layout, columns: Columns, *, in_table: bool
) -> Followed:
    """A sample's row with what depends on its texts as it is for `version`.

    `in_table`: a field that is dropped becomes null, for each row has all of them.
    """
    original = sample.original
    with naming(sample.index):
        plain = (
            with_turns(sample.row, layout, columns) if layout in STYLES else Unfolded(sample.row, _as_it_is)
        )
        place = _place_of(plain.row, sample, layout, columns)
    asked = as_one_text(original)
    answer, reasoning = with_answer(place.answer, version.response, asked), ""
    if not parted_answer(place.answer, asked).reasoning and (place.within or place.beside):
        own = parted_answer(answer)  # has reasoning of its own, whose place in this row is beside the answer
        answer, reasoning = (own.text, thoughts_in(answer)) if own.reasoning else (answer, "")
    version = version.model_copy(update={"response": answer}) if reasoning else version
    written = version.model_copy(update={"response": answer})
    if version == original:
        return Followed(plain, written, (), place.at)
    texts = Texts.of(original, version, place.answer, (place.within, *place.beside))
    follower = RowFollower(texts, in_table)
    answering = (
        {} if place.at is None or layout not in STYLES else plain.row[STYLES[layout].field][place.at + 1]
    )
    in_turn = any(is_reasoning(name) and isinstance(value, str) for name, value in answering.items())
    in_part = bool(place.within) and bool(reasoning)
    follower.reasoning = "" if in_turn or in_part else reasoning
    row = follower.follow(plain.row, "", Side.EITHER, place.fields | _NEVER)
    answered = Side.ANSWERED in texts.changed
    if layout in STYLES:
        assert place.at is not None
        field, at = STYLES[layout].field, place.at
        turns = list(row[field])
        turns[at] = follower.follow(turns[at], f"{field}[{at}]", Side.ASKED, turn_keys(turns[at]))
        follower.reasoning = reasoning if in_turn and not in_part else ""
        answering = follower.follow(
            turns[at + 1], f"{field}[{at + 1}]", Side.ANSWERED, turn_keys(turns[at + 1])
        )
        if answered and in_part:
            answering = with_reasoning_part(answering, reasoning)
        elif answered:
            answering = without_reasoning(answering)
        turns[at + 1] = answering
        row[field] = turns
    if answered and place.within:
        done = Done.REASONED if in_part or parted_answer(answer).reasoning else Done.REASONING
        follower.changes.append(FieldChange(place.path, done, place.within))
    return Followed(Unfolded(row, plain.back), written, tuple(follower.changes), place.at)


def with_thoughts(
    sample: Sample, version: Version, thoughts: str, source: Format, columns: Columns = NO_COLUMNS
) -> Version:
    """The version with the thoughts that led to its answer before it, where the sample's row has reasoning.

    It is written back into the row's own form by `following`. The version as it is where the row has none, where the
    answer is the row's own, or where the thoughts could not be told from the answer.
    """
    original, layout = sample.original, source.layout
    if not thoughts.strip() or version.response == original.response:
        return version
    with naming(sample.index):
        plain = with_turns(sample.row, layout, columns).row if layout in STYLES else sample.row
        place = _place_of(plain, sample, layout, columns)
    asked = as_one_text(original)
    if parted_answer(place.answer, asked).reasoning:
        text = with_reasoning(place.answer, thoughts, version.response, asked)
    elif place.within or place.beside:
        text = with_reasoning("<think>\n.\n</think>\n\n.", thoughts, version.response)
    else:
        text = None
    return version if text is None else version.model_copy(update={"response": text})


def _as_it_is(record: dict[str, Any]) -> dict[str, Any]:
    return record


_NEVER = frozenset({"system", "history", "tools", TRACE})
"""Fields that come before the exchange, or are of an earlier export."""


@contextmanager
def naming(index: int) -> Iterator[None]:
    """Turn a `RowError` into a `DatasetError` that names the sample."""
    try:
        yield
    except RowError as error:
        raise DatasetError(f"sample {index}: {error}") from None
