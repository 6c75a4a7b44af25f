"""A run over one, two and four nodes of a Ray cluster: `python -m tests.benchmarks.ray`, where Ray is installed.

Ray's own test cluster on this machine; each node's scripted Ollama answers every request after the same time, one at a
time. "Ideal" is that time for every request, divided by the nodes. "At work" is from the first request, when cluster
and teacher are there, to the last outcome, the students' loading included.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from engine.events import Event, Started
from models.ray.cluster import OverRay
from tests.benchmarks.rows import Rows
from tests.ray.nodes import Nodes, on_nodes
from tests.running import demo_rows, refine, workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5, help="a reply's time")
    parser.add_argument("--samples", type=int, default=24)
    given = parser.parse_args()
    rows = demo_rows(given.samples)
    print(f"{given.samples} samples, {given.seconds:g} s a reply")
    table = Rows("nodes", "requests", "ideal (s)", "at work (s)", "at work / ideal")
    with tempfile.TemporaryDirectory() as name:
        for count in (1, 2, 4):
            with Nodes() as nodes:
                for number in range(count):
                    nodes.add(f"n{number}").seconds = given.seconds
                began: list[float] = []

                def emit(event: Event, began: list[float] = began) -> None:
                    if isinstance(event, Started):
                        began.append(time.perf_counter())

                with workspace(Path(name) / f"{count}.burnish", rows) as opened:
                    summary = refine(opened, on_nodes(), emit, ray=OverRay(nodes.address))
                seconds = time.perf_counter() - began[0]
                assert summary.done == len(rows)
                requests = sum(len(server.chats) for server in nodes.servers.values())
            ideal = requests * given.seconds / count
            table.add(str(count), str(requests), f"{ideal:.1f}", f"{seconds:.1f}", f"{seconds / ideal:.3f}")


if __name__ == "__main__":
    main()
