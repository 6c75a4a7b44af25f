"""The choice of teacher and student: the models that are here, whether two of them fit, and how to fetch another."""

from __future__ import annotations

import asyncio
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.health.models_here import ModelList, list_models
from engine.method.recipe import Method
from engine.run.settings import StudentSettings, TeacherSettings, with_setting
from models.system.threads import on_daemon_thread
from models.system.units import GIB
from tui.messages import SettingsChanged
from tui.screens.start.nodes_pane import NodesPane
from tui.screens.start.pull_bar import PullBar
from tui.state.model_fit import ModelFit, ModelNeed, model_fit
from tui.state.workbench import Workbench
from tui.text.shown import shown
from tui.text.vocabulary import SCHEDULES
from tui.widgets.facts import Facts
from tui.widgets.model_picker import ModelPicker

PAUSE = 0.25
"""Seconds after the last key before a typed name is looked up."""


class ModelsPane(Vertical):
    DEFAULT_CSS = """
    ModelsPane { height: auto; }
    ModelsPane #server { height: auto; margin-bottom: 1; }
    """

    def __init__(self, workbench: Workbench, again: str, pull: str, checks: str, **options: Any) -> None:
        """The keys that look for models again, download one, and show every check."""
        super().__init__(**options)
        self._again, self._pull = again, pull
        self._workbench = workbench
        self._listed: ModelList | None = None
        self._first_list = asyncio.Event()  # there is one
        self._listed_for = self._places
        self._fit: ModelFit | None = None
        self._checked_for: tuple[TeacherSettings, StudentSettings] | None = (
            None  # what the nodes were asked about
        )

        settings = workbench.settings
        self.teacher = ModelPicker("teacher", settings.teacher.name, settings.teacher.url, id="teacher")
        self.student = ModelPicker("student", settings.student.name, id="student")
        self._pull_bar, self._memory = PullBar(), Facts(10, id="memory")
        self.nodes = NodesPane(workbench, workbench.ray, checks) if workbench.ray is not None else None
        self._server = Static("looking for models …", id="server", classes="muted")

    def compose(self) -> ComposeResult:
        yield Static("Models", classes="heading")
        yield from (self._pull_bar, self._server, self.teacher, self.student)
        yield self._memory if self.nodes is None else self.nodes

    @property
    def _places(self) -> tuple[object, ...]:
        """The servers and the folders that models are looked for in."""
        teacher = self._workbench.settings.teacher
        return teacher.host, teacher.url, self._workbench.settings.model_folders

    async def teachers(self) -> list[str]:
        """The names of the models that are here and can teach, once they are listed."""
        await self._first_list.wait()
        models = self._listed.models if self._listed is not None else ()
        return [name for model in models if (name := model.called("teacher")) is not None]

    def on_mount(self) -> None:
        self.list_models()

    def show_settings(self) -> None:
        """Show the settings of the workbench, after they were changed elsewhere."""
        settings = self._workbench.settings
        self.teacher.show_name(settings.teacher.name, settings.teacher.url)
        self.student.show_name(settings.student.name)
        if self._listed_for != self._places:
            self.list_models()
        self.update_fit()

    @work(exclusive=True, group="list")
    async def list_models(self) -> None:
        """List the models that are found."""
        self._listed_for = self._places
        self._say([Content.styled("looking for models …", "$text-muted")])
        self._listed = found = await list_models(self._workbench.settings)
        self._first_list.set()
        lines = []
        for problem in (found.problem, found.server_problem):
            if problem is not None and self.nodes is None:
                mark = ("! ", "bold $text-warning")
                lines.append(Content.assemble(mark, shown(str(problem)), f"; {self._again} looks again"))
        if not found.complete:
            lines.append(
                Content("! there was no time to look everywhere; name folders in the setting model_folders")
            )
        self._say(lines)
        self.teacher.show_models(found.models)
        self.student.show_models(found.models)
        self.update_fit()

    def _say(self, lines: list[Content]) -> None:
        self._server.update(Content("\n").join(lines))
        self._server.display = bool(lines)

    @on(ModelPicker.Named)
    def _named(self, message: ModelPicker.Named) -> None:
        self._workbench.settings = with_setting(self._workbench.settings, message.role, "name", message.name)
        self.post_message(SettingsChanged())
        self.update_fit()

    @on(ModelPicker.Addressed)
    def _addressed(self, message: ModelPicker.Addressed) -> None:
        self._workbench.settings = with_setting(self._workbench.settings, message.role, "url", message.url)
        self.post_message(SettingsChanged())
        self.update_fit()

    @on(ModelPicker.Settled)
    async def _settled(self, message: ModelPicker.Settled) -> None:
        """Let the focus go on, but not from a name that cannot serve: it is to be mended where it stands."""
        name = message.picker.name_given
        fit = await on_daemon_thread(self._model_fit)
        self._show_fit(fit)
        half = fit.teacher if message.picker is self.teacher else fit.student
        if (half is not None and half.wrong) or message.picker.name_given != name:
            message.stop()

    @on(PullBar.Pulled)
    def _pulled(self, message: PullBar.Pulled) -> None:
        self.notify(shown(f"{message.name} is here").plain, markup=False)
        if self._workbench.settings.teacher.name is None:
            self._workbench.settings = with_setting(self._workbench.settings, "teacher", "name", message.name)
            self.post_message(SettingsChanged())
            self.show_settings()
        self.list_models()

    def pull(self) -> None:
        """Ask for the name of a model to fetch; the one that is chosen and missing stands there."""
        settings = self._workbench.settings
        half = self._fit.teacher if self._fit else None
        self._pull_bar.ask(settings.teacher.name if half and half.missing else None, settings.teacher.host)

    @work(exclusive=True, group="weigh")
    async def update_fit(self) -> None:
        """Say what the chosen models need, and whether there is room for them."""
        await asyncio.sleep(PAUSE)
        self._show_fit(await on_daemon_thread(self._model_fit))

    def _model_fit(self) -> ModelFit:
        return model_fit(self._workbench.settings, self._listed, on_nodes=self.nodes is not None)

    def _show_fit(self, fit: ModelFit) -> None:
        self._fit = fit
        method = self._workbench.settings.run.method
        idle = f"not used by method {method}"
        needs = _need_text(fit.teacher, idle if method is Method.SCORE else "")
        missing = fit.teacher is not None and fit.teacher.missing
        self.teacher.say(Content.assemble(needs, f"; {self._pull} downloads it" if missing else ""))
        self.student.say(_need_text(fit.student, idle if method is Method.REFLECT else ""))
        if self.nodes is None:
            self._memory.show([("memory", _memory_text(fit))])
        elif self._checked_for != (
            named := (self._workbench.settings.teacher, self._workbench.settings.student)
        ):
            self._checked_for = named
            self.nodes.check()


