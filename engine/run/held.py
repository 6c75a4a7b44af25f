"""The end of a run or a judging that is held while nobody is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.events import Held
from models.errors import BurnishError

E = TypeVar("E")


class HeldError(BurnishError):
    """A run or a judging is held, and nobody is there who could let it go on; taken up again, it goes on."""

    def __init__(self, held: Held) -> None:
        super().__init__(f"held: {held.text}. The same command goes on as it is")
        self.held = held


def ending_when_held(emit: Callable[[E], None]) -> Callable[[E], None]:
    """The same, but that it ends in `HeldError` what is held."""

    def emit_and_end(event: E) -> None:
        emit(event)
        if isinstance(event, Held):
            raise HeldError(event)

    return emit_and_end
