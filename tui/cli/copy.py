"""`burnish copy`: a backup of a workspace."""

from __future__ import annotations

from pathlib import Path

import click

from models.system.units import counted
from tui.cli.exit_codes import DONE
from tui.cli.options import PATH, workspace_argument


@click.command()
@workspace_argument
@click.argument("to", type=PATH)
def copy(workspace: Path, to: Path) -> int:
    """Back a workspace up as TO, also while a run works on it."""
    from engine.store.workspace import Workspace
    from tui.cli.console import output, print_facts

    samples = Workspace.copy(workspace, to)
    print_facts(output(), [("copied", counted(samples, "sample")), ("workspace", str(to))])
    return DONE
