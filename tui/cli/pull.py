"""`burnish pull`: a model fetched by Ollama."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from tui.cli.exit_codes import DONE
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


@click.command()
@click.argument("name")
def pull(name: str) -> int:
    """Have Ollama fetch the model NAME.

    Nothing else here makes anything use the network, but burnish tasks --fetch.
    """
    from tui.cli.console import errors, say

    console = errors()
    run_stoppable(_pull(name, console))
    say(console, f"{name} is here; use it with --teacher {name}")
    return DONE


async def _pull(name: str, console: Console) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from engine.run.settings import load_settings
    from models.ollama.server import OllamaServer
    from tui.cli.console import moves, say
    from tui.text.literal import literal

    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=not moves(console),
    )
    server = OllamaServer(load_settings({}).teacher.host)
    with bars:
        tasks: dict[str, TaskID] = {}
        async with aclosing(server.pull(name)) as steps:
            async for step in steps:
                if step.status not in tasks:
                    tasks[step.status] = bars.add_task(literal(step.status), total=step.total or None)
                    if bars.disable:
                        say(console, step.status)
                bars.update(tasks[step.status], completed=step.completed, total=step.total or None)
