"""Teacher and student: what is here, what is chosen, whether it fits, and the way to fetch another."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import Static

from engine.health.models_here import ModelList, Role, list_models
from engine.method.recipe import Method
from engine.run.settings import with_setting
from models.system.threads import on_daemon_thread
from models.system.units import GIB
from tui.messages import SettingsChanged
from tui.screens.start.pull_bar import PullBar
from tui.state.model_fit import ModelFit, ModelNeed, model_fit
from tui.state.workbench import Workbench
from tui.text.shown import shown
from tui.widgets.facts import Facts
from tui.widgets.model_picker import ModelPicker

PAUSE = 0.25
"""Seconds after the last key before a typed name is looked up."""


class ModelsPane(Vertical):
    DEFAULT_CSS = """
    ModelsPane { height: auto; }
    ModelsPane #server { height: auto; margin-bottom: 1; }
    """

    def __init__(self, workbench: Workbench, **options: Any) -> None:
        super().__init__(**options)
        self._workbench = workbench
        self._listed: ModelList | None = None
        self._listed_for = self._places
        self._pair: ModelFit | None = None

    def compose(self) -> ComposeResult:
        yield Static("Models", classes="heading")
        yield PullBar()
        yield Static("looking for models …", id="server", classes="muted")
        yield ModelPicker("teacher", self._workbench.settings.teacher.name, id="teacher")
        yield ModelPicker("student", self._workbench.settings.student.name, id="student")
        yield Facts(10, id="memory")

    @property
    def _places(self) -> tuple[object, ...]:
        """Where models are looked for."""
        return self._workbench.settings.teacher.host, self._workbench.settings.model_folders

    def on_mount(self) -> None:
        self.list_models()

    def show_settings(self) -> None:
        """Show the workbench's, after somebody else changed them."""
        settings = self._workbench.settings
        self.picker("teacher").show_name(settings.teacher.name)
        self.picker("student").show_name(settings.student.name)
        if self._listed_for != self._places:
            self.list_models()
        self._update_fit()

    def picker(self, role: Role) -> ModelPicker:
        return self.query_one(f"#{role}", ModelPicker)

    @work(exclusive=True, group="list")
    async def list_models(self) -> None:
        """List the models that are here."""
        self._listed_for = self._places
        self._say([Content.styled("looking for models …", "$text-muted")])
        self._listed = here = await list_models(self._workbench.settings)
        lines = []
        if here.problem is not None:
            problem = shown(str(here.problem))
            lines.append(Content.assemble(("! ", "bold $text-warning"), problem, "; f5 looks again"))
        if not here.complete:
            lines.append(
                Content("! there was no time to look everywhere; name folders in the setting model_folders")
            )
        with suppress(NoMatches):  # the app was left meanwhile
            for picker in self.query(ModelPicker):
                picker.show_models(here.models)
            self._say(lines)
        self._update_fit()

    def _say(self, lines: list[Content]) -> None:
        said = self.query_one("#server", Static)
        said.update(Content("\n").join(lines))
        said.display = bool(lines)

    @on(ModelPicker.Named)
    def _named(self, message: ModelPicker.Named) -> None:
        message.stop()
        self._workbench.settings = with_setting(self._workbench.settings, message.role, "name", message.name)
        self.post_message(SettingsChanged())
        self._update_fit()

    @on(PullBar.Pulled)
    def _pulled(self, message: PullBar.Pulled) -> None:
        message.stop()
        self.notify(shown(f"{message.name} is here").plain, markup=False)
        if self._workbench.settings.teacher.name is None:
            self._workbench.settings = with_setting(self._workbench.settings, "teacher", "name", message.name)
            self.post_message(SettingsChanged())
            self.show_settings()
        self.list_models()

    def pull(self) -> None:
        """Ask which model to fetch: to begin with, the one that is chosen and missing."""
        settings = self._workbench.settings
        half = self._pair.teacher if self._pair else None
        self.query_one(PullBar).ask(
            settings.teacher.name if half and half.missing else None, settings.teacher.host
        )

    @work(exclusive=True, group="weigh")
    async def _update_fit(self) -> None:
        await asyncio.sleep(PAUSE)
        settings = self._workbench.settings
        self._pair = pair = await on_daemon_thread(model_fit, settings, self._listed)
        method = settings.run.method
        idle = f"not used by method {method}"
        teacher = _need_text(pair.teacher, idle if method is Method.SCORE else "")
        student = _need_text(pair.student, idle if method is Method.REFLECT else "")
        with suppress(NoMatches):  # the app was left meanwhile
            self.picker("teacher").say(teacher)
            self.picker("student").say(student)
            self.query_one("#memory", Facts).show([("memory", _memory(pair))])

    def update_fit(self) -> None:
        self._update_fit()


def _need_text(half: ModelNeed | None, idle: str) -> Content:
    if half is None:
        return Content.styled(idle or "none chosen yet", "$text-muted")
    if half.wrong:
        return Content.assemble(("✗ ", "bold $text-error"), shown(half.description))
    return (
        Content.assemble(("✓ ", "bold $text-success"), shown(half.description))
        if half.description
        else Content("")
    )


METER = 24  # cells


def _memory(pair: ModelFit) -> Content:
    """Needed against free, as a bar and in words."""
    if not pair.need:
        return Content(f"{pair.free / GIB:.1f} GiB free")
    share = pair.need / max(pair.free, 1)
    filled = min(METER, max(1, round(share * METER)))
    enough = share <= 1
    return Content.assemble(
        ("█" * filled, "$success" if enough else "$warning"),
        ("░" * (METER - filled), "$text-muted"),
        f"  {pair.need / GIB:.1f} of {pair.free / GIB:.1f} GiB free",
        "" if enough else ", too little for both" if pair.teacher and pair.student else ", too little",
        (f"\n{pair.fit}" if pair.fit else "", "$text-muted"),
    )
