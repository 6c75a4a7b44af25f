"""The verdicts counted by the answers' lengths, and by the margin of the student's choice."""

from __future__ import annotations

from collections.abc import Iterator

from textual import events
from textual.content import Content
from textual.widgets import Static

from engine.judge.results import Counts, LengthBias, Results
from engine.sample import Verdict
from tui.text.judge_tables import between
from tui.text.tables import number
from tui.text.vocabulary import SCORES, STUDENT_DID
from tui.widgets.score_bar import blocks

LABEL = 14
WHO = 5
BAR = 16
"""Cells of a row's bar at most."""

COUNTS = 15
"""Cells of wins, ties and losses."""

LAST = 7


class VerdictTables(Static):
    DEFAULT_CSS = "VerdictTables { height: auto; text-wrap: nowrap; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._results: Results | None = None

    def show(self, results: Results | None) -> None:
        self._results = results
        self._draw()

    def on_resize(self, _: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        lines: list[Content] = []
        if self._results is not None and self.size.width:
            lines += by_length(self._results.length, self.size.width)
            lines += by_margin(self._results, self.size.width)
        self.update(Content("\n").join(lines))


def by_length(length: LengthBias, width: int) -> Iterator[Content]:
    """Wins, ties and losses in bins of the length ratio. A judge that likes what is longer shows in them."""
    if not any(bin.counts.total for bin in length.bins):
        return
    yield _title("By length", "refined / original answer, characters")
    yield _head("ratio", "", "score", width)
    for bin in length.bins:
        if bin.counts.total:
            yield _row(between(bin.low, bin.high), "", bin.counts, number(bin.counts.score), width)
    yield Content("")


def by_margin(results: Results, width: int) -> Iterator[Content]:
    """Wins, ties and losses in bins of the student's margin, a part for each stage."""
    stage = None
    for bin in results.student:
        if bin.stage is not stage:
            if stage is not None:
                yield Content("")
            stage = bin.stage
            yield _title(f"Student by {SCORES[stage]}", "+ the judge prefers the rewrite")
            yield _head("margin", "did", "agree", width)
        took = bin.verdict is Verdict.REPLACED
        agree = bin.counts.wins if took else bin.counts.losses
        decided = bin.counts.wins + bin.counts.losses
        share = f"{agree / decided:.0%}" if decided else "-"
        margin = "none" if bin.low is None else between(bin.low, bin.high)
        yield _row(margin, STUDENT_DID[bin.verdict].brief, bin.counts, share, width)


def _title(what: str, about: str) -> Content:
    return Content.assemble((what, "bold $primary"), "  ", (about, "$text-muted"))


def _bar(width: int) -> int:
    """Cells of the bars; 0 where there is no room for them."""
    room = width - LABEL - WHO - COUNTS - LAST - 1
    return 0 if room < 5 else min(room, BAR)


def _head(label: str, who: str, last: str, width: int) -> Content:
    bar = " " * (_bar(width) + 1) if _bar(width) else ""
    counts = "".join(name.rjust(COUNTS // 3) for name in ("+", "=", "−"))
    return Content.styled(f"{label:<{LABEL}}{who:<{WHO}}{bar}{counts}{last:>{LAST}}", "$text-muted")


def _row(label: str, who: str, counts: Counts, last: str, width: int) -> Content:
    bar = Content.assemble(blocks(counts, _bar(width)), " ") if _bar(width) else Content("")
    figures = "".join(f"{count:>{COUNTS // 3},}" for count in (counts.wins, counts.ties, counts.losses))
    return Content.assemble(
        f"{label:<{LABEL}}", (f"{who:<{WHO}}", "$text-muted"), bar, figures, f"{last:>{LAST}}"
    )
