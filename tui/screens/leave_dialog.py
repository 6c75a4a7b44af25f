"""Asks whether the app is to be quit while a model is at work."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui.screens.dialog import Dialog


class LeaveDialog(Dialog[bool]):
    HEADING = "A model is at work"
    KEYS = "enter quits · escape stays"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "agree", "Quit", priority=True),
        Binding("escape", "step_out", "Stay", priority=True),
    ]

    def questions(self) -> ComposeResult:
        yield Static(
            "Quitting stops it. What was answered is kept, and the command that is then printed goes on from there."
        )

    def answer(self) -> bool:
        return True
