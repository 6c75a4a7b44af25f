"""Whatever asks burnish to stop does so as Ctrl-C does, also where a script has started it with Ctrl-C ignored."""

from __future__ import annotations

import signal
from collections.abc import Coroutine
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


def stop_as_ctrl_c() -> None:
    """From now on SIGTERM, and SIGHUP unless it is ignored as by `nohup`, are `KeyboardInterrupt`."""
    for number in _asking():
        signal.signal(number, _interrupt)


def run_stoppable(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, in which the same signals cancel the work; `KeyboardInterrupt` once it has ended."""
    import asyncio

    task: asyncio.Task[T] | None = None
    asked = False

    async def working() -> T:
        nonlocal task
        task = asyncio.current_task()
        return await work

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked or task is None:
            raise KeyboardInterrupt
        asked = True
        task.cancel()
        task.get_loop().call_soon_threadsafe(lambda: None)  # which wakes it, where it waits

    # asyncio does this for Ctrl-C by itself, but not where that was ignored when burnish was started.
    before = {number: signal.signal(number, stop) for number in _asking()}
    try:
        return asyncio.run(working())
    except asyncio.CancelledError:
        if asked:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _asking() -> list[int]:
    """The signals that ask to stop, beside Ctrl-C's."""
    found = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    return [
        number for number in found if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN
    ]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
