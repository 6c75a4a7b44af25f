"""How quick the interface is: `python -m tests.benchmarks.interface`.

First paint: seconds from opening a workspace to its samples on the screen, of 200 samples and of 200,000, by turns.
Keys: milliseconds from a key written to the terminal to the repaint it causes read from it, with nothing else to do
and while the app's own run scores, and on 200 columns, where a pane follows the cursor of Samples; beside them those
of an app with nothing in it, which are Textual's share. Screens: the same of the key that goes to a screen, when it is
seen for the first time and again, and as a ratio to a key of the empty app. (Pilot is of no use for that: after each
key it waits until the process has been idle for 20 ms.) Searching: from the last letter typed to the rows it leaves,
by Pilot. Memory: the process's peak.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pexpect
from textual.app import App, ComposeResult
from textual.widgets import Static

from engine.run.settings import load_settings
from engine.sample import Sample, Version
from engine.store.run_record import RunRecord
from engine.store.workspace import Source, Workspace
from tests import scene
from tests.benchmarks.rows import Rows
from tests.factory import recipe
from tests.tui.seat import Seat

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
            yield Sample(index=index, number=index, original=version, row=row)

    source = Source(
        path="data.json", format="alpaca", fields=("instruction", "input", "output"), sha256="0" * 64
    )
    with Workspace.create(path, source, samples()) as opened:
        given = load_settings({"student": {"name": "demo"}, "run": {"method": "score"}})
        run = opened.run(recipe(method="score"), RunRecord(settings=given.model_dump(mode="json")))
        opened.database.execute("PRAGMA synchronous = OFF")  # it is made to be looked at
        for index in range(min(size, OUTCOMES)):
            if outcome := scene.outcome_of_kind(opened.sample(index), scene.KINDS[index % 8]):
                opened.keep_outcome(run, outcome)
    return path


async def first_paint(path: Path) -> float:
    """Seconds until the rows of the samples are on the screen."""
    async with Seat() as seat:
        began = time.perf_counter()
        await seat.workbench.open(path)
        seat.app.action_go_samples()
        while "Explain what 0 is" not in seat.text:
            await asyncio.sleep(0.002)
        return time.perf_counter() - began


async def searches(path: Path) -> list[float]:
    """Milliseconds from the last letter of each search to its rows."""
    times = []
    async with Seat(path) as seat:
        seat.app.action_go_samples()
        await seat.pilot.pause(1.0)
        for word in ("explain", "199", "number", "nowhere"):
            await seat.pilot.press("slash", *word[:-1])
            began = time.perf_counter()
            await seat.pilot.press(word[-1])
            await seat.app.workers.wait_for_complete()
            times.append(1000 * (time.perf_counter() - began))
            await seat.pilot.press("escape", "escape", "escape")
            await seat.pilot.pause(0.3)
    return times


class Empty(App[None]):
    """Nothing but a line that counts keys."""

    def compose(self) -> ComposeResult:
        yield Static("0 keys")

    def on_key(self) -> None:
        line = self.query_one(Static)
        line.update(f"{int(str(line.content).split()[0]) + 1} keys")


class Terminal:
    """A program in a terminal, and what it has written since the last key."""

    def __init__(self, arguments: list[str], columns: int = 120) -> None:
        given = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self._child: pexpect.spawn[bytes] = pexpect.spawn(
            sys.executable, arguments, env=given, dimensions=(40, columns)
        )
        self._written = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)

    def shown(self, pattern: bytes, seconds: float = 60.0) -> re.Match[bytes]:
        """Wait until the program writes this."""
        until = time.perf_counter() + seconds
        while (found := re.search(pattern, self._written)) is None:
            if not self._read(until - time.perf_counter()):
                raise TimeoutError(f"{pattern!r} was never written")
        return found

    def key(self, key: bytes, pattern: bytes) -> float:
        """Press a key; milliseconds until what it causes is written."""
        while self._read(0.05):
            pass
        self._written = b""
        began = time.perf_counter()
        os.write(self._child.child_fd, key)
        self.shown(pattern)
        return 1000 * (time.perf_counter() - began)

    def _read(self, seconds: float) -> bool:
        ready = bool(select.select([self._child.child_fd], [], [], max(seconds, 0))[0])
        if ready:
            self._written += os.read(self._child.child_fd, 1 << 20)
        return ready


def keys(path: Path, rounds: int, *, scoring: bool, columns: int) -> dict[str, list[float]]:
    """Milliseconds of each key, by screen."""
    times: dict[str, list[float]] = {"samples": [], "review": []}
    with Terminal(["-m", "tui", str(path)], columns) as terminal:
        terminal.shown(re.escape(path.name.encode()))  # in the title, once it is open
        if scoring:
            terminal.key(b"1", b"Recent")
            terminal.key(b"\x13", rb"[1-9]\d* tokens/s")  # of the student's: it is at it
        terminal.key(b"2", rb"what 3 is")
        terminal.key(b"g", rb"")
        at = 0
        for _ in range(rounds):
            for key, step in (
                (b"j", 1),
                (b"j", 1),
                (b"k", -1),
                (b"j", 1),
                (b"\x04", 0),
                (b"j", 1),
                (b"\x15", 0),
            ):
                # The pointer stands before the row, all of which is in one style.
                row = rb"(\d+)" if not step else b"(%d)" % (at + step)
                pointed = rb"\xe2\x96\xb8[^\x1b]*what " + row + rb" is"
                times["samples"].append(terminal.key(key, pointed))
                at = int(terminal.shown(pointed)[1])
        terminal.key(b"\r", rb"Sample %d\b" % at)
        for step in [1, 1, 1, -1, 1, -1, 1] * rounds:
            at += step
            times["review"].append(terminal.key(b"j" if step > 0 else b"k", rb"Sample %d\b" % at))
    return times


def screens(path: Path, rounds: int) -> dict[str, tuple[float, list[float]]]:
    """Milliseconds of the key that goes to each screen: for the first time, and again."""
    ways = {
        "Start": (b"1", b"1 Start", b""), "Samples": (b"2", b"2 Samples", b""),
        "Review": (b"\r", rb"Sample \d", b"\x1b"),
        "Run": (b"3", b"3 Run", b""), "Distribution": (b"4", b"4 Distribution", b""),
        "Export": (b"5", b"5 Export", b""), "Compare": (b"6", b"6 Compare", b""),
        "Help": (b"\x1bOP", b"ype to search", b"\x1b"),
    }  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in ways}
    with Terminal(["-m", "tui", str(path)]) as terminal:
        terminal.shown(re.escape(path.name.encode()))
        for _ in range(rounds + 1):
            for name, (key, shown, back) in ways.items():
                times[name].append(terminal.key(key, shown))
                time.sleep(0.5)  # so that the next key finds the app at rest
                if back:
                    terminal.key(back, b"2 Samples")
                    time.sleep(0.3)  # likewise
    return {name: (found[0], found[1:]) for name, found in times.items()}


def empty(rounds: int) -> list[float]:
    with Terminal(["-m", "tests.benchmarks.interface", "--one", "empty", "."]) as terminal:
        terminal.shown(b"0 keys")
        return [terminal.key(b"j", b"%d keys" % number) for number in range(1, 14 * rounds + 1)]


def measured(what: str, path: Path) -> Any:
    """One measurement in a process of its own, as JSON."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.interface",
        "--one",
        what,
        str(path),
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
        if what == "empty":
            Empty().run()
            return
        found: Any = asyncio.run(first_paint(path) if what == "paint" else searches(path))
        print(json.dumps([found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BURNISH_STATE"] = str(folder / "app.json")
        small, big = (large(folder / f"{size}.burnish", size) for size in SIZES)
        pairs = [(measured("paint", small), measured("paint", big)) for _ in range(given.rounds)]
        ratio = statistics.median(b[0] / a[0] for a, b in pairs)
        print(f"first paint, {SIZES[1]:,} samples over {SIZES[0]}: {ratio:.2f}", flush=True)
        print("milliseconds from a key to its repaint")
        table = Rows("samples", "beside it", "screen", "median", "95 %", "most", words=3, width=20)
        nothing = empty(given.rounds)
        table.add("an app with nothing in it", "", "", *spread(nothing))
        for size, path in zip(SIZES, (small, big), strict=True):
            for beside, columns in (("nothing", 120), ("a pane, 200 columns", 200), ("its run scores", 120)):
                times = keys(path, given.rounds, scoring=beside == "its run scores", columns=columns)
                for screen, found in times.items():
                    table.add(f"{size:,}", beside, screen, *spread(found))
        print(f"milliseconds from a key to its screen, {SIZES[1]:,} samples")
        table = Rows(
            "screen", "for the first time", "again, median", "most", "median over an empty app's key", words=1
        )
        for screen, (first, again) in screens(big, given.rounds).items():
            median = statistics.median(again)
            over = f"{median / statistics.median(nothing):.0f}"
            table.add(screen, f"{first:.0f}", f"{median:.0f}", f"{max(again):.0f}", over)
        for size, path in zip(SIZES, (small, big), strict=True):
            found, peak = measured("search", path)
            print(
                f"{size:,} samples: the slowest search {max(found):.0f} ms, peak memory {peak:.0f} MiB",
                flush=True,
            )


def spread(times: list[float]) -> list[str]:
    """Median, 95th percentile and most."""
    return [
        f"{value:.0f}"
        for value in (
            statistics.median(times),
            statistics.quantiles(times, n=20, method="inclusive")[-1],
            max(times),
        )
    ]


if __name__ == "__main__":
    main()
