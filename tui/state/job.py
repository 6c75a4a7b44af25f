"""Work that a person may stop: a run, or a judging."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from models.errors import UsageError

T = TypeVar("T")


class Job(Generic[T]):
    """One piece of work at a time, on a task of its own. Everything here is called from the app's loop."""

    def __init__(self, busy: str) -> None:
        """`busy`: what is said to who wants more meanwhile."""
        self._busy = busy
        self._task: asyncio.Task[T] | None = None

    @property
    def running(self) -> bool:
        return self._task is not None

    @property
    def stopping(self) -> bool:
        """It was told to end, and has not yet."""
        return self._task is not None and self._task.cancelling() > 0

    async def run(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Its result; None where `cancel` came before. Whoever waits for it and is cancelled cancels it."""
        if self._task is not None:
            work.close()
            raise UsageError(self._busy)
        self._task = task = asyncio.create_task(work)
        task.add_done_callback(self._over)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            await self.cancel()
            raise
        return None if task.cancelled() else task.result()

    async def cancel(self) -> None:
        """End it where it is, and wait until it has ended."""
        if (task := self._task) is not None:
            if not task.cancelling():  # a second time would not wait for what it does to end
                task.cancel()
            await asyncio.wait([task])

    def _over(self, _: asyncio.Task[T]) -> None:
        self._task = None
