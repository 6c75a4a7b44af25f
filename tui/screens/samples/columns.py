"""The columns of the sample table at some width, and the text of each for a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.cells import cell_len, set_cell_size

from engine.store.sample_list import SampleColumn, SampleRow, SampleState
from tui.text.literal import first_line
from tui.text.vocabulary import FLAGS, STATES, VERDICTS

NORMAL, WIDE, WIDEST = 100, 160, 180
"""Cells from which on there is room: for the lengths and three decimals, for words beside glyphs, for the margins."""

ENOUGH = 16
"""Cells that the instruction gets before anything else has a place."""

MISSING = "—"
"""Stands for a score that there is none of; a sample that waits shows nothing."""

ORDERS = {
    SampleColumn.NUMBER: ("number", "smallest first", "largest first"),
    SampleColumn.ROW: ("row", "smallest first", "largest first"),
    SampleColumn.STATE: ("state", "A to Z", "Z to A"),
    SampleColumn.INSTRUCTION: ("instruction", "A to Z", "Z to A"),
    SampleColumn.IFD_BEFORE: ("IFD before", "smallest first", "largest first"),
    SampleColumn.IFD_AFTER: ("IFD after", "smallest first", "largest first"),
    SampleColumn.R_IFD_BEFORE: ("r-IFD before", "smallest first", "largest first"),
    SampleColumn.R_IFD_AFTER: ("r-IFD after", "smallest first", "largest first"),
    SampleColumn.LENGTH_BEFORE: ("length before", "shortest first", "longest first"),
    SampleColumn.LENGTH_AFTER: ("length after", "shortest first", "longest first"),
    SampleColumn.MARGIN: ("margin", "smallest first", "largest first"),
    SampleColumn.EQUAL_MARGIN: ("margin at equal length", "smallest first", "largest first"),
    SampleColumn.VERDICT: ("verdict", "kept first", "replaced first"),
    SampleColumn.RATING_BEFORE: ("rating before", "lowest first", "highest first"),
    SampleColumn.RATING_AFTER: ("rating after", "lowest first", "highest first"),
}
"""The order by each column in words, ascending and descending."""

Shown = tuple[str, str]
"""A cell's text, safe to show, and the name of its style."""


@dataclass(frozen=True, slots=True)
class ColumnCell:
    """A column: its place and its title, and how a row is read."""

    column: SampleColumn | None  # a click on the title sorts by it
    title: str
    gap: int  # cells before it
    width: int  # cells
    read: Callable[[SampleRow, int], Shown]  # from a row and the width
    right: bool = False

    @property
    def whole(self) -> int:
        return self.gap + self.width

    def head(self, sign: str = "") -> str:
        """The title, with the sign of the order where the rows are sorted by it; the sign may stand in the gap."""
        if self.right:
            return fitted(sign + self.title, self.whole, right=True)
        if len(self.title) < self.width:
            return " " * self.gap + fitted(self.title + sign, self.width)
        return fitted(sign.rjust(self.gap) + self.title, self.whole)

    def show(self, row: SampleRow) -> Shown:
        text, style = self.read(row, self.width)
        return " " * self.gap + fitted(text, self.width, right=self.right), style


