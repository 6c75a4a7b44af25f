"""Nothing is said by colour alone: in the source, where a style follows a condition, and on the screens, where words
that are the same stand in two colours that mean something."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from textual.color import Color

import tui
from tui.themes import THEMES

MEANING = re.compile(r"\$(text-)?(success|warning|error)\b|^(good|warn|bad)$")
"""Styles that mean something: good, doubtful, bad."""

SAID = {
    "'$warning' if dropped else ''": "the line says that the reasoning is dropped",
    "'$warning' if signs else '$success' if margin > 0 else '$secondary'": "the bar's side and the number's sign, and "
    "the signs of its doubts",
    "'warn' if row.length_decides else 'text'": "≠ among the flags of the row",
    "'bad' if 'failed' in found else 'warn'": "each flag has a sign of its own",
    "'$success' if enough else '$warning'": "the line ends with: too little",
    "'$success' if bar.done >= bar.total else '$primary'": "the bar is full, and its counts are equal",
}
"""The expressions that choose a style with a meaning by a condition, and what says the same without a colour."""


class Choices(ast.NodeVisitor):
    """The expressions of a source that choose by a condition between styles, one of which means something, beside words
    that are the same."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_IfExp(self, node: ast.IfExp) -> None:
        words: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for branch in _branches(node):
            parts = branch.elts if isinstance(branch, ast.Tuple) else [branch]
            texts = [
                part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            styles = {text for text in texts if MEANING.search(text)}
            beside = tuple(text for text in texts if text not in styles) if len(parts) > 1 else ()
            words[beside] |= styles or {""}
        if any(len(styles) > 1 for styles in words.values()):
            self.found.append(ast.unparse(node))


def _branches(node: ast.expr) -> Iterator[ast.expr]:
    """What an expression chooses from."""
    if isinstance(node, ast.IfExp):
        yield from _branches(node.body)
        yield from _branches(node.orelse)
    else:
        yield node


def test_every_style_that_follows_a_condition_is_said_in_words_or_signs_too() -> None:
    choices = Choices()
    for path in sorted(Path(tui.__file__).parent.rglob("*.py")):
        choices.visit(ast.parse(path.read_text("utf-8")))
    assert set(choices.found) == set(SAID)


SAID_BESIDE = {
    "helps": "a measure's name, and the end of its scale, which is at that side",
    "✗": "bad in every colour: its words stand behind it",
}
"""The words that stand in one picture both in a colour with a meaning and in one without, and why nothing is lost."""

PICTURES = Path(__file__).parent / "screens/__snapshots__/test_pictures"
INKS = re.compile(r"\.terminal-(?:\d+-)?(r\d+) \{ fill: (#[0-9a-f]{6})")
TEXTS = re.compile(r'<text class="terminal-(?:\d+-)?(r\d+)"[^>]*>(.*?)</text>')
DRAWN = re.compile("[\u2500-\u257f\u2580-\u259f\u2800-\u28ff●\\s]*")
"""Lines, bars and dots, which stand where what they mean is written."""


def test_no_words_on_a_screen_mean_two_things_by_their_colour() -> None:
    """In the pictures that are kept of every screen, in true colour."""
    colours = THEMES[0].to_color_system().generate()
    inks = {
        name: [Color.parse(colours[prefix + name]) for prefix in ("", "text-")]
        for name in ("success", "warning", "error")
    }

    def meaning(ink: str) -> str:
        """Nothing, for a colour that means nothing."""
        drawn = Color.parse(ink)
        near = (name for name, ones in inks.items() if any(_close(drawn, one) for one in ones))
        return next(near, "")

    found: dict[str, set[str]] = defaultdict(set)
    mixed = set()
    for picture in PICTURES.glob("test_a_screen_looks_as_it_did*.svg"):
        svg = picture.read_text("utf-8")
        drawn_in = {name: meaning(ink) for name, ink in INKS.findall(svg)}
        here: dict[str, set[str]] = defaultdict(set)
        for name, text in TEXTS.findall(svg):
            words = re.sub(r"\d", "0", unescape(text)).replace("\xa0", " ").strip()
            if not DRAWN.fullmatch(words):
                here[words].add(drawn_in[name])
        for words, meant in here.items():
            found[words] |= meant - {""}
            if len(meant) > 1:
                mixed.add(words)
    assert any(found.values()), "the colours are found in the pictures"
    assert {words for words, meant in found.items() if len(meant) > 1} == set()
    assert mixed <= SAID_BESIDE.keys()


def _close(one: Color, other: Color) -> bool:
    """But for what rounding makes of a colour on its way to the screen."""
    return max(abs(a - b) for a, b in zip(one.rgb, other.rgb, strict=True)) <= 2
