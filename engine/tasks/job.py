"""The job of the process that runs the harness, and its reports: plain data, sent as JSON."""

from __future__ import annotations

from pathlib import Path

from engine.sample import Frozen

BASE = ""
"""The student as it is; an adapter is called as it was named, which is never empty."""


class TasksJob(Frozen):
    """Tasks for a student as it is and with each adapter."""

    student: str  # as settings name it, a file by its whole path
    adapters: dict[str, Path]  # whole paths, by what they are called
    tasks: tuple[str, ...]  # names or patterns
    folder: Path | None  # of tasks of one's own; the files that they name are seen from there
    limit: int | None  # documents of each task
    few_shot: int | None  # None: as each task has it
    context: int
    gpu_layers: int
    threads: int | None
    keep: Path | None  # the folder for answers, a whole path


class Asked(Frozen):
    """A model has answered so many of the requests of a kind."""

    model: str
    done: int
    of: int
    cut: int  # of all its requests, those that lost their beginning


class Measured(Frozen):
    """A metric of a task, by one model."""

    model: str
    task: str
    metric: str  # with its filter, where that is not the usual one
    value: float
    higher_is_better: bool | None
    documents: tuple[float, ...]  # each document's own, in order, where the metric is their mean; else empty
    part: bool  # of a group that was asked for


class Refused(Frozen):
    """The work cannot be done."""

    why: str
    usage: bool = False  # for what was asked for makes no sense


REPORTS = {kind.__name__: kind for kind in (Asked, Measured, Refused)}
Report = Asked | Measured | Refused