def cells(
    width: int, samples: int, *, rows: bool = False, notes: bool = False, ratings: bool = False
) -> list[ColumnCell]:
    """The columns for a table of this many samples, exactly `width` cells together.

    `rows`: with each sample's row and turn, of a dataset with several samples in a row. `notes`: with notes and tags.
    `ratings`: with a judge's ratings.
    """
    wide, normal = width >= WIDE, width >= NORMAL
    digits = max(3, len(str(max(samples - 1, 0))))
    number = ColumnCell(SampleColumn.NUMBER, "#", 0, digits, _number, right=True)
    place = [ColumnCell(SampleColumn.ROW, "row", 1, digits + 3, _place, right=True)] if rows else []
    state = ColumnCell(SampleColumn.STATE, "state", 2 if normal else 1, 10, _state)
    text = ColumnCell(SampleColumn.INSTRUCTION, "instruction", 2, 0, _instruction)
    places, gap, arrow, after = (3, 3, " → ", "after") if normal else (2, 2, "→", "new")
    scores = [
        (
            _score(SampleColumn.IFD_BEFORE, "IFD", gap, places),
            _score(SampleColumn.IFD_AFTER, after, 0, places, arrow=arrow, before=SampleColumn.IFD_BEFORE),
        ),
        (
            _score(SampleColumn.R_IFD_BEFORE, "r-IFD", gap, places),
            _score(SampleColumn.R_IFD_AFTER, after, 0, places, arrow=arrow, before=SampleColumn.R_IFD_BEFORE),
        ),
    ]
    lengths = (
        ColumnCell(SampleColumn.LENGTH_BEFORE, "length", 3, 5, _length_before, right=True),
        ColumnCell(SampleColumn.LENGTH_AFTER, "after", 0, 8, _length_after, right=True),
    )
    margins = (
        _margin(SampleColumn.MARGIN, "margin", 3),
        _margin(SampleColumn.EQUAL_MARGIN, "equal", 2),
    )
    rated = (
        ColumnCell(SampleColumn.RATING_BEFORE, "rating", gap, 6, _rating_before, right=True),
        ColumnCell(
            SampleColumn.RATING_AFTER, after, 0, len(arrow) + 3, partial(_rating_after, arrow), right=True
        ),
    )
    verdicts = ColumnCell(
        SampleColumn.VERDICT,
        f"{'instruction':12}response" if wide else "i r",
        3,
        22 if wide else 3,
        _verdicts,
    )
    flags = ColumnCell(None, "flags", 3 if wide else 2, 30 if wide else len(FLAGS), _flags)
    # Where there is little room, the last goes first.
    noted = ColumnCell(None, "note, tags", 2, 30 if wide else 18 if normal else 12, _noted)
    optional = [
        *([(noted,)] if notes else []),
        (flags,),
        scores[0],
        (verdicts,),
        scores[1],
        *([rated] if ratings else []),
        *([lengths] if normal else []),
        *([margins] if width >= WIDEST else []),
    ]
    while optional and width - _sum([number, *place, state, text], *optional) < ENOUGH:
        optional.pop()
    text = replace(text, width=max(1, width - _sum([number, *place, state, text], *optional)))
    in_order = ((noted,), *scores, lengths, margins, rated, (verdicts,), (flags,))
    return [number, *place, state, text, *(cell for group in in_order if group in optional for cell in group)]


def _sum(*groups: Sequence[ColumnCell]) -> int:
    return sum(cell.whole for group in groups for cell in group)


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """A text that is safe to show, cut or filled up to exactly `width` cells."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


def _number(row: SampleRow, width: int) -> Shown:
    return str(row.index), "muted"


def _place(row: SampleRow, width: int) -> Shown:
    """Its row and its turn there; an earlier turn, which others follow, has a dot after it."""
    return f"{row.number}.{row.turn}{' ' if row.ends else '…'}", "muted"


def _state(row: SampleRow, width: int) -> Shown:
    glyph, style = STATES[row.state]
    return f"{glyph} {row.state}", style


def _instruction(row: SampleRow, width: int) -> Shown:
    return first_line(row.instruction, width), "muted" if row.state is SampleState.WAITING else "text"


def _noted(row: SampleRow, width: int) -> Shown:
    """A sign where there is a note, the tags, and how the note begins."""
    note, tags = row.annotation.note, row.annotation.tags
    words = ["¶"] * bool(note) + [f"#{tag}" for tag in tags] + [note]
    return first_line(" ".join(words), width), "mark"


def _score(
    column: SampleColumn,
    title: str,
    gap: int,
    places: int,
    *,
    arrow: str = "",
    before: SampleColumn | None = None,
) -> ColumnCell:
    """A score; one that is the same as in the column `before`, or missing there too, is not shown a second time."""

    def read(row: SampleRow, width: int) -> Shown:
        value: float | None = getattr(row, column)
        if row.length_after is None:
            return "", "muted"
        if before is not None and value == getattr(row, before):
            return "" if value is None else _unchanged(arrow, width), "muted"
        text = MISSING if value is None else short(value, places)
        return arrow + text.rjust(width - len(arrow)), "muted" if value is None or not arrow else "text"

    return ColumnCell(column, title, gap, len(arrow) + places + 2, read, right=True)


def _margin(column: SampleColumn, title: str, gap: int) -> ColumnCell:
    """The instruction stage's margin, of whole responses or at equal length."""

    def read(row: SampleRow, width: int) -> Shown:
        value: float | None = getattr(row, column)
        if value is None:
            return "" if row.instruction_verdict is None else MISSING, "muted"
        digits = next(n for n in (3, 2, 1, 0) if n == 0 or len(f"{value:+.{n}f}") <= width)
        return f"{value:+.{digits}f}".replace("-", "−"), "warn" if row.length_decides else "text"

    return ColumnCell(column, title, gap, 6, read, right=True)


