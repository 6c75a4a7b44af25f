"""How well the student's work hides behind the teacher's: `python -m tests.benchmarks.pipeline`.

The scripted Ollama server answers every request after the same time. "Teacher alone" puts the very requests of the
run to it through the same client, as many at once, with nothing else to do; "run" is the whole pipeline from the
first request to the last outcome, the student's loading and the workspace's commits included. They are run in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from models.ollama.teacher import OllamaTeacher
from models.teacher import Message, Request
from tests.benchmarks.rows import Rows
from tests.ollama.server import FakeOllama, spawned
from tests.running import TEACHER, brief, demo_rows, refine, settings, workspace


async def teacher_alone(url: str, requests: list[Request], parallel: int) -> float:
    """Seconds the teacher needs for these requests, so many at once."""
    teacher = OllamaTeacher(TEACHER, host=url)
    await teacher.open()
    waiting = iter(requests)

    async def ask() -> None:
        for request in waiting:
            await teacher.ask(request)

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(parallel)))
    seconds = time.perf_counter() - began
    await teacher.close()
    return seconds


def as_request(body: Any) -> Request:
    """The request that a chat's body came from."""
    options = body["options"]
    return Request(
        messages=tuple(Message(**message) for message in body["messages"]),
        seed=options["seed"],
        temperature=options["temperature"],
        max_tokens=options["num_predict"],
        schema=body.get("format"),
    )


def run(url: str, rows: list[dict[str, str]], parallel: int, folder: Path, number: int) -> float:
    """Seconds a whole run takes, the student's loading included."""
    with workspace(folder / f"{parallel}-{number}.burnish", rows) as opened:
        given = settings(url, teacher={"parallel": parallel})
        began = time.perf_counter()
        summary = refine(opened, given)
        seconds = time.perf_counter() - began
    assert summary.done == len(rows)
    assert summary.failed == 0
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5, help="a reply's time")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows = demo_rows(given.samples)
    print(f"{given.samples} samples, {given.seconds:g} s a reply, medians of {given.rounds} in turn")
    table = Rows("parallel", "requests", "teacher alone (s)", "run (s)", "run / teacher alone")
    with tempfile.TemporaryDirectory() as name:
        for parallel in (1, 4):
            folder = Path(name)
            with FakeOllama(brief, parallel=parallel) as quick:  # the questions, got once without waiting
                run(quick.url, rows, parallel, folder, -1)
                requests = [as_request(chat.body) for chat in quick.chats]
            # As many times longer a reply as there are requests at once: the student's share stays the same.
            seconds = str(given.seconds * parallel)
            options = ("--script", "tests.running:brief", "--parallel", str(parallel), "--seconds", seconds)
            pairs = []
            with spawned(*options) as url:
                for number in range(given.rounds):
                    alone = asyncio.run(teacher_alone(url, requests, parallel))
                    pairs.append((alone, run(url, rows, parallel, folder, number)))
            alone, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(whole / alone for alone, whole in pairs)
            table.add(str(parallel), str(len(requests)), f"{alone:.1f}", f"{whole:.1f}", f"{ratio:.3f}")


if __name__ == "__main__":
    main()
