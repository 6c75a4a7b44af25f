"""Questions to the workbench's models and to its reader."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.events import Generated
from engine.store.file_errors import Interrupted, WorkspaceError
from engine.store.sample_list import SampleColumn, SampleFilter, SampleList
from models.errors import BurnishError
from tests.ollama.server import FakeOllama
from tests.running import settings
from tests.stand_in import StandIn, stand_in
from tests.tui.state.workbenches import heard, made, unhurried, until, with_workbench
from tui.state.workbench import Workbench

__all__ = ["stand_in"]


@pytest.mark.usefixtures("stand_in")
class TestQuestions:
    def test_two_at_once_share_one_student_and_who_goes_away_stops_only_their_own(
        self, path: Path, stand_in: type[StandIn]
    ) -> None:
        stand_in.scoring = 0.3

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            version = await workbench.reader.ask_workspace(lambda reading: reading.sample(0).original)
            first = asyncio.create_task(workbench.heat(0, version))
            second = asyncio.create_task(workbench.scores(1, [version]))
            await until(lambda: stand_in.begun == 2)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second)[0].ifd.value is not None
            assert stand_in.opened == 1

        with_workbench(settings("127.0.0.1:1"), work)

    def test_of_other_models_lets_go_of_those_before_but_not_under_a_run(
        self, path: Path, stand_in: type[StandIn]
    ) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            run = asyncio.create_task(workbench.refine())
            await until(heard(workbench, Generated))
            mine = workbench.settings
            workbench.settings = settings(server, student={"context": 1024})
            version = await workbench.reader.ask_workspace(lambda reading: reading.sample(3).original)
            await workbench.scores(3, [version])
            assert stand_in.opened == 1, "the run's student answered"
            summary = await run
            assert summary is not None
            assert summary.done == 4
            await workbench.scores(3, [version])
            assert (stand_in.opened, stand_in.closed) == (2, 1)
            assert workbench.run_job.settings == mine

        with FakeOllama(unhurried) as server:
            with_workbench(settings(server), work)

    def test_are_cancelled_when_another_workspace_is_opened(
        self, path: Path, tmp_path: Path, stand_in: type[StandIn]
    ) -> None:
        stand_in.scoring = 3600

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            version = await workbench.reader.ask_workspace(lambda reading: reading.sample(0).original)
            question = asyncio.create_task(workbench.heat(0, version))
            await until(lambda: stand_in.begun == 1)
            await workbench.open(made(tmp_path / "other.burnish"))
            with pytest.raises(asyncio.CancelledError):
                await question

        with_workbench(settings("127.0.0.1:1"), work)

    def test_without_a_workspace_are_refused_in_words(self) -> None:
        async def work(workbench: Workbench) -> None:
            for ask in (workbench.refine, workbench.undo, workbench.redo):
                with pytest.raises(BurnishError, match="no workspace is open"):
                    await ask()

        with_workbench(settings("127.0.0.1:1"), work)


SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
"""A query without an end."""


class TestReader:
    def test_a_question_nobody_waits_for_is_given_up_and_no_other(self, path: Path) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            for _ in range(3):
                slow = asyncio.create_task(
                    workbench.reader.ask_workspace(lambda reading: reading.database.execute(SLOW))
                )
                await asyncio.sleep(0.05)
                queued = asyncio.create_task(workbench.reader.ask_list(len))
                dropped = asyncio.create_task(workbench.reader.ask_list(len))
                await asyncio.sleep(0)
                dropped.cancel()
                slow.cancel()
                assert await asyncio.wait_for(queued, 5) == 4
                await asyncio.gather(slow, dropped, return_exceptions=True)

        with_workbench(None, work)

    def test_of_two_arrangements_the_first_is_interrupted(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrange = SampleList.arrange

        def slow(listing: SampleList, *arguments: Any, **options: Any) -> int:
            if arguments[0] is SampleColumn.STATE:
                listing.reading.database.execute(SLOW)
            return arrange(listing, *arguments, **options)

        monkeypatch.setattr(SampleList, "arrange", slow)

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            question: dict[str, Any] = {"descending": False, "only": SampleFilter()}
            first = asyncio.create_task(workbench.reader.arrange(SampleColumn.STATE, **question))
            await asyncio.sleep(0.05)
            second = asyncio.create_task(workbench.reader.arrange(SampleColumn.STATE, **question))
            await asyncio.sleep(0)
            assert await workbench.reader.arrange(SampleColumn.NUMBER, **question) == 4
            for task in (first, second):
                with pytest.raises(Interrupted):
                    await task

        with_workbench(None, work)

    def test_closing_cancels_who_asks_now_and_later(self, path: Path) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            reader = workbench.reader
            asked: list[asyncio.Task[Any]] = [
                asyncio.create_task(reader.ask_workspace(lambda reading: reading.database.execute(SLOW)))
                for _ in range(3)
            ]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(1):
                await workbench.close()
            asked.append(asyncio.create_task(reader.ask_list(len)))
            for task in asked:
                with pytest.raises(asyncio.CancelledError):
                    await task

        with_workbench(None, work)

    def test_an_error_goes_to_who_asked(self, path: Path) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            with pytest.raises(WorkspaceError, match="no sample 9"):
                await workbench.reader.ask_workspace(lambda reading: reading.sample(9))
            assert await workbench.reader.ask_list(len) == 4

        with_workbench(None, work)
