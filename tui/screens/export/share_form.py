"""The lines of the Export form for a share of a rule's samples: how many are taken, and which come first."""

from __future__ import annotations

from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from engine.method.selective_ifd import TOKEN_RATIO
from engine.store.choosing import ChosenBy
from engine.store.leaving import USUAL_TOP, ExportRule, TopShare
from models.errors import UsageError
from tui.screens.export.form_row import FormLine, form_row
from tui.text.choosing_words import CHOSEN_BY
from tui.widgets.pick_one import PickOne

RATIOS = ("0.25", "0.5", "0.75")
"""Shares of the tokens for S-IFD: the command line takes any."""


class ShareForm(Vertical):
    DEFAULT_CSS = """
    ShareForm { height: auto; }
    ShareForm #share, ShareForm #seed { width: 12; margin-right: 2; }
    ShareForm #ratio { width: 32; }
    ShareForm .seed, ShareForm .tokens { display: none; }
    ShareForm.-random .seed, ShareForm.-s-ifd .tokens { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._rule = ExportRule.ALL
        self._typed = {ExportRule.TOP: str(USUAL_TOP)}  # for each rule
        self._line = FormLine(id="share")
        self._by = PickOne(tuple(ChosenBy), ChosenBy.IFD, id="first")
        self._seed = FormLine("0", id="seed", restrict=r"\d*", max_length=9)
        self._ratio = PickOne(RATIOS, str(TOKEN_RATIO), id="ratio")
        self._hint = Static(classes="hint")

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("Take", classes="label")
            yield self._line
            yield self._hint
        yield from form_row("First", self._by)
        yield from form_row("Seed", self._seed, "of the draw: the same seed takes the same samples")
        yield from form_row("Tokens", self._ratio, "of all, those it matters most for")

    def on_mount(self) -> None:
        self._pick_measure()

    @on(PickOne.WordPicked, "#first")
    def _pick_measure(self) -> None:
        self._hint.update(f"{CHOSEN_BY[self._measure]}: 5% or a count (empty: all)")
        for measure in (ChosenBy.RANDOM, ChosenBy.S_IFD):
            self.set_class(self._measure is measure, f"-{measure}")

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
        if self._rule is ExportRule.ALL or not (text or self._rule is ExportRule.TOP):
            return None
        try:
            share = replace(TopShare.parse(text) if text else USUAL_TOP, by=by)
        except UsageError:
            raise UsageError(f"{text}: take a share such as 5%, or a count such as 500") from None
        if by is ChosenBy.RANDOM:
            return replace(share, seed=int(self._seed.value or 0))
        return replace(share, token_ratio=float(self._ratio.chosen)) if by is ChosenBy.S_IFD else share
