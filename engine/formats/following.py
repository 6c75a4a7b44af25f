"""A row whose other fields, and the reasoning of whose answer, follow its sample's texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from engine.formats.checks import text_in
from engine.formats.dependents import Done, FieldChange, RowFollower, Texts
from engine.formats.exchange import exchange_fields
from engine.formats.field_kinds import Side, is_reasoning
from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.names import TRACE, Container, DatasetError, Format, Layout, RowError
from engine.formats.roles import STYLES, turn_keys
from engine.formats.shapes import Unfolded
from engine.formats.turns import reasoning_parts, text_of_parts, turns_of, with_turns, without_reasoning
from engine.sample import Sample, Version, as_one_text
from engine.thoughts import parted_answer, with_answer


def changes(
    sample: Sample, version: Version, source: Format, columns: Columns = NO_COLUMNS
) -> tuple[FieldChange, ...]:
    """The fields, and the answer's reasoning, that are updated or dropped where `version` replaces the texts."""
    return following(sample, version, source.layout, columns, in_table=is_table(source)).changes


def reasoning_of(sample: Sample, source: Format, columns: Columns = NO_COLUMNS) -> str:
    """The reasoning that led to a sample's answer, its marks included; "" where its row has none."""
    with naming(sample.index):
        layout = source.layout
        plain = with_turns(sample.row, layout, columns).row if layout in STYLES else sample.row
        place = _place_of(plain, sample.original, layout, columns)
    return "\n\n".join(text for text in (*place.beside, place.within) if text.strip())


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
    asked, answered = (changes(sample, version, source, columns) for version in (both, answer))
    return Dependence(
        any(change.done is Done.REASONING for change in asked),
        any(change.done is not Done.REASONING for change in asked),
        any(change.done is not Done.REASONING for change in answered),
    )


class Followed(NamedTuple):
    """A row whose fields follow a version, and that version with the answer as the row is to hold it."""

    plain: Unfolded
    version: Version
    changes: tuple[FieldChange, ...]


def is_table(format: Format) -> bool:
    return format.container in (Container.CSV, Container.PARQUET)


class _Place(NamedTuple):
    """The fields in which a row holds its sample, and the answer's reasoning."""

    answer: str  # the answer's text, its reasoning included
    fields: set[str]
    path: str  # of the answer
    within: str  # the reasoning in the answer
    beside: list[str]  # reasoning in fields of its own


def _place_of(row: dict[str, Any], original: Version, layout: Layout, columns: Columns) -> _Place:
    fields = dict(row)
    if layout in STYLES:
        field = STYLES[layout].field
        answer, last = turns_of(row, layout)[-1].text, row[field][-1]
        key = turn_keys(last)[1]
        parts, own, path = reasoning_parts(last[key]), {field}, f"{field}[{len(row[field]) - 1}].{key}"
        fields |= last
    else:
        named = exchange_fields(row, columns)
        answer, parts = text_in(row[named.response], f"`{named.response}`"), []
        own, path = {name for name in named if name}, named.response
    within = parted_answer(answer, as_one_text(original)).reasoning or text_of_parts(parts)
    beside = [value for name, value in fields.items() if is_reasoning(name) and isinstance(value, str)]
    return _Place(answer, own, path, within, beside)


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
        place = _place_of(plain.row, original, layout, columns)
    answer = with_answer(place.answer, version.response, as_one_text(original))
    written = version.model_copy(update={"response": answer})
    if version == original:
        return Followed(plain, written, ())
    texts = Texts.of(original, version, place.answer, (place.within, *place.beside))
    follower = RowFollower(texts, in_table)
    row = follower.follow(plain.row, "", Side.EITHER, place.fields | _NEVER)
    answered = Side.ANSWERED in texts.changed
    if layout in STYLES:
        field = STYLES[layout].field
        *earlier, user, last = row[field]
        at = len(earlier)
        user = follower.follow(user, f"{field}[{at}]", Side.ASKED, turn_keys(user))
        last = follower.follow(last, f"{field}[{at + 1}]", Side.ANSWERED, turn_keys(last))
        row[field] = [*earlier, user, without_reasoning(last) if answered else last]
    if answered and place.within:
        follower.changes.append(FieldChange(place.path, Done.REASONING, place.within))
    return Followed(Unfolded(row, plain.back), written, tuple(follower.changes))


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
