"""The table of several teachers that were tried on the same samples, and the choice of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.run.teacher_trial import TeacherTrial
from models.system.units import counted
from tui.text.shown import shown, shown_line
from tui.text.teacher_table import RSR, teacher_table

WIDTH = 60
"""Cells of a teacher's name."""


class TeacherTableDialog(ModalScreen[str | None]):
    """Its result is the teacher that is to be Start's, or None."""

    DEFAULT_CSS = """
    TeacherTableDialog { align: center middle; }
    TeacherTableDialog #sheet {
        width: 90%; max-width: 120; height: auto; max-height: 95%; padding: 1 2; background: $surface;
    }
    TeacherTableDialog #heading { text-style: bold; color: $primary; margin-bottom: 1; }
    TeacherTableDialog VerticalScroll { height: auto; max-height: 60vh; scrollbar-size-vertical: 1; }
    TeacherTableDialog .problem { height: auto; color: $text-warning; margin-top: 1; }
    TeacherTableDialog .note { height: auto; color: $text-muted; margin-top: 1; }
    TeacherTableDialog OptionList { height: auto; max-height: 20vh; background: $surface; margin-top: 1; }
    TeacherTableDialog.-narrow VerticalScroll { max-height: 42vh; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("pagedown", "scroll(1)", "Scroll", priority=True),  # not the list of teachers
        Binding("pageup", "scroll(-1)", "Scroll", priority=True),
    ]

    def __init__(self, trials: Sequence[TeacherTrial], samples: int) -> None:
        """`samples`: that each was tried on."""
        super().__init__()
        self._trials = trials
        self._samples = samples

    def compose(self) -> ComposeResult:
        tried = [one for one in self._trials if one.problem is None]
        with Vertical(id="sheet"):
            yield Static(
                f"{counted(len(tried), 'teacher')} tried on {counted(self._samples, 'sample')}", id="heading"
            )
            with VerticalScroll(can_focus=False):
                if tried:
                    yield Static(teacher_table(tried))
                for one in self._trials:
                    if one.problem is not None:
                        text = Content.assemble(
                            "! ", shown_line(one.teacher, WIDTH), ": ", shown(one.problem)
                        )
                        yield Static(text, classes="problem")
                yield Static(f"RSR: {RSR}", classes="note")
            if tried:
                yield OptionList(
                    *(Option(Content.assemble("take ", shown_line(one.teacher, WIDTH))) for one in tried),
                    compact=True,
                )
            keys = "enter makes it Start's teacher   " * bool(tried)
            yield Static(f"{keys}pgup, pgdn scroll   esc closes", classes="note")

    def on_mount(self) -> None:
        for choice in self.query(OptionList):
            choice.highlighted = 0
            choice.focus()

    @on(OptionList.OptionSelected)
    def _taken(self, event: OptionList.OptionSelected) -> None:
        tried = [one for one in self._trials if one.problem is None]
        self.dismiss(tried[event.option_index].teacher)

    def action_scroll(self, pages: int) -> None:
        table = self.query_one(VerticalScroll)
        table.scroll_relative(y=pages * table.size.height, animate=False)

    def action_close(self) -> None:
        self.dismiss(None)
