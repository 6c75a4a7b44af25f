"""A server that gives each place an answer of any bytes, and clients that may only fail as they should."""

from __future__ import annotations

import asyncio
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from models.teacher import TeacherError
from tests.trust.fuzz.watch import fit_for_a_terminal

Client = Callable[[str], Awaitable[None]]
"""Asks the server with this URL."""


async def answered(answers: Mapping[str, bytes], clients: Sequence[Client]) -> bool:
    """All clients were served, and none refused what it was told. `answers`: by path, head included."""

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            place = head.split(" ", 2)[1]
            length = next(
                (line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")), "0"
            )
            await reader.readexactly(int(length))
            writer.write(answers[place])
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = "http://127.0.0.1:{1}".format(*listening.sockets[0].getsockname())
    try:
        taken = [await _told(client(url)) for client in clients]
    finally:
        listening.close()
    return all(taken)


async def _told(question: Awaitable[None]) -> bool:
    try:
        await question
    except TeacherError as error:
        fit_for_a_terminal(error)
        return False
    return True
