"""Speed: a watch that stands while nobody works, and a pulse of the last minutes."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Things done in a time, and things left."""

    done: int
    left: int
    seconds: float

    @property
    def per_minute(self) -> float:
        return 60 * self.done / self.seconds if self.seconds else 0.0

    @property
    def left_seconds(self) -> float | None:
        """The time that the rest takes at that; None while nothing can be said."""
        return self.left * self.seconds / self.done if self.done else None


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of a run that are known only while it lasts."""

    student_speed: float  # tokens a second; 0: it scored nothing
    in_turn: bool  # the models worked one after the other
    unusable_replies: int  # of those asked for in it


class Stopwatch:
    """Seconds that were worked; it stands at first."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        return self._before + (0.0 if self._since is None else time.monotonic() - self._since)

    def set(self, *, running: bool) -> None:
        if running and self._since is None:
            self._since = time.monotonic()
        elif not running:
            self._before, self._since = self.seconds, None


class Pulse:
    """Amounts as they came, in the last `BEATS` times `SECONDS` seconds."""

    SECONDS = 2.0
    BEATS = 60

    def __init__(self) -> None:
        self._beats = deque([0.0], self.BEATS)
        self._last = self._beat()

    def add(self, amount: float) -> None:
        self._advance()
        self._beats[-1] += amount

    def beats(self, count: int) -> list[float]:
        """The last `count` amounts, oldest first; fewer where less time has passed."""
        self._advance()
        return list(self._beats)[-count:]

    def _advance(self) -> None:
        now = self._beat()
        self._beats.extend([0.0] * min(now - self._last, self.BEATS))
        self._last = now

    def _beat(self) -> int:
        return int(time.monotonic() / self.SECONDS)


def clock(seconds: float) -> str:
    """`04:07`, or with hours `1:04:07`."""
    hours, minutes, rest = int(seconds) // 3600, int(seconds) // 60 % 60, int(seconds) % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def duration(seconds: float) -> str:
    """A time that is known roughly: "40 s", "12 min", "3.4 h", "6.2 days"."""
    for size, unit in ((86_400 * 2, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            amount = seconds / {"days": 86_400, "h": 3_600, "min": 60}[unit]
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"
    return f"{seconds:.0f} s"


def time_left(seconds: float) -> str:
    """A clock's time; from ten hours on roughly, for no pace is known so well."""
    return clock(seconds) if seconds < 36_000 else duration(seconds)
