"""The title line of every screen: the tabs with their keys, the workspace, and the state of the run or the judge."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Click
from textual.style import Style
from textual.widgets import Static

from engine.progress import Tally
from models.files.catalog import SERVED
from tui.keys.actions import of_scope
from tui.keys.keymap import Keymap
from tui.state.workbench import Workbench
from tui.text.shown import shown_line

TABS = ("start", "samples", "run", "distribution", "export", "compare")
UNDER = {"review": "samples", "heat": "samples", "pair": "compare", "trial": "compare"}


class Title(Horizontal):
    def __init__(self, workbench: Workbench, keymap: Keymap, scope: str) -> None:
        super().__init__()
        self._workbench = workbench
        self._keymap = keymap
        self._scope = scope
        # A timer may still tick while the app closes, when a query would find nothing any more.
        self._tab_line, self._workspace_line, self._run_state = (
            Static(id="tabs"),
            Static(id="workspace"),
            Static(id="state"),
        )

    def compose(self) -> ComposeResult:
        self._tab_line.update(self._tabs())
        self.renew()
        yield from (self._tab_line, self._workspace_line, self._run_state)

    def on_mount(self) -> None:
        self.set_interval(0.5, self.renew)

    def on_resize(self) -> None:
        self._tab_line.update(self._tabs())

    async def on_click(self, event: Click) -> None:
        if (action := event.style.meta.get("tab")) is not None:
            await self.run_action(f"app.{action}")

    def renew(self) -> None:
        workbench = self._workbench
        name = workbench.path.name if workbench.path else "no workspace"
        over = [("over Ray ", "$text-warning")] if workbench.ray is not None else []
        # An update lays the whole screen out again.
        for line, content in (
            (self._workspace_line, Content.assemble(*over, shown_line(name, 40, "$text-muted"))),
            (
                self._run_state,
                Content.styled(f" {workbench.act} ", "reverse") if workbench.act else self._state(),
            ),
        ):
            if line.content != content:
                line.update(content)

    def _tabs(self) -> Content:
        current = UNDER.get(self._scope, self._scope)
        actions = {action.name.removeprefix("go_"): action for action in of_scope("app")}
        wide = self.app.size.width >= 100  # this line has no size before its first picture
        parts = [Content.styled(" burnish ", "bold $primary")] if wide else []
        for tab in TABS:
            action = actions[tab]
            label = f" {self._keymap.first(action.id)} {action.label}"
            style = "bold reverse" if tab == current else "$text-muted"
            part = Content.styled(f"{label} " if wide or tab == current else label, style)
            parts.append(part.stylize(Style.from_meta({"tab": action.name})))
        return Content("").join(parts)

    def _state(self) -> Content:
        tally = self._workbench.run_job.tally
        if not self._workbench.run_job.running:
            return self._judging()
        if self._workbench.run_job.stopping:
            return Content.styled(" stopping ", "reverse")
        if not tally.began:
            return Content.styled(" opening ", "reverse")
        if self._workbench.run_job.held:
            return Content.styled(" held ", "reverse $warning")
        if tally.paused:
            return _waiting(tally)
        return Content.styled(f" {tally.done:,}/{tally.total:,} ", "reverse $success")

    def _judging(self) -> Content:
        comparing = self._workbench.judge_job
        if not comparing.running:
            return Content("")
        if comparing.tally.paused:
            return _waiting(comparing.tally)
        count = f"{comparing.tally.done:,}/{comparing.tally.total:,}"
        return Content.styled(f" {'held' if comparing.held else 'judge'} {count} ", "reverse")


def _waiting(tally: Tally) -> Content:
    """A run or a judging that is paused for its model's server."""
    if tally.nodes:
        server = "the nodes"
    else:
        elsewhere = tally.teacher is not None and tally.teacher.name.startswith(SERVED)
        server = "the server" if elsewhere else "Ollama"
    return Content.styled(f" waiting for {server} ", "reverse $error")
