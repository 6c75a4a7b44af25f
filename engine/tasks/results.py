"""The metrics of tasks, of the student as it is and with each adapter beside it.

An interval is that of a mean over documents: 1.96 standard errors. A difference's is over the same documents' own
differences, which is narrower than two intervals beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np

from engine.judge.results import ENOUGH
from engine.sample import Frozen
from engine.tasks.job import BASE, Measured

Z = 1.96  # of 95 %


class TaskFinding(StrEnum):
    """How an adapter compares with the base, as far as the interval carries."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference"
    TOO_FEW = "too few"  # documents on which the two differ, or none that are known


class Mean(Frozen):
    value: float
    interval: (
        tuple[float, float] | None
    )  # 95 %; None: of fewer than ten documents or all alike, or of no mean over documents


class WithAdapter(Frozen):
    """An adapter's metric, and what it is beside the base's."""

    adapter: str
    metric: Mean
    difference: Mean
    differing: int | None  # documents on which the two differ; None: they are not known
    finding: TaskFinding


class TaskMetric(Frozen):
    task: str
    metric: str
    part: bool  # of a group that was asked for, too
    documents: int | None  # None: the metric is no mean over them
    higher_is_better: bool | None  # None: the task does not say
    base: Mean
    adapters: tuple[WithAdapter, ...]


def results(measured: Iterable[Measured]) -> list[TaskMetric]:
    """Every metric of every task that the base has, in the harness's order."""
    by_metric: dict[tuple[str, str], dict[str, Measured]] = {}
    for one in measured:
        by_metric.setdefault((one.task, one.metric), {})[one.model] = one
    return [_metric(models) for models in by_metric.values() if BASE in models]


def _metric(models: dict[str, Measured]) -> TaskMetric:
    base = models[BASE]
    return TaskMetric(
        task=base.task,
        metric=base.metric,
        part=base.part,
        documents=len(base.documents) or None,
        higher_is_better=base.higher_is_better,
        base=_mean(base.value, base.documents),
        adapters=tuple(_beside(base, other) for name, other in models.items() if name != BASE),
    )


def _beside(base: Measured, other: Measured) -> WithAdapter:
    known = bool(base.documents) and len(base.documents) == len(other.documents)
    apart = np.subtract(other.documents, base.documents) if known else np.empty(0)
    value = other.value - base.value
    difference = Mean(value=value, interval=_interval(value, apart.tolist()))
    differing = int(np.count_nonzero(apart)) if known else None
    return WithAdapter(
        adapter=other.model,
        metric=_mean(other.value, other.documents),
        difference=difference,
        differing=differing,
        finding=_finding(difference, differing, base.higher_is_better),
    )


def _finding(difference: Mean, differing: int | None, higher_is_better: bool | None) -> TaskFinding:
    if differing is None or differing < ENOUGH or difference.interval is None or higher_is_better is None:
        return TaskFinding.TOO_FEW
    low, high = difference.interval
    if low <= 0 <= high:
        return TaskFinding.NO_DIFFERENCE
    return TaskFinding.BETTER if (low > 0) == higher_is_better else TaskFinding.WORSE


def _mean(value: float, documents: Sequence[float]) -> Mean:
    """A mean over documents; one over documents that are all alike has no interval, for it would be a point."""
    interval = _interval(value, documents)
    return Mean(value=value, interval=None if interval == (value, value) else interval)


def _interval(value: float, documents: Sequence[float]) -> tuple[float, float] | None:
    if len(documents) < ENOUGH:
        return None
    error = float(np.std(documents, ddof=1)) / math.sqrt(len(documents))
    return value - Z * error, value + Z * error
