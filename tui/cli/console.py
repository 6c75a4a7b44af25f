"""Output to a terminal or a pipe: results to standard output, everything else to standard error."""

from __future__ import annotations

import os
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from tui.text.literal import one_line
from tui.text.tables import Fact, facts


def output() -> Console:
    """Standard output. A str printed here is only text, whatever brackets, colons or numbers it holds."""
    return Console(markup=False, emoji=False, highlight=False)


class _StandardError(Console):
    """Standard error. A reader that has seen enough (`2>&1 | head -1`) ends no run: what follows is dropped."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def errors() -> Console:
    """Standard error, likewise."""
    return _StandardError(stderr=True, markup=False, emoji=False, highlight=False)


def moves(console: Console) -> bool:
    """True where bars may move: FORCE_COLOR makes any file a terminal to rich, and this is for real ones."""
    return console.is_interactive and console.file.isatty()


def say(console: Console, text: str, style: str = "") -> None:
    """A sentence: broken between words on a terminal, one line elsewhere."""
    console.print(Text(one_line(text), style=style), soft_wrap=not console.is_terminal)


def print_facts(console: Console, pairs: Iterable[Fact]) -> None:
    """One fact a line, unbroken: a path stays whole, to be copied."""
    console.print(facts(pairs), soft_wrap=True)
