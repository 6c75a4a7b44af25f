"""The Start screen: data, models and method are chosen, and the run is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, ScrollableContainer
from textual.content import Content
from textual.events import DescendantFocus, Resize, ScreenResume
from textual.widgets import Button, Input, Static

from engine.health.models_here import ANSWERS, Role
from engine.method.recipe import Method
from engine.run import session
from engine.run.part import chosen_in, part_of
from engine.run.settings import Settings, with_setting
from engine.run.teacher_trial import COMPARED, settings_of_each
from engine.run.tryout import TRIED, spread
from engine.store.workspace import Workspace
from models.errors import BurnishError, UsageError
from models.files.catalog import SERVED, teacher_file
from models.ollama.server import OllamaServer
from models.openai.address import model_of
from models.openai.server import OpenAIServer
from models.system.threads import on_daemon_thread
from models.system.units import counted
from models.teacher import Fault, TeacherError
from tui.keys.actions import bindings
from tui.keys.keymap import Keymap
from tui.messages import SettingsChanged, StartRun, TryTeachers, WorkspaceChanged, WorkspaceOpened
from tui.screens.base import AppScreen
from tui.screens.start.data_pane import DataPane
from tui.screens.start.doctor_dialog import DoctorDialog
from tui.screens.start.method_form import MethodForm
from tui.screens.start.models_pane import ModelsPane
from tui.screens.start.nodes_pane import NodesPane
from tui.screens.start.teachers_dialog import TeachersDialog
from tui.state.workbench import Workbench
from tui.text.shown import shown, shown_line
from tui.text.vocabulary import rules_in_short
from tui.widgets.model_picker import ModelPicker


class StartScreen(AppScreen):
    """One column on a narrow terminal, two on a usual one, three on a wide one."""

    SCOPE = "start"
    BINDINGS = bindings("start")
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    StartScreen .heading { text-style: bold; color: $primary; margin-bottom: 1; }
    StartScreen .subheading { text-style: bold; color: $text-muted; }
    StartScreen #panes { height: 1fr; padding: 1 2 0 2; layout: vertical; overflow: hidden auto; }
    StartScreen #choices { height: auto; }
    StartScreen .pane { height: auto; padding-bottom: 1; overflow: hidden; }
    StartScreen ScrollableContainer { scrollbar-size-vertical: 1; }
    StartScreen Button { min-width: 10; }
    StartScreen Button:focus { text-style: bold underline !important; background-tint: $foreground 20%; }
    StartScreen #travels { height: auto; background: $panel; color: $text-warning; padding: 0 2; }
    StartScreen #bar { height: 1; background: $panel; padding: 0 2; }
    StartScreen #ready { width: 1fr; height: 1; }
    StartScreen.-narrow #first-samples.-open { display: none; }

    StartScreen.-normal #panes, StartScreen.-wide #panes { layout: horizontal; overflow: hidden; }
    StartScreen.-normal #choices, StartScreen.-wide #choices { height: 1fr; width: 5fr; }
    StartScreen.-normal #data { width: 3fr; height: 1fr; overflow: hidden auto; padding-right: 3; }
    StartScreen.-normal #choices { layout: vertical; overflow: hidden auto; }
    StartScreen.-wide #data { width: 4fr; height: 1fr; overflow: hidden auto; padding-right: 4; }
    StartScreen.-wide #choices { layout: horizontal; overflow: hidden; width: 9fr; }
    StartScreen.-wide #choices .pane { width: 4fr; height: 1fr; overflow: hidden auto; padding-right: 4; }
    StartScreen.-wide #choices #models { width: 5fr; }
    """

    def __init__(
        self,
        workbench: Workbench,
        keymap: Keymap,
        recent: Callable[[], Sequence[str]],
        first: Path | None = None,
    ) -> None:
        """`recent`: the workspaces opened lately, the latest first; `first`: a path to open at once."""
        super().__init__(workbench, keymap)
        self.first = first
        self._recent = recent
        self._whole = False  # all panes are there
        self._asked: int | None = None  # samples that the run would refine; None: they are not counted yet
        self._path: Path | None = None  # of the workspace that they are of
        self._closed_said = False  # a person wanted what there is only in a workspace
        self._data, self._models, self._form = (
            DataPane(workbench),
            ModelsPane(
                workbench, *(keymap.first(f"start.{action}") for action in ("refresh", "pull", "check"))
            ),
            MethodForm(workbench),
        )

    def body(self) -> ComposeResult:
        with ScrollableContainer(id="panes", can_focus=False):
            with ScrollableContainer(id="data", classes="pane", can_focus=False):
                yield self._data
            with ScrollableContainer(id="choices", can_focus=False):
                yield ScrollableContainer(id="models", classes="pane", can_focus=False)
                yield ScrollableContainer(id="method", classes="pane", can_focus=False)
        if self._models.nodes is not None:
            yield Static(id="travels")
        with Horizontal(id="bar"):
            yield Static(id="ready")
            yield Button("Start", id="begin", variant="primary", compact=True)

    def on_mount(self) -> None:
        self._say_where_texts_go()
        if self.first is not None:
            self._data.open(self.first)
        self.call_after_refresh(self._complete)

    async def _complete(self) -> None:
        """Add the panes that the first paint need not wait for, and focus the first thing to do."""
        with self.app.batch_update():
            await self.query_one("#models").mount(self._models)
            await self.query_one("#method").mount(self._form)
        self._whole = True
        self._show_settings()  # they may have changed since these were composed
        self._first_focus()

    def _first_focus(self) -> None:
        """Focus the button that starts, where all is chosen. Never a line at first: in it digits would be typed."""
        if self.workbench.is_open and _missing(self.workbench.settings) is None:
            self._go_on()

    @on(ScreenResume)
    @on(WorkspaceChanged)
    def _renew(self) -> None:
        self._data.show_facts()
        self._data.show_recent(self._recent())
        self._closed_said = False
        self._say_ready()
        self._count()

    # --- messages of the panes --------------------------------------------------------------------------------------

    @on(WorkspaceOpened)
    def _opened(self) -> None:
        if self._whole:
            self._show_settings()
            self._renew()
            self._go_on()
        else:
            self.call_after_refresh(self._opened)

    def _show_settings(self) -> None:
        self._models.show_settings()
        self._form.show_settings()

    @on(DescendantFocus)
    @on(DataPane.FactsShown)
    def _keep_in_sight(self) -> None:
        """Keep in sight what has the focus, a line for a model with its list: facts that come move it down."""
        if (focused := self.focused) is not None:
            around = (node for node in focused.ancestors_with_self if isinstance(node, ModelPicker))
            self.call_after_refresh(next(around, focused).scroll_visible, animate=False)

    @on(ModelPicker.Settled)
    def _go_on(self) -> None:
        """Focus the next choice to make, or when all are made, the button that starts."""
        role = _missing(self.workbench.settings)
        if role is None:
            self.set_focus(self.query_one("#begin", Button), scroll_visible=False)
        else:
            self.set_focus((self._models.teacher if role == "teacher" else self._models.student).input)

    @on(ModelPicker.ModelRefused)
    def _refused(self, message: ModelPicker.ModelRefused) -> None:
        self.say(message.why, warning=True)

    @on(SettingsChanged)
    def _settings_changed(self) -> None:
        self._models.update_fit()
        self._say_ready()
        self._count()

    @work(exclusive=True, group="count")
    async def _count(self) -> None:
        """Count the samples that the run would refine: not those that were dropped, nor those beyond a limit."""
        if self.workbench.path != self._path:
            self._path, self._asked = self.workbench.path, None
        if not self.workbench.is_open:
            return
        settings, limit = self.workbench.settings.run, None
        with suppress(UsageError):  # which the form says
            limit = self._form.limit()

        def count(reading: Workspace) -> int:
            chosen, more = chosen_in(reading, settings)
            return len(chosen) + more if limit is None else len(part_of(reading, settings, limit))

        try:
            self._asked = await self.workbench.reader.ask_workspace(count)
        except BurnishError as error:
            self.say_error(error)
        else:
            self._say_ready()

    @on(Resize)
    def _laid_out(self) -> None:
        self.call_after_refresh(self._say_ready)

    @on(NodesPane.Checked)
    def _say_where_texts_go(self) -> None:
        if self._models.nodes is not None:
            self.query_one("#travels", Static).update(shown(f"! {self._models.nodes.travels()}"))

    def _say_ready(self) -> None:
        self.query_one("#ready", Static).update(self._ready())

    def _ready(self) -> Content:
        """A line about the run that would start now, or about what is missing."""
        settings = self.workbench.settings
        if not self.workbench.is_open and self._data.opening:
            return Content.styled("one moment: it is being read", "$text-muted")
        if not self.workbench.is_open and self._closed_said:
            key = self.keymap.first("start.open")
            return Content.styled(f"! open a dataset or a workspace first: {key}", "$text-warning")
        if not self.workbench.is_open:
            return Content.styled("open a dataset or a workspace to begin", "$text-muted")
        if self.workbench.run_job.running:
            return Content.styled("a run is under way", "$text-warning")
        if (missing := _missing(settings)) is not None:
            return Content.styled(f"choose a {missing}", "$text-warning")
        samples = counted(self.workbench.samples if self._asked is None else self._asked, "sample")
        room = self.query_one("#ready").size.width or 1000  # before there is a layout
        # The method is the first to go: who teaches and who decides tells it, too.
        for head, longest in ((f"{samples}, method {settings.run.method}", 30), (samples, 30), (samples, 16)):
            line = Content(" · ").join([Content(head), *_roles(settings, longest)])
            if line.cell_length <= room:
                break
        return line

    def say_closed(self) -> None:
        """Say, in the line at the foot, that a workspace must be opened first."""
        self._closed_said = True
        self._say_ready()

    # --- actions ----------------------------------------------------------------------------------------------------

    def holds(self, key: str) -> bool:
        return not self._whole

    def action_open(self) -> None:
        self._closed_said = False
        self._say_ready()
        self._data.ask()

    def action_check(self) -> None:
        folder = self.workbench.path.parent if self.workbench.path is not None else Path()
        self.app.push_screen(DoctorDialog(self.workbench.settings, folder, self.workbench.ray))

    def action_pull(self) -> None:
        self._models.pull()

    def action_refresh(self) -> None:
        self._models.list_models()
        if self._models.nodes is not None:
            self._models.nodes.check()
        self._renew()

    def action_leave_line(self) -> None:
        self.set_focus(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if self.why_not(action) else super().check_action(action, parameters)

    def hindrances(self, action: str) -> Iterator[str]:
        if action == "leave_line" and not isinstance(self.focused, Input):
            yield "you type in no line: keys act already"
        if action in ("begin", "try_samples", "try_teachers") and self._data.opening:
            yield "one moment: what was opened is still being read"
        yield from super().hindrances(action)

    @on(Button.Pressed, "#begin")
    def action_begin(self) -> None:
        """Start the run, unless a check finds what would keep it from working."""
        if not self._ask_for_what_is_missing():
            self._begin()

    @work(exclusive=True, group="begin")
    async def _begin(self) -> None:
        if await self._can_begin():
            self.post_message(StartRun(limit=self._form.limit()))

    def action_try_samples(self) -> None:
        """Start a run over a few samples that differ, likewise."""
        if not self._ask_for_what_is_missing():
            self._begin_with_few()

    @work(exclusive=True, group="begin")
    async def _begin_with_few(self) -> None:
        if await self._can_begin():
            chosen = await self.workbench.reader.ask_workspace(lambda reading: spread(reading, TRIED))
            self.post_message(StartRun(only=chosen))

    @work(exclusive=True, group="begin")
    async def action_try_teachers(self) -> None:
        """Ask which teachers are to be tried, and have them tried, unless something keeps them from it."""
        try:
            self._check_free()
            self._form.check()
            chosen = self.workbench.settings.teacher.name
            typed = self.workbench.typed("teachers")
            asking = TeachersDialog(self._models.teachers(), chosen, COMPARED, typed)
            if (asked := await self.app.push_screen_wait(asking)) is None:
                return
            settings, ray = self.workbench.settings, self.workbench.ray
            each = await on_daemon_thread(partial(settings_of_each, settings, asked.names, ray=ray))
        except BurnishError as error:
            self.say_error(error)
        else:
            typed.clear()
            self.post_message(TryTeachers(each, asked.samples))

    def take_teacher(self, name: str) -> None:
        """Have a teacher be the next run's."""
        self.workbench.settings = with_setting(self.workbench.settings, "teacher", "name", name)
        self._models.show_settings()
        self._say_ready()

    def _check_free(self) -> None:
        """Raise `UsageError` where no workspace is open, whose path is then asked for, or a run is under way."""
        if not self.workbench.is_open:
            self._data.ask()
            raise UsageError("open a dataset or a workspace first")
        if self.workbench.run_job.running:
            raise UsageError("a run is under way")

    def _ask_for_what_is_missing(self) -> bool:
        """True where a choice is missing: the focus is there before the next key, and the line at the foot says it."""
        if not self.workbench.is_open:
            self._data.ask()
        elif not self.workbench.run_job.running and _missing(self.workbench.settings) is not None:
            self._go_on()
        else:
            return False
        return True

    async def _can_begin(self) -> bool:
        """True where nothing that can be checked would keep a run from working; else it is said."""
        settings = self.workbench.settings
        try:
            self._check_free()
            self._form.check()
            await on_daemon_thread(partial(session.check, settings, ray=self.workbench.ray))
            if self.workbench.ray is None:
                await _check_server(settings)
        except TeacherError as error:
            self.say_error(error)
            if error.fault is Fault.MODEL_MISSING and not str(settings.teacher.name).startswith(SERVED):
                self._models.pull()
        except BurnishError as error:
            self.say_error(error)
        else:
            return True
        return False


def _roles(settings: Settings, longest: int) -> Iterator[Content]:
    """The names of teacher and student, in at most so many cells."""
    if settings.run.method is not Method.SCORE:
        yield Content.assemble(shown_line(str(settings.teacher.name), longest, "bold"), " teaches")
        if rules := rules_in_short(settings):
            yield Content(f"by {rules}")
    if settings.run.method is not Method.REFLECT:
        yield Content.assemble(shown_line(str(settings.student.name), longest, "bold"), " decides")


def _missing(settings: Settings) -> Role | None:
    """The role of the first model that is not chosen yet; None: all are that the method needs."""
    if settings.run.method is not Method.SCORE and settings.teacher.name is None:
        return "teacher"
    if settings.run.method is not Method.REFLECT and settings.student.name is None:
        return "student"
    return None


async def _check_server(settings: Settings) -> None:
    """Raise `TeacherError` where the server does not answer, or has no such teacher, or only in the cloud."""
    name = settings.teacher.name
    if (
        settings.run.method is Method.SCORE
        or name is None
        or await on_daemon_thread(teacher_file, name) is not None
    ):
        return
    if (model := model_of(name)) is not None:
        teacher = settings.teacher
        await OpenAIServer(teacher.url, key_file=teacher.key_file, first=ANSWERS).find(model)
    else:
        await OllamaServer(settings.teacher.host, first=ANSWERS).find(name)
