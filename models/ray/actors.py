"""The actors of a node: its own teacher, and its own student. Ray makes them there, and calls them from the driver.

Each is made on the node from what its settings name there, by the function that makes it without Ray: the node needs
the same burnish. All calls of an actor share one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from models.student import Losses, Passage, Student, StudentInfo
from models.teacher import Reply, Request, Teacher, TeacherInfo

MakeTeacher = Callable[[Callable[[str], None]], Awaitable[Teacher]]
"""Makes a node's teacher, which may be told where its notes go."""
MakeStudent = Callable[[], Awaitable[Student]]

GATHERED = 0.1
"""Seconds for which the text of a reply is gathered: a call for each token would keep the driver busy."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The part of a reply that has come since the last call."""

    text: str
    notes: tuple[str, ...] = ()
    reply: Reply | None = None  # once it is whole


@dataclass(slots=True)
class _Asked:
    """A reply on its way."""

    reply: asyncio.Task[Reply]
    text: list[str]
    news: asyncio.Event = field(default_factory=asyncio.Event)


class NodeActor:
    """Carries out one piece of work on a node."""

    def __init__(self, work: Callable[[], Awaitable[object]]) -> None:
        self._work = work

    async def ready(self) -> None:
        """Answer, so that the driver knows that it runs."""

    async def carry_out(self) -> object:
        return await self._work()


class Receiver(Protocol):
    """Takes a model's files on a node, where they are not there. Raises `BurnishError`."""

    def lacks(self) -> bool: ...

    def add(self, part: int, piece: bytes) -> None:
        """Put the next piece of a file behind the others."""

    def keep(self) -> None:
        """Have the files take their place, all of them whole."""


class FileActor:
    """A node's hand for a model's files."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def ready(self) -> None:
        """Answer, so that the driver knows that it runs."""

    async def lacks(self) -> bool:
        return self._receiver.lacks()

    async def add(self, part: int, piece: bytes) -> None:
        self._receiver.add(part, piece)

    async def keep(self) -> None:
        self._receiver.keep()


class TeacherActor:
    """A node's teacher.

    A reply comes by ordinary calls, each of which waits for what is new: over ray:// Ray has no streams.
    """

    def __init__(self, make: MakeTeacher) -> None:
        self._make = make
        self._notes: list[str] = []
        self._teacher: Teacher | None = None
        self._numbers = count()
        self._asked: dict[int, _Asked] = {}

    async def ready(self) -> None:
        """Answer, so that the driver knows that it runs."""

    async def open(self) -> TeacherInfo:
        if self._teacher is None:
            self._teacher = await self._make(self._notes.append)
        return await self._teacher.open()

    async def begin(self, request: Request) -> int:
        """Ask the teacher, and return the number under which the reply is to be had."""
        assert self._teacher is not None
        text: list[str] = []
        number = next(self._numbers)

        def on_text(piece: str) -> None:
            text.append(piece)
            asked.news.set()

        asked = _Asked(asyncio.create_task(self._teacher.ask(request, on_text)), text)
        asked.reply.add_done_callback(lambda _: asked.news.set())
        self._asked[number] = asked
        return number

    async def more(self, number: int) -> Heard:
        """Wait for the next part of a reply, and return it. Raises as the teacher did."""
        asked = self._asked[number]
        await asked.news.wait()
        await asyncio.wait([asked.reply], timeout=GATHERED)
        asked.news.clear()
        text, notes = "".join(asked.text), tuple(self._notes)
        asked.text.clear()
        self._notes.clear()
        if not asked.reply.done():
            return Heard(text, notes)
        self._asked.pop(number, None)
        return Heard(text, notes, None if asked.reply.cancelled() else asked.reply.result())

    async def stop(self, number: int) -> None:
        """Have nothing more of a reply."""
        if (asked := self._asked.pop(number, None)) is not None:
            asked.reply.cancel()

    async def unload(self) -> None:
        if self._teacher is not None:
            await self._teacher.unload()

    async def close(self) -> None:
        if self._teacher is not None:
            await self._teacher.close()


class StudentActor:
    """A node's student."""

    def __init__(self, make: MakeStudent) -> None:
        self._make = make
        self._student: Student | None = None

    async def ready(self) -> None:
        """Answer, so that the driver knows that it runs."""

    async def open(self) -> StudentInfo:
        if self._student is None:
            self._student = await self._make()
        return await self._student.open()

    async def losses(self, passages: Sequence[Passage]) -> list[Losses]:
        assert self._student is not None
        return await self._student.losses(passages)

    async def unload(self) -> None:
        if self._student is not None:
            await self._student.unload()

    async def close(self) -> None:
        if self._student is not None:
            await self._student.close()
