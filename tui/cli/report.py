"""`burnish report`: a run's report, on the terminal or as a page."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.exit_codes import DONE
from tui.cli.options import FILE, PATH, workspace_argument


@click.command()
@workspace_argument
@click.option(
    "-o",
    "--out",
    type=FILE,
    metavar="FILE",
    help="Write one HTML file that needs nothing else [show it here].",
)
@click.option(
    "--student", metavar="NAME", help="The run's student: draws the samples' token heat maps into FILE."
)
@click.option(
    "--record",
    type=FILE,
    metavar="FILE",
    help="What burnish judge found [WORKSPACE's name with .judged, beside it].",
)
@click.option(
    "--trial",
    type=PATH,
    metavar="FOLDER",
    help="What burnish trial found [WORKSPACE's name with .trial, beside it].",
)
def report(
    workspace: Path, *, out: Path | None, student: str | None, record: Path | None, trial: Path | None
) -> int:
    """Report what a run made of its dataset, here or as a page.

    Models and digests, what the stages did, scores and lengths before and after, near ties, failures, what judges
    said, what a trial found, your notes and tags, twenty samples with what changed, and how to do it again. FILE is
    for your eyes: it quotes samples and notes. It opens from disk, runs nothing and asks for nothing.
    """
    from engine.formats.outputs import replacing
    from engine.report.gather import gather
    from engine.store.workspace import Workspace
    from tui.cli.console import errors, output, say
    from tui.report.html import page
    from tui.report.terminal import show

    gathered = gather(workspace, student, record, trial)
    if out is None:
        show(output(), gathered)
    else:
        # It quotes samples: for its owner alone, as the workspace is.
        with Workspace.read(workspace) as opened:
            source = opened.source().file()
        with replacing(out, sources=[source], mode=0o600) as (file,):
            file.write(page(gathered).encode())
        say(errors(), f"written: {out}")
    return DONE
