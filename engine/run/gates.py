"""The gate before the models: work waits there while a person holds the run."""

from __future__ import annotations

import asyncio


class Gate:
    """Lets work through to the models, but while a person holds the run."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Begin nothing new. What the models are at is finished and kept."""
        self._open.clear()

    def go(self) -> None:
        self._open.set()

    @property
    def held(self) -> bool:
        return not self._open.is_set()

    async def passed(self) -> None:
        await self._open.wait()
