"""The result of trying a few samples: the verdicts and scores of each, and the time that all would take."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.run.tryout import Tried, Tryout
from tui.text.shown import shown, shown_line
from tui.text.tryout_words import tryout_facts
from tui.text.vocabulary import SCORES, VERDICTS
from tui.widgets.facts import Facts

WIDTH = 60
"""Characters of an instruction in the list."""


class TryoutDialog(ModalScreen[int | None]):
    """Its result is a sample to look at in Review, or None."""

    DEFAULT_CSS = """
    TryoutDialog { align: center middle; }
    TryoutDialog #sheet {
        width: 90%; max-width: 110; height: auto; max-height: 90%; padding: 1 2; background: $surface;
    }
    TryoutDialog #heading { text-style: bold; color: $primary; margin-bottom: 1; }
    TryoutDialog VerticalScroll { height: auto; max-height: 40vh; scrollbar-size-vertical: 1; }
    TryoutDialog OptionList {
        height: auto; max-height: 25vh; background: $surface; margin-top: 1;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    TryoutDialog #keys { color: $text-muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "close", "Close")]

    def __init__(self, found: Tryout, unused: Counter[str]) -> None:
        """`unused`: replies of no use, of those asked for now, by their fault."""
        super().__init__()
        self._found = found
        self._unused = unused

    def compose(self) -> ComposeResult:
        count = len(self._found.tried)
        with Vertical(id="sheet"):
            yield Static("One sample tried" if count == 1 else f"{count} samples tried", id="heading")
            with VerticalScroll(can_focus=False):
                yield Facts(19)
            yield OptionList(
                *(Option(_line(one), id=str(one.sample.index)) for one in self._found.tried), compact=True
            )
            yield Static("enter opens a sample in Review   esc closes", id="keys")

    def on_mount(self) -> None:
        facts = tryout_facts(self._found, self._unused)
        self.query_one(Facts).show((name, shown(text)) for name, text in facts if name != "tried")
        self.query_one(OptionList).focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(int(event.option.id or 0))

    def action_close(self) -> None:
        self.dismiss(None)


def _line(one: Tried) -> Content:
    """A sample on a line: its number and language, both verdicts with the scores they go by, and how it begins."""
    parts = [f"{one.sample.index:>5}  {one.language:<7}"]
    for choice in one.outcome.choices:
        end = "failed" if choice.failure else choice.verdict.value
        numbers = ""
        if choice.before is not None and choice.after is not None:
            numbers = f" {SCORES[choice.stage]} {choice.before:.2f} → {choice.after:.2f}"
        parts.append(f"{VERDICTS[end]} {numbers.strip() or choice.stage}")
    return Content.assemble(shown("  ".join(parts)), "  ", shown_line(one.sample.original.instruction, WIDTH))
