"""What a sample costs as there are more of them: `python -m tests.benchmarks.scale [1000 10000 ...]`.

With `--turns 6` the rows are conversations of so many turns, and every exchange of them is a sample; sizes are rows. In
brief: `python -m tests.benchmarks.scale --turns 6 300 3000`.

Each size is measured in a process of its own, so that its peak memory is its own. The teacher is scripted and in the
process; the student too (its losses come from the text): what is left is burnish's own bookkeeping. The pipeline is
measured over the last PIPELINED samples of the dataset, all others being finished, as at the end of a long run;
"resume" is opening the workspace and finding those.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engine.events import Event, Finished
from engine.formats.names import Format
from engine.formats.render import render_row
from engine.formats.write import write_dataset
from engine.run.gates import Gate
from engine.run.opening import open_workspace
from engine.run.pipeline import Pipeline
from engine.run.settings import Schedule
from engine.run.teachers import OpenTeacher
from engine.sample import Turns
from engine.store.leaving import exported_rows
from engine.store.run_record import RunRecord
from engine.store.workspace import Workspace
from models.student import Losses, Passage, StudentInfo
from models.teacher import OnText, Reply, Request, TeacherInfo
from tests.benchmarks.rows import Rows
from tests.factory import outcome, recipe, student_info, teacher_info

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PIPELINED = 500
"""Samples that go through the pipeline; each commits three times, and a commit waits for the disk."""

SLICE = 50
"""Of these at a time: the median of the slices is given, for a shared disk is slow now and then."""

INFO = teacher_info("scripted")
STUDENT = student_info()


class ScriptedTeacher:
    """Answers at once, in the markers form."""

    async def open(self) -> TeacherInfo:
        return INFO

    async def ask(self, request: Request, on_text: OnText | None = None) -> Reply:
        asked = "\n".join(message.content for message in request.messages)
        words = hashlib.sha256(asked.encode()).hexdigest()
        response = "Better" if "[Better Response]" in asked else "New"
        parts = ["[Critique]\nIt is short.", f"[{response} Response]\nAnswer {words}."]
        if response == "New":
            parts.insert(1, f"[New Instruction]\nInstruction {words}.")
        return Reply("\n".join(parts), tokens=60, seconds=1.0)

    async def unload(self) -> None: ...

    async def close(self) -> None: ...


class ScriptedStudent:
    """Losses made from the passage's own letters."""

    pid: int | None = None  # it has no process

    async def open(self) -> StudentInfo:
        return STUDENT

    async def losses(self, passages: Sequence[Passage]) -> list[Losses]:
        found = []
        for passage in passages:
            seed = hashlib.sha256(repr(passage).encode()).digest()
            nll = (np.frombuffer(seed, np.uint8) / 64).astype(np.float32)
            found.append(Losses(nll, np.full(33, 4, np.uint16), 33, 2000))
        return found

    async def unload(self) -> None: ...

    async def close(self) -> None: ...


def row(index: int, turns: int) -> dict[str, Any]:
    """`turns`: of a conversation; 0: the row has one exchange, in fields."""
    asked, answered = f"Say what {index} is, and why.", f"{index} is a number. " * 8
    if not turns:
        return {"instruction": asked, "input": "", "output": answered}
    said = [
        {
            "role": "assistant" if number % 2 else "user",
            "content": f"{answered if number % 2 else asked} {number}",
        }
        for number in range(turns)
    ]
    return {"messages": [{"role": "system", "content": "Be brief."}, *said]}


