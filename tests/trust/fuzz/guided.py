"""Fuzzing guided by coverage, where the package atheris is installed: `python -m tests.trust.fuzz.guided TARGET`.

It goes on until it finds something, or as libFuzzer's options say: `-max_total_time=600`, `-runs=100000`, a folder
for a corpus. The finding is left as a file `crash-...`; what it says is the case, made from those bytes.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import atheris


class Dice(Random):
    """Dice whose throws are the fuzzer's bytes; zeros when they are used up."""

    def __new__(cls, _: bytes) -> Dice:
        return super().__new__(cls)

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._bytes = iter(data)

    def getrandbits(self, k: int, /) -> int:
        number = int.from_bytes(bytes(next(self._bytes, 0) for _ in range(-(-k // 8))))
        return number & ((1 << k) - 1)

    def random(self) -> float:
        return self.getrandbits(53) / 2**53


def once(target: Any, folder: Path) -> Callable[[bytes], None]:
    def judged(data: bytes) -> None:
        case = target.make(Dice(data))
        try:
            target.judge(case, folder)
        except BaseException:
            Path("finding").write_bytes(case)
            raise

    return judged


def main() -> None:
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["engine", "models", "tui"]):  # which nothing may import before
        target = importlib.import_module(f"tests.trust.fuzz.{name.replace('-', '_')}")
        os.environ.update(importlib.import_module("tests.command").ALONE)
    with TemporaryDirectory() as folder:
        atheris.Setup([sys.argv[0], *options], once(target, Path(folder)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
