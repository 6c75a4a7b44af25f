"""The parent's side of the child process that runs llama.cpp: start it, ask it, notice when it dies.

What the two send each other is frames: a length (4 bytes, big-endian), a JSON header, then its raw blobs. The header
is ASCII, so lone surrogates in a dataset's text come through as they are.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import struct
from asyncio import IncompleteReadError, StreamReader
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Self

from models.errors import printable
from models.system.child_process import last_lines, start_child

LENGTH = struct.Struct(">I")

SILENCE = 60.0
"""Seconds without a sign of life after which a child counts as hung. It gives one every second."""


ENVIRONMENT = {
    "GGML_NO_BACKTRACE": "1",  # an assert would start a debugger
    # OpenMP's threads wait for each other some hundred times a decode. By default they do so busily and for long,
    # which costs a third of the speed where anything else, a teacher say, wants the same cores.
    "GOMP_SPINCOUNT": "1000",
}


class ChildDied(Exception):  # noqa: N818  what happened, not what is wrong
    """The child ended, or hung and was ended, before it answered. The text says how, with its last words.

    `guilty`: it was working on this call, and not on one before it. `failed`: it ended by itself, and was not killed.
    """

    def __init__(self, how: str, *, guilty: bool, failed: bool) -> None:
        super().__init__(how)
        self.guilty, self.failed = guilty, failed


class ChildRefused(Exception):  # noqa: N818
    """The child's answer is that it cannot: `kind` is "file", "memory" or "refused", `why` one line."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind, self.why = kind, why


@dataclass(frozen=True, slots=True)
class Answer:
    header: dict[str, Any]
    blobs: list[bytes]


@dataclass(frozen=True, slots=True)
class _Call:
    answer: asyncio.Future[Answer]
    on_text: Callable[[str], None] | None


class ChildProcess:
    """One running child. It carries out calls in the order they were made."""

    def __init__(self, process: Process, errors: IO[bytes]) -> None:
        self.process, self.errors = process, errors
        self.calls: dict[int, _Call] = {}
        self.numbers = itertools.count(1)
        self.died: str | None = None
        self.listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls) -> Self:
        return cls(*await start_child("models.llamacpp.child", ENVIRONMENT | os.environ))

    @property
    def pid(self) -> int:
        return self.process.pid

    async def call(self, do: str, on_text: Callable[[str], None] | None = None, **fields: Any) -> Answer:
        """The child's answer. Raises `ChildDied` or `ChildRefused`, and what `on_text` raises.

        Cancelling it, or an error of `on_text`, ends the child's work on it.
        """
        if self.died is not None:
            raise ChildDied(self.died, guilty=False, failed=False)
        number = next(self.numbers)
        call = self.calls[number] = _Call(asyncio.get_running_loop().create_future(), on_text)
        self._send({"do": do, "call": number, **fields})
        try:
            return await call.answer
        except BaseException:  # an answer of the child's is a call no more
            if self.calls.pop(number, None) and self.died is None:
                self._send({"do": "cancel", "call": number})
            raise

    async def stop(self) -> None:
        """End the child at once; calls still waiting raise `ChildDied`."""
        self._kill()
        await self.listener

    def _send(self, header: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(pack(header))

    def _kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        hung = False
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    header, blobs = await _read(self.process.stdout)
                self._answer(header, blobs)
        except IncompleteReadError:
            pass  # its end of the pipe closed: it is gone
        except TimeoutError:
            hung = True
            self._kill()
        except asyncio.CancelledError:
            self._kill()
            raise
        finally:
            code = await self.process.wait()
            self.died = (
                f"gave no sign of life for {SILENCE:.0f} s" if hung else _ending(code, self._last_words())
            )
            self.errors.close()
            failed = not hung and code not in (-signal.SIGKILL, -signal.SIGTERM)
            for place, call in enumerate(self.calls.values()):
                if not call.answer.done():
                    call.answer.set_exception(ChildDied(self.died, guilty=place == 0, failed=failed))
            self.calls.clear()

    def _answer(self, header: dict[str, Any], blobs: list[bytes]) -> None:
        call = self.calls.get(header["call"])
        if call is None or call.answer.done():
            return  # a sign of life, or the answer to a cancelled call
        if "text" in header:
            if call.on_text is not None:
                try:
                    call.on_text(header["text"])
                except Exception as error:  # the caller's own, and the caller shall have it
                    call.answer.set_exception(error)
            return
        del self.calls[header["call"]]
        if "error" in header:
            call.answer.set_exception(ChildRefused(header["error"], header["why"]))
        else:
            call.answer.set_result(Answer(header, blobs))

    def _last_words(self) -> str:
        """The last line on the child's standard error, where an assert or a traceback ends."""
        lines = last_lines(self.errors)
        asserts = [line for line in lines if "GGML_ASSERT" in line]
        last = (asserts or lines or [""])[-1]
        last = re.sub(r"^/\S+/(?=\S+:\d+: GGML_)", "", last)  # where llama.cpp was built
        return printable(last)[:300]


def pack(header: dict[str, Any], *blobs: bytes) -> bytes:
    """A frame."""
    text = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode("ascii")
    return b"".join((LENGTH.pack(len(text)), text, *blobs))


def read_header(stream: BinaryIO) -> dict[str, Any] | None:
    """The header of the next frame, which has no blobs; None at the stream's end, in the middle of a frame too."""
    start = stream.read(LENGTH.size)
    if len(start) < LENGTH.size:
        return None
    size = LENGTH.unpack(start)[0]
    text = stream.read(size)
    if len(text) < size:
        return None
    header: dict[str, Any] = json.loads(text)
    del header["blobs"]
    return header


async def _read(stream: StreamReader) -> tuple[dict[str, Any], list[bytes]]:
    (size,) = LENGTH.unpack(await stream.readexactly(LENGTH.size))
    header = json.loads(await stream.readexactly(size))
    return header, [await stream.readexactly(size) for size in header["blobs"]]


def _ending(code: int, last_words: str) -> str:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"{how}: {last_words}" if last_words else how
