"""The settings and models a run was last started with, to be read: what decides an outcome is its recipe."""

from __future__ import annotations

from typing import Any

from engine.sample import Frozen, Reasoning
from models.teacher import TeacherInfo


class StudentFile(Frozen):
    """The file of a student's weights."""

    name: str
    path: str
    digest: str


class RandomPart(Frozen):
    """The samples that a run was over, drawn at random."""

    samples: int
    seed: int


class RunRecord(Frozen):
    """The settings and the models of a run."""

    settings: dict[str, Any]  # engine.run.settings.Settings as JSON
    teacher: TeacherInfo | None = None  # None: it asks none
    student: StudentFile | None = None  # None: it asks none
    verifier: StudentFile | None = None  # better weights of the student; None: near ties are not scored again
    schema_ignored: bool = False  # by its server; runs with `auto` ask this teacher in another form since
    part: RandomPart | None = None  # None: all samples, or the first of them
    held: bool = False  # once, for its first samples all failed in the same way: it is not held again

    @property
    def reasoning(self) -> str:
        """`engine.sample.Reasoning` of its settings."""
        run = self.settings.get("run")
        return str(run.get("reasoning", Reasoning.SKIP)) if isinstance(run, dict) else Reasoning.SKIP
