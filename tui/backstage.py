"""The engine's thread: the pipeline, the workspace's writer and the models work here; the screen never waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Backstage:
    """An event loop in a thread of its own. Used from the app's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: a file system or a model that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine", daemon=True)
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Start some work there. Cancelling the future cancels the work."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def do(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """What a function that runs there returns or raises."""

        async def done() -> T:
            return await work(*arguments)

        return await self.begin(done())

    async def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """The same for a plain function, which holds up everything else there while it lasts."""

        async def done() -> T:
            return work(*arguments)

        return await self.begin(done())

    def tell(self, work: Callable[[], object]) -> None:
        """Have something small done there, soon."""
        self._loop.call_soon_threadsafe(work)

    def close(self, seconds: float) -> bool:
        """End the thread; whether it did within that time."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)
        return not self._thread.is_alive()
