"""A line of the Export form: its label, what is chosen or typed, and a hint."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from tui.widgets.plain_input import PlainInput


class FormLine(PlainInput):
    """What is typed in a line of the form: the arrows go on to the next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]


def form_row(label: str, field: Widget, hint: str = "") -> ComposeResult:
    """A line of the form."""
    with Horizontal(classes=label.lower()):
        yield Static(label, classes="label")
        yield field
        if hint:
            yield Static(hint, classes="hint")
