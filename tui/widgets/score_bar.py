"""Wins, ties and losses as one bar, and under it the papers' score with its interval on its axis."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.widget import Widget

from engine.judge.results import ENOUGH, Counts

MOST = 100
"""Cells of the bar."""

WINS, TIES, LOSSES = ("█", "$success"), ("▒", "$text-muted"), ("░", "$error")
"""The blocks and colours of a bar; the blocks differ also where there are no colours."""

WIDEST = 2.0
"""Of the score: everything won. Nothing is better at 1."""


class ScoreBar(Widget):
    DEFAULT_CSS = "ScoreBar { height: 3; text-wrap: nowrap; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._counts = Counts.of(0, 0, 0)
        self._interval: tuple[float, float] | None = None

    def show(self, counts: Counts, interval: tuple[float, float] | None) -> None:
        self._counts, self._interval = counts, interval
        self.refresh()

    def on_resize(self, _: events.Resize) -> None:
        self.refresh()

    def render(self) -> Content:
        counts, width = self._counts, max(min(self.size.width, MOST), 20)
        if counts.score is None:
            return Content.styled("no pair of the two sides has a verdict yet", "$text-muted")
        return Content("\n").join([blocks(counts, width), _legend(counts), self._axis(counts, width)])

    def _axis(self, counts: Counts, width: int) -> Content:
        sentence = score_sentence(counts, self._interval)
        room = width - 4 - len(sentence) - 3
        if room < 11 or self._interval is None or counts.score is None:
            return Content(sentence)
        low, high, at, one = (
            round(value / WIDEST * (room - 1)) for value in (*self._interval, counts.score, WIDEST / 2)
        )
        parts: list[Content | tuple[str, str]] = [("0 ", "$text-muted")]
        for cell in range(room):
            if cell == at:
                parts.append(("●", "bold"))
            elif cell == one:
                parts.append(("┼", "$primary"))
            else:
                inside = low <= cell <= high
                parts.append(("━" if inside else "─", "" if inside else "$text-muted"))
        return Content.assemble(*parts, (" 2", "$text-muted"), "   ", sentence)


def blocks(counts: Counts, width: int) -> Content:
    """Wins, ties and losses as stretches of a bar, each of which has at least one cell if it is not 0."""
    shares = [(counts.wins, WINS), (counts.ties, TIES), (counts.losses, LOSSES)]
    cells = [max(round(count / (counts.total or 1) * width), 1) if count else 0 for count, _ in shares]
    cells[cells.index(max(cells))] += width - sum(cells) if counts.total else 0
    return Content.assemble(
        *((block * wide, style) for wide, (_, (block, style)) in zip(cells, shares, strict=True))
    )


def _legend(counts: Counts) -> Content:
    parts = []
    for count, name, (block, style) in (
        (counts.wins, "wins", WINS),
        (counts.ties, "ties", TIES),
        (counts.losses, "losses", LOSSES),
    ):
        share = f"{count / counts.total:.0%}"
        parts.append(
            Content.assemble(
                (f"{block} ", style), (f"{name} {count:,}", "bold"), (f" {share}", "$text-muted")
            )
        )
    return Content("   ").join(parts)


def score_sentence(counts: Counts, interval: tuple[float, float] | None) -> str:
    """The score, its interval, and what that says; nothing where fewer than `ENOUGH` pairs are decided."""
    score = f"score {counts.score:.3f}"
    if counts.decided < ENOUGH:
        return f"{score}: {counts.decided} of {counts.total} decided, too few to tell"
    if interval is None:
        return f"{score}: refined {'won' if counts.wins else 'lost'} all {counts.total:,}"
    low, high = interval
    says = "refined is better" if low > 1 else "refined is worse" if high < 1 else "no clear difference"
    return f"{score}, 95 % {low:.2f} to {high:.2f}: {says}"
