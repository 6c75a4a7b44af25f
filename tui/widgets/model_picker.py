"""A teacher, a student or a judge from the models that are here, or by any name a person types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.health.models_here import UNREAD, ListedModel, Role
from models.files.catalog import SERVED
from models.openai.address import EXAMPLE
from models.system.units import size
from tui.text.literal import first_line
from tui.text.shown import shown_line
from tui.text.vocabulary import unread_note
from tui.widgets.plain_input import PlainInput

TASKS = {
    "teacher": "criticises every sample and rewrites it",
    "student": "the model you will train: decides by its perplexity",
    "judge": "compares both sides of each pair, in both orders",
}
NAMES = {
    "teacher": "an Ollama model, openai:MODEL, gguf:PATH, or demo",
    "student": "gguf:PATH, ollama:TAG, or demo",
    "judge": "an Ollama model, openai:MODEL, gguf:PATH, or demo",
}

WITH_DIGEST = 64
"""Cells a row needs to have room for a digest."""


class ModelPicker(Vertical):
    """One role's model: a name to type, the list to choose from, and what is to be said of the choice.

    For a name `openai:MODEL` a second line asks where its server listens.
    """

    DEFAULT_CSS = """
    ModelPicker { height: auto; margin-bottom: 1; }
    ModelPicker #task { height: 1; }
    ModelPicker PlainInput { width: 1fr; background: $surface; }
    ModelPicker #url { display: none; }
    ModelPicker #url.-asked { display: block; }
    ModelPicker OptionList {
        height: auto; max-height: 9; background: $background; scrollbar-size-vertical: 1;
    }
    ModelPicker #said { height: auto; margin-bottom: 1; }
    ModelPicker #note { height: auto; padding-left: 2; color: $text-muted; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "to_list", show=False)]

    @dataclass
    class Named(Message):
        """The role has another model, or none."""

        role: Role
        name: str | None

    @dataclass
    class Addressed(Message):
        """The server of the role's model is elsewhere, or nowhere yet."""

        role: Role
        url: str | None

    @dataclass
    class ModelRefused(Message):
        """A model was chosen that cannot have the role."""

        why: str

    @dataclass
    class Settled(Message):
        """A person is done with it."""

        picker: ModelPicker

    def __init__(self, role: Role, name: str | None, url: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.role: Role = role
        self._models: tuple[ListedModel, ...] = ()
        self._listed: tuple[ListedModel, ...] = ()  # of them, those that the list shows
        self._typing = False  # the name was typed, and so narrows the list

        self.input = PlainInput(name, placeholder=NAMES[role], id="name")
        self.url = PlainInput(url, placeholder=f"its server's URL, such as {EXAMPLE}", id="url")
        self._ask_url()
        self._said, self._list, self._note = Static(id="said"), OptionList(compact=True), Static(id="note")

    def compose(self) -> ComposeResult:
        task = Content.assemble((f"{self.role.capitalize():<10}", "bold"), (TASKS[self.role], "$text-muted"))
        yield Static(task, id="task")
        yield from (self.input, self.url, self._said, self._list, self._note)

    @property
    def _narrowed(self) -> bool:
        """True where what was typed is a part of some models' names, and none's whole name."""
        return 0 < len(self._listed) < len(self._models)

    def action_to_list(self) -> None:
        """Go on to the first of the models that are listed."""
        if self._listed:
            self._list.focus()
            self._list.highlighted = 0

    @property
    def name_given(self) -> str | None:
        return self.input.value.strip() or None

    def show_name(self, name: str | None, url: str | None = None) -> None:
        """Have a name stand there that was not typed, and its server's URL where there is one."""
        with self.prevent(Input.Changed):
            self.url.value = url or self.url.value
            if self.name_given != name:
                self.input.value, self._typing = name or "", False
                self._draw()
        self._ask_url()

    def _ask_url(self) -> None:
        self.url.set_class(self.input.value.strip().startswith(SERVED), "-asked")

    def say(self, said: Content) -> None:
        """The line about the chosen model: its kind and needs, or its fault."""
        self._said.update(said)

    def show_models(self, models: Sequence[ListedModel]) -> None:
        """Those that can have the role first; the others with the reason why not, but for a server's as students."""
        listed = [model for model in models if model.kind != "openai" or self.role != "student"]
        self._models = tuple(sorted(listed, key=lambda model: model.unfit(self.role) is not None))
        self._draw()

    def on_resize(self, _: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        highlighted = self._list.highlighted
        room = max(30, self.size.width - 2)
        self._listed = self._matching()
        self._list.set_options([Option(self._row(model, room)) for model in self._listed])
        still = highlighted is not None and highlighted < len(self._listed)
        self._list.highlighted = highlighted if still else None
        self._list.display = bool(self._listed)
        unread = sum(model.unfit(self.role) == UNREAD for model in self._models)
        self._note.update(unread_note(unread))
        self._note.display = unread > 0

    def _matching(self) -> tuple[ListedModel, ...]:
        """The models whose name holds what was typed; all where none does, or where it is a model's whole name."""
        typed = (self.name_given or "").casefold()
        found = tuple(model for model in self._models if typed in model.name.casefold())
        whole = any(self.name_given in (model.name, model.called(self.role)) for model in self._models)
        return found if self._typing and found and not whole else self._models

    def _row(self, model: ListedModel, room: int) -> Content:
        why = model.unfit(self.role)
        chosen = model.called(self.role) is not None and model.called(self.role) == self.name_given
        cells = [
            _cell(size(model.size) if model.size and model.local else "-", 9, right=True),
            _cell(model.quantisation or "-", 7),
            _cell(_billions(model.parameters), 6, right=True),
            _cell((model.digest or "-").removeprefix("sha256:")[:8], 8),
            _cell("here" if model.local else "cloud", 5),
        ]
        if room < WITH_DIGEST:
            del cells[3]
        name = _cell(model.name, room - 2 - sum(cell.cell_length + 2 for cell in cells))
        style = "$text-muted" if why else "bold" if chosen else ""
        mark = ("● ", "$success") if chosen else ("✗ " if why else "  ", style)
        row = Content.assemble(mark, name.stylize(style))
        for cell in cells:
            row = Content.assemble(row, "  ", cell.stylize("$text-muted"))
        if why and why != UNREAD:  # that would stand under every tag: it is noted once
            row = Content.assemble(row, "\n    ", _cell(why, room - 4).stylize("$text-warning"))
        return row

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self.url:
            self.post_message(self.Addressed(self.role, self.url.value.strip() or None))
            return
        self._ask_url()
        self._typing = True
        self._draw()
        self.post_message(self.Named(self.role, self.name_given))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self.input and self.url.has_class("-asked") and not self.url.value.strip():
            self.url.focus()
        elif event.input is self.input and self._narrowed:
            self.action_to_list()
        else:
            self.post_message(self.Settled(self))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        model = self._listed[event.option_index]
        if (why := model.unfit(self.role)) is not None:
            self.post_message(self.ModelRefused(f"{first_line(model.name, 60)}: {why}"))
        else:
            self.show_name(model.called(self.role))
            self.post_message(self.Named(self.role, self.name_given))
            self.post_message(self.Settled(self))


def _cell(text: str, width: int, *, right: bool = False) -> Content:
    """A column's cell: cut and filled up by the cells it takes, not by its characters."""
    line = shown_line(text, max(width, 1)).truncate(width, ellipsis=True)
    return line.right(width) if right else line.truncate(width, pad=True)


def _billions(parameters: float | None) -> str:
    if not parameters:
        return "-"
    return f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.0f}M"
