"""The dialog for a note and tags, of one sample or of many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Input, Label, Static, TextArea

from engine.sample import Annotation
from engine.store.annotations import AnnotationChange, read_tag_changes, read_tags
from models.errors import BurnishError, UsageError
from models.system.units import counted
from tui.screens.dialog import Dialog
from tui.text.shown import shown, shown_line
from tui.widgets.part_editor import LONGEST, Masked, PartEditor
from tui.widgets.plain_input import PlainInput

T = TypeVar("T")

NOTE = "note"
"""The editor's id, and the name of its text in what was typed."""

KnownTags = Callable[[], Awaitable[Mapping[str, int]]]
"""Gives the workspace's tags with the samples of each, the most frequent first. Raises `BurnishError`."""


class NoteDialog(Dialog[T]):
    """A note of several lines, and a line of tags. A first escape over changes asks."""

    HEADING = "Note and tags"
    KEYS = "enter keeps · ctrl+j new line · tab next · escape leaves"
    DEFAULT_CSS = """
    NoteDialog {
        & PartEditor, & PartEditor:focus { border: none; padding: 0; height: 6; background: $panel; }
        & #known { color: $text-muted; height: auto; }
        & #problem { color: $text-warning; height: auto; }
    }
    """

    def __init__(
        self, typed: dict[str, str], known: KnownTags, note: str = "", tags: Sequence[str] = ()
    ) -> None:
        """`typed` holds what could not be kept before, and is emptied where a person throws the changes away."""
        super().__init__(typed)
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
            id=NOTE,
        )
        yield Label(self.about_tags(), classes="question")
        yield PlainInput(
            self._tags,
            placeholder="such as bad-fact tone",
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
        area = self._area
        if not area.read_only and (typed := self._typed.get(NOTE)) is not None:
            area.load_text(typed)
        area.move_cursor(area.document.end)
        self._say_known()

    @property
    def _area(self) -> PartEditor:
        return self.query_one(f"#{NOTE}", PartEditor)

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
        """The note as it is edited so far; one of white space alone is none. Raises `UsageError`."""
        if self._area.read_only:
            return self._masked.raw
        note = self._masked.back(self._area.text)
        if len(note) > LONGEST:
            raise UsageError(f"a note has at most {LONGEST:,} characters, and this one {len(note):,}")
        return note if note.strip() else ""

    @property
    def tags(self) -> str:
        return self.query_one("#tags", PlainInput).value

    @on(TextArea.Changed)
    @on(Input.Changed)
    def _edited(self) -> None:
        self._warned = False
        self._typed[NOTE] = self._area.text

    def agree(self) -> None:
        try:
            answer = self.answer()
        except UsageError as error:
            self._say(error)
        else:
            self.dismiss(answer)

    def step_out(self) -> None:
        edited = not self._area.read_only and self._area.text != self._masked.shown
        if (edited or self.tags != self._tags) and not self._warned:
            self._warned = True
            self.query_one("#problem", Static).update(
                "escape again throws the changes away; enter keeps them"
            )
        else:
            self._typed.clear()
            super().step_out()

    def _say(self, error: BurnishError) -> None:
        self.query_one("#problem", Static).update(Content.assemble("✗ ", shown(str(error))))


class SampleNoteDialog(NoteDialog[Annotation]):
    """The note and the tags of one sample."""

    def __init__(self, typed: dict[str, str], known: KnownTags, sample: int, before: Annotation) -> None:
        super().__init__(typed, known, before.note, before.tags)
        self._sample = sample

    def about_note(self) -> str:
        return f"Note on sample {self._sample}"

    def about_tags(self) -> str:
        return "Tags, to find it by"

    def answer(self) -> Annotation:
        return Annotation(note=self.note, tags=read_tags(self.tags))


class ManyNotesDialog(NoteDialog[AnnotationChange]):
    """A note for those of many samples that have none, and tags that all get or lose."""

    def __init__(self, typed: dict[str, str], known: KnownTags, samples: int) -> None:
        super().__init__(typed, known)
        self._samples = samples

    def about_note(self) -> str:
        return f"Note, for those of {counted(self._samples, 'sample')} that have none"

    def about_tags(self) -> str:
        return "Tags for all; -tag takes one away"

    def answer(self) -> AnnotationChange:
        added, removed = read_tag_changes(self.tags)
        return AnnotationChange(self.note, added, removed)


class _TagSuggester(Suggester):
    """Completes the last word to a tag that is in use."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.tags: list[str] = []

    async def get_suggestion(self, value: str) -> str | None:
        word = value.rsplit(" ", maxsplit=1)[-1].lstrip("#-")
        completed = (value + tag[len(word) :] for tag in self.tags if word and tag.startswith(word))
        return next(completed, None)
