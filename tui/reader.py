"""The screen's own view of a workspace, on a thread and a connection of its own: nothing it asks holds up a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from engine.listing import Column, Filter, Listing
from engine.workspace import Run, Workspace

T = TypeVar("T")


class Reader:
    """Questions to an open workspace, one after the other."""

    def __init__(self, workspace: Workspace, run: Run | None) -> None:
        self._listing = Listing(workspace, run)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._arranging = 0

    async def do(self, work: Callable[[Listing], T]) -> T:
        """What a question to the listing gives. Not within another question."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._listing)

    async def look(self, work: Callable[[Workspace], T]) -> T:
        """What a question to the workspace gives; it can only be read."""
        return await self.do(lambda listing: work(listing.reading))

    async def arrange(self, by: Column, *, descending: bool, only: Filter) -> int:
        """`Listing.arrange`; a later call makes an earlier one raise `Interrupted`."""
        if self._arranging:
            self._listing.interrupt()
        self._arranging += 1
        try:
            return await self.do(lambda listing: listing.arrange(by, descending=descending, only=only))
        finally:
            self._arranging -= 1

    def close(self) -> None:
        self._listing.interrupt()
        self._thread.submit(self._listing.close)
        self._thread.shutdown(wait=True)
