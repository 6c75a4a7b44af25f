"""The environments that a server's processes on this machine run in, as far as the system shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from models.system.machine import listener

SHOWN = (psutil.Error, OSError, RuntimeError, ValueError)  # what a system that shows less is heard to raise


def environments(name: str, port: int) -> Iterator[Mapping[str, str]]:
    """The environment of the process that listens at a port, then of those that have this name.

    Of one that does not show its environment only HOME is given, as its user has it; where the system does not show
    processes there are none.
    """
    with suppress(*SHOWN):
        if (found := listener(port)) is not None:
            yield found.environment
    with suppress(*SHOWN):
        for process in psutil.process_iter(["name"]):
            if Path(process.info["name"] or "").stem == name:
                yield _environment(process)


def _environment(process: psutil.Process) -> Mapping[str, str]:
    with suppress(*SHOWN):
        return dict(process.environ())
    with suppress(*SHOWN, KeyError, ImportError):
        import pwd  # noqa: PLC0415  (not on Windows)

        return {"HOME": pwd.getpwnam(process.username()).pw_dir}
    return {}
