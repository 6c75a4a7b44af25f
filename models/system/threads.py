"""Work that may take its time, on a thread that nobody waits for when the program ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


async def on_daemon_thread(work: Callable[..., T], *arguments: Any) -> T:
    """What a function returns or raises, called on a thread of its own.

    Python waits for the threads of `asyncio.to_thread` before it ends; a folder on a network that is gone would
    keep the program from ending with them.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(give: Callable[[Any], None], what: object) -> None:
        if not answer.done():
            give(what)

    def run() -> None:
        give: Callable[[Any], None]
        what: object
        try:
            give, what = answer.set_result, work(*arguments)
        except BaseException as error:
            give, what = answer.set_exception, error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, give, what)

    Thread(target=run, name="aside", daemon=True).start()
    return await answer
