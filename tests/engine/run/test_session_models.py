"""What a person asks of the student goes the way a run goes: the same numbers, and nothing twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from engine.events import Event, Scored
from engine.method.token_gain import SampleHalf
from engine.run.session import Session
from engine.run.settings import Settings
from engine.sample import Outcome, Ratio, Version
from engine.store.workspace import Workspace
from models.errors import UsageError
from tests import running

NOWHERE = "http://127.0.0.1:9"
NEW = Version(instruction="Name a fruit that is yellow and sour.", response="A lemon is yellow, and sour.")


@pytest.fixture(scope="module")
def settings() -> Settings:
    return running.settings(NOWHERE, run={"method": "score"})


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Iterator[Workspace]:
    """Two samples, one of them with an input, as a run of the real student left them."""
    path = tmp_path_factory.mktemp("session") / "w.burnish"
    with running.workspace(path, running.SHORT[:2]) as opened:
        running.refine(opened, settings)
        yield opened


def outcomes(opened: Workspace) -> list[Outcome]:
    return [outcome for outcome in running.outcomes(opened) if outcome is not None]


def test_scores_and_heat_are_what_the_run_stored_and_nothing_is_computed_for_them(
    scored: Workspace, settings: Settings
) -> None:
    events: list[Event] = []

    async def main() -> None:
        async with Session(scored, settings, events.append) as session:
            for outcome in outcomes(scored):
                original = scored.sample(outcome.index).original
                assert outcome.before is not None
                assert await session.scores(outcome.index, [original]) == [outcome.before]
                heat = await session.heat(outcome.index, original)
                assert (heat.response.score, heat.instruction.score) == (
                    outcome.before.ifd,
                    outcome.before.r_ifd,
                )

    asyncio.run(main())
    assert not [event for event in events if isinstance(event, Scored)]


def test_the_tokens_are_the_texts_and_their_losses_the_score_s(scored: Workspace, settings: Settings) -> None:
    original = scored.sample(1).original

    async def main() -> tuple[SampleHalf, SampleHalf]:
        async with Session(scored, settings, lambda _: None) as session:
            heat = await session.heat(1, original)
            return heat.response, heat.instruction

    response, instruction = asyncio.run(main())
    assert "".join(token.text for token in response.tokens) == original.response
    target = f"{original.instruction}\n{original.input}"
    assert "".join(token.text for token in instruction.tokens) == target
    for half in (response, instruction):
        assert half.tokens[0].alone is None  # SmolLM2 has no start token
        assert (half.total, half.rest) == (len(half.tokens), "")
        known = [token for token in half.tokens[1:] if token.alone is not None and token.given is not None]
        assert len(known) == len(half.tokens) - 1
        assert means(half.score) == pytest.approx(
            [sum(t.alone or 0.0 for t in known) / len(known), sum(t.given or 0.0 for t in known) / len(known)]
        )


def means(score: Ratio) -> list[float]:
    assert score.alone is not None
    assert score.given is not None
    return [score.alone.mean, score.given.mean]


def test_a_new_version_is_weighed_once_and_its_heat_map_costs_nothing_more(
    scored: Workspace, settings: Settings
) -> None:
    events: list[Event] = []

    async def main() -> None:
        async with Session(scored, settings, events.append) as session:
            (scores,) = await session.scores(0, [NEW])
            assert scores.ifd.value is not None
            heat = await session.heat(0, NEW)
            assert (heat.response.score, heat.instruction.score) == (scores.ifd, scores.r_ifd)
            assert await session.scores(0, [NEW]) == [scores]

    asyncio.run(main())
    assert len([event for event in events if isinstance(event, Scored)]) == 1


def test_one_student_serves_a_session_and_closing_it_ends_the_child(
    scored: Workspace, settings: Settings
) -> None:
    async def main() -> None:
        async with Session(scored, settings, lambda _: None) as session:
            original = scored.sample(0).original
            await asyncio.gather(session.heat(0, original), session.scores(0, [original]))
            children = session.children
            await session.heat(0, original)
            assert session.children == children
        assert not alive(children["student"])

    asyncio.run(main())


def test_a_question_that_is_given_up_while_the_student_loads_leaves_no_child_behind(
    scored: Workspace, settings: Settings
) -> None:
    pids: set[int] = set()

    async def main() -> None:
        async with Session(scored, settings, lambda _: None) as session:
            original = scored.sample(0).original
            for _ in range(2):
                asked = asyncio.create_task(session.heat(0, original))
                while "student" not in session.children:
                    await asyncio.sleep(0.01)
                pids.add(session.children["student"])
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)

    asyncio.run(main())
    assert not any(map(alive, pids))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_without_a_student_it_says_what_to_give(scored: Workspace) -> None:
    nobody = running.settings(NOWHERE, run={"method": "score"}, student={"name": None})

    async def main() -> None:
        async with Session(scored, nobody, lambda _: None) as session:
            await session.heat(0, NEW)

    with pytest.raises(UsageError, match="no student"):
        asyncio.run(main())
