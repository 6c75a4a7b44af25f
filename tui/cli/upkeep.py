"""The commands about models and the machine: `models`, `pull`, `doctor`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from engine.health.models_here import UNREAD, ListedModel, list_models
from engine.run.settings import load_settings
from models.ollama.server import OllamaServer
from models.system.units import size
from models.teacher import Fault, TeacherError
from tui.cli.console import errors, output, say
from tui.cli.exit_codes import DONE, FAILED
from tui.platform.environment import DEVELOPERS
from tui.text.literal import literal, one_line
from tui.text.vocabulary import CHECKS, unread_note


async def ollama_version(host: str | None) -> str | None:
    """The version of the Ollama that answers; None if none does."""
    try:
        return await OllamaServer(host, first=3.0).version()
    except TeacherError:
        return None


def models(*, as_json: bool) -> int:
    here = asyncio.run(list_models(load_settings({})))
    if here.problem and here.problem.fault is not Fault.UNREACHABLE:
        raise here.problem
    if as_json:
        print(json.dumps([asdict(model) for model in here.models]))
    else:
        output().print(_table(here.models))
        if unread := sum(model.problem == UNREAD for model in here.models):
            say(errors(), unread_note(unread))
    if here.problem:
        say(errors(), str(here.problem))
    if not here.complete:
        say(errors(), "there was no time to look everywhere; name folders in the setting model_folders")
    return DONE


def _table(models: Iterable[ListedModel]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("size", "type", "where", "teacher", "student"):
        table.add_column(heading, justify="right" if heading == "size" else "left", no_wrap=True)
    for model in models:
        name = Text(one_line(model.name))
        if model.problem not in (None, UNREAD):  # that would stand under every tag: `models` says it once
            name.append(f"\n  {one_line(model.problem or '')}", style="yellow")
        table.add_row(
            name,
            size(model.size) if model.size else "-",
            one_line(model.quantisation or "-"),
            "here" if model.local else "cloud",
            "yes" if model.teacher else "no",
            "yes" if model.student else "no",
        )
    return table


def pull(name: str) -> int:
    console = errors()
    asyncio.run(_pull(name, console))
    say(console, f"{name} is here; use it with --teacher {name}")
    return DONE


async def _pull(name: str, console: Console) -> None:
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=not console.is_interactive,
    )
    server = OllamaServer(load_settings({}).teacher.host)
    with bars:
        tasks: dict[str, Any] = {}
        async with aclosing(server.pull(name)) as steps:
            async for step in steps:
                if step.status not in tasks:
                    tasks[step.status] = bars.add_task(literal(step.status), total=step.total or None)
                    if bars.disable:
                        say(console, step.status)
                bars.update(tasks[step.status], completed=step.completed, total=step.total or None)


def doctor(*, teacher: str | None, student: str | None, privacy: bool, as_json: bool) -> int:
    from engine.health.doctor import check  # noqa: PLC0415
    from engine.health.privacy import check_privacy  # noqa: PLC0415

    settings = load_settings({"teacher": {"name": teacher}, "student": {"name": student}})
    checks = asyncio.run(check_privacy(settings, ignored=DEVELOPERS) if privacy else check(settings))
    if as_json:
        print(json.dumps([asdict(one) for one in checks]))
    else:
        out = output()
        styles = {"ok": "green", "advice": "yellow", "problem": "bold red"}
        for one in checks:
            line = Text.assemble(
                (f"{CHECKS[one.state]} ", styles[one.state]), (f"{one.name}: ", "bold"), one_line(one.finding)
            )
            out.print(line, soft_wrap=True)
            if one.fix:
                out.print(f"    {one_line(one.fix)}", style="dim", soft_wrap=True)
    return FAILED if any(one.state == "problem" for one in checks) else DONE
