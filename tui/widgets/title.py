"""The line at the top: the program, the workspace, where one is and where one can go, and how the run is."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from tui.actions import of_scope
from tui.desk import Desk
from tui.shown import shown_line

TABS = ("start", "samples", "run", "distribution", "export")
UNDER = {"review": "samples", "heat": "samples"}


class Title(Horizontal):
    def __init__(self, desk: Desk, scope: str) -> None:
        super().__init__()
        self._desk = desk
        self._scope = scope

    def compose(self) -> ComposeResult:
        yield Static(self._tabs(), id="tabs")
        yield Static(id="workspace")
        yield Static(id="state")

    def on_mount(self) -> None:
        self.renew()
        self.set_interval(0.5, self.renew)

    def on_resize(self) -> None:
        self.query_one("#tabs", Static).update(self._tabs())

    def renew(self) -> None:
        desk = self._desk
        name = desk.path.name if desk.path else "no workspace"
        self.query_one("#workspace", Static).update(shown_line(name, 40, "$text-muted"))
        self.query_one("#state", Static).update(self._state())

    def _tabs(self) -> Content:
        here = UNDER.get(self._scope, self._scope)
        keys = {action.name.removeprefix("go_"): action for action in of_scope("app")}
        parts = [Content.styled(" burnish ", "bold $primary")]
        wide = self.size.width >= 100
        for tab in TABS:
            style = "bold reverse" if tab == here else "$text-muted"
            label = keys[tab].label if wide or tab == here else keys[tab].label[:3]
            parts.append(Content.styled(f" {keys[tab].keys} {label} ", style))
        return Content("").join(parts)

    def _state(self) -> Content:
        tally = self._desk.tally
        if not self._desk.running:
            return Content("")
        if self._desk.held:
            return Content.styled(" held ", "reverse $warning")
        if tally.paused:
            return Content.styled(" waiting for Ollama ", "reverse $error")
        return Content.styled(f" {tally.done}/{tally.total} ", "reverse $success")
