"""The export rules, a line each with what it lets through and how many that are; the arrows choose one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive

from engine.store.leaving import ExportRule
from tui.text.vocabulary import EXPORT_RULES
from tui.widgets.pick_one import PickOne

SENTENCE = 48
"""Cells of a sentence, where there is room."""


class RuleList(PickOne, inherit_bindings=False):
    """A choice with a line for each word: up and down go through them, and down past the last to the next widget."""

    DEFAULT_CSS = "RuleList:focus { text-style: none; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", show=False),
        Binding("down,j", "step(1)", show=False),
    ]

    counts: reactive[Mapping[ExportRule, int]] = reactive(dict)

    def __init__(self, **options: Any) -> None:
        super().__init__(tuple(ExportRule), ExportRule.ALL, **options)

    @property
    def rule(self) -> ExportRule:
        return ExportRule(self.chosen)

    def lines(self, width: int) -> list[list[str]]:
        return [[word] for word in self.words]

    def render(self) -> Content:
        digits = max((len(f"{count:,}") for count in self.counts.values()), default=1)
        room = max(self.size.width - 12 - digits - 2, 0)
        return Content("\n").join(self._line(rule, digits, room) for rule in ExportRule)

    def _line(self, rule: ExportRule, digits: int, room: int) -> Content:
        chosen, sentence = rule is self.rule, EXPORT_RULES[rule].line
        if len(sentence) > room:
            sentence = f"{sentence[: max(room - 1, 0)]}…"
        count = f"{self.counts[rule]:,}" if rule in self.counts else ""
        return Content.assemble(
            ("● ", "bold $primary") if chosen else ("○ ", "$text-muted"),
            (rule, "bold underline" if chosen and self.has_focus else "bold" if chosen else ""),
            " " * (10 - len(rule)),
            (f"{sentence:<{min(room, SENTENCE)}}", "" if chosen else "$text-muted"),
            (f"{count:>{digits + 2}}", "bold" if chosen else "$text-muted"),
        )

    def action_step(self, by: int) -> None:
        at = self.words.index(self.chosen) + by
        if 0 <= at < len(self.words):
            self.pick(self.words[at])
        elif by > 0:
            self.screen.focus_next()

    def word_at(self, x: int, y: int) -> str | None:
        return self.words[y] if 0 <= y < len(self.words) else None
