"""Placeholder: run."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.actions import bindings
from tui.screens.base import DeskScreen


class RunScreen(DeskScreen):
    SCOPE = "run"
    BINDINGS = bindings("run")

    def body(self) -> ComposeResult:
        yield Static("run")
