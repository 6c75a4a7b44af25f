"""The command `burnish`, given in this process or in another."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

from tests.ollama.server import FakeOllama
from tests.running import TEACHER
from tui.cli.main import main

NOWHERE = "127.0.0.1:9"
ALONE = {
    "BURNISH_CONFIG": str(Path(__file__).with_name("no_settings.toml")),
    "OLLAMA_HOST": NOWHERE,
    "OLLAMA_MODELS": os.devnull,
}
"""An environment without settings, server and store of this machine's user."""

REFLECT = ("--teacher", TEACHER, "--method", "reflect", "--reply-form", "json")
"""A run that needs no student, with the scripted server's model."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line, fit for a terminal, with which it failed."""
        (line,) = self.err.splitlines()
        assert self.err == line + "\n"
        assert line.startswith("burnish: ")
        assert line.isprintable()
        assert self.out == ""
        return line


def burnish(*arguments: object, environment: Mapping[str, str] | None = None) -> Ended:
    """`burnish ARGUMENTS` from `main` on, as if in a process of its own."""
    out, err = (TextIOWrapper(BytesIO(), "utf-8", newline="") for _ in range(2))
    with (
        patch.object(sys, "argv", ["burnish", *map(str, arguments)]),
        patch.dict(os.environ, {**ALONE, **(environment or {})}),
        redirect_stdout(out),
        redirect_stderr(err),
        _signals_as_they_were(),
    ):
        try:
            main()
            code: object = "main returned"
        except SystemExit as left:
            code = left.code
    assert isinstance(code, int)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Ended(code, *texts)


@contextmanager
def _signals_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def reflect(data: Path, server: FakeOllama | str = NOWHERE, *options: object, patience: float = 1.0) -> Ended:
    """`burnish run DATA` with a teacher alone, its workspace w.burnish beside the dataset."""
    host = server if isinstance(server, str) else server.url
    return burnish(
        *("run", data, "-w", data.with_name("w.burnish"), *REFLECT, *options),
        environment={"OLLAMA_HOST": host, "BURNISH_TEACHER__PATIENCE": str(patience)},
    )


def words(*arguments: object) -> list[str]:
    """`burnish ARGUMENTS` as a command of the operating system's."""
    return [sys.executable, "-m", "tui", *map(str, arguments)]


def elsewhere(
    *arguments: object, environment: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
) -> Ended:
    """`burnish ARGUMENTS` in a process of its own, its output through pipes. `prefix`: a command to run it by."""
    done = subprocess.run(
        [*prefix, *words(*arguments)],
        env={**os.environ, **ALONE, **(environment or {})},
        capture_output=True,
        check=False,
        timeout=600,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def contents(folder: Path) -> dict[str, str]:
    """A digest of every file in a folder and below, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
