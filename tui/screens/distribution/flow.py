"""Where the samples went: bands from the original through both stages, as high as the samples are many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from textual.content import Content
from textual.widget import Widget

from engine.store.distribution import Flow
from tui.text.canvas import Canvas
from tui.text.vocabulary import VERDICTS

STYLES = {"replaced": "$primary", "kept": "$secondary", "failed": "$error"}

GAP = 4
"""Dots between two nodes: a row."""

THICK = 6
"""Dots from which on a band can spare one."""

Link = tuple[str, str]


@dataclass(slots=True)
class DiagramNode:
    """A place in a column of the diagram, in dots: four to a row."""

    verdict: str | None  # None: the original
    count: int
    height: int
    top: int = 0
    label: list[str] = field(default_factory=list)


class FlowDiagram(Widget):
    DEFAULT_CSS = "FlowDiagram { text-wrap: nowrap; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._flow: Flow | None = None
        self._waiting = "counting…"

    def show(self, flow: Flow) -> None:
        self._flow = flow
        self.refresh()

    def forget(self, instead: str = "counting…") -> None:
        """Draw nothing but a word."""
        self._flow, self._waiting = None, instead
        self.refresh()

    def render(self) -> Content:
        canvas = Canvas(self.size.width, self.size.height)
        canvas.put(0, 0, "Flow", "bold")
        canvas.put(6, 0, "what each stage made of the samples", "dim")
        counts: Counter[Link] = Counter()
        for (first, second), count in self._flow.counts.items() if self._flow is not None else ():
            if first is not None and second is not None:
                counts[first, second] += count
        if counts:
            draw_flow(canvas, counts)
        else:
            canvas.put(2, 2, self._waiting if self._flow is None else "no sample is finished", "dim")
        return canvas.content()


def draw_flow(canvas: Canvas, counts: Counter[Link]) -> None:
    """Draw it below the title, by how many samples took each pair of verdicts."""
    dots = (canvas.height - 3) * 4
    heights = _heights(counts, dots - GAP * (len(VERDICTS) - 1))
    total = sum(counts.values())
    columns = [
        [DiagramNode(None, total, sum(heights.values()))],
        *(
            [
                DiagramNode(
                    verdict,
                    sum(count for link, count in counts.items() if link[stage] == verdict),
                    sum(height for link, height in heights.items() if link[stage] == verdict),
                )
                for verdict in VERDICTS
            ]
            for stage in (0, 1)
        ),
    ]
    columns = [[node for node in column if node.count] for column in columns]
    for column in columns:
        _place(column, dots, total)
    # Left to right: the original's label and bar, bands, a bar, labels and a bar, bands, a bar and labels.
    wide = [max(len(line) for node in column for line in node.label) + 2 for column in columns]
    band = (canvas.width - sum(wide) - 4) // 2
    if band < 3 or dots < 12:
        _list(canvas, columns)
        return
    bars = [wide[0], wide[0] + 1 + band]
    bars += [bars[1] + 1 + wide[1], bars[1] + 2 + wide[1] + band]
    board = _Dots(canvas.width, canvas.height - 3)
    _bands(board, columns, heights, [(bars[0] + 1, bars[1]), (bars[2] + 1, bars[3])])
    for column, bar in zip((columns[0], columns[1], columns[1], columns[2]), bars, strict=True):
        for node in column:
            style = STYLES[node.verdict] if node.verdict else ""
            board.fill(2 * bar, 2 * bar + 2, node.top, node.height, "replaced", style)
    board.put(canvas, 0, 3)
    labels = [0, bars[1] + 2, bars[3] + 2]
    for column, left in zip(columns, labels, strict=True):
        for node in column:
            first = 3 + (2 * node.top + node.height) // 8 - len(node.label) // 2
            style = f"bold {STYLES[node.verdict]}" if node.verdict else "bold"
            for row, line in enumerate(node.label):
                canvas.put(left, first + row, line, style if row == 0 else "dim")
    lefts = (0, bars[1], bars[3])
    for left, heading in zip(lefts, ("original", "instruction stage", "response stage"), strict=True):
        canvas.put(min(left, canvas.width - len(heading)), 2, heading, "dim")


def _heights(counts: Counter[Link], room: int) -> dict[Link, int]:
    """Each link's height in dots: in proportion, at least one, and together no more than there is room for."""
    total = sum(counts.values())
    for dots in range(room, 0, -1):
        heights = {link: max(round(count / total * dots), 1) for link, count in counts.items()}
        if sum(heights.values()) <= room:
            return heights
    return dict.fromkeys(counts, 1)


