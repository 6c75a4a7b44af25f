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
        error="#ea7d84",
        success="#8fbf7f",
        foreground="#d8d4cc",
        background="#16181c",
        surface="#1d2025",
        panel="#272b31",
        dark=True,
        variables={
            "foreground-muted": "#9a9892",
            "text-disabled": "#9a9892",
            "scrollbar": "#8a6d35",
            "scrollbar-hover": "#a8843d",
        },
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
        variables={
            "foreground-muted": "#5e5a52",
            "text-disabled": "#5e5a52",
            "scrollbar": "#8d7440",
            "scrollbar-hover": "#7a622f",
        },
    ),
    Theme(
        name="high-contrast",
        primary="#ffd75f",
        secondary="#87d7ff",
        accent="#ffffff",
        warning="#ffaf00",
        error="#ff7f7f",
        success="#5fff5f",
        foreground="#ffffff",
        background="#000000",
        surface="#1c1c1c",
        panel="#2b2b2b",
        dark=True,
        luminosity_spread=0.3,
        text_alpha=1.0,
        variables={
            "foreground-muted": "#d0d0d0",
            "text-disabled": "#b0b0b0",
            "scrollbar": "#8a7533",
            "scrollbar-hover": "#b09540",
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
        panel="#000000",  # red can be read on no grey that a terminal has
        dark=True,
        luminosity_spread=0.0,
        text_alpha=1.0,
        variables={
            "foreground-muted": "#aaaaaa",
            "text-disabled": "#aaaaaa",
            "scrollbar": "#aaaaaa",
            "scrollbar-hover": "#ffffff",
            "text-success": "#55ff55",
            "text-warning": "#ffff55",
            "text-error": "#ff5555",
            "block-cursor-background": "#ffff55",
            "block-cursor-foreground": "#000000",
            "footer-description-foreground": "#ffffff",
        },
    ),
)
