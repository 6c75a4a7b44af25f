"""The heat map: what each half of a sample is worth to the other, token by token."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partialmethod

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from engine.method.token_gain import TokenGains, spans, table
from engine.sample import Version
from models.errors import BurnishError
from tui.keys.actions import bindings
from tui.keys.keymap import Keymap
from tui.platform.clipboard import copy
from tui.screens.base import AppScreen
from tui.screens.heat.figures import (
    BOLD,
    INSTRUCTION,
    RESPONSE,
    HalfNames,
    HeatText,
    equation,
    number,
    summary,
    token,
    unscored,
)
from tui.screens.heat.map import HeatMap
from tui.screens.heat.ramp import HeatMeasure, legend
from tui.state.workbench import Workbench
from tui.text.shown import shown, shown_line
from tui.text.vocabulary import earliest

SIDES = (RESPONSE, INSTRUCTION)

ORIGINAL = "Original"
"""The title of the version that has no number, in Review as here."""


class HeatSide(Vertical):
    """One half's heading and map."""

    DEFAULT_CSS = """
    HeatSide { width: 1fr; padding: 0 0 0 1; }
    HeatSide .heading { height: auto; margin-bottom: 1; }
    """

    def __init__(self, names: HalfNames) -> None:
        super().__init__(id=f"side-{names.text}", classes="side")
        self.names = names

    def compose(self) -> ComposeResult:
        yield Static(classes="heading", markup=False)
        yield HeatMap(id=self.names.text)

    @property
    def map(self) -> HeatMap:
        return self.query_one(HeatMap)

    @property
    def text(self) -> HeatText | None:
        return self.map.text


