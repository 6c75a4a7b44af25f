"""What looking through a dataset costs as it grows: `python -m tests.benchmarks.stats [1000 10000 ...]`.

Each size is measured in a process of its own, so that its peak memory is its own. The samples are made up on the way,
of 20 words asked and 100 answered; one in fifty is there before, one in a hundred holds an address.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

from engine.examine.examine import Examination
from engine.sample import Sample, Version
from tests.benchmarks.rows import Rows
from tests.running import demo_rows

SIZES = (1_000, 10_000, 100_000, 1_000_000)
WORDS = [word for row in demo_rows(32) for word in f"{row['instruction']} {row['output']}".split()]


def samples(count: int) -> Iterator[Sample]:
    dice = random.Random(0)
    for index in range(count):
        instruction, response = (" ".join(dice.choices(WORDS, k=length)) for length in (20, 100))
        if index % 50 == 7:
            instruction, response = "Say it again, please.", "The same answer, over and over again. " * 10
        if index % 100 == 3:
            response += " Write to bob@corp.org."
        original = Version(instruction=instruction, response=response)
        yield Sample(index=index, number=index, original=original, row={})


def measure(count: int) -> None:
    """Print CPU seconds a thousand samples, the time of making them left out, and the peak in MiB."""
    began = time.process_time()
    for _ in samples(count):
        pass
    making = time.process_time() - began
    with Examination() as examination:
        examination.examine([])  # what is loaded once
        began = time.process_time()
        examination.examine(samples(count))
        took = time.process_time() - began - making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(took / count * 1000, peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure is not None:
        measure(given.measure)
        return
    table = Rows("samples", "CPU s a thousand", "peak MiB")
    for size in given.sizes:
        command = [sys.executable, "-m", __spec__.name, "--measure", str(size)]
        took, peak = map(float, subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.split())
        table.add(f"{size:,}", f"{took:.2f}", f"{peak:.0f}")


if __name__ == "__main__":
    main()
