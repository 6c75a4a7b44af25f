"""The trials of several teachers as a table, a teacher a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.table import Table
from rich.text import Text

from engine.pace import duration
from engine.run.teacher_trial import StageTrial, TeacherTrial
from tui.text.literal import one_line

RSR = "sum of ranks up to 100 over sum of losses; lower suits the student better (arXiv 2601.14249)"


def teacher_table(trials: Sequence[TeacherTrial]) -> Table:
    """Every measure a row; `-` where there is none."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    tried = [one for one in trials if one.problem is None]
    for one in tried:
        table.add_column(Text(one_line(one.teacher)), justify="right", overflow="fold")
    for label, measure in _ROWS:
        table.add_row(label, *(Text(measure(one)) for one in tried))
    return table


def _stage(stage: Callable[[TeacherTrial], StageTrial]) -> list[tuple[str, Callable[[TeacherTrial], str]]]:
    return [
        ("  usable rewrites", lambda one: f"{stage(one).usable} of {stage(one).asked}"),
        ("  taken by the student", lambda one: f"{stage(one).taken} of {stage(one).usable}"),
        ("  mean margin", lambda one: _signed(stage(one).margin)),
        ("  at equal length", lambda one: _signed(stage(one).margin_at_equal_length)),
    ]


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _speed(one: TeacherTrial) -> str:
    speed = one.estimate and one.estimate.teacher_speed
    return f"{speed:.1f}" if speed else "-"


def _time(one: TeacherTrial) -> str:
    if one.estimate is None or not one.estimate.left:
        return "-"
    return duration(one.estimate.seconds) if one.estimate.teacher_speed else "-"


_ROWS: list[tuple[str, Callable[[TeacherTrial], str]]] = [
    ("instruction stage", lambda _: ""),
    *_stage(lambda one: one.instruction),
    ("response stage", lambda _: ""),
    *_stage(lambda one: one.response),
    ("RSR of its answers", lambda one: "-" if one.rsr is None else f"{one.rsr:.2f}"),
    ("their length", lambda one: "-" if one.length is None else f"x {one.length:.2f}"),
    ("replies of no use", lambda one: str(one.unusable_replies)),
    ("tokens a second", _speed),
    ("the other samples", _time),
]
