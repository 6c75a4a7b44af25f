"""Rewrites that a person asks the teacher for, beside those of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from engine.events import Event, Generated, ReplyGrew, StudentQueue, TeacherQueue
from engine.method.reflection import UnusableReply
from engine.run.session import BY_HAND, Session
from engine.sample import Stage
from engine.store.workspace import Workspace
from tests.ollama.script import Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, refine, settings, workspace
from tests.stand_in import stand_in

__all__ = ["stand_in"]
pytestmark = pytest.mark.usefixtures("stand_in")


def by_hand(
    opened: Workspace, server: FakeOllama, work: Callable[[Session], Awaitable[object]]
) -> list[Event]:
    events: list[Event] = []

    async def main() -> None:
        async with Session(opened, settings(server), events.append) as session:
            await work(session)

    asyncio.run(main())
    return events


def test_each_is_another_question_is_weighed_and_kept(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        refine(opened, settings(server))
        asked = len(server.chats)
        original = opened.sample(1).original

        async def work(session: Session) -> None:
            one = await session.regenerate(1, original, Stage.RESPONSE, "be brief")
            two, three = await asyncio.gather(
                session.regenerate(1, original, Stage.RESPONSE),
                session.regenerate(1, original, Stage.INSTRUCTION),
            )
            found = (one, two, three)
            assert len({candidate.version.response for candidate in found}) == 3
            assert all(candidate.scores and candidate.scores.ifd.value for candidate in found)
            assert sorted(opened.reviews.candidates(1), key=str) == sorted(found, key=str)

        events = by_hand(opened, server, work)
        assert len(server.chats) == asked + 3
        assert server.asked_again() == []
        numbers = [about["candidate"] for about, _ in opened.replies(1) if about["candidate"] >= BY_HAND]
        assert sorted(numbers) == [BY_HAND, BY_HAND + 1, BY_HAND + 2]
        assert {type(event) for event in events} >= {ReplyGrew, Generated}
        assert not any(isinstance(event, TeacherQueue | StudentQueue) for event in events), (
            "a run's queues are its own"
        )


def test_after_one_of_no_use_the_teacher_is_asked_anew(tmp_path: Path) -> None:
    useless = True

    def script(chat: Chat) -> Scripted:
        return "not json" if useless else brief(chat)

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        original = opened.sample(0).original

        async def fails(session: Session) -> None:
            for _ in range(2):
                with pytest.raises(UnusableReply):
                    await session.regenerate(0, original, Stage.RESPONSE)

        by_hand(opened, server, fails)
        assert len(server.chats) == 2 * 3
        useless = False

        async def works(session: Session) -> None:
            await session.regenerate(0, original, Stage.RESPONSE)

        by_hand(opened, server, works)
        assert len(opened.reviews.candidates(0)) == 1
        assert server.asked_again() == []
