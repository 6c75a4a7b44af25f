"""The dialog that asks which teachers are to be tried on the same samples, and on how many."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from tui.screens.dialog import Dialog
from tui.text.shown import shown_line
from tui.widgets.plain_input import PlainInput

NAME_WIDTH = 70
"""Cells of a teacher's name in the list."""


@dataclass(frozen=True, slots=True)
class TeachersRequest:
    """The answers of the dialog."""

    names: tuple[str, ...]
    samples: int


class MarkList(OptionList):
    """Names, some of them marked. Space and a click mark one, and unmark it.

    Beside Textual's `SelectionList`, which tells its marks by their colour.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", show=False)]

    def __init__(self) -> None:
        self._names: Sequence[str] = ()
        self._marked: set[str] = set()
        super().__init__(Option("looking for models …", disabled=True), compact=True)

    def show(self, names: Sequence[str], marked: Collection[str]) -> None:
        """Show names in place of those that stand there, some of them marked."""
        self._names, self._marked = names, set(marked)
        self.set_options(Option(self._line(name)) for name in names)
        self.highlighted = 0 if names else None

    @property
    def marked(self) -> list[str]:
        """Those that are, in the order in which they stand."""
        return [name for name in self._names if name in self._marked]

    def _line(self, name: str) -> Content:
        mark = "[x] " if name in self._marked else "[ ] "
        return Content.assemble(mark, shown_line(name, NAME_WIDTH))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        name = self._names[event.option_index]
        self._marked ^= {name}
        self.replace_option_prompt_at_index(event.option_index, self._line(name))


class TeachersDialog(Dialog[TeachersRequest]):
    HEADING = "Try several teachers on the same samples"
    DEFAULT_CSS = """
    TeachersDialog {
        & #dialog { width: 84; }
        & MarkList { height: auto; max-height: 8; background: $surface; scrollbar-size-vertical: 1; }
        & #wrong { height: auto; color: $text-error; display: none; }
        & #wrong.-said { display: block; margin-top: 1; }
        &.-narrow .question { margin-top: 0; }
    }
    """

    def __init__(
        self, here: Awaitable[Sequence[str]], chosen: str | None, samples: int, typed: dict[str, str]
    ) -> None:
        """`here`: the teachers that are found; it may take a while. `chosen`: Start's, marked at first. `samples`
        stands there at first, but for what is in `typed`."""
        super().__init__(typed)
        self._here = here
        self._listed = False  # what is here
        self._chosen = chosen
        self._samples = samples

    def questions(self) -> ComposeResult:
        yield Label("Those that are here: space marks one", classes="question", id="here")
        yield MarkList()
        yield Label("Others, by commas", classes="question")
        yield PlainInput(placeholder="an Ollama model, openai:MODEL, gguf:PATH, or demo", id="others")
        yield Label("How many samples each refines", classes="question")
        yield PlainInput(str(self._samples), id="samples", restrict=r"\d*", max_length=4)
        yield Static(id="wrong")

    def on_mount(self) -> None:
        super().on_mount()
        self._show_here()

    @work
    async def _show_here(self) -> None:
        """Show the teachers that are found, Start's marked; one that is not among them stands with the others."""
        here, listed = await self._here, self.query_one(MarkList)
        # Ollama calls one without a tag "latest".
        same = [name for name in here if name in (self._chosen, f"{self._chosen}:latest")]
        listed.show(here, same[:1])
        if not here:
            if listed.has_focus:
                self.focus_next()
            self.query("#here, MarkList").set(display=False)
        self._listed = True
        if not same and self._chosen is not None and "others" not in self._typed:
            self.query_one("#others", PlainInput).value = self._chosen
            del self._typed["others"]  # nobody typed it

    def agree(self) -> None:
        answer = self.answer()
        if answer.names and answer.samples:
            super().agree()
            return
        wrong = self.query_one("#wrong", Static)
        wrong.update(
            Content("✗ mark a teacher, or name one" if not answer.names else "✗ say how many samples")
        )
        wrong.add_class("-said")

    def answer(self) -> TeachersRequest:
        marked = self.query_one(MarkList).marked if self._listed else [self._chosen or ""]
        typed = [name.strip() for name in self.query_one("#others", PlainInput).value.split(",")]
        names = dict.fromkeys(name for name in (*marked, *typed) if name)
        return TeachersRequest(tuple(names), int(self.query_one("#samples", PlainInput).value or 0))
