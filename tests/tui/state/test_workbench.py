"""The desk: one workspace, one run, two models, whatever a person does while they work."""

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
from engine.store.database import Interrupted, WorkspaceError
from engine.store.sample_list import Column, Filter, Listing
from engine.store.workspace import Workspace
from models.errors import BurnishError, UsageError
from models.ollama.teacher import OllamaTeacher
from models.teacher import Fault, TeacherError
from tests.ollama.script import Answer, Chat, Nothing, Script, Scripted
from tests.ollama.script import Ending as Stop
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset, outcomes, settings, workspace
from tests.stand_in import StandIn, stand_in
from tui.state.workbench import Desk, Ending

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


def heard(desk: Desk, kind: type) -> Callable[[], bool]:
    """Whether the engine has reported this since the last look."""
    return lambda: any(isinstance(event, kind) for event in desk.heard())


def with_desk(given: Any, work: Callable[[Desk], Any]) -> None:
    """Do something with a desk, and leave it."""

    async def main() -> None:
        desk = Desk(given)
        try:
            await work(desk)
        finally:
            await desk.leave()
        assert not [thread for thread in threading.enumerate() if thread.name in ("engine", "reader")]

    asyncio.run(main())


def whole(path: Path) -> None:
    """Nobody holds the file, and nothing in it is broken."""
    with Workspace.open(path) as opened:
        assert opened._rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.usefixtures("stand_in")
