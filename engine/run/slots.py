"""The slots of a teacher's server, and the order in which requests get them.

A server keeps what it read last: of the next prompt it computes only what follows the beginning that both share. So a
free slot goes to the request that shares most with one that was sent: the next turn of a conversation before another
sample, and a request of the same kind, with the same system message, before one of another.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.teacher import Message


class Slots:
    """So many requests at once; those that wait get a slot by what they share with the last that had one."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._sent: deque[str] = deque(maxlen=number)
        self._waiting: dict[asyncio.Future[None], str] = {}  # the one that came first stands first

    @asynccontextmanager
    async def slot(self, messages: tuple[Message, ...]) -> AsyncIterator[None]:
        """Wait for a slot and hold it."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = "\n".join(f"{message.role}: {message.content}" for message in messages)
        self._choose_soon()
        try:
            await turn
        except asyncio.CancelledError:
            if self._waiting.pop(turn, None) is None:
                self._release()
            raise
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self._free += 1
        self._choose_soon()

    def _choose_soon(self) -> None:
        """Choose when the loop comes round: by then, a conversation that goes on has asked its next question."""
        asyncio.get_running_loop().call_soon(self._choose)

    def _choose(self) -> None:
        while self._free and (waiting := [turn for turn in self._waiting if not turn.cancelled()]):
            turn = max(waiting, key=lambda turn: self._shared(self._waiting[turn]))
            self._sent.append(self._waiting.pop(turn))
            self._free -= 1
            turn.set_result(None)

    def _shared(self, prompt: str) -> int:
        """Characters of a prompt that a server need not read again."""
        return max((shared_beginning(prompt, sent) for sent in self._sent), default=0)


def shared_beginning(a: str, b: str) -> int:
    """Characters with which both texts begin."""
    return bisect_left(range(min(len(a), len(b))), True, key=lambda at: a[: at + 1] != b[: at + 1])
