"""The workbench: its run, and one workspace after the other, whatever a person does meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine.store.acts
from engine.events import Finished, Generated, Started
from engine.sample import Decision, Review
from engine.store.database import Database
from engine.store.file_errors import WorkspaceError
from engine.store.workspace import Workspace
from models.errors import UsageError
from models.ollama.teacher import OllamaTeacher
from models.teacher import Fault, TeacherError
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset, once, settings, workspace
from tests.stand_in import StandIn, stand_in
from tests.tui.state.workbenches import heard, made, unhurried, until, whole, with_workbench
from tui.state.job import JobEnding
from tui.state.workbench import Workbench

__all__ = ["stand_in"]


@pytest.mark.usefixtures("stand_in")
class TestRuns:
    def test_a_run_is_done_and_its_outcomes_are_what_the_reader_shows(self, path: Path) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            assert workbench.run is None
            summary = await workbench.refine()
            assert summary is not None
            assert (summary.done, summary.failed) == (4, 0)
            assert workbench.run_job.ending == JobEnding(summary)
            assert not workbench.run_job.running
            assert workbench.run == summary.run
            rows = await workbench.reader.ask_list(lambda listing: listing.window(0, 4))
            assert {row.state for row in rows} == {"done"}

        with FakeOllama(brief) as server:
            with_workbench(settings(server), work)

    def test_of_two_quick_starts_the_second_is_refused_and_the_first_goes_on(self, path: Path) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            first, second = await asyncio.gather(
                workbench.refine(), workbench.refine(), return_exceptions=True
            )
            assert isinstance(second, UsageError)
            assert not isinstance(first, BaseException)
            assert first is not None
            assert first.done == 4

        with FakeOllama(brief) as server:
            with_workbench(settings(server), work)
            assert len(server.chats) == 8

    def test_a_run_that_fails_says_why_and_can_be_started_again(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(_: OllamaTeacher) -> None:
            raise TeacherError(Fault.MODEL_MISSING, "no such model; pull it")

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            with monkeypatch.context() as patched:
                patched.setattr(OllamaTeacher, "open", broken)
                with pytest.raises(TeacherError):
                    await workbench.refine()
            assert workbench.run_job.ending == JobEnding(failure="no such model; pull it")
            assert not workbench.run_job.running
            summary = await workbench.refine()
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(brief) as server:
            with_workbench(settings(server), work)

    @pytest.mark.parametrize("model", ["teacher", "student"])
    def test_a_run_can_be_stopped_while_its_models_open(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: type[StandIn], model: str
    ) -> None:
        opening = threading.Event()

        async def for_ever(_: object) -> None:
            opening.set()
            await asyncio.sleep(3600)

        monkeypatch.setattr(OllamaTeacher if model == "teacher" else stand_in, "open", for_ever)

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            run = asyncio.create_task(workbench.refine())
            await until(opening.is_set)
            before = time.monotonic()
            await workbench.run_job.cancel()
            assert await run is None
            assert time.monotonic() - before < 1
            assert workbench.run_job.ending == JobEnding()
            assert not workbench.run_job.running

        with FakeOllama(brief) as server:
            with_workbench(settings(server), work)
        whole(path)

    def test_when_a_stop_is_over_the_engine_is_at_nothing_and_what_was_answered_is_not_asked_again(
        self, path: Path
    ) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            for _ in range(4):
                run = asyncio.create_task(workbench.refine())
                await until(heard(workbench, Generated))
                await asyncio.gather(
                    workbench.run_job.cancel(), workbench.run_job.cancel()
                )  # twice is no harm
                assert not workbench.run_job.running
                assert await run is None
                await asyncio.sleep(0.3)  # what was on its way when it was stopped has come
                asked = len(server.chats)
                await asyncio.sleep(0.1)
                assert len(server.chats) == asked
            summary = await workbench.refine()
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_workbench(settings(server), work)
            assert server.asked_again() == []

    def test_a_run_that_was_held_when_it_was_stopped_does_not_hold_the_next(self, path: Path) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            workbench.run_job.hold()
            assert not workbench.run_job.held, "there is nothing to hold"
            run = asyncio.create_task(workbench.refine())
            await until(heard(workbench, Started))
            workbench.run_job.hold()
            assert workbench.run_job.held
            await asyncio.sleep(0.3)
            await workbench.run_job.cancel()
            assert await run is None
            assert not workbench.run_job.held
            async with asyncio.timeout(20):
                summary = await workbench.refine()
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_workbench(settings(server), work)

    def test_a_worker_that_is_cancelled_stops_its_run(self, path: Path) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            run = asyncio.create_task(workbench.refine())
            await until(heard(workbench, Started))
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            assert not workbench.run_job.running

        with FakeOllama(once()) as server:
            with_workbench(settings(server), work)

    def test_outcomes_show_while_the_run_goes_on(self, path: Path) -> None:
        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            run = asyncio.create_task(workbench.refine())
            await until(heard(workbench, Started))
            await workbench.follow()
            await until(heard(workbench, Finished))
            rows = await workbench.reader.ask_list(lambda listing: listing.window(0, 4))
            assert {row.state for row in rows} == {"done", "waiting"}
            await workbench.run_job.cancel()
            await run

        with FakeOllama(unhurried) as server:
            with_workbench(settings(server), work)

    def test_a_person_decides_about_thousands_while_the_run_writes_all_on_the_engines_thread(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writers: set[str] = set()
        begin = Database._begin

        def watched(opened: Database) -> None:
            writers.add(threading.current_thread().name)
            begin(opened)

        monkeypatch.setattr(Database, "_begin", watched)
        with workspace(tmp_path / "w.burnish", SHORT * 500):
            pass
        writers.clear()

        async def work(workbench: Workbench) -> None:
            await workbench.open(tmp_path / "w.burnish")
            run = asyncio.create_task(workbench.refine(limit=8))
            await until(heard(workbench, Started))
            version = await workbench.reader.ask_workspace(lambda reading: reading.sample(0).original)
            reviews = [
                (index, Review(index=index, decision=Decision.ORIGINAL, version=version))
                for index in range(2000)
            ]
            for _ in range(3):
                assert await workbench.decide("original", reviews) == 2000
                act = await workbench.undo()
                assert act is not None
                assert await workbench.redo() is not None
            summary = await run
            assert summary is not None
            assert summary.done == 8
            rows = await workbench.reader.ask_list(lambda listing: listing.window(0, 2000))
            assert {row.state for row in rows} == {"original"}

        with FakeOllama(brief) as server:
            with_workbench(settings(server), work)
        assert writers == {"engine"}
        whole(tmp_path / "w.burnish")

    def test_an_act_about_many_lets_others_in_between_and_is_carried_through_whoever_waits_for_it(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine.store.acts, "SLICE", 1)
        taken: list[int] = []
        between: list[int] = []  # how many were taken, each time that others had their turn

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            version = await workbench.reader.ask_workspace(lambda reading: reading.sample(0).original)

            def reviews() -> Iterator[tuple[int, Review]]:
                loop = asyncio.get_running_loop()
                for index in range(4):
                    taken.append(index)
                    loop.call_soon(lambda: between.append(len(taken)))
                    yield index, Review(index=index, decision=Decision.ORIGINAL, version=version)

            deciding = workbench.decide("original", reviews())
            await until(lambda: bool(between))
            deciding.cancel()
            act = await workbench.undo()
            assert act is not None
            assert list(act.samples) == [0, 1, 2, 3]
            assert between == [1, 2, 3, 4]
            asyncio.get_running_loop().call_soon(workbench.decide_in_background, "original", reviews())
            await asyncio.sleep(0)

        with_workbench(settings("http://127.0.0.1:9"), work)
        with Workspace.open(path) as opened:
            assert all(opened.reviews.standing(index) for index in range(4)), (
                "what was begun is whole before one leaves"
            )


@pytest.mark.usefixtures("stand_in")
class TestWorkspaces:
    def test_another_workspace_stops_the_run_and_leaves_the_first_whole(
        self, path: Path, tmp_path: Path
    ) -> None:
        other = made(tmp_path / "other.burnish")

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            run = asyncio.create_task(workbench.refine())
            await until(heard(workbench, Generated))
            await workbench.open(other)
            assert await run is None
            assert (workbench.path, workbench.run_job.running, workbench.run_job.ending) == (
                other,
                False,
                None,
            )
            assert workbench.run_job.tally.total == 0
            assert heard(workbench, object)() is False, "nothing of the first is told of the second"
            whole(path)
            summary = await workbench.refine()
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_workbench(settings(server), work)

    def test_the_same_workspace_again_is_no_change(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "link.burnish").symlink_to(path)

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            reader = workbench.reader
            run = asyncio.create_task(workbench.refine())
            await until(heard(workbench, Started))
            await workbench.open(tmp_path / "link.burnish")
            await workbench.create(path.with_suffix(".json"), path)
            assert workbench.reader is reader
            with pytest.raises(WorkspaceError, match="another dataset"):
                await workbench.create(dataset(tmp_path / "else.json", SHORT[:1]), path)
            summary = await run
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_workbench(settings(server), work)

    def test_what_cannot_be_opened_leaves_all_as_it_was(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "no.burnish").write_text("not a workspace")

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            run = asyncio.create_task(workbench.refine())
            await until(heard(workbench, Started))
            for wrong in ("no.burnish", "nowhere.burnish"):
                with pytest.raises(WorkspaceError):
                    await workbench.open(tmp_path / wrong)
            assert workbench.path == path
            summary = await run
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_workbench(settings(server), work)

    def test_who_asks_for_another_and_goes_leaves_none_locked(self, path: Path, tmp_path: Path) -> None:
        other = made(tmp_path / "other.burnish")

        async def work(workbench: Workbench) -> None:
            for _ in range(5):
                asked = [asyncio.create_task(workbench.open(each)) for each in (path, other)]
                await asyncio.sleep(0)
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            await workbench.open(path)
            assert workbench.path == path
            whole(other)

        with_workbench(None, work)
        whole(path)
