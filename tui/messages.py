"""Messages between the app and its screens."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from engine.events import Event
from engine.run.settings import Settings
from models.errors import BurnishError


@dataclass
class EngineReported(Message):
    """Events of the engine, since the last of these. Sent to every screen of the stack."""

    events: list[Event]


class WorkspaceChanged(Message):
    """Decisions were made or undone, a run ended, or another workspace was opened: read it again."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, WorkspaceChanged)


class ReviewsChanged(Message):
    """A screen has decided about samples, or taken a decision back. The app tells every screen `WorkspaceChanged`."""


@dataclass
class Failed(Message):
    """A part of a screen could not do what was asked for; the screen says the error."""

    error: BurnishError


class SettingsChanged(Message):
    """The settings of the next run were changed, in the workbench."""


class WorkspaceOpened(Message):
    """Another workspace was opened in the workbench."""


@dataclass
class ShowSample(Message):
    """A screen asks to see one sample in Review, at this position of the list."""

    position: int


@dataclass
class TryTeachers(Message):
    """A screen asks for several teachers to be tried, one after the other, on the same samples."""

    each: dict[str, Settings]  # the settings with a teacher, by its name
    samples: int


@dataclass(kw_only=True)
class StartRun(Message):
    """A screen asks for the run with the workbench's settings."""

    limit: int | None = None
    only: tuple[int, ...] | None = None  # samples to try; None: all, or the first `limit`
    retry_failed: bool = False
