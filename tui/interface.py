"""From the command line into the terminal interface, and out again."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from tui.app import BurnishApp
from tui.desk import Desk
from tui.exit_codes import DONE, FAILED


def open_interface(path: Path | None) -> int:
    """Run the app until it is left; the exit code."""
    desk = Desk()
    app = BurnishApp(desk, path)
    app.run()
    if app.crash_log is not None or app.return_code:
        click.echo(
            "burnish: something in burnish broke; what was decided and answered is kept. The log is "
            f"{app.crash_log or 'missing: its folder cannot be written'}",
            err=True,
        )
        return FAILED
    if app.unfinished is not None:
        click.echo(
            f"burnish: the run is not done; {shlex.join(['burnish', str(app.unfinished)])} takes it up again"
        )
    return DONE
