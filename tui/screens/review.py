"""Placeholder: review."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.actions import bindings
from tui.desk import Desk
from tui.screens.base import DeskScreen


class ReviewScreen(DeskScreen):
    SCOPE = "review"
    BINDINGS = bindings("review")

    def __init__(self, desk: Desk, position: int) -> None:
        super().__init__(desk)
        self.position = position

    def body(self) -> ComposeResult:
        yield Static("review")