class HeatScreen(AppScreen):
    SCOPE = "heat"
    BINDINGS = bindings("heat")

    DEFAULT_CSS = """
    HeatScreen {
        #heat-bar { height: 1; padding: 0 1; margin-bottom: 1; }
        #heat-which { width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        #heat-measures { width: 38; }
        #heat-main { height: 1fr; }
        #heat-panel {
            width: 38; height: 1fr; padding: 0 1; margin: 0 0 0 1; border-left: solid $foreground 25%; overflow: hidden;
        }
        #heat-panel Static { width: 1fr; }
        #heat-token { height: 5; margin-bottom: 1; }
        #heat-scale { height: 4; margin-bottom: 1; }
        #heat-summary { height: auto; }
        #heat-state { height: 1fr; padding: 0 4; content-align: center middle; text-align: center; }
        .away { display: none; }
    }
    HeatScreen.-wide .side.away { display: block; }
    HeatScreen.-narrow {
        #heat-bar { margin-bottom: 0; }
        #heat-main { layout: vertical; }
        .side { height: 1fr; }
        #heat-panel {
            layout: horizontal; width: 1fr; height: 6; margin: 0; padding: 0 1;
            border-left: none; border-top: solid $foreground 25%;
        }
        #heat-token { margin: 0; }
        #heat-scale { width: 34; margin: 0; }
        #heat-summary { display: none; }
    }
    """

    def __init__(
        self,
        workbench: Workbench,
        keymap: Keymap,
        sample: int,
        versions: dict[str, Version],
        first: str | None = None,
        *,
        history: bool = False,
    ) -> None:
        """`versions`: by title, numbered as in Review; `first` is shown first, else the first of them. `history`:
        something was said before the sample."""
        super().__init__(workbench, keymap)
        self.sample = sample
        self.versions = versions
        self._history = history
        self._titles = list(versions)
        self._title = first or self._titles[0]
        self._names = RESPONSE
        self._measure = HeatMeasure.DIFFERENCE
        self._heats: dict[str, TokenGains] = {}
        self._waiting_since: float | None = None

    def body(self) -> ComposeResult:
        with Horizontal(id="heat-bar"):
            yield Static(id="heat-which", markup=False)
            yield Static(id="heat-measures", markup=False)
        yield Static(id="heat-state", markup=False)
        with Horizontal(id="heat-main", classes="away"):
            for names in SIDES:
                yield HeatSide(names)
            with Vertical(id="heat-panel"):
                yield Static(id="heat-token", markup=False)
                yield Static(id="heat-scale", markup=False)
                yield Static(id="heat-summary", markup=False)

    def on_mount(self) -> None:
        self.set_interval(0.25, self._tick)
        self.app.theme_changed_signal.subscribe(self, lambda _: self.call_after_refresh(self._renew))
        self._load()

    def on_resize(self) -> None:
        self.call_after_refresh(self._renew)

    # --- the student's answer -------------------------------------------------------------------------------------

    @work(exclusive=True)
    async def _load(self) -> None:
        """Show the chosen version; ask the student the first time."""
        title = self._title
        self._waiting_since = None
        self._show_bar()
        self._show_measure()
        if title not in self._heats:
            self._waiting_since = time.monotonic()
            self._tick()
            try:
                self._heats[title] = await self.workbench.heat(self.sample, self.versions[title])
            except BurnishError as error:
                self._waiting_since = None
                if not self.on_the_stack:
                    return
                self._say_instead("The student has no answer", f"{error}\n\nStart changes the student.")
                return
            self._waiting_since = None
        if self.on_the_stack:
            self._show(self._heats[title])

    def _tick(self) -> None:
        if self._waiting_since is None:
            return
        seconds = int(time.monotonic() - self._waiting_since)
        more = "the first time, loading it takes some seconds"
        self._say_instead(
            f"Asking the student, {self.workbench.settings.student.name}",
            f"{more}{f' · {seconds} s' if seconds else ''}",
        )

    def _say_instead(self, title: str, text: str) -> None:
        self.query_one("#heat-main").add_class("away")
        state = self.query_one("#heat-state", Static)
        state.remove_class("away")
        state.update(Content.assemble(shown_line(title, 60, "bold"), "\n\n", shown(text, "$text-muted")))

    def _show(self, heat: TokenGains) -> None:
        self.query_one("#heat-state").add_class("away")
        self.query_one("#heat-main").remove_class("away")
        for side, half in zip(self._sides(), (heat.response, heat.instruction), strict=True):
            side.map.show(HeatText(side.names, half, spans(half.tokens)))
        self._renew()

    # --- drawing --------------------------------------------------------------------------------------------------

    def _sides(self) -> list[HeatSide]:
        return list(self.query(HeatSide))

    @property
    def _side(self) -> HeatSide:
        return self.query_one(f"#side-{self._names.text}", HeatSide)

    def _renew(self) -> None:
        """Show everything anew but the maps' text: after another version, side, theme or size."""
        self._show_bar()
        for side in self._sides():
            shown = side.names is self._names
            side.set_class(not shown, "away")
            side.map.activate(shown)
            if (text := side.text) is not None:
                side.query_one(".heading", Static).update(self._heading(side, text))
        side = self._side
        if (text := side.text) is not None:
            self.query_one("#heat-summary", Static).update(summary(text, side.map.palette))
        self._show_measure()
        self._show_token(side)

    def _show_measure(self) -> None:
        palette, text = self._side.map.palette, self._side.text
        parts = [
            (f" {measure} ", "bold reverse" if measure is self._measure else palette.faint)
            for measure in HeatMeasure
        ]
        self.query_one("#heat-measures", Static).update(Content.assemble(*parts), layout=False)
        if text is not None:
            scale = self.query_one("#heat-scale", Static)
            scale.update(legend(text.spans, self._measure, palette), layout=False)

    def _show_bar(self) -> None:
        palette = self._side.map.palette
        numbered = [title for title in self._titles if title != ORIGINAL]
        pager = ""
        if self._title in numbered and len(numbered) > 1:
            pager = f"‹ {numbered.index(self._title) + 1}/{len(numbered)} › "
        self.query_one("#heat-which", Static).update(
            Content.assemble(
                (f"Sample {self.sample}", BOLD), "  ", (pager, palette.faint), shown_line(self._title, 28)
            ),
            layout=False,
        )

    def _heading(self, side: HeatSide, text: HeatText) -> Content:
        palette, names = side.map.palette, side.names
        before = "what was said before and " if self._history else ""
        if left_out := text.half.score.left_out:
            before = f"what was said before, but for the {earliest(left_out)}, and "
        after = " and the reasoning" if text.half.reasoned else ""
        title = Content.assemble(
            (names.text.capitalize(), "bold $primary" if names is self._names else BOLD),
            (f"  with and without {before}the {names.other}{after}", palette.faint),
        )
        if not self.has_class("-wide"):  # the other half is not shown: its score is
            (other,) = (each for each in self._sides() if each is not side)
            value = other.text.half.score.value if other.text else None
            score = "none" if value is None else number(value)
            title += Content.styled(f"   │ {other.names.text} {other.names.score} {score}", palette.faint)
        lines = [title, equation(text, palette)]
        if note := unscored(text.half):
            lines.append(Content.styled(note, "$text-warning"))
        return Content("\n").join(lines)

    @on(HeatMap.Pointed)
    def _pointed(self, message: HeatMap.Pointed) -> None:
        side = next(side for side in self._sides() if side.map is message.heat_map)
        if message.clicked and side is not self._side:
            self._show_half(side.names)
        self._show_token(side if side.map.hovered else self._side)

    def _show_token(self, side: HeatSide) -> None:
        panel, text, span = self.query_one("#heat-token", Static), side.text, side.map.pointed
        if text is None or span is None:
            panel.update("")
        else:
            panel.update(token(span, text, side.map.palette), layout=False)

    # --- what a person does ---------------------------------------------------------------------------------------

    def hindrances(self, action: str) -> Iterator[str]:
        if self._side.text is None and action not in ("version", "back"):
            if self._waiting_since is None:
                yield "the student has no answer: there are no tokens"
            yield "the student is still being asked: there are no tokens yet"
        if action == "version" and len(self._titles) == 1:
            yield "there is no other version"
        if action == "bars" and (self.app.native_ansi_color or self.app.no_color):
            yield "the bars stay: without colours there is nothing else to read"
        yield from super().hindrances(action)

    def _go(self, move: Callable[[HeatMap, int], None], by: int) -> None:
        move(self._side.map, by)

    action_next_token = partialmethod(_go, HeatMap.move, 1)
    action_previous_token = partialmethod(_go, HeatMap.move, -1)
    action_line_down = partialmethod(_go, HeatMap.move_line, 1)
    action_line_up = partialmethod(_go, HeatMap.move_line, -1)
    action_page_down = partialmethod(_go, HeatMap.move_page, 1)
    action_page_up = partialmethod(_go, HeatMap.move_page, -1)

    def _jump(self, by: int) -> None:
        if not self._side.map.move_to_notable(by):
            self.say("no token stands out")

    action_extreme = partialmethod(_jump, 1)
    action_previous_extreme = partialmethod(_jump, -1)

    def action_measure(self) -> None:
        measures = list(HeatMeasure)
        self._measure = measures[(measures.index(self._measure) + 1) % len(measures)]
        for side in self._sides():
            side.map.by(self._measure)
        self._show_measure()

    def action_side(self) -> None:
        self._show_half(SIDES[1 - SIDES.index(self._names)])

    def _show_half(self, names: HalfNames) -> None:
        self._names = names
        self._renew()

    def action_version(self) -> None:
        self._title = self._titles[(self._titles.index(self._title) + 1) % len(self._titles)]
        self._load()

    def action_bars(self) -> None:
        for side in self._sides():
            side.map.with_bars(not side.map.bars)

    @work
    async def action_copy(self) -> None:
        if (text := self._side.text) is not None:
            self.say(await copy(self.app, table(text.half.tokens)))

    def action_back(self) -> None:
        self.dismiss()
