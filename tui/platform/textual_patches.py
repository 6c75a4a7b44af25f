"""Textual keeps a widget that watched another's attribute until that attribute changes. A footer's never does, and
gets new keys with every screen and focus; the theme's watchers are the editors of every Review there was."""

from __future__ import annotations

from collections.abc import Iterable

from textual.dom import DOMNode


def drop_dead_watchers(nodes: Iterable[DOMNode]) -> None:
    """Let go of the widgets that watched these and are gone, as Textual does when it calls the others."""
    for node in nodes:
        for watchers in getattr(node, "__watchers", {}).values():
            watchers[:] = [(watching, call) for watching, call in watchers if not watching._closing]
