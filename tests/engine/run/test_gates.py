"""A run that a person holds: nothing new is begun, nothing that was begun is lost, and the outcome is the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.events import Event, Generated, Scored, StudentQueue, TeacherQueue
from engine.run.session import Session
from engine.store.workspace import Workspace
from tests.ollama.script import Answer, Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, finals, refine, settings, workspace
from tests.stand_in import StandIn, stand_in

__all__ = ["stand_in"]
pytestmark = pytest.mark.usefixtures("stand_in")

STILL = 0.4
"""Seconds in which something would have begun if it could."""


def unhurried(chat: Chat) -> Scripted:
    return Answer(brief(chat), seconds=0.15)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
def reference(tmp_path: Path) -> list[Any]:
    """The outcomes of a run that was never held."""
    with FakeOllama(brief) as server, workspace(tmp_path / "reference.burnish", SHORT) as opened:
        refine(opened, settings(server))
        return finals(opened)


def held_once(
    opened: Workspace,
    server: FakeOllama,
    hold_at: Callable[[Event], bool],
    while_held: Callable[[Session, list[Event]], Awaitable[None]],
    **groups: dict[str, Any],
) -> list[Event]:
    """Refine with a hold at an event; `while_held` is there until it goes on."""
    events: list[Event] = []

    async def main() -> None:
        reached = asyncio.Event()

        def emit(event: Event) -> None:
            events.append(event)
            if not reached.is_set() and hold_at(event):
                session.gate.hold()
                reached.set()

        async with Session(opened, settings(server, **groups), emit) as session:
            run = asyncio.create_task(session.refine())
            await reached.wait()
            assert session.gate.held
            await while_held(session, events)
            session.gate.go()
            await run

    asyncio.run(main())
    return events


@pytest.mark.parametrize("schedule", ["interleaved", "staged"])
@pytest.mark.parametrize("parallel", [1, 3])
def test_held_nothing_is_asked_what_was_asked_is_kept_and_the_outcome_is_the_same(
    reference: list[Any], tmp_path: Path, schedule: str, parallel: int
) -> None:
    with (
        FakeOllama(unhurried, parallel=parallel) as server,
        workspace(tmp_path / "w.burnish", SHORT) as opened,
    ):

        async def while_held(_: Session, events: list[Event]) -> None:
            await until(lambda: all(chat.outcome == "answered" for chat in server.chats))
            asked = len(server.chats)
            await asyncio.sleep(STILL)
            assert len(server.chats) == asked < 8
            kept = sum(len(opened.replies(index)) for index in range(4))
            assert kept == asked == sum(isinstance(event, Generated) for event in events)

        events = held_once(
            opened,
            server,
            lambda event: isinstance(event, Generated),
            while_held,
            teacher={"parallel": parallel},
            run={"schedule": schedule},
        )
        assert finals(opened) == reference
        assert server.asked_again() == []
        assert max(len(event.now) for event in events if isinstance(event, TeacherQueue)) == parallel


def test_held_the_student_begins_nothing_and_what_it_was_at_is_kept(
    reference: list[Any], tmp_path: Path, stand_in: type[StandIn]
) -> None:
    stand_in.begun, stand_in.scoring = 0, 0.3
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:

        async def while_held(_: Session, events: list[Event]) -> None:
            await asyncio.sleep(2 * stand_in.scoring)
            begun = stand_in.begun
            assert begun
            await asyncio.sleep(STILL)
            assert stand_in.begun == begun
            assert sum(isinstance(event, Scored) for event in events) == begun

        events = held_once(opened, server, lambda _: stand_in.begun > 0, while_held)
        assert finals(opened) == reference
        assert [event for event in events if isinstance(event, StudentQueue)][-1] == StudentQueue(0)
        assert [event for event in events if isinstance(event, TeacherQueue)][-1] == TeacherQueue((), 0)


def test_a_held_run_ends_at_once_when_it_is_cancelled_and_the_next_is_not_held(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:

        async def main() -> None:
            begun = asyncio.Event()
            async with Session(opened, settings(server), lambda _: begun.set()) as session:
                run = asyncio.create_task(session.refine())
                await begun.wait()
                session.gate.hold()
                await asyncio.sleep(0.2)
                before = time.monotonic()
                run.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await run
                assert time.monotonic() - before < 0.5
                assert session.gate.held
                summary = await session.refine()
                assert (summary.done, summary.failed) == (2, 0)

        asyncio.run(main())
        assert server.asked_again() == []


def test_a_person_may_ask_the_models_while_the_run_is_held(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        sample = opened.sample(1)

        async def while_held(session: Session, events: list[Event]) -> None:
            (scores,) = await session.scores(1, [sample.original])
            assert scores.ifd.value is not None

        held_once(opened, server, lambda event: isinstance(event, Generated), while_held)
