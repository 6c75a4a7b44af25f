"""A person's questions while a run has one model in memory at a time: each is answered, none is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.events import Event, Generated, Notice, PhaseStarted, Scored, StudentOpened
from engine.method.token_gain import TokenGains
from engine.run.session import Session
from engine.sample import Candidate, Stage, Version
from models.system import machine
from tests.ollama.script import Answer, Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, settings, workspace
from tests.stand_in import StandIn, stand_in

__all__ = ["stand_in"]
STAGED = {"schedule": "staged"}


def version(number: int) -> Version:
    return Version(
        instruction=f"Name the fruit with number {number}.", response=f"It is a lemon, says {number}."
    )


def unhurried(chat: Chat) -> Scripted:
    return Answer(brief(chat), seconds=0.1)


def asking(
    folder: Path, samples: int, ask: Callable[[Session, Event], asyncio.Task[object] | None]
) -> tuple[list[Event], list[object]]:
    """A staged run in which a person asks something at some of its events: these, and the answers."""
    events: list[Event] = []
    questions: list[asyncio.Task[object]] = []

    with FakeOllama(unhurried) as server, workspace(folder / "w.burnish", SHORT[:samples]) as opened:

        async def main() -> list[object]:
            def emit(event: Event) -> None:
                events.append(event)
                if (question := ask(session, event)) is not None:
                    questions.append(question)

            async with Session(opened, settings(server, run=STAGED), emit) as session:
                await session.refine()
                return await asyncio.gather(*questions)

        return events, asyncio.run(main())


@pytest.mark.whole
def test_what_is_asked_at_any_moment_of_a_staged_run_is_answered(tmp_path: Path) -> None:
    number = 0

    def ask(session: Session, event: Event) -> asyncio.Task[object] | None:
        nonlocal number
        if not isinstance(event, StudentOpened | PhaseStarted | Generated | Scored) or number == 6:
            return None
        number += 1
        return asyncio.create_task(session.heat(1, version(number)))

    _, answers = asking(tmp_path, 2, ask)
    assert len(answers) == 6
    for heat in answers:
        assert isinstance(heat, TokenGains)
        assert heat.response.score.value is not None


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("free", [0, 10**15])
def test_where_both_do_not_fit_the_student_is_asked_in_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: type[StandIn], free: int
) -> None:
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(10**15, free))
    turns: list[str] = []
    loaded: list[tuple[str, int]] = []  # the turn that was, and how often the student had been loaded
    asked = False

    def ask(session: Session, event: Event) -> asyncio.Task[object] | None:
        nonlocal asked
        if isinstance(event, PhaseStarted):
            turns.append(event.model)
        if asked or not isinstance(event, Generated):
            return None
        asked = True

        async def question() -> object:
            before = stand_in.opened
            (scores,) = await session.scores(1, [version(0)])
            loaded.append((turns[-1], stand_in.opened - before))
            return scores

        return asyncio.create_task(question())

    events, (scores,) = asking(tmp_path, 3, ask)
    assert scores is not None
    notices = [event for event in events if isinstance(event, Notice) and "waits for its turn" in event.text]
    if free:
        assert (loaded, notices) == ([("teacher", 1)], [])
    else:
        assert loaded == [("student", 1)]
        assert len(notices) == 1


@pytest.mark.usefixtures("stand_in")
def test_a_rewrite_that_is_asked_for_in_the_student_s_turn_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(10**15, 0))
    asked = False

    def ask(session: Session, event: Event) -> asyncio.Task[object] | None:
        nonlocal asked
        if asked or not (isinstance(event, PhaseStarted) and event.model == "student"):
            return None
        asked = True
        return asyncio.create_task(session.regenerate(0, version(0), Stage.RESPONSE))

    _, (candidate,) = asking(tmp_path, 2, ask)
    assert isinstance(candidate, Candidate)
    assert candidate.scores is not None