class TestRuns:
    def test_a_run_is_done_and_its_outcomes_are_what_the_reader_shows(self, path: Path) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            assert desk.run is None
            summary = await desk.refine()
            assert summary is not None
            assert (summary.done, summary.failed) == (4, 0)
            assert desk.ending == Ending(summary)
            assert not desk.running
            assert desk.run == summary.run
            rows = await desk.reader.do(lambda listing: listing.window(0, 4))
            assert {row.state for row in rows} == {"done"}

        with FakeOllama(brief) as server:
            with_desk(settings(server), work)

    def test_of_two_quick_starts_the_second_is_refused_and_the_first_goes_on(self, path: Path) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            first, second = await asyncio.gather(desk.refine(), desk.refine(), return_exceptions=True)
            assert isinstance(second, UsageError)
            assert not isinstance(first, BaseException)
            assert first is not None
            assert first.done == 4

        with FakeOllama(brief) as server:
            with_desk(settings(server), work)
            assert len(server.chats) == 8

    def test_a_run_that_fails_says_why_and_can_be_started_again(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(_: OllamaTeacher) -> None:
            raise TeacherError(Fault.MODEL_MISSING, "no such model; pull it")

        async def work(desk: Desk) -> None:
            await desk.open(path)
            with monkeypatch.context() as patched:
                patched.setattr(OllamaTeacher, "open", broken)
                with pytest.raises(TeacherError):
                    await desk.refine()
            assert desk.ending == Ending(failure="no such model; pull it")
            assert not desk.running
            summary = await desk.refine()
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(brief) as server:
            with_desk(settings(server), work)

    @pytest.mark.parametrize("model", ["teacher", "student"])
    def test_a_run_can_be_stopped_while_its_models_open(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: type[StandIn], model: str
    ) -> None:
        opening = threading.Event()

        async def for_ever(_: object) -> None:
            opening.set()
            await asyncio.sleep(3600)

        monkeypatch.setattr(OllamaTeacher if model == "teacher" else stand_in, "open", for_ever)

        async def work(desk: Desk) -> None:
            await desk.open(path)
            run = asyncio.create_task(desk.refine())
            await until(opening.is_set)
            before = time.monotonic()
            await desk.cancel()
            assert await run is None
            assert time.monotonic() - before < 1
            assert desk.ending == Ending()
            assert not desk.running

        with FakeOllama(brief) as server:
            with_desk(settings(server), work)
        whole(path)

    def test_when_a_stop_is_over_the_engine_is_at_nothing_and_what_was_answered_is_not_asked_again(
        self, path: Path
    ) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            for _ in range(4):
                run = asyncio.create_task(desk.refine())
                await until(heard(desk, Generated))
                await asyncio.gather(desk.cancel(), desk.cancel())  # twice is no harm
                assert not desk.running
                assert await run is None
                await asyncio.sleep(0.3)  # what was on its way when it was stopped has come
                asked = len(server.chats)
                await asyncio.sleep(0.1)
                assert len(server.chats) == asked
            summary = await desk.refine()
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_desk(settings(server), work)
            assert server.asked_again() == []

    def test_a_run_that_was_held_when_it_was_stopped_does_not_hold_the_next(self, path: Path) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            desk.hold()
            assert not desk.held, "there is nothing to hold"
            run = asyncio.create_task(desk.refine())
            await until(heard(desk, Started))
            desk.hold()
            assert desk.held
            await asyncio.sleep(0.3)
            await desk.cancel()
            assert await run is None
            assert not desk.held
            async with asyncio.timeout(20):
                summary = await desk.refine()
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_desk(settings(server), work)

    def test_a_worker_that_is_cancelled_stops_its_run(self, path: Path) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            run = asyncio.create_task(desk.refine())
            await until(heard(desk, Started))
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            assert not desk.running

        with FakeOllama(once()) as server:
            with_desk(settings(server), work)

    def test_outcomes_show_while_the_run_goes_on(self, path: Path) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            run = asyncio.create_task(desk.refine())
            await until(heard(desk, Started))
            await desk.follow()
            await until(heard(desk, Finished))
            rows = await desk.reader.do(lambda listing: listing.window(0, 4))
            assert {row.state for row in rows} == {"done", "waiting"}
            await desk.cancel()
            await run

        with FakeOllama(unhurried) as server:
            with_desk(settings(server), work)

    def test_a_person_decides_about_thousands_while_the_run_writes_all_on_the_engines_thread(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writers: set[str] = set()
        begin = Workspace._begin

        def watched(opened: Workspace) -> None:
            writers.add(threading.current_thread().name)
            begin(opened)

        monkeypatch.setattr(Workspace, "_begin", watched)
        with workspace(tmp_path / "w.burnish", SHORT * 500):
            pass
        writers.clear()

        async def work(desk: Desk) -> None:
            await desk.open(tmp_path / "w.burnish")
            run = asyncio.create_task(desk.refine(limit=8))
            await until(heard(desk, Started))
            version = await desk.reader.look(lambda reading: reading.sample(0).original)
            reviews = [
                (index, Review(index=index, decision=Decision.ORIGINAL, version=version))
                for index in range(2000)
            ]
            for _ in range(3):
                assert await desk.decide("original", reviews) == 2000
                act = await desk.undo()
                assert act is not None
                assert await desk.redo() is not None
            summary = await run
            assert summary is not None
            assert summary.done == 8
            rows = await desk.reader.do(lambda listing: listing.window(0, 2000))
            assert {row.state for row in rows} == {"original"}

        with FakeOllama(brief) as server:
            with_desk(settings(server), work)
        assert writers == {"engine"}
        whole(tmp_path / "w.burnish")

    def test_an_act_about_many_lets_others_in_between_and_is_carried_through_whoever_waits_for_it(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine.store.reviews, "SLICE", 1)
        taken: list[int] = []

        async def work(desk: Desk) -> None:
            await desk.open(path)
            version = await desk.reader.look(lambda reading: reading.sample(0).original)

            def reviews() -> Iterator[tuple[int, Review]]:
                for index in range(4):
                    taken.append(index)
                    yield index, Review(index=index, decision=Decision.ORIGINAL, version=version)

            deciding = asyncio.create_task(desk.decide("original", reviews()))
            while not (seen := await desk._stage().call(lambda: len(taken))):
                pass
            assert seen < 4
            deciding.cancel()
            act = await desk.undo()
            assert act is not None
            assert list(act.samples) == [0, 1, 2, 3]
            asyncio.get_running_loop().call_soon(desk.decide_aside, "original", reviews())
            await asyncio.sleep(0)

        with_desk(settings("http://127.0.0.1:9"), work)
        with Workspace.open(path) as opened:
            assert all(opened.review(index) for index in range(4)), (
                "what was begun is whole before one leaves"
            )


@pytest.mark.usefixtures("stand_in")
class TestWorkspaces:
    def test_another_workspace_stops_the_run_and_leaves_the_first_whole(
        self, path: Path, tmp_path: Path
    ) -> None:
        other = made(tmp_path / "other.burnish")

        async def work(desk: Desk) -> None:
            await desk.open(path)
            run = asyncio.create_task(desk.refine())
            await until(heard(desk, Generated))
            await desk.open(other)
            assert await run is None
            assert (desk.path, desk.running, desk.ending) == (other, False, None)
            assert desk.tally.total == 0
            assert heard(desk, object)() is False, "nothing of the first is told of the second"
            whole(path)
            summary = await desk.refine()
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_desk(settings(server), work)

    def test_the_same_workspace_again_is_no_change(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "link.burnish").symlink_to(path)

        async def work(desk: Desk) -> None:
            await desk.open(path)
            reader = desk.reader
            run = asyncio.create_task(desk.refine())
            await until(heard(desk, Started))
            await desk.open(tmp_path / "link.burnish")
            await desk.create(path.with_suffix(".json"), path)
            assert desk.reader is reader
            with pytest.raises(WorkspaceError, match="another dataset"):
                await desk.create(dataset(tmp_path / "else.json", SHORT[:1]), path)
            summary = await run
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_desk(settings(server), work)

    def test_what_cannot_be_opened_leaves_all_as_it_was(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "no.burnish").write_text("not a workspace")

        async def work(desk: Desk) -> None:
            await desk.open(path)
            run = asyncio.create_task(desk.refine())
            await until(heard(desk, Started))
            for wrong in ("no.burnish", "nowhere.burnish"):
                with pytest.raises(WorkspaceError):
                    await desk.open(tmp_path / wrong)
            assert desk.path == path
            summary = await run
            assert summary is not None
            assert summary.done == 4

        with FakeOllama(unhurried) as server:
            with_desk(settings(server), work)

    def test_who_asks_for_another_and_goes_leaves_none_locked(self, path: Path, tmp_path: Path) -> None:
        other = made(tmp_path / "other.burnish")

        async def work(desk: Desk) -> None:
            for _ in range(5):
                asked = [asyncio.create_task(desk.open(each)) for each in (path, other)]
                await asyncio.sleep(0)
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            await desk.open(path)
            assert desk.path == path
            whole(other)

        with_desk(None, work)
        whole(path)


@pytest.mark.usefixtures("stand_in")
class TestQuestions:
    def test_two_at_once_share_one_student_and_who_goes_away_stops_only_their_own(
        self, path: Path, stand_in: type[StandIn]
    ) -> None:
        stand_in.scoring = 0.3

        async def work(desk: Desk) -> None:
            await desk.open(path)
            version = await desk.reader.look(lambda reading: reading.sample(0).original)
            first = asyncio.create_task(desk.heat(0, version))
            second = asyncio.create_task(desk.scores(1, [version]))
            await until(lambda: stand_in.begun == 2)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second)[0].ifd.value is not None
            assert stand_in.opened == 1

        with_desk(settings("127.0.0.1:1"), work)

    def test_of_other_models_lets_go_of_those_before_but_not_under_a_run(
        self, path: Path, stand_in: type[StandIn]
    ) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            run = asyncio.create_task(desk.refine())
            await until(heard(desk, Generated))
            mine = desk.settings
            desk.settings = settings(server, student={"context": 1024})
            version = await desk.reader.look(lambda reading: reading.sample(3).original)
            await desk.scores(3, [version])
            assert stand_in.opened == 1, "the run's student answered"
            summary = await run
            assert summary is not None
            assert summary.done == 4
            await desk.scores(3, [version])
            assert (stand_in.opened, stand_in.closed) == (2, 1)
            assert desk.ran == mine

        with FakeOllama(unhurried) as server:
            with_desk(settings(server), work)

    def test_are_cancelled_when_another_workspace_is_opened(
        self, path: Path, tmp_path: Path, stand_in: type[StandIn]
    ) -> None:
        stand_in.scoring = 3600

        async def work(desk: Desk) -> None:
            await desk.open(path)
            version = await desk.reader.look(lambda reading: reading.sample(0).original)
            question = asyncio.create_task(desk.heat(0, version))
            await until(lambda: stand_in.begun == 1)
            await desk.open(made(tmp_path / "other.burnish"))
            with pytest.raises(asyncio.CancelledError):
                await question

        with_desk(settings("127.0.0.1:1"), work)

    def test_without_a_workspace_are_refused_in_words(self) -> None:
        async def work(desk: Desk) -> None:
            for ask in (desk.refine, desk.undo, desk.redo):
                with pytest.raises(BurnishError, match="no workspace is open"):
                    await ask()

        with_desk(settings("127.0.0.1:1"), work)


SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
"""A query without an end."""


class TestReader:
    def test_a_question_nobody_waits_for_is_given_up_and_no_other(self, path: Path) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            for _ in range(3):
                slow = asyncio.create_task(desk.reader.look(lambda reading: reading.execute(SLOW)))
                await asyncio.sleep(0.05)
                queued = asyncio.create_task(desk.reader.do(len))
                dropped = asyncio.create_task(desk.reader.do(len))
                await asyncio.sleep(0)
                dropped.cancel()
                slow.cancel()
                assert await asyncio.wait_for(queued, 5) == 4
                await asyncio.gather(slow, dropped, return_exceptions=True)

        with_desk(None, work)

    def test_of_two_arrangements_the_first_is_interrupted(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrange = Listing.arrange

        def slow(listing: Listing, *arguments: Any, **options: Any) -> int:
            if arguments[0] is Column.STATE:
                listing.reading.execute(SLOW)
            return arrange(listing, *arguments, **options)

        monkeypatch.setattr(Listing, "arrange", slow)

        async def work(desk: Desk) -> None:
            await desk.open(path)
            question: dict[str, Any] = {"descending": False, "only": Filter()}
            first = asyncio.create_task(desk.reader.arrange(Column.STATE, **question))
            await asyncio.sleep(0.05)
            second = asyncio.create_task(desk.reader.arrange(Column.STATE, **question))
            await asyncio.sleep(0)
            assert await desk.reader.arrange(Column.NUMBER, **question) == 4
            for task in (first, second):
                with pytest.raises(Interrupted):
                    await task

        with_desk(None, work)

    def test_closing_cancels_who_asks_now_and_later(self, path: Path) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            reader = desk.reader
            asked: list[asyncio.Task[Any]] = [
                asyncio.create_task(reader.look(lambda reading: reading.execute(SLOW))) for _ in range(3)
            ]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(1):
                await desk.close()
            asked.append(asyncio.create_task(reader.do(len)))
            for task in asked:
                with pytest.raises(asyncio.CancelledError):
                    await task

        with_desk(None, work)

    def test_an_error_goes_to_who_asked(self, path: Path) -> None:
        async def work(desk: Desk) -> None:
            await desk.open(path)
            with pytest.raises(WorkspaceError, match="no sample 9"):
                await desk.reader.look(lambda reading: reading.sample(9))
            assert await desk.reader.do(len) == 4

        with_desk(None, work)


class TestLeaving:
    def test_a_teacher_that_never_answers(self, path: Path, stand_in: type[StandIn]) -> None:
        async def main() -> None:
            desk = Desk(settings(server))
            await desk.open(path)
            run = asyncio.create_task(desk.refine())
            await until(lambda: len(server.chats) >= 2 and server.chats[-1].outcome == "open")
            before = time.monotonic()
            await desk.leave()
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
            desk = Desk(settings("127.0.0.1:1", run={"method": "score"}))
            await desk.open(tmp_path / "w.burnish")
            run = asyncio.create_task(desk.refine())
            await until(lambda: "student" in desk.children)
            if busy:
                await until(lambda: bool(desk.heard()) and desk.tally.weighing > 0)
                await asyncio.sleep(0.2)
            pid = desk.children["student"]
            before = time.monotonic()
            await desk.leave()
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
            desk = Desk(settings("127.0.0.1:1", run={"method": "score"}))
            await desk.open(path)
            run = asyncio.create_task(desk.refine())
            await until(lambda: "student" in desk.children)
            pid = desk.children["student"]
            monkeypatch.setattr(Workspace, "keep_losses", hang)
            await until(hanging.is_set)
            before = time.monotonic()
            await desk.leave()
            assert time.monotonic() - before < 2
            await run
            return pid

        pid = asyncio.run(main())
        gone(pid)
        released.set()

    def test_after_a_stop_in_the_middle_of_loading_one_child_is_there_and_then_none(self, path: Path) -> None:
        async def main() -> set[int]:
            desk = Desk(settings("127.0.0.1:1", run={"method": "score"}))
            await desk.open(path)
            pids = set()
            for _ in range(2):
                run = asyncio.create_task(desk.refine())
                await until(lambda: "student" in desk.children)
                pids.add(desk.children["student"])
                await desk.cancel()
                assert await run is None
                for pid in pids:
                    gone(pid)
            summary = await desk.refine()
            assert summary is not None
            assert summary.done == 4
            pids.add(desk.children["student"])
            await desk.leave()
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
