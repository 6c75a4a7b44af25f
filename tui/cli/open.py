"""`burnish` and `burnish PATH`: the terminal interface."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.errors import BurnishError, UsageError
from tui.cli.options import PATH, ray_options
from tui.platform.environment import DEVELOPERS

if TYPE_CHECKING:
    from models.ray.cluster import OverRay


def is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # no file can be called that
        return False


@click.command("open")
@click.argument("path", type=PATH, required=False)
@ray_options
def open_(path: Path | None, *, ray: OverRay | None) -> int:
    """The terminal interface."""
    if path is not None and not is_there(str(path)):
        raise BurnishError(f"{path}: not there; give a dataset or a workspace, or nothing to choose one")
    if path is not None and path.is_dir():
        raise BurnishError(f"{path}: a folder; give a dataset or a workspace in it, or nothing to choose one")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the terminal interface needs a terminal; burnish --help lists the commands that do not"
        )
    for name in DEVELOPERS:
        os.environ.pop(name, None)
    from tui.cli.interface import open_interface

    return open_interface(path, ray)
