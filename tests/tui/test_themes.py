"""In every theme the cursor's row can be read, and with sixteen colours red is still red and green is green."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from textual.color import Color as Drawn
from textual.theme import Theme

from tests.scene import scene
from tests.terminal import Terminal
from tui.themes import SIXTEEN, THEMES

RED, GREEN, YELLOW = {1, 9}, {2, 10}, {3, 11}
"""The numbers of the terminal's colours, dark and bright."""


def sixteen(theme: Theme, name: str) -> int | None:
    """The terminal's colour that one of a theme's becomes where there are sixteen."""
    drawn = Drawn.parse(theme.to_color_system().generate()[name])
    return Color.from_rgb(drawn.r, drawn.g, drawn.b).downgrade(ColorSystem.STANDARD).number


def luminance(colour: Drawn) -> float:
    """As WCAG 2.1 defines it: 0 to 1."""
    parts = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def test_the_theme_for_sixteen_colours_keeps_their_meaning() -> None:
    (theme,) = (one for one in THEMES if one.name == SIXTEEN)
    for prefix in ("", "text-"):
        assert sixteen(theme, f"{prefix}error") in RED
        assert sixteen(theme, f"{prefix}success") in GREEN
        assert sixteen(theme, f"{prefix}warning") in YELLOW
    assert sixteen(theme, "foreground-muted") != sixteen(theme, "background")


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_the_cursors_row_can_be_read(theme: Theme) -> None:
    colours = theme.to_color_system().generate()
    cursor = Drawn.parse(colours["block-cursor-background"])
    text = colours["block-cursor-foreground"]
    on_it = cursor.get_contrast_text() if text.startswith("auto") else Drawn.parse(text)
    lighter, darker = sorted((luminance(on_it), luminance(cursor)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) > 4.5, "WCAG 2.1, 1.4.3"


def test_a_terminal_of_sixteen_colours_gets_its_theme_and_the_chosen_one_is_remembered(
    tmp_path: Path,
) -> None:
    (tmp_path / "app.json").write_text(json.dumps({"theme": "burnish-light", "recent": []}))
    with Terminal(
        scene(tmp_path), folder=tmp_path, environment={"TERM": "xterm-16color", "COLORTERM": ""}
    ) as terminal:
        terminal.wait_for("failed")
        terminal.press("2")
        terminal.wait_for("original")
        assert b"\x1b[91m" in terminal.sent or b"[91;" in terminal.sent, "what failed is red"
        assert b"[92m" in terminal.sent or b"[92;" in terminal.sent, "what stayed is green"
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    assert json.loads((tmp_path / "app.json").read_text())["theme"] == "burnish-light"
