"""The event of tasks, besides those they share with a run."""

from __future__ import annotations

from dataclasses import dataclass

from engine.events import Notice, Started


@dataclass(frozen=True, slots=True)
class RequestsDone:
    """So many more of the harness's requests are answered."""

    count: int


TasksEvent = Started | Notice | RequestsDone
"""`Started` is told anew for each model and each kind of request."""
