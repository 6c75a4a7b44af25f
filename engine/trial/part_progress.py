"""How far the arms' answers and the judge's verdicts have come, kept in the trial's folder for whoever looks on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from engine.events import Started
from engine.judge.events import Answered, PairJudged
from engine.sample import Frozen
from engine.trial.events import DoneBefore, TrialEvent
from engine.trial.judging import AtWork, Emit
from models.system.atomic_file import atomic_file

PROGRESS = "progress.json"

EVERY = 1.0
"""Seconds between two times that it is written."""


class PartProgress(Frozen):
    """A part of a trial that is not over."""

    part: str  # what is counted in it, in the plural: `answers`, or `pairs` that are judged
    done: int
    total: int


@contextmanager
def keeping_progress(folder: Path, at_work: AtWork, part: str) -> Iterator[Emit]:
    """Show a part of the work by `at_work`, and keep its progress in the folder until it is over.

    Where it ends before that, the folder goes on saying how far it had come.
    """
    done, total, written_at = 0, 0, 0.0

    def on_event(event: TrialEvent) -> None:
        nonlocal done, total, written_at
        emit(event)
        match event:
            case Started():
                done, total = event.done, event.total
            case DoneBefore(count=count):
                done += count
            case Answered() | PairJudged():
                done += 1
            case _:
                return
        if time.monotonic() - written_at >= EVERY:
            written_at = time.monotonic()
            _keep(folder, PartProgress(part=part, done=done, total=total))

    with at_work(part) as emit:
        yield on_event
    (folder / PROGRESS).unlink(missing_ok=True)


def _keep(folder: Path, progress: PartProgress) -> None:
    with atomic_file(folder / PROGRESS, mode=0o600) as file:
        file.write(progress.model_dump_json().encode())


def kept_progress(folder: Path) -> PartProgress | None:
    """The part that is not over; None: there is none, or it cannot be read, for it serves only to be looked at."""
    try:
        return PartProgress.model_validate_json((folder / PROGRESS).read_bytes())
    except (OSError, ValidationError):
        return None
