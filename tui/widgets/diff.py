"""One part of a sample on both sides, and what changed between them, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from engine.report.word_diff import WORDS, TextDiff, compare
from engine.sample import PARTS, Version
from engine.store.sample_list import SampleFilter
from models.system.units import counted
from tui.text.matches import matches, pattern
from tui.widgets.prose import Prose, displayed


class ShownText:
    """A text as it is and as it is shown, and the places in that of what is sought."""

    __slots__ = ("found", "raw", "shown")

    def __init__(self, raw: str, sought: re.Pattern[str] | None) -> None:
        self.raw = raw
        self.shown = displayed(raw)
        self.found = matches(self.shown, sought)


class PartDifference:
    """A part's two sides, compared. Made off the app's loop: it may take some tens of milliseconds."""

    __slots__ = ("comparison", "left", "right")

    def __init__(self, left: str, right: str | None, sought: Iterable[str] = ()) -> None:
        """`right` None: there is nothing to compare with yet. `sought`: texts that are marked on both sides."""
        found_by = pattern(sought)
        self.left = ShownText(left, found_by)
        self.right = None if right is None else ShownText(right, found_by)
        self.comparison = TextDiff() if self.right is None else compare(self.left.shown, self.right.shown)


def differences(left: Version, right: Version | None, only: SampleFilter) -> dict[str, PartDifference]:
    """The parts of two versions, compared; `right` None: there is nothing to compare with yet. `only`: what is sought
    in them."""
    return {
        part: PartDifference(
            getattr(left, part), getattr(right, part) if right else None, only.texts_in(part)
        )
        for part in PARTS
    }


class PartDiff(Vertical):
    """Instruction, input or response, side by side; a narrow screen's style puts one above the other."""

    DEFAULT_CSS = """
    PartDiff {
        height: auto;
        margin-bottom: 1;
        & .heading { height: 1; padding-left: 3; }
        & .sides { height: auto; }
        & .side-name { display: none; height: 1; padding-left: 3; color: $text-muted; text-style: italic; }
        & Prose { padding-right: 1; }
    }
    """

    def __init__(self, what: str, *, id: str) -> None:
        super().__init__(id=id)
        self._what = what

    def compose(self) -> ComposeResult:
        yield Static(classes="heading")
        with Horizontal(classes="sides"):
            yield Static("original", classes="side-name")
            yield Prose(id="left")
            yield Static("shown", classes="side-name")
            yield Prose(id="right")

    @property
    def left(self) -> Prose:
        return self.query_one("#left", Prose)

    @property
    def right(self) -> Prose:
        return self.query_one("#right", Prose)

    def show(self, difference: PartDifference, left: str = "original") -> None:
        """Show both sides. `left`: the name of the left one, where one stands above the other."""
        old, new, comparison = difference.left, difference.right, difference.comparison
        self.display = bool(old.raw or (new and new.raw)) or self.id != "input"
        # Textual looks through the styles of all that is in here again. Only a narrow screen shows the classes, and
        # when a screen becomes narrow it looks in any case.
        narrow = self.screen.has_class("-narrow")
        self.set_class(new is not None and comparison.same, "-same", update=narrow)
        self.set_class(new is None, "-alone", update=narrow)
        self.left.show(
            old.shown, [(*span, "removed") for span in comparison.removed], raw=old.raw, found=old.found
        )
        if new is None:
            self.right.show("")
        else:
            self.right.show(
                new.shown, [(*span, "added") for span in comparison.added], raw=new.raw, found=new.found
            )
        self.query(".side-name").first(Static).update(left, layout=False)
        self.query_one(".heading", Static).update(self._heading(difference), layout=False)

    def _heading(self, difference: PartDifference) -> Content:
        return Content.assemble(
            (self._what, "bold $primary"), "  ", (" · ".join(self._facts(difference)), "$text-muted")
        )

    def _facts(self, difference: PartDifference) -> list[str]:
        old, new, comparison = difference.left, difference.right, difference.comparison
        if new is None or comparison.same:
            facts = [counted(len(old.raw), "character")]
            return facts if new is None else [*facts, "unchanged"]
        facts = [f"{len(old.raw):,} → {counted(len(new.raw), 'character')}"]
        if not comparison.words_removed and not comparison.words_added:
            facts.append("only white space and marks differ")
        if comparison.words_removed:
            facts.append(f"−{counted(comparison.words_removed, 'word')}")
        if comparison.words_added:
            facts.append(f"+{counted(comparison.words_added, 'word')}")
        if not comparison.whole:
            facts.append(f"only the first {WORDS:,} differing words are compared")
        return facts
