"""Metrics of tasks as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engine.judge.results import ENOUGH
from engine.tasks.results import Mean, TaskFinding, TaskMetric
from models.system.units import counted
from tui.text.literal import one_line
from tui.text.tables import Fact, facts

LARGE = 1e5
"""A perplexity from here on is written with its power of ten."""

WORDS = {
    TaskFinding.BETTER: "better",
    TaskFinding.WORSE: "worse",
    TaskFinding.NO_DIFFERENCE: "no difference shown",
    TaskFinding.TOO_FEW: "cannot be said",
}


def print_tasks(out: Console, found: Sequence[TaskMetric]) -> None:
    """Print every metric, of the base and of each adapter, but for the parts of groups."""
    out.print(tasks_table(found))
    out.print(facts(_words(found)), soft_wrap=True)


def tasks_table(found: Sequence[TaskMetric]) -> Table:
    table = Table(
        box=SIMPLE_HEAD, pad_edge=False, title="values ± half of their 95 % intervals", title_justify="left"
    )
    for heading in ("task", "metric"):
        table.add_column(heading, overflow="fold")
    table.add_column("model", no_wrap=True)
    for heading in ("value", "beside the base"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for one in found:
        if one.part:
            continue
        table.add_row(one_line(one.task), one_line(one.metric), "base", _mean(one.base))
        for other in one.adapters:
            finding = WORDS[other.finding]
            table.add_row(
                "",
                "",
                _adapters(found)[other.adapter],
                _mean(other.metric),
                _mean(other.difference, "+"),
                finding,
            )
    return table


def _words(found: Sequence[TaskMetric]) -> list[Fact]:
    counts = {one.task: one.documents for one in found if one.documents is not None and not one.part}
    said: list[Fact] = [(short, adapter) for adapter, short in _adapters(found).items()]
    if counts:
        said.append(("documents", ", ".join(f"{task} {count:,}" for task, count in counts.items())))
    if parts := {one.task for one in found if one.part}:
        said.append(("parts", f"{counted(len(parts), 'task')} of groups; --json has them"))
    if any(other.finding is TaskFinding.TOO_FEW for one in found for other in one.adapters):
        said.append(
            (
                "cannot be said",
                f"fewer than {ENOUGH} documents differ, or the metric is no mean over documents",
            )
        )
    return said


def _adapters(found: Sequence[TaskMetric]) -> dict[str, str]:
    """What each adapter is called in the table."""
    names = dict.fromkeys(other.adapter for one in found for other in one.adapters)
    return {name: f"adapter {number}" for number, name in enumerate(names, 1)}


def _mean(mean: Mean, sign: str = "") -> str:
    uncertain = "" if mean.interval is None else f" ± {(mean.interval[1] - mean.interval[0]) / 2:.3f}"
    return f"{mean.value:{sign}{'.3f' if abs(mean.value) < LARGE else '.3g'}}{uncertain}"
