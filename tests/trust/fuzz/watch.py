"""What every case is held to: ten seconds of the processor, a gigabyte of memory, one line to be told."""

from __future__ import annotations

import faulthandler
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 10.0  # of the processor's time: what else the machine does is no hang of ours
STUCK = 60.0  # of the clock's, after which a process that only waits is ended
MEMORY = 1 << 30  # bytes


class HangError(BaseException):
    """A case took too long; no Exception, so that nothing on the way takes it for its own."""


@contextmanager
def watched() -> Iterator[None]:
    """Raise `HangError` in a block that computes too long, and `AssertionError` after one that took too much memory."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"{SECONDS:.0f} s of computing")

    before = peak()
    old = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
    taken = peak() - before
    assert taken < MEMORY, f"{taken >> 20} MiB of memory"


@contextmanager
def ended_if_stuck() -> Iterator[None]:
    """End the process, with a traceback on standard error, in a block that neither computes nor ends."""
    faulthandler.dump_traceback_later(STUCK, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def peak() -> int:
    """The most memory this process, or one it has waited for, ever had (bytes)."""
    return 1024 * max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def fit_for_a_terminal(error: BaseException) -> None:
    """The same, in characters that do not act."""
    one_line(error)
    assert str(error).isprintable()


def one_line(error: BaseException) -> None:
    """A refusal must be one line of a few words that end."""
    message = str(error)
    assert message.strip(), f"{type(error).__name__} says nothing"
    assert "\n" not in message.strip(), f"{message[:300]!r} is not one line"
    assert len(message) < 5_000, f"{len(message)} characters of {type(error).__name__}"
