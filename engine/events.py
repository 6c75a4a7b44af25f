"""What the engine reports while it works. The command line and the app show the same events."""

from __future__ import annotations

from dataclasses import dataclass

from engine.sample import Choice, Outcome, Stage
from models.teacher import Fault


@dataclass(frozen=True, slots=True)
class Started:
    """A run begins."""

    total: int  # samples it will finish, those already finished included
    done: int
    failed: int  # of those done
    stages: tuple[Stage, ...]  # that every sample goes through


@dataclass(frozen=True, slots=True)
class Growing:
    """The teacher has written a little more of a reply."""

    sample: int
    stage: Stage
    question: str
    text: str  # the new piece


@dataclass(frozen=True, slots=True)
class Generated:
    """A reply is complete and committed."""

    sample: int
    stage: Stage
    question: str
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Unused:
    """An attempt gave nothing usable."""

    sample: int
    stage: Stage
    question: str
    attempt: int  # 0-based
    fault: Fault
    why: str


@dataclass(frozen=True, slots=True)
class Scored:
    """The student has weighed some passages of a sample, and they are committed."""

    sample: int
    tokens: int  # target tokens
    seconds: float  # of the student's time since it last reported: they add up to the time it was busy


@dataclass(frozen=True, slots=True)
class Chosen:
    """A stage of a sample is decided."""

    sample: int
    choice: Choice


@dataclass(frozen=True, slots=True)
class Finished:
    """A sample has gone its whole way and its outcome is committed."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Paused:
    """The teacher's server cannot go on. The run waits and tries again by itself."""

    fault: Fault
    message: str  # what happened and what to do


@dataclass(frozen=True, slots=True)
class Resumed:
    """The teacher answers again."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know, decided on their behalf."""

    text: str


Event = Started | Growing | Generated | Unused | Scored | Chosen | Finished | Paused | Resumed | Notice
