"""A line for a path: the paths that could be meant are listed below it, and Tab and the arrows complete it.

Textual's `Input(suggester=...)` shows one completion behind the cursor. It is used for that; the list, Tab as in a
shell, and letters of either case are ours.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from models.system.threads import on_daemon_thread
from tui.text.literal import one_line
from tui.widgets.plain_input import PlainInput

KNOWN = (".burnish", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".gz", ".xz", ".zst")
OURS = tuple(f".burnish-{kind}" for kind in ("lock", "wal", "shm", "new"))
"""Files beside a workspace that nobody opens."""
ENTRIES_READ = 20_000
"""Entries of a folder, at most."""
LISTED = 50
"""Completions, at most."""


def completions(typed: str) -> list[str]:
    """The paths that begin as typed, written as a person would; folders end with a slash. Reads one folder.

    Folders come first, then what may be a dataset or a workspace, then the rest. Letter case does not matter.
    """
    if typed == "~":
        return ["~/"]
    head, slash, start = typed.rpartition("/")
    found: list[tuple[int, str]] = []
    # Where there is no such folder or user, or it may not be read, there is nothing to list.
    with suppress(OSError, RuntimeError, ValueError), os.scandir(_folder(head + slash)) as entries:
        for entry in islice(entries, ENTRIES_READ):
            name = entry.name
            hidden = (name[0] == "." and not start) or name.endswith(OURS)
            if hidden or not name.casefold().startswith(start.casefold()):
                continue
            folder = _is_folder(entry)
            rank = 0 if folder else 1 if name.endswith(KNOWN) else 2
            found.append((rank, f"{head}{slash}{name}{'/' * folder}"))
    return [path for _, path in sorted(found)[:LISTED]]


def _folder(typed: str) -> Path:
    return Path(typed or ".").expanduser()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


class _Completer(Suggester):
    """The first completion, in grey behind the cursor."""

    def __init__(self, field: PathField) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._field = field

    async def get_suggestion(self, value: str) -> str | None:
        first = next(iter(await self._field.matches(value)), "")
        # A name with characters that act is shown in the list alone: here they could not be replaced by pictures.
        return first if first.startswith(value) and one_line(first) == first else None


class PathField(Vertical):
    """The input and its list. Posts `PathChosen` for Enter, or a click."""

    DEFAULT_CSS = """
    PathField { height: auto; }
    PathField OptionList {
        height: auto; max-height: 8; display: none; color: $text-muted;
        background: $surface; scrollbar-size-vertical: 1;
    }
    PathField.-listing OptionList { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("tab", "complete", show=False),
        Binding("escape", "leave_line", "Leave line"),
    ]

    @dataclass
    class PathChosen(Message):
        """A path was chosen, to be opened."""

        path: Path

    def __init__(self, placeholder: str, **options: Any) -> None:
        super().__init__(**options)
        self.input = PlainInput(placeholder=placeholder, suggester=_Completer(self), select_on_focus=False)
        self._list = OptionList(compact=True)
        self._list.can_focus = False  # the arrows move its highlight while the input has the focus
        self._matches: list[str] = []
        self._looking = asyncio.Lock()
        self._last: tuple[str, list[str]] | None = None

    def compose(self) -> ComposeResult:
        yield from (self.input, self._list)

    async def matches(self, typed: str) -> list[str]:
        """The completions of a text. The folder is read once, for the list and for the suggestion."""
        async with self._looking:
            if typed != self.input.value:
                return []
            if self._last is None or self._last[0] != typed:
                self._last = (typed, await on_daemon_thread(completions, typed))
            return self._last[1]

    def on_descendant_focus(self) -> None:
        self._last = None  # files come and go
        self._renew()

    def on_descendant_blur(self) -> None:
        self.remove_class("-listing")

    @on(Input.Changed)
    @work(exclusive=True)
    async def _renew(self) -> None:
        typed = self.input.value
        matches = await self.matches(typed)
        if typed != self.input.value or not self.has_focus_within:
            return
        self._matches = [] if matches == [typed] else matches
        folder = len(typed.rpartition("/")[0])
        self._list.set_options([Option(_shown(match, folder)) for match in self._matches])
        self._list.highlighted = None
        self.set_class(bool(self._matches), "-listing")

    def action_move(self, step: int) -> None:
        """Go through the list; without one, to the next widget."""
        listed = self._list
        if not self.has_class("-listing"):
            self.screen.focus_next() if step > 0 else self.screen.focus_previous()
        elif listed.highlighted is None:
            listed.highlighted = 0 if step > 0 else len(self._matches) - 1
        else:
            listed.highlighted = (listed.highlighted + step) % len(self._matches)

    def action_complete(self) -> None:
        """Take the completion that is highlighted, else the beginning that all share; else go to the next widget."""
        at = self._list.highlighted
        if not self.has_class("-listing"):
            self.screen.focus_next()
        elif at is not None:
            self._set(self._matches[at])
        else:
            agreed = os.path.commonprefix(self._matches)  # noqa: RUF071 - letter by letter
            if len(agreed) > len(self.input.value):
                self._set(agreed)
            else:
                self.screen.focus_next()

    def action_leave_line(self) -> None:
        if self.has_class("-listing"):
            self.remove_class("-listing")
        else:
            self.screen.set_focus(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        at = self._list.highlighted
        if self.has_class("-listing") and at is not None:
            self._take(self._matches[at])
        elif event.value.strip():
            self._take(event.value)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._take(self._matches[event.option_index])

    def _take(self, path: str) -> None:
        self._set(path)
        if path.endswith("/"):
            self.input.focus()
        else:
            self.remove_class("-listing")
            self.post_message(self.PathChosen(Path(path)))

    def _set(self, path: str) -> None:
        self.input.value = path
        self.input.cursor_position = len(path)


def _shown(match: str, head: int) -> Content:
    """A completion in the list: its last part, `head` being the length of the folder that was typed."""
    name = match[head:].removeprefix("/") if head else match
    return Content.styled(one_line(name), "bold" if match.endswith("/") else "")
