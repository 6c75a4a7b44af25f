"""The samples that an export rule and a threshold on IFD keep, and the command that exports them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.widgets import Input, Static

from engine.store.baselines import Baselines
from engine.store.distribution import share_taking
from engine.store.leaving import USUAL_TOP, ExportRule
from models.system.shell import quoted_word
from models.system.units import counted
from tui.screens.distribution.flow import percent
from tui.text.choosing_words import baseline_line, length_sentence
from tui.text.shown import shown_line
from tui.text.vocabulary import EXPORT_RULES
from tui.widgets.plain_input import PlainInput

LINE = "threshold"
"""The name of the line in what was typed."""


@dataclass(frozen=True, slots=True)
class KeptCounts:
    """The samples that a rule and a threshold keep."""

    rule: ExportRule
    threshold: float | None
    all: int  # that the rule lets through
    above: (
        int | None
    )  # of these, at or above the threshold; without one, `top`'s usual share, and None of other rules
    total: int  # samples that may leave
    baselines: Baselines | None = None  # beside the samples that the command exports; None: nothing is chosen

    @property
    def share(self) -> str | None:
        """The value of `--top` that takes as many; None without a threshold, or where nothing is at or above it."""
        share = share_taking(self.above, self.total) if self.above is not None else None
        return f"{share.percent:.12g}%" if share is not None else None

    def options(self) -> str:
        """Of the command that exports it."""
        if self.rule is not ExportRule.TOP or self.threshold is None or self.share is None:
            return f"--rule {self.rule}"
        return f"--rule top --top {self.share}"


class ThresholdBar(Vertical):
    DEFAULT_CSS = """
    ThresholdBar { height: 5; border-top: solid $foreground 25%; padding: 0 1; }
    ThresholdBar Horizontal { height: 1; }
    ThresholdBar Static { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ThresholdBar #rules { width: auto; }
    ThresholdBar #status { width: 1fr; text-align: right; color: $text-muted; }
    ThresholdBar #typing { display: none; }
    ThresholdBar.-typing #typing { display: block; }
    ThresholdBar.-typing #kept { display: none; }
    ThresholdBar #label { width: auto; color: $text-muted; }
    ThresholdBar Input { width: 1fr; }
    """

    class ThresholdTyped(Message):
        """A person has typed a threshold; None: no threshold."""

        def __init__(self, threshold: float | None) -> None:
            super().__init__()
            self.threshold = threshold

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._command: tuple[str, str] | None = (
            None  # as it is copied, and as it is shown where that is too long
        )
        self._after = ""
        self._typed: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(id="rules")
            yield Static(id="status")
        yield Static(id="kept")
        with Horizontal(id="typing"):
            yield Static("IFD at or above ", id="label")
            yield PlainInput(
                placeholder="a number such as 0.65; nothing for no threshold", max_length=40, disabled=True
            )
        yield Static(id="baselines")
        yield Static(id="command")

    @property
    def command(self) -> str | None:
        """The command that exports what is kept."""
        return self._command[0] if self._command else None

    # --- what is shown ------------------------------------------------------------------------------------------

    def say(self, status: str) -> None:
        """Show how far the counting is."""
        self.query_one("#status", Static).update(Content(status))

    def choose(self, rule: ExportRule) -> None:
        """Show which rule is asked about."""
        parts: list[tuple[str, str]] = [("rule ", "dim")]
        for one in ExportRule:
            # The brackets are for a terminal that shows no colours.
            parts.append((f"[{one}]", "bold reverse") if one is rule else (f" {one} ", "dim"))
        self.query_one("#rules", Static).update(Content.assemble(*parts))

    def show(self, kept: KeptCounts, workspace: Path, out: Path) -> None:
        self.query_one("#kept", Static).update(_said(kept))
        self.query_one("#baselines", Static).update(_beside(kept.baselines))
        whole = [quoted_word(str(path)) for path in (workspace, out)]
        brief = [
            f"…/{quoted_word(path.name)}" if path.parent != Path() else quoted_word(str(path))
            for path in (workspace, out)
        ]
        commands = [f"burnish export {' '.join(paths)} {kept.options()}" for paths in (whole, brief)]
        # Of the rules `top` alone can be told of the threshold.
        leaving = kept.all if kept.above is None or kept.rule is not ExportRule.TOP else kept.above
        self._command = None if not leaving else (commands[0], commands[1])
        self._after = ""
        if kept.rule is not ExportRule.TOP and kept.share:
            self._after = f"   as many by IFD alone: --rule top --top {kept.share}"
        self._show_command()

    def forget(self) -> None:
        """Nothing is known about what would be kept."""
        self._command = None
        for name in ("#kept", "#baselines", "#command"):
            self.query_one(name, Static).update("")

    def on_resize(self) -> None:
        if self._command is not None:
            self._show_command()

    def _show_command(self) -> None:
        if self._command is None:
            shown = Content.styled("nothing would be exported", "$text-warning")
        else:
            room = max(self.content_size.width, 20)
            full, brief = self._command
            line = shown_line(full if len(full) <= room else brief, room, "$text-accent")
            shown = (
                line + Content.styled(self._after, "dim")
                if line.cell_length + len(self._after) <= room
                else line
            )
        self.query_one("#command", Static).update(shown)

    # --- typing -------------------------------------------------------------------------------------------------

    def type(self, threshold: float | None, typed: dict[str, str]) -> None:
        """Have a threshold typed, beginning with what was half typed, which `typed` keeps, or the one that is."""
        self._typed = typed
        self.add_class("-typing")
        line = self.query_one(PlainInput)
        line.disabled = False
        line.select_on_focus = LINE not in typed
        line.value = typed.get(LINE, f"{threshold:g}" if threshold is not None else "")
        line.cursor_position = len(line.value)
        line.focus()

    @on(Input.Changed)
    def _keep(self, event: Input.Changed) -> None:
        self._typed[LINE] = event.value

    def _leave(self) -> None:
        self.screen.set_focus(None)
        self._left()

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip().replace(",", ".")
        try:
            threshold = float(text) if text else None
        except ValueError:
            threshold = math.nan
        if threshold is not None and not math.isfinite(threshold):
            self.notify("expected a number such as 0.65, or nothing for no threshold", severity="warning")
            return
        self._leave()
        self.post_message(self.ThresholdTyped(threshold))

    @on(Input.Blurred)
    def _blurred(self) -> None:
        if self.app.app_focus:  # else a person looks at another window, and types on here afterwards
            self._left()

    def _left(self) -> None:
        self.remove_class("-typing")
        self.query_one(PlainInput).disabled = True

    def on_key(self, event: Key) -> None:
        if event.key == "escape" and self.has_class("-typing"):
            event.stop()
            self._leave()


def _beside(baselines: Baselines | None) -> Content:
    """The selection beside its baselines; a selection that is mostly length is warned of."""
    if baselines is None:
        return Content("")
    if baselines.mostly_length:
        return Content.styled(length_sentence(baselines), "$text-warning")
    return Content.styled(baseline_line(baselines), "dim")


def _said(kept: KeptCounts) -> Content:
    """The counts in a sentence."""

    def of_all(count: int) -> tuple[str, str]:
        return f"{count:,} of {counted(kept.total, 'sample')} ({percent(count, kept.total)})", "bold"

    meaning = EXPORT_RULES[kept.rule].brief
    if kept.above is None:
        return Content.assemble("keeps ", of_all(kept.all), (f": {meaning}", "dim"))
    limit = f"IFD ≥ {kept.threshold:g}" if kept.threshold is not None else f"top {USUAL_TOP}"
    if kept.rule is ExportRule.TOP:
        among = f", of {kept.all:,} with an IFD below 1"
        return Content.assemble((limit, "bold $accent"), " keeps ", of_all(kept.above), (among, "dim"))
    return Content.assemble(
        "keeps ", of_all(kept.all), f"; {kept.above:,} of them have ", (limit, "bold $accent")
    )
