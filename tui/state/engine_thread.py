"""A thread with an event loop of its own, where the pipeline, the workspace's writer and the models work."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, Generic, TypeVar

from models.errors import in_one_line

T = TypeVar("T")

SWITCH_SECONDS = 0.0005
"""Seconds that a thread may go on in Python while another waits. Python's own 5 ms are waited for at every step that
the screen takes while the engine computes: a repaint took 1.7 times as long."""

CLOSE_SECONDS = 0.2
"""Seconds the thread gets to end; after that it is left behind."""


class EngineWork(Generic[T]):
    """A piece of work on the engine's thread, as the app's loop sees it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> None:
        self._loop = loop
        self._task: asyncio.Task[T] | None = None  # the engine's: only its thread touches it
        self.end: concurrent.futures.Future[T] = concurrent.futures.Future()
        loop.call_soon_threadsafe(self._begin, work)

    async def result(self) -> T:
        """Its result, or the exception it raises. Cancelling this cancels the work, and waits until that has ended."""
        end = asyncio.wrap_future(self.end)
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

    def _ended(self, task: asyncio.Task[T]) -> None:
        with suppress(concurrent.futures.InvalidStateError):  # the thread was closed before
            if task.cancelled():
                self.end.cancel()
            elif (error := task.exception()) is not None:
                self.end.set_exception(in_one_line(error))
            else:
                self.end.set_result(task.result())


async def in_steps(steps: Generator[int, None, T], on_step: Callable[[int], None]) -> T:
    """Run a generator to its end and return what it returns; between two steps other work has its turn.

    `on_step` is called with each number that it yields.
    """
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
    """An event loop in a thread that begins with the first work. Used from the app's loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._under_way: set[EngineWork[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, T]) -> EngineWork[T]:
        """Start some work there."""
        if self._loop is None:
            sys.setswitchinterval(SWITCH_SECONDS)
            self._loop = asyncio.new_event_loop()
            # A daemon: a file system or a model that hangs must not keep the program from ending.
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="engine", daemon=True)
            self._thread.start()
        begun = EngineWork(self._loop, work)
        self._under_way.add(begun)
        begun.end.add_done_callback(lambda _: self._under_way.discard(begun))
        return begun

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a plain function there, which holds up everything else while it lasts; its result."""

        async def called() -> T:
            return function(*arguments)

        return await self.begin(called()).result()

    def post(self, function: Callable[[], object]) -> None:
        """Have something small done there, soon."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        """End the thread and whatever is still at work there, or leave it behind. Whoever waits is cancelled."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSE_SECONDS)
        for work in list(self._under_way):
            work.end.cancel()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped, then cancel what is left and wait for that to end."""
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
