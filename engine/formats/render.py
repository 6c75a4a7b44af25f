"""A sample becomes a row again, in the layout that it was read from or in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.formats.conversation import said_in
from engine.formats.exchange import (
    exchange_fields,
    parts_of_exchange,
    rewrite_exchange,
    rewrite_history,
    rewrite_without_input,
)
from engine.formats.field_kinds import is_reasoning
from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.following import Followed, following, is_table, naming, spot_of
from engine.formats.names import TRACE, DatasetError, Format, Layout
from engine.formats.passed import in_names_of, passed_on
from engine.formats.roles import STYLES, TurnStyle
from engine.formats.turns import ConversationTurn, Parts, parts_of_turns, rewrite_turns, with_turns
from engine.sample import Sample, Version, as_one_text


def render(
    sample: Sample,
    version: Version,
    source: Format,
    target: Format,
    trace: Mapping[str, Any] | None = None,
    columns: Columns = NO_COLUMNS,
) -> dict[str, Any]:
    """The row of `sample` in `target`'s layout, with `version` in place of what it held in `source`.

    `columns`: the names that `source` was read with. Between layouts, the sample is its row's last exchange.

    In the same layout nothing but the texts changes, and what repeats or depends on them: see `changes`. Between
    layouts, earlier turns and unknown fields come along; `trace` is put under `TRACE`. `DatasetError`: the earlier
    turns fit no `history`, or the row is not in `source`'s layout, as in a workspace that burnish did not write.
    """
    followed = following(sample, version, source.layout, columns, in_table=is_table(source))
    with naming(sample.index):
        if source.layout is target.layout or not (source.layout in STYLES or target.layout in STYLES):
            record = _in_place(followed, source.layout, target.layout, columns)
        else:
            record = _converted(sample.index, followed, source.layout, target.layout, columns)
    return record if trace is None else record | {TRACE: dict(trace)}


def _in_place(followed: Followed, source: Layout, target: Layout, columns: Columns) -> dict[str, Any]:
    """The row with the version's texts where those of its exchange were."""
    row, version, at = followed.plain.row, followed.version, followed.at
    if source in STYLES:
        assert at is not None
        return followed.plain.back(rewrite_turns(row, version, STYLES[source].field, at))
    if at is not None:
        return rewrite_history(row, version, at)
    if source is Layout.ALPACA and target is Layout.WIZARDLM:
        return rewrite_without_input(row, version, columns)
    return rewrite_exchange(row, version, columns)


Refined = Sequence[tuple[Sample, Version]]
"""The exchanges of a row, by their turns, and the version of each that takes its place; one at least."""


def render_row(
    refined: Refined, source: Format, target: Format, columns: Columns = NO_COLUMNS
) -> dict[str, Any] | None:
    """A row with all its exchanges refined, as `render` has each; None where `target` has no place for the row."""
    *earlier, (sample, version) = refined
    with_earlier = _with_earlier(earlier, sample, source, columns)
    if source.layout is target.layout or _can_be_converted(with_earlier, source.layout, columns):
        return render(with_earlier, version, source, target, columns=columns)
    record = render(with_earlier, version, source, source, columns=columns)
    return passed_on(record, source.layout, target.layout, columns)


def convert_row(
    refined: Refined, source: Format, target: Format, columns: Columns = NO_COLUMNS
) -> dict[str, Any] | None:
    """A row with all its exchanges refined, under `target`'s own names; None where that has no place for it."""
    *earlier, (sample, version) = refined
    with_earlier = _with_earlier(earlier, sample, source, columns)
    if _can_be_converted(with_earlier, source.layout, columns):
        return convert(with_earlier, version, source.layout, target.layout, columns)
    record = render(with_earlier, version, source, source, columns=columns)
    return in_names_of(record, source.layout, target.layout, columns)


