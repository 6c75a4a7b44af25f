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

from engine.settings import load
from models.catalog import Found, find_ggufs
from models.ollama_server import OllamaServer, Tag, full_name
from models.ollama_store import default_stores, list_blobs
from models.teacher import Fault, TeacherError
from tui import tables
from tui.console import errors, output, say
from tui.exit_codes import DONE, FAILED
from tui.literal import literal, one_line

UNREAD = (
    "its weights are in no store that can be read here (OLLAMA_MODELS names another), so it is no student"
)
ANSWERS = 10.0  # seconds a healthy server needs at most for the list of its models


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
    rows = _rows(tags, search.found)
    if as_json:
        print(json.dumps(rows))
    else:
        output().print(_table(rows))
        if unread := sum(row["problem"] == UNREAD for row in rows):
            say(
                errors(),
                f"{unread} of these cannot be students: their weights are in no store that can be read here "
                "(OLLAMA_MODELS names another)",
            )
    if problem:
        say(errors(), problem)
    if not search.complete:
        say(errors(), "there was no time to look everywhere; name folders in the setting model_folders")
    return DONE


def _rows(tags: Iterable[Tag], found: Iterable[Found]) -> list[dict[str, Any]]:
    """Every model once: the server's tags, each with its weights in the store where they can be read, then files."""
    files = {file.path: file for file in found}
    blobs = {full_name(name): blob for name, blob in list_blobs(default_stores()).items()}
    rows, served = [], set()
    for tag in tags:
        blob = blobs.get(full_name(tag.name))
        path = None if blob is None else blob.path
        served.add(path)
        rows.append(_tag_row(tag, files.get(path) if path else None))
    return rows + [_file_row(file) for path, file in files.items() if path not in served]


def _tag_row(tag: Tag, weights: Found | None) -> dict[str, Any]:
    problem = weights.problem if weights else UNREAD
    return {
        "name": tag.name,
        "kind": "ollama",
        "size": tag.size,
        "quantisation": tag.quantisation,
        "parameters": tag.billions and tag.billions * 1e9,
        "digest": tag.digest,
        "local": tag.local,
        "teacher": tag.name if tag.local else None,
        "student": f"ollama:{tag.name}" if tag.local and not problem else None,
        "problem": problem if tag.local else "runs in Ollama's cloud: your data would leave this machine",
    }


def _file_row(file: Found) -> dict[str, Any]:
    header, usable = file.header, not file.problem
    teaches = usable and header is not None and header.chat_template
    return {
        "name": file.name,
        "kind": "gguf",
        "size": header.size if header else None,
        "quantisation": header.quantisation if header else None,
        "parameters": header.parameters if header else None,
        "digest": None,
        "local": True,
        "teacher": ("demo" if file.name == "demo" else f"gguf:{file.path}") if teaches else None,
        "student": file.name if usable else None,
        "problem": file.problem,
    }


def _table(rows: Iterable[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("size", "type", "where", "teacher", "student"):
        table.add_column(heading, justify="right" if heading == "size" else "left", no_wrap=True)
    for row in rows:
        name = Text(one_line(row["name"]))
        if row["problem"] not in (None, UNREAD):  # that would stand under every tag: `models` says it once
            name.append(f"\n  {one_line(row['problem'])}", style="yellow")
        table.add_row(
            name,
            tables.size(row["size"]) if row["size"] else "-",
            one_line(row["quantisation"] or "-"),
            "here" if row["local"] else "cloud",
            "yes" if row["teacher"] else "no",
            "yes" if row["student"] else "no",
        )
    return table


async def _tags(host: str | None) -> tuple[Tag, ...]:
    async with OllamaServer(host, first=ANSWERS) as server:
        return await server.tags()


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
    async with OllamaServer(load({}).teacher.host) as server:
        with bars:
            tasks: dict[str, Any] = {}
            steps = server.pull(name)
            async with aclosing(steps):
                async for step in steps:
                    if step.status not in tasks:
                        tasks[step.status] = bars.add_task(literal(step.status), total=step.total or None)
                        if bars.disable:
                            say(console, step.status)
                    bars.update(tasks[step.status], completed=step.completed, total=step.total or None)


def doctor(*, teacher: str | None, student: str | None, as_json: bool) -> int:
    from tui.doctor import check  # noqa: PLC0415

    settings = load({"teacher": {"name": teacher}, "student": {"name": student}})
    checks = asyncio.run(check(settings))
    if as_json:
        print(json.dumps([asdict(one) for one in checks]))
    else:
        out = output()
        marks = {"ok": ("✓", "green"), "advice": ("!", "yellow"), "problem": ("✗", "bold red")}
        for one in checks:
            mark, style = marks[one.state]
            line = Text.assemble((f"{mark} ", style), (f"{one.name}: ", "bold"), one_line(one.finding))
            out.print(line, soft_wrap=True)
            if one.fix:
                out.print(f"    {one_line(one.fix)}", style="dim", soft_wrap=True)
    return FAILED if any(one.state == "problem" for one in checks) else DONE
