"""The process of the harness: `python -m engine.tasks.child`, started by engine/tasks/process.py."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import partial
from typing import Any

from engine.tasks.job import BASE, REPORTS, Asked, Measured, Refused, Report, TasksJob
from models.errors import BurnishError, UsageError, in_one_line
from models.system.core_files import no_core_file

USUAL_FILTER = "none"
DOCUMENTS = 50_000
"""Of a metric with more, the documents' own values are not told: a report is one line, and a line has an end."""


def main() -> None:
    no_core_file()
    commands, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what the harness prints must not come between the reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    job = TasksJob.model_validate_json(commands.readline())

    def tell(report: Report) -> None:
        assert type(report).__name__ in REPORTS
        reports.write(json.dumps({"kind": type(report).__name__, **report.model_dump(mode="json")}) + "\n")
        reports.flush()

    def end_with_the_parent() -> None:
        commands.read()
        os._exit(0)

    threading.Thread(target=end_with_the_parent, daemon=True).start()
    try:
        _run(job, tell)
    except (BurnishError, MemoryError, RecursionError) as error:
        tell(Refused(why=str(in_one_line(error)), usage=isinstance(error, UsageError)))
    sys.stdout.flush()
    os._exit(0)  # no library is waited for: all is written


class HarnessError(BurnishError):
    """The harness cannot do what it is asked for."""


def _run(job: TasksJob, tell: Callable[[Report], None]) -> None:
    from lm_eval import simple_evaluate  # noqa: PLC0415 it takes seconds

    from engine.tasks.model import HarnessModel  # noqa: PLC0415 likewise

    if job.folder is not None:
        os.chdir(job.folder)
    manager, names = _found(job)
    for name in names:
        _load(manager, name)
    for model, adapter in {BASE: None, **job.adapters}.items():
        made = HarnessModel(
            job.student,
            None if adapter is None else str(adapter),
            context=job.context,
            gpu_layers=job.gpu_layers,
            threads=job.threads,
            keep=None if job.keep is None else str(job.keep),
            on_progress=partial(_tell_progress, tell, model),
        )
        try:
            found = simple_evaluate(
                model=made,
                tasks=names,
                task_manager=manager,
                limit=job.limit,
                num_fewshot=job.few_shot,
                bootstrap_iters=0,
            )
        except (BurnishError, MemoryError, RecursionError):
            raise
        except Exception as error:  # the harness's and the tasks' own code may raise anything
            raise HarnessError(f"the harness failed at {', '.join(names)}: {_in_words(error)}") from error
        finally:
            made.close()
        for measured in _measured(model, found):
            tell(measured)


def _tell_progress(tell: Callable[[Report], None], model: str, done: int, of: int, cut: int) -> None:
    tell(Asked(model=model, done=done, of=of, cut=cut))


def _found(job: TasksJob) -> tuple[Any, list[str]]:
    """The harness's list of tasks, its own among them where they are needed, and the names that are asked for."""
    from lm_eval.tasks import TaskManager  # noqa: PLC0415 it takes seconds

    manager = TaskManager(
        include_path=None if job.folder is None else ".", include_defaults=job.folder is None
    )
    if job.folder is not None and not all(manager.match_tasks([name]) for name in job.tasks):
        manager = TaskManager(include_path=".")
    names = []
    for name in job.tasks:
        matching = manager.match_tasks([name])
        if not matching:
            near = get_close_matches(name, manager.all_tasks, 3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise UsageError(
                f"task {name}: neither the harness nor --tasks-path has one of that name{hint} "
                "(burnish-lm-eval ls tasks lists the harness's)"
            )
        names += [one for one in matching if one not in names]
    return manager, names


def _load(manager: Any, name: str) -> None:
    """Raise in one line what is wrong with a task or with its data."""
    try:
        manager.load([name])
    except (OSError, ValueError) as error:  # of the data: not in the cache, not where they are said to be
        if os.environ.get("HF_DATASETS_OFFLINE") == "1" and _is_of_the_hub(error):
            raise HarnessError(
                f"task {name}: its data set is not in the cache of Hugging Face's libraries; --fetch lets the harness "
                f"download it ({_in_words(error)})"
            ) from error
        raise HarnessError(f"task {name}: its data cannot be read: {_in_words(error)}") from error
    except Exception as error:  # a task of one's own may be wrong in any way
        raise HarnessError(f"task {name} cannot be loaded: {_in_words(error)}") from error


def _is_of_the_hub(error: BaseException) -> bool:
    return isinstance(error, ConnectionError) or "Hub" in str(error) or "offline" in str(error).lower()


def _in_words(error: BaseException) -> str:
    """An error in one line: the first of those that led to it."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:300]}" if said else type(error).__name__


def _measured(model: str, found: dict[str, Any]) -> Iterator[Measured]:
    parts = {part for members in found.get("group_subtasks", {}).values() for part in members}
    for task, numbers in found["results"].items():
        for key, value in numbers.items():
            metric, comma, filtered = key.partition(",")
            if not comma or metric.endswith("_stderr"):
                continue
            if not isinstance(value, int | float) or not math.isfinite(
                value
            ):  # a perplexity may be beyond all
                continue
            yield Measured(
                model=model,
                task=task,
                metric=metric if filtered == USUAL_FILTER else f"{metric} ({filtered})",
                value=value,
                higher_is_better=found["higher_is_better"].get(task, {}).get(metric),
                documents=_documents(found, task, metric, filtered, value),
                part=task in parts,
            )


def _documents(
    found: dict[str, Any], task: str, metric: str, filtered: str, value: float
) -> tuple[float, ...]:
    """Each document's own value, of a group those of its tasks; none where the metric is not their mean."""
    values = []
    for one in _tasks_of(found, task):
        samples = sorted(found["samples"].get(one, ()), key=lambda sample: sample["doc_id"])
        values += [sample.get(metric) for sample in samples if sample["filter"] == filtered]
    if not 0 < len(values) <= DOCUMENTS or not all(isinstance(one, int | float) for one in values):
        return ()
    is_mean = math.isclose(math.fsum(values) / len(values), value, rel_tol=1e-6, abs_tol=1e-9)
    return tuple(float(one) for one in values) if is_mean else ()


def _tasks_of(found: dict[str, Any], task: str) -> Iterator[str]:
    members = found.get("group_subtasks", {}).get(task)
    if not members:
        yield task
        return
    for member in members:
        yield from _tasks_of(found, member)


if __name__ == "__main__":
    main()
