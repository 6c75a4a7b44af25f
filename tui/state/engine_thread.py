"""The engine's thread: the pipeline, the workspace's writer and the models work here; the screen never waits."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")

SWITCH_SECONDS = 0.0005
"""Seconds that a thread may go on in Python while another waits. Python's own 5 ms are waited for at every step that
the screen takes while the engine computes: a repaint took 1.7 times as long."""


class EngineWork(Generic[T]):
    """Something that the engine's thread does, as the app's loop sees it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> None:
        self._loop = loop
        self._task: asyncio.Task[T] | None = None  # the engine's: only its thread touches it
        self._end: concurrent.futures.Future[T] = concurrent.futures.Future()
        loop.call_soon_threadsafe(self._begin, work)

    async def result(self) -> T:
        """What it returns or raises. Cancelling this cancels the work, and waits until that has ended."""
        end = asyncio.wrap_future(self._end)
        try:
            return await asyncio.shield(end)
        except asyncio.CancelledError:
            with suppress(RuntimeError):  # the thread has ended, and the work with it
                self._loop.call_soon_threadsafe(self._cancel)
            await asyncio.wait([end])
            raise

    def _begin(self, work: Coroutine[Any, Any, T]) -> None:
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._ended)

    def _cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()

    def abandon(self) -> None:
        """Have whoever waits for it wait no more."""
        self._end.cancel()

    def on_end(self, then: Callable[[], object]) -> None:
        self._end.add_done_callback(lambda _: then())

    def _ended(self, task: asyncio.Task[T]) -> None:
        with suppress(concurrent.futures.InvalidStateError):  # it was abandoned
            if task.cancelled():
                self._end.cancel()
            elif (error := task.exception()) is not None:
                self._end.set_exception(error)
            else:
                self._end.set_result(task.result())


async def in_steps(steps: Generator[int, None, T], on_step: Callable[[int], None]) -> T:
    """What something gives that is done a step at a time; between two, whatever else is at work has its turn."""
    try:
        while True:
            try:
                on_step(next(steps))
            except StopIteration as end:
                result: T = end.value
                return result
            await asyncio.sleep(0)
    finally:
        steps.close()


class EngineThread:
    """An event loop in a thread of its own. Used from the app's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._under_way: set[EngineWork[Any]] = set()
        sys.setswitchinterval(SWITCH_SECONDS)
        # A daemon: a file system or a model that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, T]) -> EngineWork[T]:
        """Start some work there."""
        begun = EngineWork(self._loop, work)
        self._under_way.add(begun)
        begun.on_end(lambda: self._under_way.discard(begun))
        return begun

    async def do(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """What a function that runs there returns or raises."""

        async def done() -> T:
            return await work(*arguments)

        return await self.begin(done()).result()

    async def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """The same for a plain function, which holds up everything else there while it lasts."""

        async def done() -> T:
            return work(*arguments)

        return await self.begin(done()).result()

    def post(self, work: Callable[[], object]) -> None:
        """Have something small done there, soon."""
        self._loop.call_soon_threadsafe(work)

    def close(self, seconds: float) -> bool:
        """End the thread and whatever is still at work there; whether it did within that time."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)
        for work in list(self._under_way):
            work.abandon()
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            if left:
                self._loop.run_until_complete(asyncio.wait(left))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
