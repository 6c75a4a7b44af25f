"""The commands about models and the machine: `models`, `pull`, `doctor`."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from engine.settings import load
from models.catalog import find_ggufs
from models.ollama_server import OllamaServer
from models.teacher import Fault, TeacherError
from tui.cli import DONE, FAILED
from tui.literal import literal

GIB = 2**30


async def ollama_version(host: str | None) -> str | None:
    """The version of the Ollama that answers; None if none does."""
    try:
        async with OllamaServer(host, first=3.0) as server:
            return await server.version()
    except TeacherError:
        return None


def models(*, as_json: bool) -> int:
    settings = load({})
    problem = None
    try:
        tags = asyncio.run(_tags(settings.teacher.host))
    except TeacherError as error:
        if error.fault is not Fault.UNREACHABLE:
            raise
        tags, problem = (), str(error)
    search = find_ggufs(settings.model_folders)
    rows: list[dict[str, Any]] = [
        {
            "name": tag.name,
            "kind": "ollama",
            "size": tag.size,
            "quantisation": tag.quantisation,
            "parameters": tag.billions and tag.billions * 1e9,
            "digest": tag.digest,
            "local": tag.local,
            "teacher": tag.name if tag.local else None,
            "student": f"ollama:{tag.name}" if tag.local else None,
            "problem": None if tag.local else "runs in Ollama's cloud: your data would leave this machine",
        }
        for tag in tags
    ]
    for found in search.found:
        header = found.header
        rows.append(
            {
                "name": found.name,
                "kind": "gguf",
                "size": header.size if header else None,
                "quantisation": header.quantisation if header else None,
                "parameters": header.parameters if header else None,
                "digest": None,
                "local": True,
                "teacher": None if found.problem else _teacher_name(found.name, str(found.path)),
                "student": None if found.problem else found.name,
                "problem": found.problem,
            }
        )
    if as_json:
        print(json.dumps(rows))
        return DONE
    out = Console(highlight=False)
    table = Table(expand=False, pad_edge=False)
    for heading in ("name", "size", "quantisation", "where", "teacher", "student", ""):
        table.add_column(heading, overflow="fold" if heading == "name" else "ellipsis")
    for row in rows:
        table.add_row(
            Text(literal(row["name"])),
            Text(f"{row['size'] / GIB:.2f} GiB" if row["size"] else "-"),
            Text(literal(row["quantisation"] or "-")),
            "local" if row["local"] else "cloud",
            "yes" if row["teacher"] else "no",
            "yes" if row["student"] else "no",
            Text(literal(row["problem"] or "")),
        )
    out.print(table)
    errors = Console(stderr=True, highlight=False)
    if problem:
        errors.print(Text(literal(problem)), soft_wrap=True)
    if not search.complete:
        errors.print("there was no time to look everywhere; name folders in the setting model_folders")
    return DONE


def _teacher_name(name: str, path: str) -> str:
    return name if name == "demo" else f"gguf:{path}"


async def _tags(host: str | None) -> tuple[Any, ...]:
    async with OllamaServer(host) as server:
        return await server.tags()


def pull(name: str) -> int:
    console = Console(stderr=True, highlight=False)
    asyncio.run(_pull(name, console))
    console.print(Text(literal(f"{name} is here; use it with --teacher {name}")))
    return DONE


async def _pull(name: str, console: Console) -> None:
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
    )
    async with OllamaServer(load({}).teacher.host) as server:
        with bars:
            tasks: dict[str, Any] = {}
            steps = server.pull(name)
            async with aclosing(steps):
                async for step in steps:
                    if step.status not in tasks:
                        tasks[step.status] = bars.add_task(literal(step.status), total=step.total or None)
                        if not console.is_terminal:
                            console.print(Text(literal(step.status)))
                    bars.update(tasks[step.status], completed=step.completed, total=step.total or None)


def doctor(*, teacher: str | None, student: str | None, as_json: bool) -> int:
    from tui.doctor import check  # noqa: PLC0415

    settings = load({"teacher": {"name": teacher}, "student": {"name": student}})
    checks = asyncio.run(check(settings))
    if as_json:
        print(json.dumps([asdict(one) for one in checks]))
    else:
        out = Console(highlight=False)
        marks = {"ok": ("✓", "green"), "advice": ("!", "yellow"), "problem": ("✗", "bold red")}
        for one in checks:
            mark, style = marks[one.state]
            line = Text.assemble((f"{mark} ", style), (f"{one.name}: ", "bold"), literal(one.finding))
            out.print(line, soft_wrap=True)
            if one.fix:
                out.print(Text(f"    {literal(one.fix)}", style="dim"), soft_wrap=True)
    return FAILED if any(one.state == "problem" for one in checks) else DONE
