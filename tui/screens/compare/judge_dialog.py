"""The dialog that asks for the judge and for what it is asked about."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import Label, OptionList

from engine.health.models_here import list_models
from engine.run.settings import Settings
from tui.screens.dialog import Dialog
from tui.text.shown import shown
from tui.widgets.model_picker import ModelPicker
from tui.widgets.pick_one import PickOne
from tui.widgets.plain_input import PlainInput

WHAT = ("with the student's choices", "refined against original only")


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """The answers of the dialog."""

    judge: str
    refined_only: bool
    limit: int | None
    url: str | None = None  # of the judge's server, where it is openai:MODEL


class JudgeDialog(Dialog[JudgeRequest]):
    HEADING = "Have a judge compare both sides"
    DEFAULT_CSS = """
    JudgeDialog {
        & #dialog { width: 84; }
        & #dialog-heading { margin-bottom: 0; }
        & ModelPicker { margin-bottom: 0; }
        & ModelPicker PlainInput { background: $panel; }
        & ModelPicker OptionList { max-height: 6; background: $surface; }
        & ModelPicker #said { margin-bottom: 0; }
        &.-narrow .question { margin-top: 0; }
    }
    """

    def __init__(self, settings: Settings, before: JudgeRequest, typed: dict[str, str]) -> None:
        """`settings` say where models are looked for. `before` stands there at first, but for the lines that are in
        `typed`; its `judge` may be empty."""
        super().__init__(typed)
        self._settings = settings
        self._before = before

    def questions(self) -> ComposeResult:
        yield ModelPicker("judge", self._before.judge or None, self._before.url)
        yield Label("What it is asked about", classes="question")
        yield PickOne(WHAT, WHAT[self._before.refined_only], id="what")
        yield Label("How many pairs, from the first on (empty: all)", classes="question")
        limit = "" if self._before.limit is None else str(self._before.limit)
        yield PlainInput(limit, placeholder="all", id="limit", restrict=r"\d*", max_length=9)

    def on_mount(self) -> None:
        self.query_one(ModelPicker).input.focus()
        self._list_models()

    @work(exclusive=True)
    async def _list_models(self) -> None:
        listed = await list_models(self._settings)
        with suppress(NoMatches):  # closed meanwhile
            picker = self.query_one(ModelPicker)
            picker.show_models(listed.models)
            if (problem := listed.problem or listed.server_problem) is not None:
                picker.say(Content.assemble(("! ", "bold $text-warning"), shown(str(problem))))

    @on(ModelPicker.ModelRefused)
    def _refused(self, message: ModelPicker.ModelRefused) -> None:
        self._wrong(message.why)

    def _wrong(self, why: str) -> None:
        self.query_one(ModelPicker).say(Content.assemble(("✗ ", "bold $text-error"), shown(why)))

    def agree(self) -> None:
        """On the list, enter chooses; with a judge chosen, it begins."""
        focused = self.focused
        if isinstance(focused, OptionList) and focused.highlighted is not None:
            focused.action_select()
            self.query_one(ModelPicker).input.focus()
        elif self.query_one(ModelPicker).name_given is None:
            self._wrong("name the judge, or choose one from the list")
        else:
            super().agree()

    def answer(self) -> JudgeRequest:
        limit = self.query_one("#limit", PlainInput).value
        picker = self.query_one(ModelPicker)
        return JudgeRequest(
            picker.name_given or "",
            self.query_one("#what", PickOne).chosen == WHAT[1],
            int(limit) or None if limit else None,
            picker.url.value.strip() or None,
        )
