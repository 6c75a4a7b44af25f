"""Placeholder: distribution."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.actions import bindings
from tui.screens.base import DeskScreen


class DistributionScreen(DeskScreen):
    SCOPE = "distribution"
    BINDINGS = bindings("distribution")

    def body(self) -> ComposeResult:
        yield Static("distribution")
