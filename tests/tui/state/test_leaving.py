"""Leaving a workbench: soon, with no process left behind, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from engine.store.workspace import Workspace
from tests.ollama.server import FakeOllama
from tests.running import once, outcomes, settings, workspace
from tests.stand_in import StandIn, stand_in
from tests.tui.state.workbenches import until, whole
from tui.state.workbench import Workbench

__all__ = ["stand_in"]


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
