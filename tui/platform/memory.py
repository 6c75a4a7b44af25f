"""The app's memory: garbage is collected while nobody types, and free memory goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from contextlib import suppress

YOUNG = 50_000
"""New objects until Python looks among them for garbage. At its own 700 it does so within every repaint, and now and
then, for a tenth of a second, among all there are."""

PAUSE = 4.0
"""Seconds without a key after which a person is taken to be reading."""

LARGE = 1 << 17
"""Bytes from which on a piece of memory is the system's own, and back with it when it is free. glibc moves this up to
32 MiB as it sees large pieces come and go, and a long session's heap becomes one of holes."""


def limit_memory() -> None:
    """To be called once, before the app begins."""
    gc.freeze()
    gc.set_threshold(YOUNG)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # not every libc has it
            mmap_threshold, arena_max = -3, -8  # as <malloc.h> calls them
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(mmap_threshold, LARGE)
            mallopt(arena_max, 1)


class PauseCollector:
    """Collects all garbage once in each pause of a person."""

    def __init__(self) -> None:
        self._input_at = 0.0  # 0: there was none since the last collection

    def on_input(self) -> None:
        """To be called at every key, and at what the mouse does."""
        self._input_at = time.monotonic()

    def collect_if_paused(self) -> None:
        """To be called now and then."""
        if self._input_at and time.monotonic() - self._input_at > PAUSE:
            self._input_at = 0.0
            gc.collect()
