"""The parent's side of the process that trains: start it, hear its reports, end it.

The job goes to its standard input, its reports come from its standard output, a line of JSON each. It ends when its
input does, that is when its parent is gone, and goes on where it was when it is given the same job.
"""

from __future__ import annotations

import json
import os
import signal
from asyncio import StreamReader
from collections.abc import Callable
from importlib.util import find_spec
from typing import IO

from models.errors import BurnishError, ModelFileError, UsageError, printable
from models.system.child_process import child_with_job, last_lines
from models.training.job import REPORTS, Job, Report

PACKAGES = ("torch", "transformers", "peft", "gguf")

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "GOMP_SPINCOUNT": "1000",  # threads that wait busily would take the cores of whatever else runs
}
"""No library of the process asks a hub for anything, or tells anybody of anything."""


class TrainingError(BurnishError):
    """The training cannot go on: the text says why, and what to do."""


def check_installed() -> None:
    """Raise `UsageError` where a package is missing that training needs."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"training needs {', '.join(missing)}: pip install 'burnish[trial]'")


async def train(job: Job, on_report: Callable[[Report], None]) -> None:
    """Train all adapters of a job. Raises `ModelFileError`, `TrainingError` and what `on_report` raises.

    Cancelled, it ends at once, and loses what came after the last checkpoint.
    """
    told = json.dumps(job.as_json())
    async with child_with_job("models.training.child", os.environ | ENVIRONMENT, told) as child:
        process, reports, errors = child
        await _listen(reports, job, on_report)
        if code := await process.wait():
            raise TrainingError(_end(code, errors))


async def _listen(reports: StreamReader, job: Job, on_report: Callable[[Report], None]) -> None:
    while line := await reports.readline():
        told = json.loads(line)
        kind = told.pop("kind")
        if kind == "file":
            raise ModelFileError(job.base or job.student, told["why"])
        if kind == "refused":
            raise TrainingError(told["why"])
        on_report(REPORTS[kind](**told))


def _end(code: int, errors: IO[bytes]) -> str:
    """One line about a process that ended before its work did."""
    said = last_lines(errors)
    last = f": {printable(said[-1])[:300]}" if said else ""
    if code == -signal.SIGKILL:
        return (
            "the training was killed; if nobody did that, memory is short: close other programs, or choose a smaller "
            "student; the same command goes on"
        )
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return f"the training ended {how}{last}; the same command goes on from its last checkpoint"