def _place(column: list[DiagramNode], dots: int, total: int) -> None:
    """Put the nodes one below the other, in the middle of the height there is, and word their labels."""
    top = (dots - sum(node.height for node in column) - GAP * (len(column) - 1)) // 2
    for node in column:
        node.top = max(top, 0)
        top += node.height + GAP
        name, share = node.verdict or f"{node.count:,}", f"{node.count:,} · {percent(node.count, total)}"
        if node.verdict is None:
            node.label = [name, "samples"] if node.count != 1 else [name, "sample"]
        else:
            node.label = [name, share] if node.height >= 8 else [f"{name} {node.count:,}"]


def _bands(
    board: _Dots, columns: list[list[DiagramNode]], heights: dict[Link, int], spans: list[tuple[int, int]]
) -> None:
    """Fill what lies between the columns. Thick bands first, so that a thin one that crosses them is seen."""
    firsts = {node.verdict: node for node in columns[1]}
    seconds = {node.verdict: node for node in columns[2]}
    bands: list[tuple[int, int, int, int, int, str]] = []
    top = columns[0][0].top
    for verdict, node in firsts.items():
        assert verdict is not None
        bands.append((*spans[0], top, node.top, node.height, verdict))
        top += node.height
    leaving = {verdict: node.top for verdict, node in firsts.items()}
    arriving = {verdict: node.top for verdict, node in seconds.items()}
    for first in VERDICTS:
        for second in VERDICTS:
            if height := heights.get((first, second), 0):
                bands.append((*spans[1], leaving[first], arriving[second], height, second))
                leaving[first] += height
                arriving[second] += height
    for left, right, start, end, height, verdict in sorted(bands, key=lambda band: -band[4]):
        for x in range(2 * left, 2 * right):
            along = (x - 2 * left) / (2 * (right - left) - 1)
            eased = along * along * (3 - 2 * along)
            board.fill(x, x + 1, round(start + (end - start) * eased), height, verdict, STYLES[verdict])


def _list(canvas: Canvas, columns: list[list[DiagramNode]]) -> None:
    """The counts alone, where there is no room to draw."""
    for row, (name, column) in enumerate(zip(("instruction", "response"), columns[1:], strict=True), start=2):
        said = ", ".join(f"{node.verdict} {node.count:,}" for node in column)
        canvas.put(0, row, f"{name:<12}{said}")


def percent(part: int, whole: int) -> str:
    """A share a person can read: never 0% for something, never 100% for less than all."""
    if not 0 < part < whole:
        return f"{100 if part else 0}%"
    share = 100 * part / whole
    if share < 1:
        return "<1%"
    return ">99%" if share > 99 else f"{share:.0f}%"


class _Dots:
    """Braille dots, two columns and four rows to a cell. A cell has the style of what was drawn on it last."""

    MASKS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))

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
                mask = self.MASKS[y % 4][x % 2]
                old = self._masks[row][column]
                self._masks[row][column] = old | mask if lit and inside else old & ~mask
                if inside:
                    self._styles[row][column] = style
                    self._thick[y][x] = height

    def put(self, canvas: Canvas, left: int, top: int) -> None:
        for row, (masks, styles) in enumerate(zip(self._masks, self._styles, strict=True)):
            for column, (mask, style) in enumerate(zip(masks, styles, strict=True)):
                if mask:
                    canvas.put(left + column, top + row, chr(0x2800 + mask), style)
