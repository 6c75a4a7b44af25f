"""The form of how samples are refined: some settings, rendered from their declarations, and a limit for this run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Collapsible, Input, Static

from engine.run.declared import DECLARED, Setting
from engine.run.settings import with_setting
from models.errors import UsageError
from tui.messages import SettingsChanged
from tui.state.workbench import Workbench
from tui.text.shown import shown
from tui.widgets.pick_one import PickOne
from tui.widgets.plain_input import PlainInput


def _declared(*settings: tuple[str, str]) -> dict[str, Setting]:
    return {f"{group}-{name}": DECLARED[group, name] for group, name in settings}


USUAL = _declared(
    ("run", "method"), ("run", "turns"), ("run", "template"), ("reflection", "language"), ("run", "sample")
)
"""The settings in the form that most people look at, by the ids of their widgets."""

FOLDED = _declared(
    ("run", "schedule"),
    ("run", "reply_form"),
    ("run", "candidates"),
    ("run", "candidates_by"),
    ("teacher", "think"),
    ("teacher", "parallel"),
    ("run", "both_branches"),
    ("run", "reasoning"),
    ("run", "length"),
    ("run", "near_tie"),
    ("student", "verify"),
    ("student", "exact"),
    ("run", "seed"),
)
"""Those that stand folded until they are asked for; the fold's title names the changed ones."""

FIELDS = USUAL | FOLDED

LIMIT = "Refine only this many samples, from the first on; empty: all. A later run goes on from there."


