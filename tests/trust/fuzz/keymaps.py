"""`keys.toml`: whatever it holds, the app starts, with every action on keys that are its own."""

from __future__ import annotations

from pathlib import Path
from random import Random

from textual.binding import Binding

from tests.trust.fuzz.mutation import mutated
from tests.trust.fuzz.settings import TOKENS as TOML
from tui.keys.actions import ACTIONS
from tui.keys.keymap import key_names, load_keymap
from tui.text.literal import literal

KEYS = (
    *(
        "a",
        "enter",
        "ctrl+s",
        "f2",
        "ctrl+shift+f12",
        "?",
        "ü",
        "\U0001f600",
        "space",
        "comma",
        ",",
        ", ,",
        " ",
        "+",
    ),
    *("", "ctrl+", "+a", "ctrl++", "shift+a", "nope", "left_square_bracket", "[", "escape,escape", "a,b,c,a"),
    *("\x00", "\x1b", "\u202e", "A" * 5_000, "a," * 5_000, "ctrl+ctrl+a", "ａ", "\u0301", "\u00df", "\u0130"),
)
VALUES = ("1", "true", "[]", '["a"]', "{}", "1979-05-27", "nan", "0x" + "f" * 6_000, "1" * 5_000)
IDS = (*(action.id for action in ACTIONS), "nope", "review", "", "review.accept.x", "\x1b")


def make(dice: Random) -> bytes:
    lines = []
    for _ in range(dice.randint(1, 6)):
        id, key = dice.choice(IDS), dice.choice(KEYS)
        value = dice.choice(VALUES) if not dice.randint(0, 4) else _text(key)
        lines.append(f"{_text(id)} = {value}" if dice.randint(0, 3) else f"{id} = {value}")
    text = "\n".join(lines).encode()
    return mutated(text, dice, (*TOML, b'"review.accept"')) if not dice.randint(0, 2) else text


def _text(text: str) -> str:
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in text) + '"'


def judge(case: bytes, folder: Path) -> bool:
    path = folder / "keys.toml"
    path.write_bytes(case)
    found = load_keymap(path)
    assert found.keys.keys() == {action.id for action in ACTIONS}
    for problem in found.problems:
        assert len(literal(problem)) < 5_000
    for action, keys in found.keys.items():
        assert all(key_names(keys))
        # As Textual takes them.
        assert list(Binding.make_bindings([Binding(key, action) for key in keys.split(",")]))
    return not found.problems
