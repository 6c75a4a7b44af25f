"""The times at which a screen counts anew while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from engine.store.file_errors import Interrupted

EVERY = 3.0
"""Seconds between two counts while a run goes on; more where counting takes long."""

IDLE = 10
"""Times the seconds of a count that are waited after it: counting must not take the machine from the run."""


class Recount:
    """A count that is due again once something has changed, and not all the time."""

    def __init__(self) -> None:
        self._stale = False
        self._ended = 0.0  # the time of the last count
        self._took = 0.0  # seconds

    def ask(self) -> None:
        """Something has changed."""
        self._stale = True

    @property
    def due(self) -> bool:
        return self._stale and time.monotonic() > self._ended + max(EVERY, IDLE * self._took)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """While it is counted. A count that was interrupted is to be done again."""
        began, self._stale = time.monotonic(), False
        try:
            yield
        except Interrupted:
            self._stale = True
        finally:
            self._ended = time.monotonic()
            self._took = self._ended - began
