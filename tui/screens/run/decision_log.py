"""A list of the last decisions of a run, a line each, which follows its end."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.strip import Strip
from textual.visual import Visual

from engine.events import Chosen, Finished
from engine.sample import Choice, Ratio, Rule
from tui.text.vocabulary import FLAGS, SCORES, VERDICTS, choice_flags
from tui.widgets.cursor_list import CursorList

NEAR = 2
"""Lines from the end within which a reader is taken along by it."""

STYLES = {"replaced": "$text-success", "kept": "$text-muted", "failed": "$text-error"}


class DecisionLog(CursorList):
    """Decisions, oldest first. It follows the end while a reader is near it, and has not moved the cursor up."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._decisions: Sequence[Chosen | Finished] = ()
        self._count = 0
        self._digits = 1
        self._end = 0  # the offset at which the end was in sight when decisions were last added

    def show(self, decisions: Sequence[Chosen | Finished], count: int) -> None:
        """Show these decisions, the last of `count` in all."""
        # Lines that were dropped at the top move the rest: a reader further up keeps the lines they read.
        dropped = max(0, (count - len(decisions)) - (self._count - len(self._decisions)))
        follows = self._follows
        self._decisions, self._count = list(decisions), count
        self._digits = max((len(str(_sample(decision))) for decision in self._decisions), default=1)
        self._lay_out(dropped, follows=follows)
        self.refresh()

    def settle(self) -> None:
        # The cursor need not be in sight: one may have scrolled up from it.
        self._lay_out(0, follows=self._follows)

    @property
    def _follows(self) -> bool:
        at_the_end = self.top >= min(self._end, self.max_scroll_y) - NEAR
        return at_the_end and (self.cursor >= self.total - 1 or self.cursor not in self.in_sight)

    def _lay_out(self, dropped: int, *, follows: bool) -> None:
        top = self.top
        self.set_total(len(self._decisions))
        self._end = self.max_scroll_y
        if follows:
            self.cursor = max(0, self.total - 1)
            self.scroll_to(y=self._end, animate=False, force=True, immediate=True)
        elif dropped:
            self.cursor = max(0, self.cursor - dropped)
            self.scroll_to(y=max(0, top - dropped), animate=False, force=True, immediate=True)

    @property
    def current(self) -> int | None:
        """The sample of the decision under the cursor."""
        return _sample(self._decisions[self.cursor]) if self.cursor < self.total else None

    def draw_titles(self, width: int) -> Strip:
        title = "decisions" if self._decisions else "decisions  none yet"
        return self._strip(Content.styled(title, "$text" if self.has_focus else "$text-muted"), width)

    def draw_nothing(self, y: int, width: int) -> Strip:
        return Strip.blank(width, self.base_style)

    def draw_row(self, position: int, width: int) -> Strip:
        line = described(self._decisions[position], self._digits, width - len(CURSOR))
        if position != self.cursor:
            return self._strip(Content.assemble(" " * len(CURSOR), line), width)
        style = "reverse" if self.has_focus else "bold $foreground on $panel"
        return self._strip(Content.styled((CURSOR + line.plain).ljust(width), style), width)

    def _strip(self, line: Content, width: int) -> Strip:
        line = line.truncate(width, ellipsis=True)
        (strip,) = Visual.to_strips(self, line, width, 1, self.visual_style, pad=True)
        return strip


CURSOR = "▸ "


def described(decision: Chosen | Finished, digits: int, width: int) -> Content:
    """A decision on one line: the sample, the stage, the verdict, and of the numbers that decided those that fit."""
    number = (f"{_sample(decision):>{digits}}  ", "$text-muted")
    if isinstance(decision, Finished):
        scores = decision.outcome.before
        ratios = {"IFD": scores.ifd, "r-IFD": scores.r_ifd} if scores else {}
        return _fitted([number], [(f"{name} {_value(r)}", "") for name, r in ratios.items()], width)
    choice = decision.choice
    verdict = "failed" if choice.failure is not None else str(choice.verdict)
    begins = [
        number,
        (f"{choice.stage:<13}", "$text-muted"),
        (f"{VERDICTS[verdict]} {verdict:<10}", STYLES[verdict]),
    ]
    return _fitted(begins, _why(choice, width - sum(len(text) for text, _ in begins)), width)


def _fitted(begins: list[tuple[str, str]], parts: list[tuple[str, str]], width: int) -> Content:
    """A line of its beginning and the first of these parts that fit whole: no number is cut."""
    line = Content.assemble(*begins)
    for n, (text, style) in enumerate(parts):
        gap = "  " if n else ""
        if line.cell_length + len(gap + text) > width:
            break
        line = Content.assemble(line, gap, (text, style))
    return line


def _why(choice: Choice, room: int) -> list[tuple[str, str]]:
    """The figures and flags behind a choice, the most important first; scores only where all of it fits."""
    if choice.failure is not None:
        return [(choice.failure.fault, "$text-error")]
    if choice.rule is Rule.UNSCORABLE:
        return [("unscorable", "$text-warning")]
    margin = choice.deciding_margin
    parts = [] if margin is None else [(f"{margin:+.3f}", "")]
    flags = [("✓ verified", "$text-warning")] if choice.verified is not None else []
    flags += [(f"{FLAGS[name]} {name}", "$text-warning") for name in choice_flags(choice)]
    if choice.before is not None and choice.after is not None:
        scores = (f"{SCORES[choice.stage]:>5} {choice.before:.3f} → {choice.after:.3f}", "$text-muted")
        if sum(len(text) + 2 for text, _ in (*parts, scores, *flags)) - 2 <= room:
            parts.append(scores)
    return parts + flags


def _sample(decision: Chosen | Finished) -> int:
    return decision.sample if isinstance(decision, Chosen) else decision.outcome.index


def _value(ratio: Ratio) -> str:
    return "—" if ratio.value is None else f"{ratio.value:.3f}"