def write_data(path: Path, size: int, turns: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for index in range(size):
            file.write(("," if index else "") + json.dumps(row(index, turns)))
        file.write("]")
    return path


def import_and_export(folder: Path, size: int, turns: int) -> tuple[float, float]:
    """Seconds to make a workspace of a dataset, and to export it again."""
    data = write_data(folder / f"{size}.json", size, turns)
    format = Format.MESSAGES_JSON if turns else Format.ALPACA
    began = time.perf_counter()
    with open_workspace(folder / f"{size}.burnish", data, None, None, turns=Turns.ALL) as opened:
        imported = time.perf_counter() - began
        run = opened.run(recipe(form="markers"), RunRecord(settings={}))
        began = time.perf_counter()
        refined = (
            [(one.sample, one.version) for one in leaving.samples] for leaving in exported_rows(opened, run)
        )
        rows = (record for one in refined if (record := render_row(one, format, format)) is not None)
        assert write_dataset(folder / "out.json", format, rows) == size
        return imported, time.perf_counter() - began


def measure(rows: int, turns: int, folder: Path) -> dict[str, float]:
    """Microseconds a sample (resume: a sample in the workspace), and the peak memory by then in MiB.

    Import and export are given less what they take for a single sample: making a file and waiting for the disk
    costs the same whatever is in it, and is the most of what a small dataset takes.
    """
    figures: dict[str, float] = {}

    def note(name: str, seconds: float, samples: int) -> None:
        figures[name] = seconds / samples * 1e6
        figures[f"{name} MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    size = rows * (turns // 2 or 1)
    repeats = max(1, min(9, 100_000 // size))
    pairs = []
    for number in range(repeats):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            place = Path(name)
            whole, single = import_and_export(place, rows, turns), import_and_export(place, 1, turns)
            pairs.append([whole[0] - single[0], whole[1] - single[1]])
            if number == repeats - 1:
                (place / f"{rows}.burnish").rename(folder / "w.burnish")
    imports, exports = (statistics.median(column) for column in zip(*pairs, strict=True))
    note("import", imports, size)
    note("export", exports, size)

    with Workspace.open(folder / "w.burnish") as opened:
        run = opened.latest_run()
        with opened.database.transaction() as db:
            body = json.dumps(outcome(0, final=opened.sample(0).original).model_dump(mode="json"))
            db.executemany(
                "INSERT INTO outcomes (run, sample, failed, body) VALUES (?, ?, 0, ?)",
                ((run.id, index, body) for index in range(size - PIPELINED)),
            )

    began = time.perf_counter()
    opened = Workspace.open(folder / "w.burnish")
    opened.count(run, range(size))
    next(opened.pending(run, range(size)))
    note("resume", time.perf_counter() - began, size)

    finished: list[float] = []

    def emit(event: Event) -> None:
        if isinstance(event, Finished):
            finished.append(time.perf_counter())

    pipeline = Pipeline(
        opened, run, emit, student=ScriptedStudent(), gate=Gate(),
        teacher=OpenTeacher(INFO, run.recipe, 4, 600.0, ScriptedTeacher()),
    )  # fmt: skip
    asyncio.run(pipeline.run(Schedule.INTERLEAVED, range(size)))
    ends = finished[::SLICE]
    note("pipeline", statistics.median(b - a for a, b in pairwise(ends)), SLICE)
    assert opened.count(run) == (size, 0)
    opened.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--turns", type=int, default=0)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        with tempfile.TemporaryDirectory(dir=".") as warm, tempfile.TemporaryDirectory(dir=".") as name:
            measure(
                PIPELINED, given.turns, Path(warm)
            )  # what a process does only once is no cost of a sample
            print(json.dumps(measure(given.one, given.turns, Path(name))))
        return
    results: dict[int, Any] = {}
    steps = ("import", "resume", "pipeline", "export")
    print("µs a sample, and peak MiB of the process by then", flush=True)
    table = Rows("rows" if given.turns else "samples", *steps, width=20)
    for size in given.sizes:
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.scale",
            "--one",
            str(size),
            "--turns",
            str(given.turns),
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures = results[size] = json.loads(done.stdout)
        cells = [f"{figures[step]:.1f} µs  {figures[f'{step} MiB']:.0f} MiB" for step in steps]
        table.add(f"{size:,}", *cells)
    spread = [
        " ".join(
            f"{max(values) / min(values):.2f}"
            for values in ([f[step] for f in results.values()], [f[f"{step} MiB"] for f in results.values()])
        )
        for step in steps
    ]
    table.add("largest / smallest", *spread)


if __name__ == "__main__":
    main()
