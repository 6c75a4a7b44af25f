"""How sound input is made hostile: as bytes, and as the values that JSON and TOML hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

ENDS = (
    *(b"", b"\0", b"\xff", b"\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\n", b" ", b"\t", b'"', b"\\"),
    *(
        b"[" * 300,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b" " * 20_000,
        b"\n" * 20_000,
        b"A" * 70_000,
        b"9" * 5_000,
    ),
    *(b"\xff" * 8, bytes(8), b"\0" * 7 + b"\x80", b"\xff" * 7 + b"\x7f", b"\0\0\0\x80", b"\xff\xff\xff\x7f"),
)
"""What is put in or over: the ends of what a byte, a number, a text and a parser's depth can be."""

DEEP = (100, 300, 900, 950, 980, 990, 1_000, 5_000, 100_000)
_DEEP_LIST, _DEEP_OBJECT = '"@list {}@"', '"@object {}@"'

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**308, 10**400),
    *(0.0, -0.0, 1e-320, 1e308, float("nan"), float("inf"), float("-inf"), "1e999", 10**4299),
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "\udfff\ud800",
        "\x1b[2J\x1b]0;x\x07",
        "\u202eabc",
        "[/]",
        "[bold]",
        "null",
    ),
    *(
        "x" * 100_000,
        "\n" * 5_000,
        "{" * 1_000,
        "9" * 5_000,
        "\U0001f600" * 100,
        "é" * 5_000,
        "../../etc/passwd",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"a": {"b": []}},
        [0] * 1_000,
        {"\ud800": "\0"},
        ["user", "assistant"],
    ),
    *(f"@list {depth}@" for depth in DEEP),
    *(f"@object {depth}@" for depth in DEEP),
    "@digits@",
)
"""What takes a value's place; the last ones become text that no Python value is written as."""


def mutated(data: bytes, dice: Random, tokens: Sequence[bytes] = (), *, most: int = 4) -> bytes:
    """A copy with one to `most` small damages. `tokens`: the format's own words, put where they do not belong."""
    found = bytearray(data)
    for _ in range(dice.randint(1, most)):
        at = dice.randint(0, len(found))
        match dice.randint(0, 6):
            case 0:
                found[at : at + 1] = bytes([dice.randint(0, 255)])
            case 1:
                found[at:at] = dice.choice(ENDS)
            case 2:
                end = dice.choice(ENDS)
                found[at : at + len(end)] = end
            case 3:
                del found[at : at + dice.choice((1, 2, 7, 64, 1 << 20))]
            case 4:
                found[at:at] = found[at : at + dice.choice((1, 8, 200, 5_000))] * dice.choice((1, 2, 50))
            case 5 if tokens:
                found[at:at] = dice.choice(tokens)
            case _:
                flipped = found[at : at + 1]
                found[at : at + 1] = bytes(byte ^ 1 << dice.randint(0, 7) for byte in flipped)
        del found[4 << 20 :]
    return bytes(found)


def bent(value: Any, dice: Random, values: Sequence[Any] = VALUES) -> Any:
    """A copy of a JSON value with another one somewhere in it, or a part left out or put in."""
    if isinstance(value, dict) and value and dice.randint(0, 5):
        name = dice.choice(list(value))
        match dice.randint(0, 7):
            case 0:
                return {key: item for key, item in value.items() if key != name}
            case 1:
                other = dice.choice(
                    ("", "\ud800", "a" * 2_000, "from", "role", "input", "context", "history", "\0")
                )
                return {other if key == name else key: item for key, item in value.items()}
            case _:
                return value | {name: bent(value[name], dice, values)}
    if isinstance(value, list) and value and dice.randint(0, 5):
        at = dice.randint(0, len(value) - 1)
        match dice.randint(0, 7):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value[:at] + [value[at]] * dice.choice((2, 30)) + value[at + 1 :]
            case _:
                return [*value[:at], bent(value[at], dice, values), *value[at + 1 :]]
    return dice.choice(values)


def as_json(value: Any) -> str:
    """The text of a bent value, with what no Python value is written as put in."""
    text = json.dumps(value)
    if '"@' in text:
        for depth in DEEP:
            text = text.replace(_DEEP_LIST.format(depth), "[" * depth + "]" * depth)
            text = text.replace(_DEEP_OBJECT.format(depth), '{"a":' * depth + "1" + "}" * depth)
        text = text.replace('"@digits@"', "9" * 5_000)
    return text