def _need_text(half: ModelNeed | None, idle: str) -> Content:
    """The memory that a model needs, or what is wrong with it; `idle`: why no model is needed."""
    if half is None:
        return Content.styled(idle or "none chosen yet", "$text-muted")
    if not half.wrong and not half.description:
        return Content("")
    mark = ("✗ ", "bold $text-error") if half.wrong else ("✓ ", "bold $text-success")
    return Content.assemble(mark, shown(half.description))


METER = 24
"""Cells of the bar of memory."""


def _memory_text(fit: ModelFit) -> Content:
    """Memory needed against memory free, as a bar and in words."""
    if not fit.need:
        return Content(f"{fit.free / GIB:.1f} GiB free")
    share = fit.need / max(fit.free, 1)
    filled = min(METER, max(1, round(share * METER)))
    enough = share <= 1
    return Content.assemble(
        ("█" * filled, "$success" if enough else "$warning"),
        ("░" * (METER - filled), "$text-muted"),
        f"  needs {fit.need / GIB:.1f} of the {fit.free / GIB:.1f} GiB free",
        "" if enough else ", too little for both" if fit.teacher and fit.student else ", too little",
        (f"\n{SCHEDULES[fit.schedule]}" if fit.schedule is not None else "", "$text-muted"),
    )
