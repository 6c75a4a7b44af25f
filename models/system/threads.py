"""Work that may take its time, on a thread that nobody waits for when the program ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar

from models.errors import in_one_line

T = TypeVar("T")


async def on_daemon_thread(work: Callable[..., T], *arguments: Any) -> T:
    """The result of a function that is called on a thread of its own; it may raise.

    Python waits for the threads of `asyncio.to_thread` before it ends; a folder on a network that is gone would
    keep the program from ending with them.
    """
    answer: Future[T] = Future()

    def run() -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            answer.set_result(work(*arguments))
        except BaseException as error:
            answer.set_exception(in_one_line(error))

    Thread(target=run, name="aside", daemon=True).start()
    return await asyncio.wrap_future(answer)
