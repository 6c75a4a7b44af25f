"""Output to a terminal or a pipe: results to standard output, everything else to standard error."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from tui.text.literal import one_line
from tui.text.tables import Fact, facts


def output() -> Console:
    """Standard output. A str printed here is only text, whatever brackets, colons or numbers it holds."""
    return Console(markup=False, emoji=False, highlight=False)


def errors() -> Console:
    """Standard error, likewise."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def moves(console: Console) -> bool:
    """True where bars may move: FORCE_COLOR makes any file a terminal to rich, and this is for real ones."""
    return console.is_interactive and console.file.isatty()


def say(console: Console, text: str, style: str = "") -> None:
    """A sentence: broken between words on a terminal, one line elsewhere."""
    console.print(Text(one_line(text), style=style), soft_wrap=not console.is_terminal)


def print_facts(console: Console, pairs: Iterable[Fact]) -> None:
    """One fact a line, unbroken: a path stays whole, to be copied."""
    console.print(facts(pairs), soft_wrap=True)
