"""In every theme all text can be read, and with sixteen colours red is still red and green is green."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from rich.style import Style
from textual.color import Color as Drawn
from textual.theme import Theme

import tui
from tests.scene import scene
from tests.terminal import Terminal
from tests.tui.contrast import READABLE, SEEN, contrast
from tui.screens.heat.ramp import HeatMeasure, HeatPalette
from tui.themes import SIXTEEN, THEMES

RED, GREEN, YELLOW = {1, 9}, {2, 10}, {3, 11}
"""The numbers of the terminal's colours, dark and bright."""

SOURCES = sorted(file for file in Path(tui.__file__).parent.rglob("*") if file.suffix in (".py", ".tcss"))
INKS = re.compile(r'(?:[ {]color: |"(?:bold |italic )*)\$([a-z-]+)')
"""A colour of text, in a stylesheet and in content: "bold $error"."""

GROUNDS = ("background", "surface", "panel")


def in_colour(colour: Drawn) -> Drawn:
    return colour


def without(colour: Drawn) -> Drawn:
    """As NO_COLOR has it."""
    return colour.monochrome


def sixteen(theme: Theme, name: str) -> int | None:
    """The terminal's colour that one of a theme's becomes where there are sixteen."""
    drawn = Drawn.parse(theme.to_color_system().generate()[name])
    return Color.from_rgb(drawn.r, drawn.g, drawn.b).downgrade(ColorSystem.STANDARD).number


def test_the_theme_for_sixteen_colours_keeps_their_meaning() -> None:
    (theme,) = (one for one in THEMES if one.name == SIXTEEN)
    for prefix in ("", "text-"):
        assert sixteen(theme, f"{prefix}error") in RED
        assert sixteen(theme, f"{prefix}success") in GREEN
        assert sixteen(theme, f"{prefix}warning") in YELLOW
    assert sixteen(theme, "foreground-muted") != sixteen(theme, "background")


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_all_text_can_be_read(theme: Theme) -> None:
    colours = theme.to_color_system().generate()
    colours["text-muted"] = colours["foreground-muted"]  # as the app has it
    used = {name for file in SOURCES for name in INKS.findall(file.read_text(encoding="utf-8"))}
    assert {"text-muted", "error", "text-success"} <= used
    used = {name for name in used if not colours[name].startswith("auto")} | {"text-disabled"}
    pairs = {(ink, ground): (colours[ink], colours[ground]) for ink in used for ground in GROUNDS}
    cursor = colours["block-cursor-background"]
    if not (text := colours["block-cursor-foreground"]).startswith("auto"):
        pairs["cursor", "cursor"] = text, cursor
    too_faint = {
        (names, seen.__name__): found
        for names, (ink, ground) in pairs.items()
        for paper in (Drawn.parse(ground),)
        for seen in (in_colour, without)
        if (found := round(contrast(seen(paper + Drawn.parse(ink)), seen(paper)), 2)) < READABLE
    }
    assert not too_faint
    for ground in ("scrollbar-background", *GROUNDS[:2]):
        assert contrast(Drawn.parse(colours["scrollbar"]), Drawn.parse(colours[ground])) > SEEN, ground


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_the_heat_map_can_be_read(theme: Theme) -> None:
    colours = theme.to_color_system().generate()
    paper, ink, helps, misleads, surprises = (
        Drawn.parse(colours[name]) for name in ("background", "foreground", "success", "error", "warning")
    )
    palette = HeatPalette(paper, ink, helps, misleads, surprises, flat=False, ground=Style())
    assert palette.faint.foreground is not None
    assert contrast(palette.faint.foreground, paper) > READABLE
    for measure in (HeatMeasure.DIFFERENCE, HeatMeasure.WITH):
        for value in (step * measure.full / 64 for step in range(-64, 65)):
            word, over = palette.word(measure, value), palette.bar(measure, value)
            assert word.foreground is not None
            assert word.background is not None
            assert contrast(word.foreground, word.background) > READABLE
            assert over.foreground is not None
            assert contrast(over.foreground, paper) > SEEN


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
