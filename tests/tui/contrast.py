"""The contrast of two colours, as WCAG 2.1 defines and wants it."""

from __future__ import annotations

from textual.color import Color

READABLE, SEEN = 4.5, 3.0
"""The least ratios of text, and of what is seen but not read (1.4.3 and 1.4.11)."""


def contrast(one: Color, other: Color) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Color) -> float:
    """As WCAG 2.1 defines it: 0 to 1."""
    parts = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
