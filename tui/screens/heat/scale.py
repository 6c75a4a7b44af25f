"""The heat map's legend, which is the spread of its figures too: how many tokens stand at each step of the scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from textual.content import Content
from textual.style import Style

from engine.method.token_gain import TokenSpan
from tui.screens.heat.ramp import STEPS, HeatMeasure, HeatPalette, bar

WIDTH = 34
"""Cells: seventeen steps of two."""


def scale(spans: Sequence[TokenSpan], measure: HeatMeasure, palette: HeatPalette) -> Content:
    """Four lines: how often, which colour and bar, how many nats, and what that means."""
    levels = [measure.level(value) for span in spans if (value := measure.of(span)) is not None]
    cell = WIDTH // len(measure.levels)
    width = cell * len(measure.levels)
    return Content("\n").join(
        [
            _often(levels, measure, cell, palette),
            _ramp(measure, cell, palette),
            *_words(measure, width, palette),
        ]
    )


def _often(levels: Sequence[int], measure: HeatMeasure, cell: int, palette: HeatPalette) -> Content:
    counts = Counter(levels)
    most = max(counts.values(), default=1)
    heights = [-(-counts[level] * STEPS // most) for level in measure.levels]  # what is there is seen
    return Content.styled("".join(bar(height) * cell for height in heights), palette.faint)


def _ramp(measure: HeatMeasure, cell: int, palette: HeatPalette) -> Content:
    parts = []
    for level in measure.levels:
        value = level / STEPS * measure.full
        style = palette.word(measure, value)
        if not palette.flat:  # the word's ground and the bar's ink, as on the map
            style = Style(background=style.background, foreground=palette.bar(measure, value).foreground)
        parts.append((bar(level) * cell, style))
    return Content.assemble(*parts)


def _words(measure: HeatMeasure, width: int, palette: HeatPalette) -> tuple[Content, Content]:
    full = f"{measure.full:.0f}"
    if measure is HeatMeasure.DIFFERENCE:
        side = width // 2 - 1
        ticks = f"−{full}".ljust(side) + " 0 " + f"+{full} nats".rjust(width - side - 3)
        words = Content.assemble(
            ("▒ misleads".ljust(side + 3), palette.bar(measure, -measure.full)),
            ("helps ▆".rjust(width - side - 3), palette.bar(measure, measure.full)),
        )
        return Content.styled(ticks, palette.faint), words
    ticks = "0" + f"{full} nats".rjust(width - 1)
    words = Content.assemble(
        ("expected".ljust(width - 12), palette.faint),
        ("surprising ▆", palette.bar(measure, measure.full)),
    )
    return Content.styled(ticks, palette.faint), words
