"""From a token's figures to a colour and a bar: what can be shown, and on which scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from rich.style import Style as RichStyle
from textual.color import Color
from textual.style import Style

from engine.method.token_gain import TokenSpan

STEPS = 8
"""Heights of a bar, and as many the other way."""

_HELPS = " ▁▂▃▄▅▆▇█"
_MISLEADS = " ┈░░▒▒▒▓▓"
UNSCORED = "╱"


class HeatMeasure(StrEnum):
    """What the map shows of each token."""

    DIFFERENCE = "difference"
    WITHOUT = "loss without"
    WITH = "loss with"

    def of(self, span: TokenSpan) -> float | None:
        """Nats."""
        match self:
            case HeatMeasure.DIFFERENCE:
                return span.gain
            case HeatMeasure.WITHOUT:
                return span.alone
            case HeatMeasure.WITH:
                return span.given

    @property
    def full(self) -> float:
        """Nats at which colour and bar are at their fullest: the same for every text, so that texts compare."""
        return 4.0 if self is HeatMeasure.DIFFERENCE else 8.0

    @property
    def levels(self) -> range:
        return range(-STEPS if self is HeatMeasure.DIFFERENCE else 0, STEPS + 1)

    def level(self, value: float) -> int:
        """The height of its bar; 0: hardly matters."""
        return max(self.levels[0], min(round(value / self.full * STEPS), STEPS))


def bar(level: int) -> str:
    """A cell of the row above the words: solid where the other half helps, grained where it misleads."""
    return _HELPS[level] if level >= 0 else _MISLEADS[-level]


@dataclass(frozen=True)
class HeatPalette:
    """The theme's colours, mixed. `flat`: they are the terminal's own, which cannot be."""

    paper: Color
    ink: Color
    helps: Color
    misleads: Color
    surprises: Color
    flat: bool
    ground: RichStyle
    _words: dict[tuple[Color, int], Style] = field(default_factory=dict, compare=False)
    _bars: dict[tuple[Color, int], Style] = field(default_factory=dict, compare=False)

    def word(self, measure: HeatMeasure, value: float | None) -> Style:
        """The style of a token's text."""
        if value is None:
            return self.faint
        return self._style(self._words, self._word, measure, value)

    def bar(self, measure: HeatMeasure, value: float | None) -> Style:
        """The style of what stands above it."""
        if value is None:
            return self.faint
        return self._style(self._bars, self._bar, measure, value)

    @property
    def faint(self) -> Style:
        return Style(dim=True) if self.flat else Style(foreground=self.paper.blend(self.ink, 0.55))

    def softened(self, style: Style) -> Style:
        """For pictures of white space, which are not the text's."""
        if style.background is None or style.foreground is None:
            return style
        return style + Style(foreground=style.background.blend(style.foreground, 0.55))

    @property
    def cursor(self) -> Style:
        if self.flat:
            return Style(reverse=True, bold=True)
        return Style(background=self.ink, foreground=self.paper, bold=True)

    def _style(
        self,
        made: dict[tuple[Color, int], Style],
        make: Callable[[Color, float], Style],
        measure: HeatMeasure,
        value: float,
    ) -> Style:
        """A ramp of 65 styles a colour: no eye tells more apart, and a long text needs no more."""
        hue = self.surprises
        if measure is HeatMeasure.DIFFERENCE:
            hue = self.helps if value >= 0 else self.misleads
        strength = round(64 * min(abs(value) / measure.full, 1))
        if (style := made.get((hue, strength))) is None:
            style = made[hue, strength] = make(hue, strength / 64)
        return style

    def _word(self, hue: Color, strength: float) -> Style:
        if self.flat:
            return Style(foreground=hue, bold=strength > 0.6) if strength > 0.06 else Style()
        paper = self.paper.blend(hue, 0.72 * strength**0.75)
        # Whichever of the theme's two can be read better on it.
        far, near = (self.ink, self.paper) if strength < 0.4 else (self.paper, self.ink)
        if abs(far.brightness - paper.brightness) < abs(near.brightness - paper.brightness):
            far = near
        return Style(background=paper, foreground=far)

    def _bar(self, hue: Color, strength: float) -> Style:
        return Style(foreground=hue if self.flat else self.paper.blend(hue, 0.5 + 0.5 * strength))
