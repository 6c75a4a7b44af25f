"""A model that is asked outside a workspace, as a judge or for answers; its replies are kept in a record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator
from typing import TypeVar
from weakref import WeakValueDictionary

from engine.events import Held, Notice, TeacherOpened
from engine.judge.events import JudgeEvent
from engine.judge.record import Record
from engine.method.reflection import Question
from engine.run.first_samples import Asking, FirstSamples
from engine.run.gates import Gate
from engine.run.replay import ReplayingTeacher
from engine.run.settings import TeacherSettings
from engine.run.teachers import OpenTeacher, TeacherSource, cluster_at
from engine.sample import Stage
from models.teacher import TeacherInfo

T = TypeVar("T")
Emit = Callable[[JudgeEvent], None]


class RecordedModel(TeacherSource):
    """A local model under a teacher's contract, and the record that its replies are kept in.

    While `gate` is held nothing new is asked; what is asked is held up, too, while the server cannot answer.
    """

    def __init__(
        self,
        record: Record,
        settings: TeacherSettings,
        emit: Emit,
        *,
        chat: bool = True,
        ray: str | None = None,
    ) -> None:
        """`ray`: the address of a cluster whose nodes' model is asked, and not this machine's."""
        self._nodes = None if ray is None else cluster_at(ray, emit)
        super().__init__(settings, emit, chat=chat, limits=record.limits, cluster=self._nodes)
        self.gate = Gate()
        self.record = record
        self.emit = emit
        self._parallel = 1  # until it was opened
        self._replaying: ReplayingTeacher | None = None  # once it was opened
        self._asking: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def open(self) -> OpenTeacher:
        teacher = await super().open()
        self._parallel = teacher.parallel
        if self._replaying is None:
            self._replaying = ReplayingTeacher(self.record, teacher, self.emit, self.gate)
            self.emit(TeacherOpened(teacher.info))
        return teacher

    async def close(self) -> None:
        await super().close()
        if self._nodes is not None:
            await self._nodes.close()

    def warn_of_own_work(self, info: TeacherInfo, teacher: str | None) -> None:
        """Say it where the model that is asked has the weights that wrote the rewrites, by their digest."""
        if info.digest == teacher:
            self.emit(
                Notice(f"{info.name} also wrote the rewrites: a judge tends to favour what it wrote itself")
            )

    def watch(self, work: str, asking: Asking, unit: str) -> None:
        """Have a work held, once, where its first items all fail in the same way; it is open by then.

        work: its key. unit: what its items are called.
        """
        assert self._replaying is not None, "it is open"
        if self.record.was_held(work):
            return

        def hold(held: Held) -> None:
            self.record.hold(work)  # first, so that it is not held again when it is taken up
            self.gate.hold()
            self.emit(held)

        self._replaying.first = FirstSamples(asking, hold, unit=unit)

    async def ask(self, number: int, question: Question[T]) -> T:
        """The model's answer to a question about the pair or prompt of that number, as `ReplayingTeacher.ask`."""
        assert self._replaying is not None, "it is open"
        # Of two equal questions at once the second waits, and finds the first one's reply.
        turn = self._asking.setdefault(question.messages, asyncio.Lock())
        async with turn:
            return await self._replaying.ask(number, Stage.RESPONSE, 0, question)

    async def each(self, items: Iterator[T], work: Callable[[T], Awaitable[None]]) -> None:
        """Work through items, as many at a time as requests may be in flight. Raises what the first failure was."""

        async def worker() -> None:
            for item in items:
                await work(item)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._parallel):
                    group.create_task(worker())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
