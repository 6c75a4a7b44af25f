"""The one retry policy: how often a question is put to a teacher, under which seed, and how its server is waited for.

- A reply of no use: the question again, with another seed and a little more temperature; after one that was cut by its
  limit, with twice the room, as far as the context has it.
- No reply, for the connection broke or fell silent: the same request again. Both are attempts, `ATTEMPTS` in all.
- A busy server: the same request again after each of `BUSY_DELAYS`, and no attempt is spent.
- A server that cannot answer, or stays busy: every request waits until it opens again, or patience is over; no
  attempt is spent.
- A question that no attempt can help: it fails at once.

`models.teacher.Fault` says which of these a fault is.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace

from engine.events import Paused, Resumed
from engine.method.reflection import UnusableReply
from engine.run.stopping import StoppedReply
from models.http.prompt import estimated_tokens
from models.teacher import (
    HOPELESS,
    PAUSING,
    UNHEARD,
    Fault,
    OnText,
    Reply,
    Request,
    Teacher,
    TeacherError,
)

ATTEMPTS = 3
BUSY_DELAYS = (0.5, 1.0, 2.0, 4.0)  # seconds before a busy server is asked again, each times 0.5 to 1.5
PAUSE = 1.0  # seconds before the first try while paused; each further one waits twice as long


class Attempts:
    """The attempts at one question."""

    def __init__(self, rounds: int) -> None:
        """`rounds`: 1, and one more each time a person asked to try again what gave no usable reply."""
        self._left = ATTEMPTS * rounds
        self.reply: Reply | None = None  # the last one, used or not
        self.failed = 0
        # Only useless replies move the seed on: a run that is taken up again would miss what was paid for.
        self.useless = 0
        self.cut = False  # a reply was, by its limit: the next has twice the room

    def fail(self, error: UnusableReply | TeacherError) -> bool:
        """Count an attempt that failed; another one may be made. Raises the error if none can help."""
        if error.fault in HOPELESS | PAUSING:
            raise error
        self._left -= 1
        self.failed += 1
        self.useless += error.fault not in UNHEARD
        self.cut |= error.fault is Fault.CUT
        return self._left > 0


def with_more_room(request: Request, context: int) -> Request:
    """A request whose reply may have twice the tokens, as far as the context has them beside the prompt."""
    left = context - estimated_tokens(request)
    return replace(request, max_tokens=max(request.max_tokens, min(2 * request.max_tokens, left)))


def fits(request: Request, context: int) -> bool:
    """True where a prompt and the longest reply to it have room in the context, estimated on the high side."""
    return estimated_tokens(request) + request.max_tokens <= context


class PatientTeacher:
    """A teacher whose server is waited for, by all requests in flight together."""

    def __init__(self, teacher: Teacher, patience: float, emit: Callable[[Paused | Resumed], None]) -> None:
        """`patience`: seconds a pause may last."""
        self._teacher = teacher
        self._patience = patience
        self._emit = emit
        self._recovering = asyncio.Lock()
        self._wait = PAUSE  # seconds before the next try while paused
        self._answers = 0
        self._fault: Fault | None = None  # it is paused for
        self._paused_at: float | None = None

    async def ask(self, request: Request, on_text: OnText) -> Reply:
        """The reply to one request, past a server that is busy for a moment. Raises `TeacherError`.

        What `on_text` stops with `StoppedReply` is the reply as far as it came.
        """

        def on_piece(text: str) -> None:
            self._resume()  # the patience begins anew only with a whole reply
            on_text(text)

        for delay in (*BUSY_DELAYS, None):
            try:
                reply = await self._teacher.ask(request, on_piece)
            except TeacherError as error:
                if error.fault is not Fault.BUSY or delay is None:
                    raise
                await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            except StoppedReply as stopped:
                reply = stopped.reply
                break
            else:
                break
        self._answers += 1
        self._wait, self._paused_at = PAUSE, None
        self._resume()
        return reply

    async def recover(self, error: TeacherError) -> None:
        """Wait until the server may be asked again, after `error`.

        Raises the error where waiting does not help, and once the pause has lasted for `patience` seconds.
        """
        if error.fault not in PAUSING:
            raise error
        answers = self._answers
        async with self._recovering:
            if self._answers > answers:
                return  # it was mended while this request waited for its turn
            while True:
                # In the loop: another request may be answered meanwhile, and the next failure is a new pause.
                self._paused_at = self._paused_at or time.monotonic()
                if self._fault is not error.fault:
                    self._fault = error.fault
                    self._emit(Paused(error.fault, str(error)))
                if time.monotonic() - self._paused_at > self._patience:
                    raise error
                await asyncio.sleep(self._wait * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
                # A server that is not there is asked for nothing; a busy one is not to be asked too often.
                longest = 4.0 if error.fault is Fault.UNREACHABLE else 30.0
                self._wait = min(2 * self._wait, longest)
                try:
                    await self._teacher.open()
                except TeacherError as still:
                    if still.fault in PAUSING:  # any other does not say what the run waits for
                        error = still
                else:
                    return

    def _resume(self) -> None:
        if self._fault is not None:
            self._fault = None
            self._emit(Resumed())
