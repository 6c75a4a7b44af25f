"""How samples are refined: each setting with the sentences that stand under it in engine/run/settings.py."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from engine.run.settings import DECLARED, Setting, with_setting
from models.errors import UsageError
from tui.messages import SettingsChanged
from tui.state.workbench import Workbench
from tui.text.shown import shown
from tui.widgets.pick_one import PickOne
from tui.widgets.plain_input import PlainInput

FIELDS = tuple(
    DECLARED[key]
    for key in (
        ("run", "method"),
        ("run", "template"),
        ("run", "schedule"),
        ("run", "reply_form"),
        ("run", "candidates"),
        ("teacher", "parallel"),
        ("run", "both_branches"),
        ("student", "exact"),
    )
)
LIMIT = "Refine the first so many samples only; empty: all. A later run goes on from there."


class MethodForm(Vertical):
    DEFAULT_CSS = """
    MethodForm { height: auto; }
    MethodForm .field { height: auto; margin-bottom: 1; }
    MethodForm .label { width: 15; text-style: bold; }
    MethodForm .control { height: auto; width: 1fr; }
    MethodForm .help { height: auto; color: $text-muted; }
    MethodForm PlainInput { width: 12; background: $surface; }
    """

    def __init__(self, workbench: Workbench, **options: Any) -> None:
        super().__init__(**options)
        self._workbench = workbench

    def compose(self) -> ComposeResult:
        yield Static("Refining", classes="heading")
        for field in FIELDS:
            with Horizontal(classes="field"):
                yield Static(field.label, classes="label")
                with Vertical(classes="control"):
                    value = self._value(field)
                    if field.choices:
                        yield PickOne(field.choices, value, id=_id(field))
                    else:
                        yield PlainInput(value, type="integer", max_length=9, id=_id(field))
                    yield Static(self._help(field), classes="help", id=f"help-{_id(field)}")
        with Horizontal(classes="field"):
            yield Static("Limit", classes="label")
            with Vertical(classes="control"):
                yield PlainInput(placeholder="all", type="integer", max_length=9, id="limit")
                yield Static(LIMIT, classes="help", id="help-limit")

    def show_settings(self) -> None:
        """Show the workbench's, after somebody else changed them."""
        for field in FIELDS:
            if field.choices:
                self.query_one(f"#{_id(field)}", PickOne).chosen = self._value(field)
            else:
                with self.prevent(Input.Changed):
                    self.query_one(f"#{_id(field)}", PlainInput).value = self._value(field)
                self._explain(_id(field), self._help(field))

    def limit(self) -> int | None:
        """The first so many samples; None: all. Raises `UsageError`."""
        given = self.query_one("#limit", PlainInput).value.strip()
        if not given:
            return None
        if not given.isascii() or not given.isdecimal() or int(given) < 1:
            raise UsageError(f"the limit is a number of samples from 1 on, or empty, not {given!r}")
        return int(given)

    def check(self) -> None:
        """Raise `UsageError` where a number was typed that may not be."""
        for field in FIELDS:
            if not field.choices:
                given = self.query_one(f"#{_id(field)}", PlainInput).value
                try:
                    with_setting(self._workbench.settings, field.group, field.name, given)
                except UsageError as error:
                    raise UsageError(f"{field.label.lower()}: {error}") from None
        self.limit()

    def _value(self, field: Setting) -> str:
        value = getattr(getattr(self._workbench.settings, field.group), field.name)
        return field.choices[value] if field.kind == "switch" else str(value)

    def _help(self, field: Setting) -> Content:
        parts = field.help.split("`")
        return Content.assemble(*((part, "bold" if n % 2 else "") for n, part in enumerate(parts)))

    @on(PickOne.WordPicked)
    def _picked(self, message: PickOne.WordPicked) -> None:
        message.stop()
        field = _field(message.picker.id)
        self._set(field, message.word == "yes" if field.kind == "switch" else message.word)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id == "limit":
            try:
                self.limit()
            except UsageError as error:
                self._explain("limit", _wrong(error))
            else:
                self._explain("limit", Content(LIMIT))
            self.post_message(SettingsChanged())
        else:
            self._set(_field(event.input.id), event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()

    def _set(self, field: Setting, value: object) -> None:
        try:
            self._workbench.settings = with_setting(self._workbench.settings, field.group, field.name, value)
        except UsageError as error:
            self._explain(_id(field), _wrong(error))
        else:
            self._explain(_id(field), self._help(field))
        self.post_message(SettingsChanged())

    def _explain(self, id: str, what: Content) -> None:
        self.query_one(f"#help-{id}", Static).update(what)


def _id(field: Setting) -> str:
    return f"{field.group}-{field.name}"


def _field(id: str | None) -> Setting:
    return next(field for field in FIELDS if _id(field) == id)


def _wrong(error: UsageError) -> Content:
    return Content.assemble(("✗ ", "bold $text-error"), shown(str(error)))
