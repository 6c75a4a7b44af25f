"""A list of the last decisions of a run, a line each, which follows its end."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from engine.events import Chosen, Finished
from engine.sample import Choice, Ratio, Rule
from tui.text.vocabulary import FLAGS, SCORES, VERDICTS, choice_flags

NEAR = 2
"""Lines from the end within which a reader is taken along by it."""

STYLES = {"replaced": "$text-success", "kept": "$text-muted", "failed": "$text-error"}


class DecisionLog(ScrollView, can_focus=True):
    """Decisions, oldest first. It follows the end while the reader is near it."""

    DEFAULT_CSS = """
    DecisionLog {
        height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; background: $background;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._decisions: Sequence[Chosen | Finished] = ()
        self._count = 0
        self._digits = 1
        self._end = 0  # the offset at which the end was in sight when it was last laid out

    def show(self, decisions: Sequence[Chosen | Finished], count: int) -> None:
        """Show these decisions, the last of `count` in all."""
        # Lines that were dropped at the top move the rest: a reader further up keeps the lines they read.
        dropped = (count - len(decisions)) - (self._count - len(self._decisions))
        self._decisions, self._count = list(decisions), count
        self._digits = max((len(str(_sample(decision))) for decision in self._decisions), default=1)
        self._lay_out(max(0, dropped))
        self.refresh()

    def on_resize(self) -> None:
        self._lay_out(0)

    def _lay_out(self, dropped: int) -> None:
        follows = self.scroll_offset.y >= min(self._end, self.max_scroll_y) - NEAR
        self.virtual_size = Size(self.size.width, len(self._decisions))
        self._end = self.max_scroll_y
        if follows:
            self.scroll_to(y=self._end, animate=False, force=True, immediate=True)
        elif dropped:
            y = max(0, self.scroll_offset.y - dropped)
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def render_line(self, y: int) -> Strip:
        width, number = self.size.width, self.scroll_offset.y + y
        if number >= len(self._decisions):
            return Strip.blank(width, self.rich_style)
        line = described(self._decisions[number], self._digits, width)
        style = self.visual_style
        (strip,) = Visual.to_strips(self, line.truncate(width, ellipsis=True), width, 1, style, pad=True)
        return strip


def described(decision: Chosen | Finished, digits: int, width: int) -> Content:
    """A decision on one line: the sample, the stage, the verdict, and the numbers that decided."""
    number = (f"{_sample(decision):>{digits}}  ", "$text-muted")
    if isinstance(decision, Finished):
        scores = decision.outcome.before
        ratios = {"IFD": scores.ifd, "r-IFD": scores.r_ifd} if scores else {}
        return Content.assemble(number, "  ".join(f"{name} {_value(r)}" for name, r in ratios.items()))
    choice = decision.choice
    verdict = "failed" if choice.failure is not None else str(choice.verdict)
    return Content.assemble(
        number,
        (f"{choice.stage:<13}", "$text-muted"),
        (f"{VERDICTS[verdict]} {verdict:<10}", STYLES[verdict]),
        *_why(choice, width),
    )


def _why(choice: Choice, width: int) -> list[tuple[str, str]]:
    if choice.failure is not None:
        return [(choice.failure.fault, "$text-error")]
    if choice.rule is Rule.UNSCORABLE:
        return [("unscorable", "$text-warning")]
    parts = []
    if choice.deciding_margin is not None:
        parts.append((f"{choice.deciding_margin:+.3f}  ", ""))
    flags = "  ".join(f"{FLAGS[name]} {name}" for name in choice_flags(choice))
    if choice.verified is not None:
        flags = f"✓ verified  {flags}".rstrip()
    room = 60 + len(flags) if flags else 56
    if choice.before is not None and choice.after is not None and width >= room:
        scores = f"{SCORES[choice.stage]:>5} {choice.before:.3f} → {choice.after:.3f}  "
        parts.append((scores, "$text-muted"))
    return [*parts, (flags, "$text-warning")] if flags else parts


def _sample(decision: Chosen | Finished) -> int:
    return decision.sample if isinstance(decision, Chosen) else decision.outcome.index


def _value(ratio: Ratio) -> str:
    return "—" if ratio.value is None else f"{ratio.value:.3f}"
