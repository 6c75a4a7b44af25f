"""A tree of folders to choose a dataset or a workspace from."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DirectoryTree, Static

from tui.screens.start.path_input import OURS
from tui.text.literal import one_line
from tui.text.shown import shown_line

SHOWN = 2000
"""Entries of a folder, at most."""


class _Tree(DirectoryTree):
    """Textual's tree, without hidden files and those beside a workspace."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "

    def process_label(self, label: str | Text) -> Text:
        """The label with every character that would act as a picture: file names are anyone's."""
        text = super().process_label(label)
        return Text(one_line(text.plain)[:300])

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        return islice(
            (path for path in paths if not path.name.startswith(".") and not path.name.endswith(OURS)), SHOWN
        )


class BrowseScreen(ModalScreen[Path | None]):
    """A dialog whose result is the file that was chosen, or None."""

    DEFAULT_CSS = """
    BrowseScreen { align: center middle; }
    BrowseScreen #sheet { width: 90%; max-width: 100; height: 90%; padding: 1 2; background: $surface; }
    BrowseScreen #folder { text-style: bold; margin-bottom: 1; height: 1; }
    BrowseScreen _Tree { height: 1fr; background: $surface; background-tint: $surface 0%; scrollbar-size-vertical: 1; }
    BrowseScreen #keys { color: $text-muted; margin-top: 1; height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("backspace,left", "up", "Folder above"),
    ]

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder.absolute()

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield Static(shown_line(str(self._folder), 300), id="folder")
            yield _Tree(self._folder)
            yield Static("enter opens   backspace: the folder above   esc closes", id="keys")

    @on(DirectoryTree.FileSelected)
    def _selected(self, event: DirectoryTree.FileSelected) -> None:
        event.stop()
        self.dismiss(event.path)

    def action_up(self) -> None:
        self._folder = self._folder.parent
        self.query_one("#folder", Static).update(shown_line(str(self._folder), 300))
        self.query_one(_Tree).path = self._folder

    def action_close(self) -> None:
        self.dismiss(None)
