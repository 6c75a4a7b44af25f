"""The lines of the Export form for a share of a rule's samples: how many are taken, and which come first."""

from __future__ import annotations

from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from engine.store.choosing import ChosenBy
from engine.store.leaving import USUAL_TOP, ExportRule, TopShare
from models.errors import UsageError
from tui.screens.export.form_row import FormLine, form_row
from tui.text.choosing_words import CHOSEN_BY
from tui.widgets.pick_one import PickOne


class ShareForm(Vertical):
    DEFAULT_CSS = """
    ShareForm { height: auto; }
    ShareForm #share, ShareForm #seed { width: 12; margin-right: 2; }
    ShareForm .seed { display: none; }
    ShareForm.-drawn .seed { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._rule = ExportRule.ALL
        self._typed = {ExportRule.TOP: str(USUAL_TOP)}  # for each rule
        self._line = FormLine(id="share")
        self._by = PickOne(tuple(ChosenBy), ChosenBy.IFD, id="first")
        self._seed = FormLine("0", id="seed", restrict=r"\d*", max_length=9)
        self._hint = Static(classes="hint")

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("Take", classes="label")
            yield self._line
            yield self._hint
        yield from form_row("First", self._by)
        yield from form_row("Seed", self._seed, "of the draw: the same takes the same samples")

    def on_mount(self) -> None:
        self._pick_measure()

    @on(PickOne.WordPicked, "#first")
    def _pick_measure(self) -> None:
        self._hint.update(f"{CHOSEN_BY[self._measure]}: 5% or a count (empty: all)")
        self.set_class(self._measure is ChosenBy.RANDOM, "-drawn")

    @property
    def _measure(self) -> ChosenBy:
        return ChosenBy(self._by.chosen)

    @on(Input.Changed, "#share")
    def _type(self) -> None:
        self._typed[self._rule] = self._line.value

    def turn_to(self, rule: ExportRule) -> None:
        """Show what was typed for a rule."""
        self._rule = rule
        with self.prevent(Input.Changed):
            self._line.value = self._typed.get(rule, "")

    def share(self) -> TopShare | None:
        """The share that is wanted; None: all of the rule's samples, or the usual one. Raises `UsageError`."""
        text, by = self._line.value.strip(), self._measure
        seed = int(self._seed.value or 0) if by is ChosenBy.RANDOM else 0
        if self._rule is ExportRule.TOP and not text:
            return replace(USUAL_TOP, by=by, seed=seed)
        if self._rule is ExportRule.ALL or not text:
            return None
        try:
            return replace(TopShare.parse(text), by=by, seed=seed)
        except UsageError:
            raise UsageError(f"{text}: take a share such as 5%, or a count such as 500") from None
