"""What the app tells its screens, and they tell it."""

from __future__ import annotations

from textual.message import Message

from engine.events import Event


class EngineReported(Message):
    """The engine reported something. Sent to every screen that is on; a later one joins an earlier one."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self.events = events


class WorkspaceChanged(Message):
    """Decisions were made or undone, a run ended, or another workspace was opened: look again."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, WorkspaceChanged)


class ReviewsChanged(Message):
    """A screen has decided about samples, or taken a decision back. The app tells every screen `WorkspaceChanged`."""


class SettingsChanged(Message):
    """The workbench's settings are others: what the next run goes by."""


class WorkspaceOpened(Message):
    """The workbench has another workspace."""


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
