"""A workbench for a test, the workspaces it opens, and what a test waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.store.workspace import Workspace
from tests.ollama.script import Answer, Chat, Scripted
from tests.running import SHORT, brief, workspace
from tui.state.workbench import Workbench


def made(path: Path) -> Path:
    with workspace(path, SHORT):
        return path


def unhurried(chat: Chat) -> Scripted:
    return Answer(brief(chat), seconds=0.1)


async def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


def heard(workbench: Workbench, kind: type) -> Callable[[], bool]:
    """A condition: the engine has reported an event of this kind since the last call."""
    return lambda: any(isinstance(event, kind) for event in workbench.take_events())


def with_workbench(given: Any, work: Callable[[Workbench], Any]) -> None:
    """Run a test with a workbench, and leave that."""

    async def main() -> None:
        others = set(threading.enumerate())  # another test's engine may hang
        workbench = Workbench(given)
        try:
            await work(workbench)
        finally:
            await workbench.leave()
        begun = set(threading.enumerate()) - others
        assert not [thread for thread in begun if thread.name in ("engine", "reader")]

    asyncio.run(main())


def whole(path: Path) -> None:
    """Nobody holds the file, and nothing in it is broken."""
    with Workspace.open(path) as opened:
        assert opened.database.execute("PRAGMA integrity_check") == [("ok",)]
