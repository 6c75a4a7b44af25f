"""The layouts of rows: a row becomes a sample."""

from __future__ import annotations

from engine.formats.conversation import exchanges_in
from engine.formats.fields import NO_COLUMNS, Columns, fields_of
from engine.formats.names import Layout
from engine.formats.roles import STYLES
from engine.formats.shapes import turns_field, unfolded
from engine.sample import Turns, Version


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
    """The texts of a row's last exchange. Raises as `exchanges_in`."""
    (exchange,) = exchanges_in(row, layout, Turns.LAST, columns)
    return exchange.version
