"""A sample becomes a row again, in the layout that it was read from or in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.formats.exchange import parts_of_exchange, rewrite_exchange, rewrite_without_input
from engine.formats.field_kinds import is_reasoning
from engine.formats.fields import NO_COLUMNS, Columns
from engine.formats.following import Followed, following, is_table, naming
from engine.formats.names import TRACE, DatasetError, Format, Layout
from engine.formats.roles import STYLES, TurnStyle
from engine.formats.turns import ConversationTurn, Parts, parts_of_turns, rewrite_turns
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

    `columns`: the names that `source` was read with.

    In the same layout nothing but the texts changes, and what repeats or depends on them: see `changes`. Between
    layouts, earlier turns and unknown fields come along; `trace` is put under `TRACE`. `DatasetError`: the earlier
    turns fit no `history`, or the row is not in `source`'s layout, as in a workspace that burnish did not write.
    """
    followed = following(sample, version, source.layout, columns, in_table=is_table(source))
    row, version = followed.plain.row, followed.version
    with naming(sample.index):
        if source.layout in STYLES and source.layout is target.layout:
            record = followed.plain.back(rewrite_turns(row, version, source.layout))
        elif source.layout in STYLES or target.layout in STYLES:
            record = _converted(sample.index, followed, source.layout, target.layout, columns)
        elif source.layout is Layout.ALPACA and target.layout is Layout.WIZARDLM:
            record = rewrite_without_input(row, version, columns)
        else:
            record = rewrite_exchange(row, version, columns)
    return record if trace is None else record | {TRACE: dict(trace)}


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