def short(value: float, places: int) -> str:
    """A ratio on at most `places` + 2 characters."""
    for digits in range(places, -1, -1):
        if len(text := f"{value:.{digits}f}") <= places + 2:
            return text
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def _length_before(row: SampleRow, width: int) -> Shown:
    return brief(row.length_before), "muted"


def _length_after(row: SampleRow, width: int) -> Shown:
    if row.length_after is None:
        return "", "muted"
    if row.length_after == row.length_before:
        return _unchanged(" → ", width), "muted"
    return f" → {brief(row.length_after):>5}", "text"


def _rating_before(row: SampleRow, width: int) -> Shown:
    return "" if row.rating_before is None else str(row.rating_before), "muted"


def _rating_after(arrow: str, row: SampleRow, width: int) -> Shown:
    if row.length_after is None or (row.rating_before, row.rating_after) == (None, None):
        return "", "muted"
    if row.rating_after == row.rating_before:
        return _unchanged(arrow, width), "muted"
    text = MISSING if row.rating_after is None else str(row.rating_after)
    return arrow + text.rjust(width - len(arrow)), "text"


def _unchanged(arrow: str, width: int) -> str:
    """The sign in place of a number that is as before."""
    return arrow.replace("→", "=").ljust(width)


def brief(count: int) -> str:
    """A number of characters on at most five."""
    if count < 100_000:
        return str(count)
    return f"{count // 1000}k" if count < 10_000_000 else f"{count // 1_000_000}M"


def _verdicts(row: SampleRow, width: int) -> Shown:
    both = (row.instruction_verdict, row.response_verdict)
    if both == (None, None):
        return "", "muted"
    style = "text" if "replaced" in both else "muted"
    if width < 22:
        return " ".join(VERDICTS.get(verdict or "", " ") for verdict in both), style
    return "  ".join(f"{VERDICTS[verdict]} {verdict:8}" if verdict else " " * 10 for verdict in both), style


def flags(row: SampleRow) -> list[str]:
    """The names of a row's flags."""
    held = (
        row.near_tie,
        row.length_decides,
        row.input_lost,
        row.truncated,
        row.unscorable,
        row.reasoning_dropped,
        row.fields_changed,
        row.failed,
        row.state is SampleState.EDITED,
    )
    return [name for name, holds in zip(FLAGS, held, strict=True) if holds]


def _flags(row: SampleRow, width: int) -> Shown:
    found = flags(row)
    words = "  ".join(f"{FLAGS[name]} {name}" for name in found)
    if len(words) > width or width <= len(FLAGS):
        # Each has its own place, so that a column of them can be read down.
        words = "".join(glyph if name in found else " " for name, glyph in FLAGS.items())
    return words, "bad" if "failed" in found else "warn"
