"""Placeholder: samples."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.actions import bindings
from tui.screens.base import DeskScreen


class SamplesScreen(DeskScreen):
    SCOPE = "samples"
    BINDINGS = bindings("samples")

    def body(self) -> ComposeResult:
        yield Static("samples")
