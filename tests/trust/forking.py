"""Commands in processes that need no start-up: one that has imported burnish forks for each.

`python -m tests.trust.forking` reads a line of JSON for a command, its words and its environment, and writes a line
with the process's id when it begins and one with what came of it when it ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.command import Ended, burnish


class Forking:
    def __init__(self, environment: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> None:
        """`prefix`: a command to run it by, in whose world all commands are."""
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.trust.forking"],
            env={**os.environ, **(environment or {})},
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        with self._process:
            pass

    def run(
        self,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        meanwhile: Callable[[int], object] = lambda pid: None,
    ) -> Ended:
        """`burnish ARGUMENTS`; a code below 0 is a signal's. `meanwhile` is given the process's id."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([[str(argument) for argument in arguments], dict(environment or {})]) + "\n")
        stdin.flush()
        meanwhile(int(stdout.readline()))
        code, out, err = json.loads(stdout.readline())
        return Ended(code, out, err)


def main() -> None:
    import tui.cli.refining  # noqa: F401, PLC0415 - now, and in none of the processes to come

    for line in sys.stdin:
        words, environment = json.loads(line)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                ended = burnish(*words, environment=environment)
                os.write(writing, json.dumps([ended.out, ended.err]).encode())
                os._exit(ended.code)
            except BaseException:
                traceback.print_exc()
                os._exit(70)
        print(pid, flush=True)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out, err = json.loads(text) if code >= 0 else ("", "")
        print(json.dumps([code, out, err]), flush=True)


if __name__ == "__main__":
    main()