class MethodForm(Vertical):
    DEFAULT_CSS = """
    MethodForm { height: auto; }
    MethodForm .field { height: auto; margin-bottom: 1; }
    MethodForm .label { width: 15; text-style: bold; }
    MethodForm .control { height: auto; width: 1fr; }
    MethodForm .help { height: auto; color: $text-muted; }
    MethodForm PlainInput { width: 12; background: $surface; }
    MethodForm #student-verify { width: 1fr; max-width: 60; }
    MethodForm Collapsible { border: none; padding: 0; background: $background; }
    MethodForm CollapsibleTitle { width: 1fr; padding: 0; }
    MethodForm Collapsible Contents { padding: 1 0 0 0; }
    """

    def __init__(self, workbench: Workbench, **options: Any) -> None:
        super().__init__(**options)
        self._workbench = workbench
        self._shown = USUAL  # the settings that stand in the form so far

    def compose(self) -> ComposeResult:
        yield Static("Refining", classes="heading")
        yield from self._rows(USUAL)
        yield from _row("Limit", _number("limit", placeholder="all"), Content(LIMIT))
        yield Collapsible(title=self._fold_title(), id="more")

    @on(Collapsible.Expanded)
    async def _unfold(self, event: Collapsible.Expanded) -> None:
        """Make the folded settings the first time they are asked for: they would delay the first paint."""
        if self._shown is USUAL:
            await event.collapsible.query_one(Collapsible.Contents).mount(_Rows(partial(self._rows, FOLDED)))
            self._shown = FIELDS
            self.show_settings()  # they may have changed since these were composed
            event.collapsible.scroll_visible()

    def _rows(self, fields: dict[str, Setting]) -> ComposeResult:
        for id, field in fields.items():
            yield from _row(field.label, self._control(id, field), _help(field))

    def _control(self, id: str, field: Setting) -> Widget:
        value = self._value(field)
        if field.choices:
            return PickOne(field.choices, value, id=id)
        if field.kind == "number":
            return _number(id, value, "all" if field.default is None else "")
        return PlainInput(value, placeholder="" if field.default else "none", id=id)

    def _fold_title(self) -> str:
        changed = [field.label.lower() for field in FOLDED.values() if self._is_changed(field)]
        return f"More settings{': changed ' + ', '.join(changed) if changed else ''}"

    def _is_changed(self, field: Setting) -> bool:
        default = "" if field.default is None else field.word(field.default)
        return self._value(field) != default

    def show_settings(self) -> None:
        """Show the settings of the workbench, after they were changed elsewhere."""
        if not self.is_mounted:
            return
        for id, field in self._shown.items():
            if field.choices:
                self.query_one(f"#{id}", PickOne).chosen = self._value(field)
            else:
                with self.prevent(Input.Changed):
                    self.query_one(f"#{id}", PlainInput).value = self._value(field)
                self._explain(id, _help(field))
        self.query_one("#more", Collapsible).title = self._fold_title()

    def limit(self) -> int | None:
        """The most samples that the run refines; None: all. Raises `UsageError`."""
        if not self.is_mounted:
            return None
        given = self.query_one("#limit", PlainInput).value.strip()
        if not given:
            return None
        if not given.isascii() or not given.isdecimal() or int(given) < 1:
            raise UsageError(f"the limit is a number of samples from 1 on, or empty, not {given!r}")
        return int(given)

    def check(self) -> None:
        """Raise `UsageError` where what was typed is out of bounds."""
        for control in self.query(PlainInput):
            if (field := FIELDS.get(control.id or "")) is not None:
                try:
                    with_setting(
                        self._workbench.settings, field.group, field.name, _given(field, control.value)
                    )
                except UsageError as error:
                    if control.id in FOLDED:
                        self.query_one("#more", Collapsible).collapsed = False
                    raise UsageError(f"{field.label.lower()}: {error}") from None
        self.limit()

    def _value(self, field: Setting) -> str:
        value = getattr(getattr(self._workbench.settings, field.group), field.name)
        return "" if value is None else field.word(value)

    @on(PickOne.WordPicked)
    def _picked(self, message: PickOne.WordPicked) -> None:
        self._set(message.picker.id or "", message.word)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if event.input.id != "limit":
            self._set(event.input.id or "", event.value)
            return
        try:
            self.limit()
        except UsageError as error:
            self._explain("limit", _wrong(error))
        else:
            self._explain("limit", Content(LIMIT))
        self.post_message(SettingsChanged())

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.screen.focus_next()

    def _set(self, id: str, value: str) -> None:
        """Change a setting to a value as it was typed, or to the word that was chosen."""
        field = FIELDS[id]
        try:
            self._workbench.settings = with_setting(
                self._workbench.settings, field.group, field.name, _given(field, value)
            )
        except UsageError as error:
            self._explain(id, _wrong(error))
        else:
            self._explain(id, _help(field))
        self.query_one("#more", Collapsible).title = self._fold_title()
        self.post_message(SettingsChanged())

    def _explain(self, id: str, text: Content) -> None:
        self.query_one(f"#help-{id}", Static).update(text)


class _Rows(Vertical):
    """Rows of the form that are made when they are mounted."""

    DEFAULT_CSS = "_Rows { height: auto; }"

    def __init__(self, rows: Callable[[], ComposeResult]) -> None:
        super().__init__()
        self._compose_rows = rows

    def compose(self) -> ComposeResult:
        yield from self._compose_rows()


def _given(field: Setting, value: str) -> str | None:
    """A setting's value as it was typed or chosen; nothing is none, where a setting may be none."""
    value = value.strip()
    return None if not value and field.default is None else value


def _number(id: str, value: str = "", placeholder: str = "") -> PlainInput:
    return PlainInput(value, placeholder=placeholder, type="integer", max_length=9, id=id)


def _row(label: str, control: Widget, help: Content) -> ComposeResult:
    with Horizontal(classes="field"):
        yield Static(label, classes="label")
        with Vertical(classes="control"):
            yield control
            yield Static(help, classes="help", id=f"help-{control.id}")


def _help(field: Setting) -> Content:
    parts = field.help.split("`")
    return Content.assemble(*((part, "bold" if n % 2 else "") for n, part in enumerate(parts)))


def _wrong(error: UsageError) -> Content:
    return Content.assemble(("✗ ", "bold $text-error"), shown(str(error)))
