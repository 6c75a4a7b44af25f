"""`burnish report`: the page as a file, or the same on the terminal."""

from __future__ import annotations

from pathlib import Path

from engine.export.export import protected
from engine.formats.write import replacing
from engine.report.gather import gather
from tui.cli.console import errors, output, say
from tui.cli.exit_codes import DONE
from tui.report.html import page
from tui.report.terminal import show


def report(workspace: Path, *, out: Path | None, student: str | None, record: Path | None) -> int:
    gathered = gather(workspace, student, record)
    if out is None:
        show(output(), gathered)
    else:
        # It quotes samples: for its owner alone, as the workspace is.
        with replacing(out, protected(workspace), mode=0o600) as file:
            file.write(page(gathered).encode())
        say(errors(), f"written: {out}")
    return DONE
