"""Something done to many samples: one thread does and counts it, another may stop it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class BulkStopped(Exception):  # noqa: N818 - asked for, no error
    """The job was stopped before it was done."""


class BulkJob:
    def __init__(self, doing: str, total: int) -> None:
        """`doing` is a verb for the line of progress: "looking at"."""
        self.doing = doing
        self.total = total
        self.done = 0
        self.failed = 0
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def through(self, samples: Iterable[T]) -> Iterator[T]:
        """The same samples, counted as they are done. Raises `BulkStopped` once `stop` was called."""
        for sample in samples:
            if self._stopped:
                raise BulkStopped
            yield sample
            self.done += 1

    def line(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.doing} {min(self.done + 1, self.total):,} of {self.total:,}{failed}"
