"""The parent's side of the process of the harness: start it, hear its reports, end it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from importlib.util import find_spec
from typing import IO

from engine.events import Notice, Started
from engine.tasks.events import RequestsDone, TasksEvent
from engine.tasks.job import REPORTS, Asked, Measured, Refused, TasksJob
from engine.tasks.results import TaskMetric, results
from models.errors import BurnishError, UsageError, printable
from models.system.child_process import child_with_job, last_lines
from models.system.units import counted
from models.training.process import ENVIRONMENT

HUB_SWITCHES = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")


class TasksError(BurnishError):
    """The tasks cannot be run: the text says why, and what to do."""


def check_harness() -> None:
    """Raise `UsageError` where lm-evaluation-harness is not installed."""
    if find_spec("lm_eval") is None:
        raise UsageError("tasks need lm-evaluation-harness: pip install 'burnish[tasks]'")


async def run_tasks(
    job: TasksJob, emit: Callable[[TasksEvent], None], *, fetch: bool = False
) -> list[TaskMetric]:
    """Run a job's tasks. Raises `UsageError` and `TasksError`.

    fetch: the harness may download data sets that are not in the cache; else no library of the process asks a hub.
    """
    check_harness()
    measured: list[Measured] = []
    last: Asked | None = None
    async with child_with_job("engine.tasks.child", environment(fetch=fetch), job.model_dump_json()) as child:
        process, reports, errors = child
        while line := await reports.readline():
            told = json.loads(line)
            report = REPORTS[told.pop("kind")].model_validate(told)
            match report:
                case Asked():
                    _advance(report, last, emit)
                    last = report
                case Measured():
                    measured.append(report)
                case Refused(why=why, usage=usage):
                    raise UsageError(why) if usage else TasksError(why)
        if code := await process.wait():
            raise TasksError(_end(code, errors))
    return results(measured)


def environment(*, fetch: bool) -> dict[str, str]:
    """The variables of the process: without `fetch` no library of it asks a hub, whatever the user's own say."""
    switches = {name: value for name, value in ENVIRONMENT.items() if not (fetch and name in HUB_SWITCHES)}
    return os.environ | switches


def _advance(now: Asked, last: Asked | None, emit: Callable[[TasksEvent], None]) -> None:
    """Tell what is done since the last report, of the same model's requests of the same kind or of others."""
    before = 0 if last is None or last.model != now.model or last.done == last.of else last.done
    name = now.model or "base"
    if not before:
        emit(Notice(f"{name}: {counted(now.of, 'request')}"))
        emit(Started(now.of, 0, 0, ()))
    emit(RequestsDone(now.done - before))
    if now.done == now.of and now.cut:
        emit(Notice(f"{name}: {counted(now.cut, 'request')} lost their beginning; see --context"))


def _end(code: int, errors: IO[bytes]) -> str:
    """One line about a process that ended before its work did."""
    said = last_lines(errors)
    last = f": {printable(said[-1])[:300]}" if said else ""
    if code == -signal.SIGKILL:
        return "the harness was killed; if nobody did that, memory is short: close other programs, or give --limit"
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return f"the harness ended {how}{last}"
