"""The app's memory: Python looks for garbage where nobody feels it, and what is free goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from contextlib import suppress

YOUNG = 50_000
"""New objects until Python looks among them for garbage. At its own 700 it does so within every repaint, and once in a
while, for a tenth of a second, among all there are."""

PAUSE = 4.0
"""Seconds without a key after which a person is taken to be reading."""

LARGE = 1 << 17
"""Bytes from which on a piece of memory is the system's own, and back with it when it is free. glibc moves this up to
32 MiB as it sees large pieces come and go, and a long session's heap becomes one of holes."""


def hold_little() -> None:
    """To be called once, before the app begins."""
    gc.freeze()
    gc.set_threshold(YOUNG)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # not every libc has it
            mmap_threshold, arena_max = -3, -8  # as <malloc.h> calls them
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(mmap_threshold, LARGE)
            mallopt(arena_max, 1)


class Pauses:
    """Looks among all there is once in each pause, when nobody feels it."""

    def __init__(self) -> None:
        self._touched = 0.0  # 0: nothing was since the last look

    def touched(self) -> None:
        """There was a key, or the mouse."""
        self._touched = time.monotonic()

    def use(self) -> None:
        """To be called now and then."""
        if self._touched and time.monotonic() - self._touched > PAUSE:
            self._touched = 0.0
            gc.collect()