def up_to(sample: Sample, source: Format, columns: Columns = NO_COLUMNS) -> Sample:
    """The sample in a row that ends with its exchange."""
    if sample.next is None:
        return sample
    layout = source.layout
    with naming(sample.index):
        row = with_turns(sample.row, layout, columns).row if layout in STYLES else sample.row
        at = spot_of(row, sample.turn, layout)
        if layout in STYLES:
            assert at is not None
            field = STYLES[layout].field
            row = row | {field: row[field][: at + 2]}
        elif at is not None:
            fields, (asked, answered) = exchange_fields(row, columns), row["history"][at]
            texts = {fields.instruction: asked, fields.response: answered, "history": row["history"][:at]}
            row = row | texts | ({fields.input: ""} if fields.input else {})
    return sample.model_copy(update={"row": row, "next": None})


def _with_earlier(earlier: Refined, last: Sample, source: Format, columns: Columns) -> Sample:
    """The sample of a row's last refined exchange, in a row in which the earlier ones are refined."""
    row = last.row
    for sample, version in earlier:
        if version != sample.original:
            row = render(sample.model_copy(update={"row": row}), version, source, source, columns=columns)
    return last.model_copy(update={"row": row})


def _can_be_converted(sample: Sample, layout: Layout, columns: Columns) -> bool:
    """True of a sample that ends a row of plain turns of system, user and assistant."""
    with naming(sample.index):
        return sample.next is None and not any(turn.never for turn in said_in(sample.row, layout, columns))


def convert(
    sample: Sample, version: Version, source: Layout, target: Layout, columns: Columns = NO_COLUMNS
) -> dict[str, Any]:
    """The row of `sample` in the layout `target`, in that layout's own names, its unknown fields after them."""
    followed = following(sample, version, source, columns, in_table=False)
    return _converted(sample.index, followed, source, target, columns)


def _converted(
    index: int, followed: Followed, source: Layout, target: Layout, columns: Columns
) -> dict[str, Any]:
    row, version = followed.plain.row, followed.version
    with naming(index):
        parts = parts_of_turns(row, source, columns) if source in STYLES else parts_of_exchange(row, columns)
    if target in STYLES:
        record = _as_turns(parts, version, STYLES[target])
    elif target is Layout.WIZARDLM:
        record = {"instruction": as_one_text(version), "output": version.response}
        record |= _as_history(parts.earlier, index)
    else:
        record = {"instruction": version.instruction, "input": version.input, "output": version.response}
        record |= _as_history(parts.earlier, index)
    unknown = parts.unknown
    if target not in STYLES:  # of the answer's turn, which is no object here
        unknown = {name: value for name, value in parts.assistant.items() if is_reasoning(name)} | unknown
    return record | {name: value for name, value in unknown.items() if name not in record}


def _as_turns(parts: Parts, version: Version, style: TurnStyle) -> dict[str, Any]:
    turns = [
        *parts.earlier,
        ConversationTurn("user", as_one_text(version), parts.user),
        ConversationTurn("assistant", version.response, parts.assistant),
    ]
    return {
        style.field: [
            {style.role: style.roles[turn.role], style.text: turn.text, **turn.rest} for turn in turns
        ]
    }


def _as_history(earlier: list[ConversationTurn], index: int) -> dict[str, Any]:
    """Earlier turns as LLaMA-Factory's `system` and `history`."""
    record: dict[str, Any] = {}
    if earlier and earlier[0].role == "system":
        record["system"] = earlier[0].text
        earlier = earlier[1:]
    pairs = list(zip(earlier[::2], earlier[1::2], strict=False))
    if len(earlier) % 2 or any((user.role, reply.role) != ("user", "assistant") for user, reply in pairs):
        raise DatasetError(
            f"sample {index}: its earlier turns are not one system message and pairs of question and answer, "
            "which is all that `history` holds; export as sharegpt or messages"
        )
    if pairs:
        record["history"] = [[user.text, reply.text] for user, reply in pairs]
    return record
