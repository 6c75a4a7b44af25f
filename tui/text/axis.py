"""The ticks of an axis: round numbers, as many as there is room for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Tick = tuple[float, str]
"""A position on the axis, and its label."""

Ticks = Callable[[float, float, int], list[Tick]]
"""A function from (low, high, most) to at most `most` ticks between two positions."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Positions from `low` to `high`, laid over `cells` cells."""

    low: float
    high: float
    cells: int

    def cell(self, position: float) -> int:
        """The cell of a position; below 0 or above cells - 1 for one beyond the axis."""
        return math.floor((position - self.low) / (self.high - self.low) * self.cells)

    def position(self, cell: float) -> float:
        return self.low + cell / self.cells * (self.high - self.low)

    def holds(self, position: float) -> bool:
        return 0 <= self.cell(position) < self.cells


def round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def decimals(step: float) -> int:
    """Digits after the point that tell multiples of a step apart."""
    return max(0, -math.floor(math.log10(step) + 1e-9))


def linear_ticks(low: float, high: float, most: int) -> list[Tick]:
    step = round_step((high - low) / max(most, 1))
    places = decimals(step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(number * step, f"{number * step:.{places}f}") for number in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks for positions that are natural logarithms of counts."""
    powers = range(max(0, math.floor(low / math.log(10))), math.ceil(high / math.log(10)) + 1)
    ticks: list[Tick] = []
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [factor * 10**power for power in powers for factor in factors]
        ticks = [(math.log(value), short(value)) for value in values if low <= math.log(value) <= high]
        if len(ticks) <= most:
            break
    return ticks[:: math.ceil(len(ticks) / max(most, 1)) or 1]


def short(count: int) -> str:
    """A count in at most five characters: 200, 5k, 12.3k, 2M."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if count >= size and (count >= 10_000 or count % size == 0):
            return f"{count / size:.3g}{letter}"
    return str(count)


def apart(cells: list[tuple[int, str]], room: int) -> list[tuple[int, str]]:
    """Labels as (first cell, text), centred on their cells and kept within `room`; those that touch are left out."""
    placed: list[tuple[int, str]] = []
    for cell, text in cells:
        first = min(max(cell - len(text) // 2, 0), room - len(text))
        if first >= 0 and (not placed or first > placed[-1][0] + len(placed[-1][1]) + 1):
            placed.append((first, text))
    return placed
