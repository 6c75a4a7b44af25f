"""Placeholder: heat."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from engine.sample import Version
from tui.actions import bindings
from tui.desk import Desk
from tui.screens.base import DeskScreen


class HeatScreen(DeskScreen):
    SCOPE = "heat"
    BINDINGS = bindings("heat")

    def __init__(self, desk: Desk, sample: int, versions: dict[str, Version]) -> None:
        """`versions`: what can be looked at, by title, the first one shown first."""
        super().__init__(desk)
        self.sample = sample
        self.versions = versions

    def body(self) -> ComposeResult:
        yield Static("heat")
