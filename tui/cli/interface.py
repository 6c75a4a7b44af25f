"""The terminal interface, run from the command line until it is left."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import click

from models.ray.cluster import OverRay
from models.system.shell import command_line
from tui.app import BurnishApp
from tui.cli.exit_codes import DONE, FAILED, INTERRUPTED
from tui.platform.external_editor import sweep
from tui.platform.memory import limit_memory
from tui.state.workbench import Workbench
from tui.text.literal import one_line

LONGEST = 4.0
"""Seconds within which the process ends after a signal."""

GONE = 1.0
"""The same without a terminal: Textual then waits for ever for a thread of its own that broke on writing to it,
and there is nothing to give back."""


def open_interface(path: Path | None, ray: OverRay | None) -> int:
    """Run the app until it is left, and return the exit code.

    `path`: a dataset or a workspace to open. `ray`: the cluster whose nodes' models work, until it is left.
    """
    sweep()
    limit_memory()
    app = BurnishApp(Workbench(ray=ray), path)
    ending = _ExitHandler(app)
    asyncio.run(ending.run())
    if app.crash_log is not None or app.return_code:
        log = one_line(str(app.crash_log)) if app.crash_log else "missing: its folder cannot be written"
        _say(f"something in burnish broke; what was decided and answered is kept. The log: {log}", err=True)
        return FAILED
    if app.unfinished is not None:
        command = command_line(["burnish", str(app.unfinished), *(ray.options if ray is not None else ())])
        _say(f"the run is not done; {command} takes it up again")
    if app.unjudged is not None:
        _say(f"not every pair is judged; {command_line(app.unjudged)} takes it up again")
    return INTERRUPTED if ending.asked else DONE


def _say(what: str, *, err: bool = False) -> None:
    with suppress(OSError):  # the terminal may be what went away
        click.echo(f"burnish: {what}", err=err)


class _ExitHandler:
    """Ends the app on a signal as a person does who quits: the terminal restored, the run ready to be resumed."""

    SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

    def __init__(self, app: BurnishApp) -> None:
        self.asked = False
        self._app = app

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for name in self.SIGNALS:
            with suppress(AttributeError, NotImplementedError):  # Windows has not all of them
                loop.add_signal_handler(getattr(signal, name), self._end)
        await self._app.run_async()

    def _end(self) -> None:
        if not self.asked:
            self.asked = True
            timer = threading.Timer(LONGEST if os.isatty(2) else GONE, os._exit, (INTERRUPTED,))
            timer.daemon = True
            timer.start()
            self._app.leave()
