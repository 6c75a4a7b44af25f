"""Metrics of tasks beside the base's: over the same documents, and no claim of few."""

from __future__ import annotations

import pytest
from rich.console import Console

from engine.tasks.job import BASE, Measured
from engine.tasks.results import TaskFinding, TaskMetric, results
from tests.hostile import CORPUS
from tui.text.tasks_tables import print_tasks


def measured(
    model: str, documents: list[float], *, better: bool | None = True, **changes: object
) -> Measured:
    found = Measured(
        model=model,
        task="questions",
        metric="acc",
        value=sum(documents) / len(documents),
        higher_is_better=better,
        documents=tuple(documents),
        part=False,
    )
    return found.model_copy(update=changes)


def beside(base: list[float], other: list[float], *, better: bool | None = True) -> TaskMetric:
    (found,) = results([measured(BASE, base, better=better), measured("a.gguf", other, better=better)])
    return found


@pytest.mark.parametrize(
    ("base", "other", "better", "finding"),
    [
        ([0.0] * 40, [1.0] * 20 + [0.0] * 20, True, TaskFinding.BETTER),
        ([0.0] * 40, [1.0] * 20 + [0.0] * 20, False, TaskFinding.WORSE),
        ([1.0] * 20 + [0.0] * 20, [0.0] * 20 + [1.0] * 20, True, TaskFinding.NO_DIFFERENCE),
        ([0.0] * 40, [1.0] * 9 + [0.0] * 31, True, TaskFinding.TOO_FEW),
        ([0.0] * 40, [1.0] * 20 + [0.0] * 20, None, TaskFinding.TOO_FEW),
        ([0.0] * 40, [1.0] * 40, True, TaskFinding.BETTER),
        ([0.0] * 40, [0.0] * 40, True, TaskFinding.TOO_FEW),
        ([0.0] * 5, [1.0] * 5, True, TaskFinding.TOO_FEW),
    ],
)
def test_better_or_worse_is_said_where_ten_documents_differ_and_the_interval_is_on_one_side(
    base: list[float], other: list[float], better: bool | None, finding: TaskFinding
) -> None:
    found = beside(base, other, better=better)
    assert found.adapters[0].finding is finding
    assert (found.base.interval is None) == (len(base) < 10 or len(set(base)) == 1)
    assert found.documents == len(base)


def test_a_difference_is_over_the_same_documents() -> None:
    base = [float(n % 2) for n in range(100)]
    found = beside(base, [*base[:80], *([1.0] * 20)]).adapters[0]
    assert found.difference.value == pytest.approx(0.1)
    assert (found.differing, found.finding) == (10, TaskFinding.BETTER)
    assert found.difference.interval is not None
    low, high = found.difference.interval
    assert high - low == pytest.approx(2 * 1.96 * 0.3015 / 10, rel=0.01)


def test_a_metric_that_is_no_mean_over_documents_has_no_interval_and_no_finding() -> None:
    models = [measured(name, [value]) for name, value in ((BASE, 12.0), ("a", 9.0))]
    (found,) = results(one.model_copy(update={"documents": ()}) for one in models)
    assert (found.documents, found.base.interval) == (None, None)
    assert found.adapters[0].difference.value == pytest.approx(-3)
    assert found.adapters[0].finding is TaskFinding.TOO_FEW


def test_the_table_has_a_row_for_each_model_and_none_for_a_part_of_a_group() -> None:
    name = CORPUS["escape"] + CORPUS["markup"]
    found = results(
        [
            *(measured(model, [float(n % 3 == 0)] * 30) for n, model in enumerate((BASE, name))),
            measured(BASE, [1.0], task="a part", part=True),
        ]
    )
    console = Console(width=120, markup=False)
    with console.capture() as printed:
        print_tasks(console, found)
    text = printed.get()
    assert "a part" not in text
    assert "adapter 1" in text
    assert "1 task of groups; --json has them" in text
    assert "questions 30" in text
    assert "-1.000" in text
    assert "\x1b[2J" not in text
