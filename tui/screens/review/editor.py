"""A version, edited in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from textual import on
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Label, TextArea

from engine.sample import PARTS, Version
from tui.text.literal import pictures
from tui.widgets.part_editor import LONGEST, Masked, PartEditor


class VersionEditor(Vertical):
    """Instruction, input and response; ctrl+s saves, escape leaves. Its text can be read also when it is gone."""

    BINDINGS = [  # noqa: RUF012 - Textual's
        Binding("ctrl+s", "save", "Save", priority=True),
        Binding("escape", "step_out", "Leave", priority=True),
        Binding("tab", "turn(1)", priority=True, show=False),
        Binding("shift+tab", "turn(-1)", priority=True, show=False),
    ]
    DEFAULT_CSS = """
    VersionEditor {
        height: 1fr;
        padding: 0 1;
        & Label { color: $primary; text-style: bold; padding-left: 1; width: 1fr; }
        & TextArea { border: none; padding: 0 1; height: 1fr; background: $surface; }
        & TextArea:focus { background: $panel; border: none; }
        & #edit-input { height: 0.5fr; min-height: 2; }
        & #edit-response { height: 2fr; }
        & #edit-help { color: $text-muted; text-style: none; }
    }
    """

    class VersionSaved(Message):
        def __init__(self, version: Version) -> None:
            super().__init__()
            self.version = version

    class EditorLeft(Message):
        """`version`: the edit that would be lost; None where nothing was changed, or a person throws it away."""

        def __init__(self, version: Version | None) -> None:
            super().__init__()
            self.version = version

    def __init__(self, outside: str, *, id: str) -> None:
        """`outside`: the key that opens a person's own editor in Review."""
        super().__init__(id=id)
        self._outside = outside
        self._areas: dict[str, PartEditor] = {}  # made when they are needed: most samples are never edited
        self._masked: dict[str, Masked] = {}
        self._warned = self._unsaved = False

    def _made(self) -> Iterator[Widget]:
        for part in PARTS:
            yield Label(part.capitalize(), id=f"label-{part}")
            area = self._areas[part] = PartEditor(id=f"edit-{part}", soft_wrap=True, tab_behavior="focus")
            yield area
        yield Label("ctrl+s saves · escape leaves, and decides nothing · tab goes on", id="edit-help")

    def begin(self, version: Version, *, unsaved: bool = False) -> None:
        """Edit this version. `unsaved`: it is a person's already, and is kept nowhere else."""
        if not self._areas:
            self.mount_all(self._made())
        self._warned, self._unsaved = False, unsaved
        for part in PARTS:
            masked = self._masked[part] = Masked(getattr(version, part))
            area = self._areas[part]
            area.load_text(masked.shown if len(masked.shown) <= LONGEST else "")
            area.read_only = len(masked.shown) > LONGEST or not masked.exact
            self.query_one(f"#label-{part}", Label).update(part.capitalize() + self._why(masked))
        next(
            self._areas[part] for part in ("response", "instruction", "input") if self._editable(part)
        ).focus()

    def _why(self, masked: Masked) -> str:
        """The reason why a part cannot be edited here; empty where it can."""
        if len(masked.shown) > LONGEST:
            why = "too long to edit here"
        elif not masked.exact:
            why = "holds control characters and pictures of them"
        else:
            return ""
        return f": {why}; it stays as it is ({self._outside} opens it in your editor)"

    def _editable(self, part: str) -> bool:
        return part == "input" or not self._areas[part].read_only

    @property
    def version(self) -> Version:
        """The version as it is edited so far."""
        return Version(**{part: self._text(part) for part in PARTS})

    def _text(self, part: str) -> str:
        area, masked = self._areas[part], self._masked[part]
        return masked.raw if area.read_only else masked.back(area.text)

    @property
    def changed(self) -> bool:
        return self._unsaved or any(self._text(part) != self._masked[part].raw for part in PARTS)

    def warn(self) -> None:
        """Leaving again loses what was not saved."""
        self._warned = True
        self.notify("it cannot be kept: escape again throws the changes away", severity="warning")

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self._warned = False

    def action_save(self) -> None:
        self._after_keys(self._save)

    def action_step_out(self) -> None:
        self._after_keys(self._leave)

    def _after_keys(self, act: Callable[[], None]) -> None:
        """Do it when the text in focus has read the keys before, which wait for it."""
        (self.screen.focused or self).call_later(act)

    def _leave(self) -> None:
        self.post_message(self.EditorLeft(self.version if self.changed and not self._warned else None))

    def _save(self) -> None:
        version = self.version
        if not version.instruction.strip() or not version.response.strip():
            self.notify("an instruction and a response are needed: one of them is empty", severity="warning")
            return
        for part in PARTS:
            text, before = getattr(version, part), self._masked[part].raw
            if new := sorted(pictures(text) - pictures(before)):
                what = (
                    f"the {part} holds {' '.join(new)}: saved as such, not as the control character it shows"
                )
                self.notify(what, severity="warning")
        self.post_message(self.VersionSaved(version))

    def action_turn(self, step: int) -> None:
        """To the next part, around: the rest of the screen is not reached while a text is being edited."""
        focused = [self._areas[part].has_focus for part in PARTS]
        at = focused.index(True) if any(focused) else -1
        self._areas[PARTS[(at + step) % len(PARTS)]].focus()
