"""The lines of the Export form for pairs of responses: the method they are for, who preferred, the least margin."""

from __future__ import annotations

import math

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from engine.export.preferences import PreferenceKind, Preferences, PreferredBy
from models.errors import UsageError
from tui.screens.export.form_row import FormLine, form_row
from tui.widgets.pick_one import PickOne

NO_PAIRS = "no"


class PairForm(Vertical):
    DEFAULT_CSS = """
    PairForm { height: auto; }
    PairForm .by, PairForm .margin { display: none; }
    PairForm.-pairs .by, PairForm.-pairs .margin { display: block; }
    PairForm #pairs, PairForm #by { width: 32; }
    PairForm #margin { width: 12; margin-right: 2; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds = PickOne((NO_PAIRS, *PreferenceKind), NO_PAIRS, id="pairs")
        self._by = PickOne(tuple(PreferredBy), PreferredBy.STUDENT, id="by")
        self._margin = FormLine(id="margin")

    def compose(self) -> ComposeResult:
        yield from form_row("Pairs", self._kinds, "of responses to one instruction")
        yield from form_row("By", self._by, "a person's decision comes first")
        yield from form_row("Margin", self._margin, "the least: log-ratio, or a judge's points; any if empty")

    @on(PickOne.WordPicked, "#pairs")
    def _pick_kind(self) -> None:
        self.set_class(self.kind is not None, "-pairs")

    @property
    def kind(self) -> PreferenceKind | None:
        """The method that pairs are to leave for; None: samples leave."""
        word = self._kinds.chosen
        return None if word == NO_PAIRS else PreferenceKind(word)

    def preferences(self) -> Preferences | None:
        """The pairs that are wanted, without a judge's verdicts; None: none are. Raises `UsageError`."""
        kind, text = self.kind, self._margin.value.strip()
        if kind is None:
            return None
        try:
            least = float(text or "0")
        except ValueError:
            least = math.nan
        if not 0 <= least < math.inf:
            raise UsageError(f"{text}: the least margin is a number from 0 on, such as 0.1")
        return Preferences(kind, PreferredBy(self._by.chosen), least)
