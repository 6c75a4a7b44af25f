"""Themes of burnish, beside Textual's."""

from __future__ import annotations

from textual.theme import Theme

SIXTEEN = "sixteen-colours"
"""The theme for a terminal that has no other colours: each is one of those, so that red stays red and green green."""

THEMES = (
    Theme(
        name="burnish",
        primary="#d9a441",
        secondary="#7aa2c4",
        accent="#e0c080",
        warning="#e0af68",
        error="#e06c75",
        success="#8fbf7f",
        foreground="#d8d4cc",
        background="#16181c",
        surface="#1d2025",
        panel="#272b31",
        dark=True,
    ),
    Theme(
        name="burnish-light",
        primary="#8a5a00",
        secondary="#2b5c85",
        accent="#7a5c1e",
        warning="#8a5300",
        error="#a8232e",
        success="#2f6b2a",
        foreground="#22201c",
        background="#fbf8f2",
        surface="#f2eee5",
        panel="#e6e0d3",
        dark=False,
    ),
    Theme(
        name="high-contrast",
        primary="#ffd75f",
        secondary="#87d7ff",
        accent="#ffffff",
        warning="#ffaf00",
        error="#ff5f5f",
        success="#5fff5f",
        foreground="#ffffff",
        background="#000000",
        surface="#1c1c1c",
        panel="#333333",
        dark=True,
        luminosity_spread=0.3,
        text_alpha=1.0,
        variables={
            "foreground-muted": "#d0d0d0",
            "text-disabled": "#b0b0b0",
            "footer-description-foreground": "#ffffff",
        },
    ),
    Theme(
        name=SIXTEEN,
        primary="#ffff55",
        secondary="#55ffff",
        accent="#ff55ff",
        warning="#ffff55",
        error="#ff5555",
        success="#55ff55",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#555555",
        dark=True,
        luminosity_spread=0.0,
        text_alpha=1.0,
        variables={
            "foreground-muted": "#aaaaaa",
            "text-disabled": "#aaaaaa",
            "text-success": "#55ff55",
            "text-warning": "#ffff55",
            "text-error": "#ff5555",
            "block-cursor-background": "#ffff55",
            "block-cursor-foreground": "#000000",
            "footer-description-foreground": "#ffffff",
        },
    ),
)
