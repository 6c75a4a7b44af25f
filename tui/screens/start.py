"""Placeholder: start."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.widgets import Static

from tui.actions import bindings
from tui.desk import Desk
from tui.screens.base import DeskScreen


class StartScreen(DeskScreen):
    SCOPE = "start"
    BINDINGS = bindings("start")

    def __init__(self, desk: Desk, first: Path | None = None) -> None:
        """`first`: a dataset or a workspace to open at once."""
        super().__init__(desk)
        self.first = first

    def body(self) -> ComposeResult:
        yield Static("start")
