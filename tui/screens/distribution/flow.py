"""The samples' way: bands from the original through both stages, as high as the samples are many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tui.text.flow_layout import FlowNode, Link, flow_bands, flow_columns
from tui.text.vocabulary import VERDICTS
from tui.widgets.plot import DOTS, Canvas, Plot

STYLES = {"replaced": "$primary", "kept": "$secondary", "failed": "$error"}

GAP = 4
"""Dots between two nodes: a row."""

THICK = 6
"""Dots from which on a band can spare one."""


class FlowDiagram(Plot[Mapping[Link, int]]):
    def draw(self, canvas: Canvas, data: Mapping[Link, int]) -> None:
        self.draw_about(canvas)
        draw_flow(canvas, data)

    def draw_instead(self, canvas: Canvas, word: str) -> None:
        self.draw_about(canvas)
        canvas.put(2, 2, word, "dim")


def draw_flow(canvas: Canvas, counts: Mapping[Link, int]) -> None:
    """Draw below the title how many samples took each pair of verdicts; where there is no room, write it."""
    dots = (canvas.height - 3) * 4
    heights = _heights(counts, dots - GAP * (len(VERDICTS) - 1))
    columns = [_centred(column, dots) for column in flow_columns(counts, heights, GAP)]
    labels = [[_label(node, sum(counts.values())) for node in column] for column in columns]
    # Left to right: the original's label and bar, bands, a bar, labels and a bar, bands, a bar and labels.
    wide = [max(len(line) for label in column for line in label) + 2 for column in labels]
    band = (canvas.width - sum(wide) - 4) // 2
    if band < 3 or dots < 12:
        for row, (name, column) in enumerate(
            zip(("instruction", "response"), columns[1:], strict=True), start=2
        ):
            canvas.put(0, row, f"{name:<12}{', '.join(f'{node.verdict} {node.count:,}' for node in column)}")
        return
    bars = [wide[0], wide[0] + 1 + band]
    bars += [bars[1] + 1 + wide[1], bars[1] + 2 + wide[1] + band]
    board = _Dots(canvas.width, canvas.height - 3)
    # Thick bands first, so that a thin one that crosses them is seen.
    for one in sorted(flow_bands(columns, counts, heights), key=lambda each: -each.height):
        left, right = 2 * (bars[2 * one.stage] + 1), 2 * bars[2 * one.stage + 1]
        for x in range(left, right):
            along = (x - left) / (right - left - 1)
            eased = along * along * (3 - 2 * along)
            top = round(one.start + (one.end - one.start) * eased)
            board.fill(x, x + 1, top, one.height, one.verdict, STYLES[one.verdict])
    for column, bar in zip((columns[0], columns[1], columns[1], columns[2]), bars, strict=True):
        for node in column:
            board.fill(2 * bar, 2 * bar + 2, node.top, node.height, "replaced", STYLES.get(node.verdict, ""))
    board.put(canvas, 3)
    for column, label_column, left in zip(columns, labels, (0, bars[1] + 2, bars[3] + 2), strict=True):
        for node, label in zip(column, label_column, strict=True):
            first = 3 + (2 * node.top + node.height) // 8 - len(label) // 2
            for row, line in enumerate(label):
                style = f"bold {STYLES.get(node.verdict, '')}".rstrip() if row == 0 else "dim"
                canvas.put(left, first + row, line, style)
    for left, heading in zip(
        (0, bars[1], bars[3]), ("original", "instruction stage", "response stage"), strict=True
    ):
        canvas.put(min(left, canvas.width - len(heading)), 2, heading, "dim")


def _heights(counts: Mapping[Link, int], room: int) -> dict[Link, int]:
    """Each link's height in dots: in proportion, at least one, and together no more than there is room for."""
    total = sum(counts.values())
    for dots in range(room, 0, -1):
        heights = {link: max(round(count / total * dots), 1) for link, count in counts.items()}
        if sum(heights.values()) <= room:
            return heights
    return dict.fromkeys(counts, 1)


def _centred(column: Sequence[FlowNode[int]], dots: int) -> list[FlowNode[int]]:
    """The column in the middle of the height there is; what would begin above it begins at its top."""
    above = (dots - column[-1].top - column[-1].height) // 2
    return [replace(node, top=max(node.top + above, 0)) for node in column]


def _label(node: FlowNode[int], total: int) -> list[str]:
    if node.verdict == "all":
        return [f"{node.count:,}", "samples" if node.count != 1 else "sample"]
    if node.height >= 8:
        return [node.verdict, f"{node.count:,} · {percent(node.count, total)}"]
    return [f"{node.verdict} {node.count:,}"]


def percent(part: int, whole: int) -> str:
    """A share in whole percent, such as "33%", "<1%" or ">99%": never 0% for something, nor 100% for less than all."""
    if not 0 < part < whole:
        return f"{100 if part else 0}%"
    share = 100 * part / whole
    if share < 1:
        return "<1%"
    return ">99%" if share > 99 else f"{share:.0f}%"


class _Dots:
    """Braille dots, two columns and four rows to a cell. A cell has the style of what was drawn on it last."""

    def __init__(self, width: int, height: int) -> None:
        self._masks = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._thick = [[0] * (2 * width) for _ in range(4 * height)]  # the height of what each dot is of
        self._width = width
        self._height = height

    def fill(self, left: int, right: int, top: int, height: int, pattern: str, style: str) -> None:
        """Fill a rectangle: wholly for what was replaced, every other dot for kept, every fourth for failed.

        A thick one that is there already draws back by a dot, so that what crosses it stands out.
        """
        for x in range(left, right):
            for y in range(top - 1, top + height + 1):
                column, row = x // 2, y // 4
                if not (0 <= column < self._width and 0 <= row < self._height):
                    continue
                inside = top <= y < top + height
                if not inside and self._thick[y][x] < THICK:
                    continue
                lit = {"replaced": True, "kept": (x + y) % 2 == 0}.get(pattern, (x + 2 * y) % 4 == 0)
                mask = DOTS[y % 4][x % 2]
                old = self._masks[row][column]
                self._masks[row][column] = old | mask if lit and inside else old & ~mask
                if inside:
                    self._styles[row][column] = style
                    self._thick[y][x] = height

    def put(self, canvas: Canvas, top: int) -> None:
        for row, (masks, styles) in enumerate(zip(self._masks, self._styles, strict=True)):
            for column, (mask, style) in enumerate(zip(masks, styles, strict=True)):
                if mask:
                    canvas.put(column, top + row, chr(0x2800 + mask), style)
