"""The export rules, a line each with what it lets through and how many that are; the arrows choose one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from engine.store.leaving import ExportRule
from tui.text.vocabulary import EXPORT_RULES


class RuleList(Widget, can_focus=True):
    """Posts `RulePicked` for a choice made by hand."""

    DEFAULT_CSS = """
    RuleList { height: auto; width: 1fr; }
    RuleList:focus { background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "turn(-1)", show=False),
        Binding("down,j", "turn(1)", show=False),
    ]

    chosen: reactive[ExportRule] = reactive(ExportRule.ALL)
    counts: reactive[Mapping[ExportRule, int]] = reactive(dict)

    class RulePicked(Message):
        """Another rule."""

    def render(self) -> Content:
        width = max((len(f"{count:,}") for count in self.counts.values()), default=1)
        room = self.size.width - 12 - width - 2
        lines = []
        for rule in ExportRule:
            here = rule is self.chosen
            sentence = EXPORT_RULES[rule].line
            sentence = sentence if len(sentence) <= room else f"{sentence[: max(room - 1, 0)]}…"
            count = f"{self.counts[rule]:,}" if rule in self.counts else ""
            marker = ("● " if here else "○ ", "bold $primary" if here else "$text-muted")
            lines.append(
                Content.assemble(
                    marker,
                    (rule, "bold underline" if here and self.has_focus else "bold" if here else ""),
                    " " * (10 - len(rule)),
                    (f"{sentence:<{min(max(room, 0), 48)}}", "" if here else "$text-muted"),
                    (f"{count:>{width + 2}}", "bold" if here else "$text-muted"),
                )
            )
        return Content("\n").join(lines)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def action_turn(self, step: int) -> None:
        """To the next rule; past the last, to the next widget."""
        rules = list(ExportRule)
        at = rules.index(self.chosen) + step
        if 0 <= at < len(rules):
            self._take(rules[at])
        elif step > 0:
            self.screen.focus_next()

    def on_click(self, event: events.Click) -> None:
        rules = list(ExportRule)
        if 0 <= event.y < len(rules):
            self._take(rules[event.y])

    def _take(self, rule: ExportRule) -> None:
        if rule is not self.chosen:
            self.chosen = rule
            self.post_message(self.RulePicked())
