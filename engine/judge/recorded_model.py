"""A model that is asked outside a workspace, as a judge or for answers; its replies are kept in a record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator
from typing import Self, TypeVar
from weakref import WeakValueDictionary

from engine.events import TeacherOpened
from engine.judge.events import JudgeEvent
from engine.judge.record import Record
from engine.method.reflection import Question
from engine.run.gates import Gate
from engine.run.replay import ReplayingTeacher
from engine.run.settings import TeacherSettings
from engine.run.teachers import fitting, identified, sampling_of, serving_of, teacher_file, teacher_of
from engine.sample import Stage
from models.llamacpp.teacher import EmbeddedTeacher
from models.ollama.address import server_url
from models.teacher import Teacher, TeacherInfo

T = TypeVar("T")
Emit = Callable[[JudgeEvent], None]


def check(settings: TeacherSettings) -> None:
    """Raise what can be said against a model without loading it or asking a server, as `session.check` does."""
    if teacher_file(settings) is None:
        server_url(settings.host)


class RecordedModel:
    """A local model under a teacher's contract, opened when it is first needed.

    Everything happens in the loop it is used from, and `emit` is called there. While `gate` is held nothing new is
    asked; what is asked is held up, too, while the server cannot answer. `chat`: as `EmbeddedTeacher` takes it.
    """

    def __init__(self, record: Record, settings: TeacherSettings, emit: Emit, *, chat: bool = True) -> None:
        self.gate = Gate()
        self.record = record
        self.emit = emit
        self._settings = settings
        self._chat = chat
        self._opening = asyncio.Lock()
        self._teacher: Teacher | None = None
        self._info: TeacherInfo | None = None
        self._stored: ReplayingTeacher | None = None
        self._asking: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self.sampling = sampling_of(settings)
        self._serving = serving_of(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the model."""
        teacher, self._teacher, self._stored = self._teacher, None, None
        if teacher is not None:
            await teacher.close()

    @property
    def children(self) -> dict[str, int]:
        """The process id of the model if it runs in a process of burnish's, under "teacher"."""
        pid = self._teacher.pid if isinstance(self._teacher, EmbeddedTeacher) else None
        return {} if pid is None else {"teacher": pid}

    async def open(self) -> TeacherInfo:
        """What the model is. Raises `TeacherError`, `UsageError`, `ModelFileError`."""
        async with self._opening:
            if self._stored is None or self._info is None:
                file = teacher_file(self._settings)
                if file is not None:
                    file = await identified(file)
                teacher = teacher_of(self._settings, file, chat=self._chat)
                try:
                    info = await teacher.open()
                except BaseException:
                    await teacher.close()
                    raise
                self.sampling = fitting(self.sampling, info, self.emit)
                self._teacher, self._info = teacher, info
                self._stored = ReplayingTeacher(
                    self.record, info, self.sampling, self._serving, self.emit, teacher, self.gate
                )
                self.emit(TeacherOpened(info))
            return self._info

    async def ask(self, number: int, question: Question[T]) -> T:
        """What the model says to a question about the pair or prompt of that number, as `ReplayingTeacher.ask`."""
        await self.open()
        assert self._stored is not None
        # Of two equal questions at once the second waits, and finds the first one's reply.
        turn = self._asking.setdefault(question.messages, asyncio.Lock())
        async with turn:
            return await self._stored.ask(number, Stage.RESPONSE, 0, question)

    def knows(self, question: Question[T]) -> bool:
        """Whether the model, which is open, was asked this before."""
        assert self._info is not None
        digest = self.sampling.request(question).digest(self._info)
        return self.record.reply(0, digest) is not None

    async def each(self, items: Iterator[T], work: Callable[[T], Awaitable[None]]) -> None:
        """Work through items, as many at a time as requests may be in flight. Raises what the first failure was."""

        async def worker() -> None:
            for item in items:
                await work(item)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._serving.parallel):
                    group.create_task(worker())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
