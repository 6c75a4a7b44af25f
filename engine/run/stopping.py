"""Stopping a reply while it is written, once nothing usable can come of it."""

from __future__ import annotations

import time
from typing import Any

from engine.method.reflection import Question
from models.teacher import Reply

FIRST_LOOK, LAST_LOOK = 40, 50_000
"""Characters of a reply at the first look at it, and at the last: what is longer is read at its end."""
SPACING = 24  # characters from a look to the next; of a long reply, a twentieth of it


class StoppedReply(Exception):  # noqa: N818 - it carries the reply, and is no error of ours
    """The teacher was stopped. `reply`: what it had written."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class WatchedReply:
    """A reply while it grows, held against the rules of the question that it answers."""

    def __init__(self, question: Question[Any]) -> None:
        self._question = question
        self._pieces: list[str] = []
        self._length = 0
        self._next = FIRST_LOOK
        self._asked = time.monotonic()
        self._began = 0.0  # when the first piece came

    def grow(self, piece: str) -> None:
        """Take the next piece. Raises `StoppedReply`, whose count of tokens is that of the pieces."""
        if self._length > LAST_LOOK:
            return
        self._began = self._began or time.monotonic()
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length < self._next:
            return
        self._next = self._length + max(SPACING, self._length // 20)
        text = "".join(self._pieces)
        if self._question.doomed(text):
            raise StoppedReply(
                Reply(
                    text,
                    finish="stopped",
                    tokens=len(self._pieces),
                    seconds=time.monotonic() - self._began,
                    reading=self._began - self._asked,
                )
            )
