"""The workbench: one workspace, one run, two models, whatever a person does while they work."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import engine.store.reviews
from engine.events import Finished, Generated, Started
from engine.sample import Decision, Review
from engine.store.database import Database, Interrupted, WorkspaceError
from engine.store.sample_list import SampleColumn, SampleFilter, SampleList
from engine.store.workspace import Workspace
from models.errors import BurnishError, UsageError
from models.ollama.teacher import OllamaTeacher
from models.teacher import Fault, TeacherError
from tests.ollama.script import Answer, Chat, Nothing, Script, Scripted
from tests.ollama.script import Ending as Stop
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset, outcomes, settings, workspace
from tests.stand_in import StandIn, stand_in
from tui.state.job import JobEnding
from tui.state.workbench import Workbench

__all__ = ["stand_in"]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BURNISH_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return made(tmp_path / "w.burnish")


def made(path: Path) -> Path:
    with workspace(path, SHORT):
        return path


def unhurried(chat: Chat) -> Scripted:
    return Answer(brief(chat), seconds=0.1)


def once() -> Script:
    """Answers once, and then no more."""
    asked = count()
    return lambda chat: Nothing(Stop.STALL) if next(asked) else brief(chat)


async def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


def heard(workbench: Workbench, kind: type) -> Callable[[], bool]:
    """Whether the engine has reported this since the last look."""
    return lambda: any(isinstance(event, kind) for event in workbench.take_events())


def with_workbench(given: Any, work: Callable[[Workbench], Any]) -> None:
    """Run a test with a workbench, and leave that."""

    async def main() -> None:
        others = set(threading.enumerate())  # another test's engine may hang
        workbench = Workbench(given)
        try:
            await work(workbench)
        finally:
            await workbench.leave()
        begun = set(threading.enumerate()) - others
        assert not [thread for thread in begun if thread.name in ("engine", "reader")]

    asyncio.run(main())


def whole(path: Path) -> None:
    """Nobody holds the file, and nothing in it is broken."""
    with Workspace.open(path) as opened:
        assert opened.database.execute("PRAGMA integrity_check") == [("ok",)]


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
        monkeypatch.setattr(engine.store.reviews, "SLICE", 1)
        taken: list[int] = []

        async def work(workbench: Workbench) -> None:
            await workbench.open(path)
            version = await workbench.reader.ask_workspace(lambda reading: reading.sample(0).original)

            def reviews() -> Iterator[tuple[int, Review]]:
                for index in range(4):
                    taken.append(index)
                    yield index, Review(index=index, decision=Decision.ORIGINAL, version=version)

            deciding = workbench.decide("original", reviews())
            while not (seen := await workbench._engine.call(lambda: len(taken))):
                pass
            assert seen < 4
            deciding.cancel()
            act = await workbench.undo()
            assert act is not None
            assert list(act.samples) == [0, 1, 2, 3]
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


class TestLeaving:
    def test_a_teacher_that_never_answers(self, path: Path, stand_in: type[StandIn]) -> None:
        async def main() -> None:
            workbench = Workbench(settings(server))
            await workbench.open(path)
            run = asyncio.create_task(workbench.refine())
            await until(lambda: len(server.chats) >= 2 and server.chats[-1].outcome == "open")
            before = time.monotonic()
            await workbench.leave()
            assert time.monotonic() - before < 1
            assert await run is None

        with FakeOllama(once()) as server:
            asyncio.run(main())
            answered = sum(chat.outcome == "answered" for chat in server.chats)
        whole(path)
        with Workspace.read(path) as opened:
            assert sum(len(opened.replies(index)) for index in range(4)) == answered

    @pytest.mark.parametrize("busy", [False, True], ids=["loading", "scoring"])
    def test_a_real_student_that_is_busy_is_gone(self, tmp_path: Path, *, busy: bool) -> None:
        rows = [{"instruction": "Go on.", "input": "", "output": "One word after another. " * 350}] * 8
        with workspace(tmp_path / "w.burnish", rows):
            pass

        async def main() -> int:
            workbench = Workbench(settings("127.0.0.1:1", run={"method": "score"}))
            await workbench.open(tmp_path / "w.burnish")
            run = asyncio.create_task(workbench.refine())
            await until(lambda: "student" in workbench.run_job.children)
            if busy:
                await until(
                    lambda: bool(workbench.take_events()) and workbench.run_job.tally.student_queue > 0
                )
                await asyncio.sleep(0.2)
            pid = workbench.run_job.children["student"]
            before = time.monotonic()
            await workbench.leave()
            assert time.monotonic() - before < 2
            assert await run is None
            return pid

        gone(asyncio.run(main()))
        whole(tmp_path / "w.burnish")

    def test_an_engine_that_hangs_is_left_behind_and_its_child_is_not(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hanging, released = threading.Event(), threading.Event()

        def hang(*_: object) -> None:
            hanging.set()
            released.wait(30)

        async def main() -> int:
            workbench = Workbench(settings("127.0.0.1:1", run={"method": "score"}))
            await workbench.open(path)
            run = asyncio.create_task(workbench.refine())
            await until(lambda: "student" in workbench.run_job.children)
            pid = workbench.run_job.children["student"]
            monkeypatch.setattr(Workspace, "keep_losses", hang)
            await until(hanging.is_set)
            before = time.monotonic()
            await workbench.leave()
            assert time.monotonic() - before < 2
            await run
            return pid

        pid = asyncio.run(main())
        gone(pid)
        released.set()

    def test_after_a_stop_in_the_middle_of_loading_one_child_is_there_and_then_none(self, path: Path) -> None:
        async def main() -> set[int]:
            workbench = Workbench(settings("127.0.0.1:1", run={"method": "score"}))
            await workbench.open(path)
            pids = set()
            for _ in range(2):
                run = asyncio.create_task(workbench.refine())
                await until(lambda: "student" in workbench.run_job.children)
                pids.add(workbench.run_job.children["student"])
                await workbench.run_job.cancel()
                assert await run is None
                for pid in pids:
                    gone(pid)
            summary = await workbench.refine()
            assert summary is not None
            assert summary.done == 4
            pids.add(workbench.run_job.children["student"])
            await workbench.leave()
            return pids

        for pid in asyncio.run(main()):
            gone(pid)
        with Workspace.open(path) as opened:
            assert all(outcomes(opened))


def gone(pid: int) -> None:
    """A process is there no more."""
    deadline = time.monotonic() + 5
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        assert time.monotonic() < deadline, f"{pid} is still there"
        time.sleep(0.02)
