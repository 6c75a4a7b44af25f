"""The layouts of rows: a row becomes a sample."""

from __future__ import annotations

from typing import Any

from engine.formats.checks import kind_of
from engine.formats.exchange import exchange_version, parts_of_exchange
from engine.formats.fields import NO_COLUMNS, Columns, fields_of
from engine.formats.names import Layout, RowError
from engine.formats.roles import STYLES
from engine.formats.shapes import turns_field, unfolded
from engine.formats.turns import ConversationTurn, parts_of_turns, turns_version, with_turns
from engine.sample import History, Turn, Version


def layout_of(row: object, columns: Columns = NO_COLUMNS) -> Layout | None:
    """The layout this row is in, as far as its fields tell; None where they fit none."""
    if not isinstance(row, dict):
        return None
    field = turns_field(row, columns)
    if field is not None:
        return next(layout for layout, style in STYLES.items() if style.field == field)
    fields = fields_of(row, columns)
    if fields is None:
        return None
    return Layout.WIZARDLM if fields.input is None else Layout.ALPACA


def fits(row: object, layout: Layout, columns: Columns = NO_COLUMNS) -> bool:
    """True where a row has the fields of this layout, good or bad."""
    if not isinstance(row, dict):
        return False
    if layout not in STYLES:
        return fields_of(row, columns) is not None
    field = STYLES[layout].field
    return (columns.messages or field) in row or unfolded(row, field, columns) is not None


def version_of(row: object, layout: Layout, columns: Columns = NO_COLUMNS) -> Version:
    """The sample a row holds: of several turns, the last user's and the answer to it.

    Raises the `RowError` that stands for a row that could not be read, or one of its own where it is in no such
    layout; `UnrefinableError` where it is, and holds nothing to refine.
    """
    if isinstance(row, RowError):
        raise row
    if not isinstance(row, dict):
        raise RowError(f"expected an object, found {kind_of(row)}")
    if layout in STYLES:
        return turns_version(with_turns(row, layout, columns).row, layout)
    return exchange_version(row, columns)


def history_of(row: dict[str, Any], layout: Layout, columns: Columns = NO_COLUMNS) -> History:
    """A row's turns before the exchange that is refined; empty where there are none."""
    try:
        earlier = _earlier(row, layout, columns)
    except RowError:
        return ()
    return tuple(
        Turn.model_validate({"role": turn.role, "text": turn.text})
        for turn in earlier
        if turn.role != "system" or turn.text.strip()
    )


def _earlier(row: dict[str, Any], layout: Layout, columns: Columns) -> list[ConversationTurn]:
    if layout in STYLES:
        return parts_of_turns(with_turns(row, layout, columns).row, layout, columns).earlier
    return parts_of_exchange(row, columns).earlier
