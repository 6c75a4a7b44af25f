"""How quick the interface is: `python -m tests.benchmarks.interface`.

First paint: seconds from opening a workspace to its samples on the screen, of 200 samples and of 200,000, by turns.
Keys: milliseconds from a key to the repaint it causes, driven by Pilot, with nothing else to do and while a student
scores on the same machine. Searching: from the last letter typed to the rows it leaves. Memory: the process's peak.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.sample import Sample, Version
from engine.workspace import Source, Workspace
from tests.running import demo_rows
from tests.tui import scene
from tui.app import BurnishApp
from tui.desk import Desk
from tui.widgets.sample_table import SampleTable

SIZES = (200, 200_000)
KEYS = ("j", "j", "j", "k", "pagedown", "pagedown", "pageup", "G", "g", "j")
OUTCOMES = 2_000  # of the first samples: enough for what is on the screen to be full


def large(path: Path, size: int) -> Path:
    """A workspace of `size` samples, the first of them refined."""

    def samples() -> Iterator[Sample]:
        for index in range(size):
            row = {
                "instruction": f"Explain what {index} is.",
                "input": "",
                "output": f"{index} is a number. " * 8,
            }
            version = Version(instruction=row["instruction"], response=row["output"])
            yield Sample(index=index, original=version, row=row)

    source = Source(
        path="data.json", format="alpaca", fields=("instruction", "input", "output"), sha256="0" * 64
    )
    with Workspace.create(path, source, samples()) as opened:
        run = scene.started(opened)
        opened._db.execute("PRAGMA synchronous = OFF")  # it is made to be looked at
        for index in range(min(size, OUTCOMES)):
            if outcome := scene.outcome(opened.sample(index), scene.KINDS[index % 8]):
                opened.keep_outcome(run, outcome)
    return path


async def first_paint(path: Path) -> float:
    """Seconds until the rows of the samples are on the screen."""
    app = BurnishApp(Desk())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        began = time.perf_counter()
        await app.desk.open(path)
        app.action_go_samples()
        while not any("Explain what 0 is" in strip.text for strip in app.screen._compositor.render_strips()):
            await asyncio.sleep(0.002)
        return time.perf_counter() - began


async def keys(path: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds from each key to the end of the repaint it causes, and of each search to its rows."""
    app = BurnishApp(Desk())
    times, searches = [], []
    async with app.run_test(size=(120, 40)) as pilot:
        await app.desk.open(path)
        app.action_go_samples()
        await pilot.pause(1.0)
        table = app.screen.query_one(SampleTable)
        table.focus()
        for _ in range(rounds):
            for key in KEYS:
                began = time.perf_counter()
                await pilot.press(key)
                app.screen._compositor.render_strips()
                times.append(1000 * (time.perf_counter() - began))
        for word in ("explain", "199", "number", "nowhere"):
            await pilot.press("slash", *word[:-1])
            began = time.perf_counter()
            await pilot.press(word[-1])
            await app.workers.wait_for_complete()
            searches.append(1000 * (time.perf_counter() - began))
            await pilot.press("escape", "escape", "escape")
            await pilot.pause(0.3)
    return times, searches


SCORING = """
import asyncio, sys
from pathlib import Path
from engine import session
from engine.settings import load
given = load({"student": {"name": "demo"}, "run": {"method": "score"}})
with session.open_workspace(Path(sys.argv[1]), Path(sys.argv[2]), None, None) as opened:
    print("go", flush=True)
    asyncio.run(session.refine_workspace(opened, given, lambda event: None))
"""


def measured(what: str, path: Path, rounds: int) -> Any:
    """One measurement in a process of its own, as JSON."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.interface",
        "--one",
        what,
        str(path),
        "--rounds",
        str(rounds),
    ]
    return json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "PATH"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        what, path = given.one[0], Path(given.one[1])
        found: Any = asyncio.run(first_paint(path) if what == "paint" else keys(path, given.rounds))
        print(json.dumps([found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BURNISH_STATE"] = str(folder / "app.json")
        small, big = (large(folder / f"{size}.burnish", size) for size in SIZES)
        pairs = [(measured("paint", small, 1), measured("paint", big, 1)) for _ in range(given.rounds)]
        ratio = statistics.median(b[0] / a[0] for a, b in pairs)
        console.print(f"first paint, {SIZES[1]:,} samples over {SIZES[0]}: {ratio:.2f}")
        (data := folder / "rows.json").write_text(json.dumps(demo_rows(32) * 30), "utf-8")
        table = Table(title="milliseconds from a key to its repaint")
        for heading in ("samples", "beside it", "median", "95 %", "most", "search (slowest)", "peak MiB"):
            table.add_column(heading, justify="right")
        for size, path in zip(SIZES, (small, big), strict=True):
            for beside in ("nothing", "a student scoring"):
                scoring = None
                if beside != "nothing":
                    command = [sys.executable, "-c", SCORING, str(folder / f"s{size}.burnish"), str(data)]
                    scoring = subprocess.Popen(command, stdout=subprocess.PIPE)
                    assert scoring.stdout is not None
                    scoring.stdout.readline()
                    time.sleep(3)
                (times, searches), peak = measured("keys", path, given.rounds)
                if scoring is not None:
                    scoring.kill()
                    scoring.communicate()
                cut = statistics.quantiles(times, n=20)[-1]
                cells = (statistics.median(times), cut, max(times), max(searches))
                table.add_row(f"{size:,}", beside, *(f"{value:.0f}" for value in cells), f"{peak:.0f}")
        console.print(table)


if __name__ == "__main__":
    main()
