"""Work of the models that a person may hold, stop and take up again: what a run and a judging have in common."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from engine.events import Event
from engine.judge.events import JudgeEvent
from engine.progress import Tally
from engine.run.gates import Gate
from models.errors import BurnishError, UsageError
from tui.state.engine_thread import EngineThread


class JobModels(Protocol):
    """The models at work, as the engine gives them: a `Session`, or a judge's `RecordedModel`."""

    gate: Gate

    @property
    def children(self) -> dict[str, int]:
        """The process id of each model that runs in a process of ours: "teacher", "student"."""


M = TypeVar("M", bound=JobModels)
E = TypeVar("E", bound=Event | JudgeEvent)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class JobEnding(Generic[R]):
    """The end of a job: its result, or why there is none."""

    result: R | None = None  # None: before it was done
    failure: str | None = None  # what it failed of; None with no result: a person stopped it


class Job(Generic[M, E, R]):
    """One run, or one judging, at a time. Everything here is called from the app's loop; the models work in `thread`.

    Subclasses start the work with `_carry_out`, and set `_models` while these are open.
    """

    def __init__(self, thread: EngineThread, busy: str) -> None:
        """`busy`: the error's message for a second one meanwhile."""
        self.tally = Tally()
        self.ending: JobEnding[R] | None = None  # of the last one since the workspace was opened
        self._thread = thread
        self._busy = busy
        self._models: M | None = None
        self._reported: deque[E] = deque()  # by the thread, and not counted yet
        self._task: asyncio.Task[R] | None = None

    def forget(self) -> None:
        """Begin anew: another workspace was opened. What the models of the last one still report is dropped."""
        self.tally, self.ending, self._reported = Tally(), None, deque()

    @property
    def running(self) -> bool:
        return self._task is not None

    @property
    def stopping(self) -> bool:
        """It was told to end, and has not yet."""
        return self._task is not None and self._task.cancelling() > 0

    @property
    def held(self) -> bool:
        """Nothing new is begun."""
        return self.running and self.tally.held

    @property
    def children(self) -> dict[str, int]:
        """The process id of each model that runs in a process of ours: "teacher", "student"."""
        return {} if self._models is None else self._models.children

    def hold(self) -> None:
        """Begin nothing new until `go`; what the models are at is finished."""
        if self.running and self._models is not None:
            self._thread.post(self._models.gate.hold)
            self.tally.hold()

    def go(self) -> None:
        if self.running and self._models is not None:
            self._thread.post(self._models.gate.go)
            self.tally.go()

    async def cancel(self) -> None:
        """End it where it is, and wait until it has ended; it can be taken up again."""
        if (task := self._task) is not None:
            if not task.cancelling():  # a second time would not wait for what it does to end
                task.cancel()
            await asyncio.wait([task])

    def abandon(self) -> None:
        """Leave behind what does not end, and kill the models' processes."""
        children = self.children.values()
        self._thread.close()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def count(self) -> None:
        """Take in what the thread reported."""
        while self._reported:
            self._take_in(self._reported.popleft())

    def _take_in(self, event: E) -> None:
        self.tally.add(event)

    def _refuse_second(self) -> None:
        if self.running:
            raise UsageError(self._busy)

    async def _carry_out(self, work: Callable[[], Awaitable[R]]) -> R | None:
        """Do the work on a task of its own: its result, or None where `cancel` came before.

        Whoever waits for it and is cancelled cancels it. Raises `BurnishError`.
        """
        self._task = task = asyncio.create_task(self._followed(work))
        task.add_done_callback(self._over)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            await self.cancel()
            raise
        return None if task.cancelled() else task.result()

    async def _followed(self, work: Callable[[], Awaitable[R]]) -> R:
        self.tally, self.ending = Tally(), None
        try:
            result = await work()
        except asyncio.CancelledError:
            self.ending = JobEnding()
            raise
        except BurnishError as error:
            self.ending = JobEnding(failure=str(error))
            raise
        else:
            self.ending = JobEnding(result)
            return result
        finally:
            self.count()
            self.tally.end()
            await self._wind_up()

    async def _wind_up(self) -> None:
        """The last thing of the work, however it ended."""

    def _over(self, _: asyncio.Task[R]) -> None:
        self._task = None
