"""From a token's figures to a colour and a bar: the measures, their scale, its colours and its legend."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from rich.style import Style as RichStyle
from textual.color import BLACK, WHITE, Color
from textual.content import Content
from textual.style import Style

from engine.method.token_gain import TokenSpan

STEPS = 8
"""Heights of a bar, and as many the other way."""

GRADES = 64
"""Strengths of a colour: no eye tells more apart, and a long text needs no more styles."""

WIDTH = 34
"""Cells of the legend: seventeen steps of two."""

_HELPS = " ▁▂▃▄▅▆▇█"
_MISLEADS = " ┈░░▒▒▒▓▓"
UNSCORED = "╱"

READABLE = 4.5
"""The contrast that text needs (WCAG 2.1, 1.4.3)."""


class HeatMeasure(StrEnum):
    """A figure that the map shows of each token."""

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


@dataclass(frozen=True, slots=True)
class HeatPalette:
    """The theme's colours, mixed. `flat`: they are the terminal's own, which cannot be."""

    paper: Color
    ink: Color
    helps: Color
    misleads: Color
    surprises: Color
    flat: bool
    ground: RichStyle

    def word(self, measure: HeatMeasure, value: float | None) -> Style:
        """The style of a token's text; `value` in nats, None where the token is not scored."""
        return self._step(measure, value)[0]

    def bar(self, measure: HeatMeasure, value: float | None) -> Style:
        """The style of the bar above it."""
        return self._step(measure, value)[1]

    def figure(self, gain: float) -> Style:
        """The style of a gain that is told in nats, which stays readable however small it is."""
        return self.bar(HeatMeasure.DIFFERENCE, math.copysign(HeatMeasure.DIFFERENCE.full, gain))

    @property
    def faint(self) -> Style:
        return Style(dim=True) if self.flat else Style(foreground=self.paper.blend(self.ink, 0.7))

    @property
    def cursor(self) -> Style:
        if self.flat:
            return Style(reverse=True, bold=True)
        return Style(background=self.ink, foreground=self.paper, bold=True)

    def _step(self, measure: HeatMeasure, value: float | None) -> tuple[Style, Style]:
        if value is None:
            return self.faint, self.faint
        hue = self.surprises
        if measure is HeatMeasure.DIFFERENCE:
            hue = self.helps if value >= 0 else self.misleads
        strength = round(GRADES * min(abs(value) / measure.full, 1))
        return _gradient(self.paper, self.ink, hue, flat=self.flat)[strength]


@lru_cache
def _gradient(paper: Color, ink: Color, hue: Color, *, flat: bool) -> tuple[tuple[Style, Style], ...]:
    """The styles of words and of bars from the faintest to the fullest."""
    return tuple(
        (_word(paper, ink, hue, grade / GRADES, flat=flat), _bar(paper, hue, grade / GRADES, flat=flat))
        for grade in range(GRADES + 1)
    )


def _word(paper: Color, ink: Color, hue: Color, strength: float, *, flat: bool) -> Style:
    if flat:
        return Style(foreground=hue, bold=strength > 0.6) if strength > 0.06 else Style()
    ground = paper.blend(hue, 0.72 * strength**0.75)
    best = max((ink, paper), key=lambda colour: contrast(colour, ground))
    if contrast(best, ground) < READABLE:  # half-way between the theme's two, neither can be read
        best = max((BLACK, WHITE), key=lambda colour: contrast(colour, ground))
    return Style(background=ground, foreground=best)


def _bar(paper: Color, hue: Color, strength: float, *, flat: bool) -> Style:
    return Style(foreground=hue if flat else paper.blend(hue, 0.7 + 0.3 * strength))


def contrast(one: Color, other: Color) -> float:
    """The contrast of two colours as WCAG 2.1 defines it: 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    """As WCAG 2.1 defines it: 0 to 1."""
    parts = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def legend(spans: Sequence[TokenSpan], measure: HeatMeasure, palette: HeatPalette) -> Content:
    """Four lines: tokens at each step of the scale, the step's bar, its nats, and what they mean."""
    levels = [measure.level(value) for span in spans if (value := measure.of(span)) is not None]
    counts = Counter(levels)
    most = max(counts.values(), default=1)
    cell = WIDTH // len(measure.levels)
    width = cell * len(measure.levels)
    heights = [-(-counts[level] * STEPS // most) for level in measure.levels]  # what is there is seen
    steps = [
        (bar(level) * cell, palette.bar(measure, level / STEPS * measure.full)) for level in measure.levels
    ]
    full = palette.bar(measure, measure.full)
    if measure is HeatMeasure.DIFFERENCE:
        left, right = width // 2 + 2, width - width // 2 - 2
        ticks = f"−{measure.full:.0f}".ljust(left - 3) + " 0 " + f"+{measure.full:.0f} nats".rjust(right)
        low, high = ("▒ misleads".ljust(left), palette.bar(measure, -measure.full)), "helps ▆".rjust(right)
    else:
        ticks = "0" + f"{measure.full:.0f} nats".rjust(width - 1)
        low, high = ("expected".ljust(width - 12), palette.faint), "surprising ▆"
    return Content("\n").join(
        [
            Content.styled("".join(bar(height) * cell for height in heights), palette.faint),
            Content.assemble(*steps),
            Content.styled(ticks, palette.faint),
            Content.assemble(low, (high, full)),
        ]
    )
