"""Requests that wait for a server get its slots by what they share with those before them."""

from __future__ import annotations

import asyncio

import pytest

from engine.run.slots import Slots
from models.teacher import Message


def prompt(*turns: str) -> tuple[Message, ...]:
    return tuple(Message("user", turn) for turn in turns)


async def conversation(slots: Slots, name: str, order: list[str], *, system: str = "") -> None:
    """Three questions, each a turn more than the one before."""
    turns: tuple[str, ...] = (system,)
    for number in range(3):
        turns = (*turns, f"{name}, question {number}")
        async with slots.slot(prompt(*turns)):
            order.append(f"{name}{number}")
            await asyncio.sleep(0)


def test_a_conversation_that_goes_on_comes_before_another() -> None:
    async def ask() -> list[str]:
        slots, order = Slots(1), list[str]()
        await asyncio.gather(*(conversation(slots, name, order) for name in "abc"))
        return order

    assert asyncio.run(ask()) == ["a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1", "c2"]


def test_requests_of_one_kind_follow_each_other() -> None:
    async def one(slots: Slots, kind: str, number: int, order: list[str]) -> None:
        async with slots.slot(prompt(f"What is asked of every {kind}.", f"sample {number}")):
            order.append(f"{kind}{number}")
            await asyncio.sleep(0)

    async def ask() -> list[str]:
        slots, order = Slots(1), list[str]()
        kinds = ["first", "second", "first", "second", "first"]
        await asyncio.gather(*(one(slots, kind, number, order) for number, kind in enumerate(kinds)))
        return order

    assert asyncio.run(ask()) == ["first0", "first2", "first4", "second1", "second3"]


def test_as_many_are_sent_at_once_as_there_are_slots() -> None:
    async def ask() -> list[int]:
        slots, seen, inside = Slots(3), list[int](), 0

        async def one(number: int) -> None:
            nonlocal inside
            async with slots.slot(prompt(str(number))):
                inside += 1
                seen.append(inside)
                await asyncio.sleep(0.001)
                inside -= 1

        await asyncio.gather(*map(one, range(20)))
        return seen

    seen = asyncio.run(ask())
    assert (len(seen), max(seen)) == (20, 3)


@pytest.mark.parametrize("steps", range(6))
def test_who_gives_up_waiting_leaves_the_slot_to_others(steps: int) -> None:
    """Cancelled while it waits, as it is chosen, and once it has the slot."""

    async def ask() -> None:
        slots = Slots(1)

        async def hold() -> None:
            async with slots.slot(prompt("x")):
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(hold()) for _ in range(3)]
        for _ in range(steps):
            await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(5), slots.slot(prompt("y")):
            pass

    asyncio.run(ask())
