"""Events of a run at work. The command line and the app show the same ones.

`engine.judge.events` has those of a judge, which shares the events of a teacher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from engine.sample import Choice, Outcome, Stage
from models.ray.cluster import NodeWork
from models.student import StudentInfo
from models.teacher import Fault, TeacherInfo


@dataclass(frozen=True, slots=True)
class TeacherOpened:
    """The teacher is there and may be asked."""

    info: TeacherInfo


@dataclass(frozen=True, slots=True)
class StudentOpened:
    """The student is loaded."""

    info: StudentInfo


@dataclass(frozen=True, slots=True)
class Started:
    """A run begins."""

    total: int  # samples it will finish, those already finished included
    done: int
    failed: int  # of those done
    stages: tuple[Stage, ...]  # that every sample goes through


@dataclass(frozen=True, slots=True)
class RefinedBefore:
    """The verdicts of the samples that were done when this run was taken up; told after `Started`."""

    replaced: Mapping[Stage, int]
    near_ties: int  # choices
    length_decides: int  # choices
    inputs_lost: int  # samples whose rewrite asks without most of their input
    faults: Mapping[str, int]  # of stages that failed, by kind


@dataclass(frozen=True, slots=True)
class DroppedMeanwhile:
    """A person dropped samples while the run went on, and it ends without them: its counts are these now."""

    total: int
    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """The models work in turn, and this one's begins, over the samples that may need it."""

    model: Literal["teacher", "student", "verifier"]
    samples: int


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """The verifier's turn is over: what the others need not do in turn they do together."""


@dataclass(frozen=True, slots=True)
class SampleAdvanced:
    """A sample has gone as far as the models at work can take it."""

    sample: int


class Place(NamedTuple):
    """The place of a question in a run."""

    sample: int
    stage: Stage
    question: str


@dataclass(frozen=True, slots=True)
class TeacherQueue:
    """The run's requests before the teacher, told whenever they change."""

    now: tuple[Place, ...]  # in flight, oldest first
    waiting: int  # further requests, whose turn has not come


@dataclass(frozen=True, slots=True)
class StudentQueue:
    """The run's samples before the student, told whenever their number changes."""

    samples: int  # with passages that are being scored, or wait to be


@dataclass(frozen=True, slots=True)
class ReplyGrew:
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
class AttemptFailed:
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
    input_lost: bool = False  # what the sample asks now is without most of its input


@dataclass(frozen=True, slots=True)
class Paused:
    """The teacher's server cannot go on. The run waits and tries again by itself."""

    fault: Fault
    message: str  # what happened and what to do


@dataclass(frozen=True, slots=True)
class Resumed:
    """The teacher answers again."""


@dataclass(frozen=True, slots=True)
class Held:
    """The first samples, or pairs, all failed in the same way: nothing new is begun until a person says so."""

    fault: Fault
    samples: int  # that failed
    why: str  # of the last one
    reply: str  # the beginning of its last reply; "": there was none
    advice: str  # what to try
    unit: str = "samples"

    @property
    def text(self) -> str:
        began = f"; the last reply began: {' '.join(self.reply.split())}" if self.reply else ""
        return f"the first {self.samples} {self.unit} all failed ({self.fault}): {self.why}{began}; {self.advice}"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know, decided on their behalf."""

    text: str


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """Something has changed in what a node of a Ray cluster does."""

    work: NodeWork


SharedEvent = (
    TeacherOpened
    | Started
    | TeacherQueue
    | ReplyGrew
    | Generated
    | AttemptFailed
    | Paused
    | Resumed
    | Held
    | Notice
    | NodeChanged
)
"""Told in a run and by a judge: both ask a teacher."""

Event = (
    SharedEvent
    | RefinedBefore
    | DroppedMeanwhile
    | StudentOpened
    | PhaseStarted
    | PhaseEnded
    | SampleAdvanced
    | StudentQueue
    | Scored
    | Chosen
    | Finished
)
"""Told in a run."""
