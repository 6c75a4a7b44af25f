"""The gates before the models: work waits there while a person holds the run, or while only one of the models is to
be in memory and it is another one's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from models.system import machine

Model = Literal["teacher", "student", "verifier"]


class Gate:
    """Lets work through to the models, but while a person holds the run."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Begin nothing new. What the models are at is finished and kept."""
        self._open.clear()

    def go(self) -> None:
        self._open.set()

    @property
    def held(self) -> bool:
        return not self._open.is_set()

    async def passed(self) -> None:
        """Return when the gate is open."""
        await self._open.wait()


class ModelPhases:
    """The model whose turn it is, in the staged schedule and while near ties are verified."""

    def __init__(self) -> None:
        self._now: Model | None = None  # None: they need not take turns
        self._next = asyncio.Event()

    def begin(self, model: Model | None) -> None:
        """It is this model's turn, or with None either's."""
        self._now = model
        self._next.set()
        self._next = asyncio.Event()

    async def admitted(self, model: Model, fits: Callable[[], bool], on_wait: Callable[[], None]) -> None:
        """Return when this model may be in memory: in its turn, or where it fits beside the other.

        `on_wait` is called once if that is not now.
        """
        waited = False
        while self._now not in (None, model) and not fits():
            if not waited:
                waited = True
                on_wait()
            await self._next.wait()


class PhaseGate(Gate):
    """Lets a person's question through to a model when that may be in memory."""

    def __init__(
        self, phases: ModelPhases, model: Model, needed: Callable[[], int], on_wait: Callable[[], None]
    ) -> None:
        """`needed`: bytes that the model takes beyond what it has; `on_wait` is called when it is not let through."""
        super().__init__()
        self._phases = phases
        self._model: Model = model
        self._needed = needed
        self._on_wait = on_wait

    async def passed(self) -> None:
        await self._phases.admitted(self._model, self._fits, self._on_wait)

    def _fits(self) -> bool:
        return self._needed() <= machine.memory().available
