"""A real terminal with burnish in it: what is typed goes through a pty, and what comes back is a screen again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte

KEYS = {"enter": "\r", "escape": "\x1b", "tab": "\t", "ctrl+s": "\x13", "ctrl+q": "\x11", "ctrl+p": "\x10"} | {
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "end": "\x1b[F", "home": "\x1b[H",
}  # fmt: skip


class Terminal:
    """`python -m tui` with some arguments, in a terminal of so many columns and lines."""

    def __init__(
        self,
        *arguments: str | Path,
        folder: Path,
        columns: int = 120,
        lines: int = 40,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        """`prefix`: a command to run it by."""
        command = [*prefix, sys.executable, "-m", "tui", *map(str, arguments)]
        (config := folder / "config.toml").touch()
        given = os.environ | {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "BURNISH_CONFIG": str(config),
            "BURNISH_STATE": str(folder / "app.json"),
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.child: pexpect.spawn[bytes] = pexpect.spawn(
            command[0],
            command[1:],
            cwd=str(folder),
            env=given | dict(environment or {}),
            dimensions=(lines, columns),
            timeout=60,
        )
        self.sent = b""  # everything the program wrote

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.close(force=True)

    def press(self, *keys: str) -> None:
        """Keys by Textual's names, or text as it is typed."""
        for key in keys:
            self.child.send(KEYS.get(key, key))
            self.read(0.05)

    def read(self, seconds: float) -> None:
        """Take in what the program writes for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                data = self.child.read_nonblocking(65536, timeout=left)
            except pexpect.TIMEOUT:
                return
            except pexpect.EOF:
                return
            self.sent += data
            self._stream.feed(data)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Until it is on the screen."""
        until = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < until, f"no {text!r} within {seconds} s on:\n{self.text}"
            self.read(0.1)

    def wait_for_end(self, seconds: float = 30.0) -> int:
        """Until the program has ended; its exit status."""
        until = time.monotonic() + seconds
        while self.child.isalive():
            assert time.monotonic() < until, f"still there after {seconds} s:\n{self.text}"
            self.read(0.1)
        self.read(0.2)
        self.child.close()
        return int(
            self.child.exitstatus if self.child.exitstatus is not None else -(self.child.signalstatus or 0)
        )
