"""Placeholder: export."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.actions import bindings
from tui.screens.base import DeskScreen


class ExportScreen(DeskScreen):
    SCOPE = "export"
    BINDINGS = bindings("export")

    def body(self) -> ComposeResult:
        yield Static("export")
