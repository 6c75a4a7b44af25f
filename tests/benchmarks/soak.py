"""Whether anything grows with the samples a process has seen: `python -m tests.benchmarks.soak [--samples 20000]`.

The whole pipeline, from the dataset's file to the last outcome and the export; and the same under the app, driven by
Pilot, which all the while looks at samples, scores and the run. The teacher is the scripted Ollama server in a process
of its own, asked over its real protocol, and the student's losses come from the text. Every so many samples the
process's memory, its open files and the size of the workspace's write-ahead log are noted; the slope is that of a
straight line through the memory of the second half, when everything that is made once has been made.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from engine.events import Event, Finished
from engine.export.export import ExportRequest, RowProgress, write
from engine.run import session
from engine.run.opening import open_workspace
from engine.run.settings import Settings
from tests.benchmarks.rows import Rows
from tests.benchmarks.scale import write_data
from tests.command import ALONE
from tests.ollama.server import spawned
from tests.running import settings
from tests.stand_in import StandIn
from tests.tui.seat import Seat
from tui.app import TIDY
from tui.platform.memory import PAUSE, limit_memory

NOTES = 40
"""Measurements of a process, evenly over its samples."""


@dataclass(frozen=True, slots=True)
class Note:
    """A process after so many samples."""

    samples: int
    memory: float  # MiB
    pieces: int  # of it, that Python's objects hold
    files: int  # open
    log: float  # MiB of the write-ahead log


def note(samples: int, path: Path) -> Note:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - one of them is this very look
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Note(samples, memory, sys.getallocatedblocks(), files, size / 2**20)


def given(url: str) -> Settings:
    return settings(url, teacher={"parallel": 4})


def pipeline(folder: Path, url: str, count: int) -> list[Note]:
    """The command's way: import, run, export."""
    path = folder / "w.burnish"
    notes: list[Note] = []
    data = write_data(folder / "data.json", count, turns=0)

    finished = 0

    def emit(event: Event) -> None:
        nonlocal finished
        if isinstance(event, Finished):
            finished += 1
            if finished % (count // NOTES) == 0:
                notes.append(note(finished, path))

    with open_workspace(path, data, None, None) as opened:
        summary = asyncio.run(session.refine_workspace(opened, given(url), emit))
        assert (summary.done, summary.failed) == (count, 0)
    write(path, folder / "out.json", ExportRequest(), RowProgress())
    notes.append(note(count, path))
    return notes


KEYS = ("2", "j", "pagedown", "G", "enter", "right", "escape", "4", "3", "1", "5", "2", "g", "3")
"""Every screen, again and again."""

READING = 5
"""Times through the keys, and then the person reads for a moment, and touches nothing."""


async def app(folder: Path, url: str, count: int) -> list[Note]:
    """The same in the app, with a person who looks at everything, and sometimes reads."""
    path = folder / "w.burnish"
    notes: list[Note] = []
    data = write_data(folder / "data.json", count, turns=0)
    limit_memory()
    async with Seat(settings=given(url)) as seat:
        await seat.workbench.create(data, path)
        seat.app._opened()
        refining = asyncio.create_task(seat.workbench.refine())
        turn = 0
        while not refining.done():
            await seat.pilot.press(KEYS[turn % len(KEYS)])
            await seat.pilot.pause(0.2)
            turn += 1
            if turn % (READING * len(KEYS)) == 0:
                await asyncio.sleep(TIDY + PAUSE)
            done = seat.workbench.run_job.tally.done
            if done >= (len(notes) + 1) * (count // NOTES):
                notes.append(note(done, path))
        summary = refining.result()
        assert summary is not None
        assert (summary.done, summary.failed) == (count, 0)
        notes.append(note(count, path))
    return notes


def measured(what: str, count: int) -> list[Note]:
    """One of the two in a process of its own."""
    options = ("--script", "tests.running:brief", "--parallel", "4")
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # waiting for a disk is not what is measured
    with tempfile.TemporaryDirectory(dir=memory) as folder, spawned(*options) as url:
        command = [sys.executable, "-m", "tests.benchmarks.soak", "--samples", str(count)]
        command += ["--one", what, folder, url]
        environment = os.environ | ALONE | {"BURNISH_STATE": str(Path(folder) / "app.json")}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return [Note(**one) for one in json.loads(done.stdout.splitlines()[-1])]


def slope(notes: list[Note], figure: Callable[[Note], float]) -> float:
    """The growth of a figure by a thousand samples, over the second half."""
    half = notes[len(notes) // 2 :]
    samples, figures = np.array([n.samples for n in half]), np.array([figure(n) for n in half])
    return float(np.polyfit(samples / 1000, figures, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "FOLDER", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        what, folder, url = options.one
        with patch.object(session, "EmbeddedStudent", StandIn):
            place = Path(folder)
            if what == "pipeline":
                notes = pipeline(place, url, options.samples)
            else:
                notes = asyncio.run(app(place, url, options.samples))
        print(json.dumps([asdict(one) for one in notes]))
        return
    print(f"{options.samples:,} samples, each two replies and seven passages", flush=True)
    table = Rows(
        "",
        "minutes",
        "MiB early",
        "at the end",
        "MiB / 1,000 more",
        "pieces, thousands",
        "% / 1,000 more",
        "open files",
        "largest log (MiB)",
        words=1,
    )
    for what in ("pipeline", "app"):
        began = time.monotonic()
        notes = measured(what, options.samples)
        minutes = (time.monotonic() - began) / 60
        early, *_, last = notes
        files = sorted({n.files for n in notes})
        span = f"{files[0]} to {files[-1]}" if len(files) > 1 else str(files[0])
        growth, leak = slope(notes, lambda n: n.memory), slope(notes, lambda n: n.pieces) / last.pieces
        memory = (f"{early.memory:.0f}", f"{last.memory:.0f}", f"{growth:+.2f}")
        pieces = (f"{last.pieces / 1000:.0f}", f"{100 * leak:+.2f}")
        table.add(what, f"{minutes:.1f}", *memory, *pieces, span, f"{max(n.log for n in notes):.1f}")


if __name__ == "__main__":
    main()
