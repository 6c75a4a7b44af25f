"""What a person types, in turn: each key goes to what has the focus once those before it have done what they do."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.events import Event, InputEvent, Key, Paste
from textual.message import Message
from textual.message_pump import MessagePump
from textual.widget import Widget

AWAY, HELD, LOOK = 2.0, 5.0, 0.05
"""Seconds: the longest that keys wait for the one before them, the longest that one waits for what it acts on, and the
time between two looks at both."""

ROUNDS = 3
"""Times that the way of a key is gone after it: the messages that it sets off, and those that these do, are before."""

TYPED = (InputEvent, Paste)


class KeyPassed(Message):
    """Goes the way that a key went, right behind it, and comes to the app when the key is done."""


class KeyQueue:
    """The keys that wait. Textual hands on at once all that came in one chunk (a paste; a busy machine), to what had
    the focus before the first of them moved it."""

    def __init__(
        self, app: App[Any], hand_on: Callable[[Event], Awaitable[None]], holds: Callable[[Event], bool]
    ) -> None:
        """`hand_on`: gives an event to what has the focus now. `holds`: what it acts on is not there yet."""
        self._app = app
        self._hand_on = hand_on
        self._holds = holds
        self._held_since: float | None = None  # the first of those that wait
        self._looking = False  # a timer runs
        self._waiting: deque[Event] = deque()
        self._with: MessagePump | None = None  # that has the key under way
        self._rounds, self._since = 0, 0.0

    async def take(self, event: Event) -> None:
        """Hand on an event, or keep it until those before it are done."""
        self._waiting.append(event)
        if not self._under_way:
            await self._go_on()
        self._look_again()

    async def passed(self) -> None:
        """The key under way came back to the app."""
        if self._with is not None and self._rounds and self._with.post_message(KeyPassed()):
            self._rounds -= 1
        else:
            await self._go_on()

    @property
    def _under_way(self) -> bool:
        """What had the key may be gone with it: a dialog that it closed."""
        there = self._with is not None and self._with.is_running
        if isinstance(self._with, Widget):
            there = there and self._with.is_attached
        return there and time.monotonic() - self._since < AWAY

    async def _go_on(self) -> None:
        self._with = None
        while self._waiting and self._with is None and not self._first_is_held():
            event = self._waiting.popleft()
            typed = isinstance(event, Key | Paste)
            await self._hand_on(event)
            if typed and (to := self._app.focused or self._app.screen).post_message(KeyPassed()):
                self._with, self._rounds, self._since = to, ROUNDS - 1, time.monotonic()

    def _first_is_held(self) -> bool:
        now = time.monotonic()
        if self._holds(self._waiting[0]):
            self._held_since = self._held_since or now
            if now - self._held_since < HELD:
                return True
        self._held_since = None
        return False

    def _look_again(self) -> None:
        if self._waiting and not self._looking:
            self._looking = True
            self._app.set_timer(LOOK, self._look)

    async def _look(self) -> None:
        self._looking = False
        if not self._under_way:
            await self._go_on()
        self._look_again()
