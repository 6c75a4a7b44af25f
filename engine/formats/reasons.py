"""Bad rows counted by reason, so that ten thousand rows with one fault are one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

KEPT = 20
"""Reasons that are told apart; rows with any other are counted together."""

# Reasons differ where more than places, numbers and quoted names do.
_VARYING = re.compile(r'(?:"(?:[^"\\]|\\.)*?(?:"|\.\.\.|$)(?:, )?)+|\d+')


@dataclass(slots=True)
class Reason:
    """The first row with a fault, and how many have it."""

    where: str  # "row 17"
    message: str
    count: int = 1

    def __str__(self) -> str:
        more = f" and {self.count - 1:,} more" if self.count > 1 else ""
        return f"{self.where}{more}: {self.message}"


class Reasons:
    """The faults of a dataset's rows, in the order of their first rows."""

    def __init__(self) -> None:
        self.count = 0  # rows
        self.others = 0  # rows whose reasons are not kept
        self._found: dict[str, Reason] = {}

    def add(self, where: str, message: str) -> None:
        self.count += 1
        key = _VARYING.sub("", message)
        if (known := self._found.get(key)) is not None:
            known.count += 1
        elif len(self._found) < KEPT:
            self._found[key] = Reason(where, message)
        else:
            self.others += 1

    def __iter__(self) -> Iterator[Reason]:
        return iter(self._found.values())
