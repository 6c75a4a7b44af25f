"""The dialog for a note and tags, of one sample or of many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Input, Label, Static, TextArea

from engine.sample import Annotation
from engine.store.annotations import read_tags
from models.errors import BurnishError, UsageError
from tui.screens.dialog import Dialog
from tui.text.shown import shown, shown_line
from tui.widgets.part_editor import LONGEST, Masked, PartEditor
from tui.widgets.plain_input import PlainInput

T = TypeVar("T")

KnownTags = Callable[[], Awaitable[Mapping[str, int]]]
"""Gives the workspace's tags with the samples of each, the most frequent first. Raises `BurnishError`."""


class NoteDialog(Dialog[T]):
    """A note of several lines, and a line of tags. A first escape over changes asks."""

    HEADING = "Note and tags"
    KEYS = "enter keeps · ctrl+j new line · tab goes on · escape leaves"
    BINDINGS = [Binding("ctrl+j", "begin_line", "New line", priority=True)]  # noqa: RUF012 - Textual's
    DEFAULT_CSS = """
    NoteDialog {
        & PartEditor, & PartEditor:focus { border: none; padding: 0; height: 6; background: $panel; }
        & #known { color: $text-muted; height: auto; }
        & #problem { color: $text-warning; height: auto; }
    }
    """

    def __init__(self, known: KnownTags, note: str = "", tags: Sequence[str] = ()) -> None:
        super().__init__()
        self._known = known
        self._masked = Masked(note)
        self._tags = " ".join(tags)
        self._suggester = _TagSuggester()
        self._warned = False

    def questions(self) -> ComposeResult:
        yield Label(self.about_note() + self._why(), classes="question")
        yield PartEditor(
            self._masked.shown if len(self._masked.shown) <= LONGEST else "",
            soft_wrap=True,
            tab_behavior="focus",
            read_only=bool(self._why()),
            id="note",
        )
        yield Label(self.about_tags(), classes="question")
        yield PlainInput(
            self._tags,
            placeholder="bad-fact tone",
            select_on_focus=False,
            suggester=self._suggester,
            id="tags",
        )
        yield Static(id="known")
        yield Static(id="problem")

    def about_note(self) -> str:
        raise NotImplementedError

    def about_tags(self) -> str:
        raise NotImplementedError

    def _why(self) -> str:
        """The reason why the note cannot be edited here; empty where it can."""
        if len(self._masked.shown) > LONGEST:
            return ": too long to edit; it stays as it is"
        return (
            "" if self._masked.exact else ": holds control characters and pictures of them; it stays as it is"
        )

    def on_mount(self) -> None:
        area = self.query_one("#note", PartEditor)
        area.move_cursor(area.document.end)
        self._say_known()

    @work(group="known")
    async def _say_known(self) -> None:
        """Show the tags that there are already, and complete them."""
        try:
            known = await self._known()
        except BurnishError as error:
            self._say(error)
            return
        self._suggester.tags = list(known)
        if known:
            used = ", ".join(f"{tag} {count:,}" for tag, count in known.items())
            self.query_one("#known", Static).update(shown_line(f"in use: {used}", 58))

    @property
    def note(self) -> str:
        """The note as it is edited so far; one of white space alone is none."""
        area = self.query_one("#note", PartEditor)
        note = self._masked.raw if area.read_only else self._masked.back(area.text)
        return note if note.strip() else ""

    @property
    def tags(self) -> str:
        return self.query_one("#tags", PlainInput).value

    @on(TextArea.Changed)
    @on(Input.Changed)
    def _edited(self) -> None:
        self._warned = False

    def action_begin_line(self) -> None:
        area = self.query_one("#note", PartEditor)
        if area.has_focus and not area.read_only:
            area.insert("\n")

    def agree(self) -> None:
        try:
            self._check()
        except UsageError as error:
            self._say(error)
        else:
            super().agree()

    def _check(self) -> None:
        """Raises `UsageError` where what was typed cannot be kept."""
        self.answer()
        if len(self.note) > LONGEST and self.note != self._masked.raw:
            raise UsageError(f"a note has at most {LONGEST:,} characters, and this one {len(self.note):,}")

    def step_out(self) -> None:
        if not self._warned and (self.note, self.tags) != (self._masked.raw, self._tags):
            self._warned = True
            self.query_one("#problem", Static).update(
                "escape again throws the changes away; enter keeps them"
            )
        else:
            super().step_out()

    def _say(self, error: BurnishError) -> None:
        self.query_one("#problem", Static).update(Content.assemble("✗ ", shown(str(error))))


class SampleNoteDialog(NoteDialog[Annotation]):
    """The note and the tags of one sample."""

    def __init__(self, known: KnownTags, sample: int, before: Annotation) -> None:
        super().__init__(known, before.note, before.tags)
        self._sample = sample

    def about_note(self) -> str:
        return f"Note on sample {self._sample}"

    def about_tags(self) -> str:
        return "Tags, to find it by"

    def answer(self) -> Annotation:
        return Annotation(note=self.note, tags=read_tags(self.tags))


class _TagSuggester(Suggester):
    """Completes the last word to a tag that is in use."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.tags: list[str] = []

    async def get_suggestion(self, value: str) -> str | None:
        word = value.rsplit(" ", maxsplit=1)[-1].lstrip("#-")
        completed = (value + tag[len(word) :] for tag in self.tags if word and tag.startswith(word))
        return next(completed, None)
