"""Messages between the app and its screens."""

from __future__ import annotations

from textual.message import Message

from engine.events import Event
from models.errors import BurnishError


class EngineReported(Message):
    """Events of the engine, since the last of these. Sent to every screen of the stack."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self.events = events


class WorkspaceChanged(Message):
    """Decisions were made or undone, a run ended, or another workspace was opened: read it again."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, WorkspaceChanged)


class ReviewsChanged(Message):
    """A screen has decided about samples, or taken a decision back. The app tells every screen `WorkspaceChanged`."""


class Failed(Message):
    """A part of a screen could not do what was asked for; the screen says the error."""

    def __init__(self, error: BurnishError) -> None:
        super().__init__()
        self.error = error


class SettingsChanged(Message):
    """The settings of the next run were changed, in the workbench."""


class WorkspaceOpened(Message):
    """Another workspace was opened in the workbench."""


class ShowSample(Message):
    """A screen asks to see one sample in Review, at this position of the list."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position


class StartRun(Message):
    """A screen asks for the run with the workbench's settings."""

    def __init__(self, *, limit: int | None = None, retry_failed: bool = False) -> None:
        super().__init__()
        self.limit = limit
        self.retry_failed = retry_failed
