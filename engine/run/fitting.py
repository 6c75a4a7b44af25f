"""Whether two models fit into memory together, and which schedule follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.run.settings import Schedule
from models.system import machine


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a teacher and a student take of the machine's memory, in bytes."""

    teacher: int
    student: int
    embedded: bool  # the teacher runs in this program, beside the student

    @property
    def together(self) -> int:
        return self.teacher + self.student


def auto_schedule(need: MemoryNeed) -> tuple[Schedule, str]:
    """What `auto` means for these two on this machine now, and why."""
    if need.embedded:
        return Schedule.STAGED, "teacher and student would compete for the same processor"
    free = machine.memory().available
    schedule = Schedule.INTERLEAVED if need.together <= free else Schedule.STAGED
    return schedule, (
        f"the models need {need.together / 2**30:.1f} GiB together, and {free / 2**30:.1f} GiB are free"
    )
