"""Questions that only read the workspace, on a thread and a connection of their own: none of them waits for a run."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from engine.store.file_errors import Interrupted
from engine.store.sample_list import SampleColumn, SampleFilter, SampleList
from engine.store.workspace import Run, Workspace
from models.errors import in_one_line

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _ListQuestion:
    work: Callable[[], Any]
    answer: Future[Any] = field(default_factory=Future)


class ReaderThread:
    """Questions to an open workspace, one after the other. Used from the app's loop.

    A question whose asker is cancelled is given up, also in the middle. Askers are cancelled when the reader closes.
    """

    def __init__(self) -> None:
        """See `opened`."""
        self._listing: SampleList | None = None
        self._questions: queue.SimpleQueue[_ListQuestion | None] = queue.SimpleQueue()
        self._now: _ListQuestion | None = None  # the one the thread is answering
        self._switching = threading.Lock()  # held to interrupt, so that no other question is hit
        self._arranging: _ListQuestion | None = None
        self._closed = False
        # A daemon: a file system that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._answer, name="reader", daemon=True)
        self._thread.start()

    @classmethod
    async def opened(cls, workspace: Workspace, run: Run | None) -> Self:
        """A reader of an open workspace, with a run's outcomes. Raises `WorkspaceError`."""
        reader = cls()
        try:
            reader._listing = await reader._ask(_ListQuestion(lambda: SampleList(workspace, run)))
        except BaseException:
            reader._questions.put(None)
            raise
        return reader

    async def ask_list(self, work: Callable[[SampleList], T]) -> T:
        """The answer of a function of the listing, which runs on the thread. Not within another question."""
        answer: T = await self._ask(self._about(work))
        return answer

    async def ask_workspace(self, work: Callable[[Workspace], T]) -> T:
        """The answer of a function of the workspace, which can only be read."""
        return await self.ask_list(lambda listing: work(listing.reading))

    async def arrange(self, by: SampleColumn, *, descending: bool, only: SampleFilter) -> int:
        """`SampleList.arrange`; a later call makes an earlier one raise `Interrupted`."""
        if self._arranging is not None:
            self._give_up(self._arranging)
        question = self._arranging = self._about(
            lambda listing: listing.arrange(by, descending=descending, only=only)
        )
        count: int = await self._ask(question)
        return count

    async def close(self) -> None:
        """Give up every question and close the file."""
        self._closed = True
        self._questions.put(None)
        while self._thread.is_alive():
            if (now := self._now) is not None:
                self._give_up(now)  # repeatedly: it may have been between two queries
            await asyncio.sleep(0.01)

    def _about(self, work: Callable[[SampleList], Any]) -> _ListQuestion:
        listing = self._listing
        assert listing is not None
        return _ListQuestion(lambda: work(listing))

    async def _ask(self, question: _ListQuestion) -> Any:
        if self._closed:
            raise asyncio.CancelledError
        self._questions.put(question)
        try:
            return await asyncio.wrap_future(question.answer)
        except asyncio.CancelledError:
            self._give_up(question)
            raise

    def _give_up(self, question: _ListQuestion) -> None:
        with self._switching:
            if self._now is question:
                if self._listing is not None:
                    self._listing.interrupt()
            elif not question.answer.done():
                question.answer.set_exception(Interrupted())

    # What follows runs on the thread.

    def _answer(self) -> None:
        while (question := self._questions.get()) is not None:
            with self._switching:
                if question.answer.done() or not question.answer.set_running_or_notify_cancel():
                    continue
                self._now = question
            settle, answer = self._answered(question)
            with self._switching:
                self._now = None
            settle(answer)
        if self._listing is not None:
            self._listing.close()

    def _answered(self, question: _ListQuestion) -> tuple[Callable[[Any], None], Any]:
        if self._closed:
            return question.answer.set_exception, CancelledError()
        try:
            return question.answer.set_result, question.work()
        except Interrupted as error:
            return question.answer.set_exception, CancelledError() if self._closed else error
        except BaseException as error:
            return question.answer.set_exception, in_one_line(error)
