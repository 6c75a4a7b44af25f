"""A judge at work on the open workspace's two sides, in a thread of its own: nothing else waits for it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.judge.events import JudgeEvent
from engine.judge.judge import judge as judge_all
from engine.judge.pairs import workspace_sides
from engine.judge.record import Record, judged_path
from engine.judge.recorded_model import RecordedModel, check
from engine.progress import Tally
from engine.run.settings import JudgeSettings
from models.errors import BurnishError
from tui.state.engine_thread import EngineThread
from tui.state.job import Job


@dataclass(frozen=True, slots=True)
class JudgeEnding:
    """How the judging ended."""

    done: bool  # every pair has its verdict, or cannot have one
    failure: str | None = None  # what it failed of; None, and not done: a person stopped it


class JudgeJob:
    """The judging of one workspace at a time. Everything here is called from the app's loop."""

    def __init__(self, settings: JudgeSettings) -> None:
        self.settings = settings  # what the next judging goes by
        self.refined_only = False
        self.limit: int | None = None  # of the samples that have something to compare, the first
        self.tally = Tally()
        self.ending: JudgeEnding | None = None  # since the workspace was opened
        self.at: int | None = None  # the pair that was looked at last, for the list to come back to
        self._thread: EngineThread | None = None  # while there is a judge
        self._respondent: RecordedModel | None = None
        self._job = Job[bool]("a judge is at work; stop it first")
        self._reported: deque[JudgeEvent] = deque()  # by the judge's thread

    def forget(self) -> None:
        """Another workspace was opened."""
        self.tally, self.ending, self.at, self._reported = Tally(), None, None, deque()

    @property
    def running(self) -> bool:
        return self._job.running

    @property
    def stopping(self) -> bool:
        return self._job.stopping

    @property
    def held(self) -> bool:
        """Nothing new is asked."""
        return self.running and self.tally.held

    async def judge(self, path: Path) -> bool:
        """Have every pair judged that is not yet, as `settings`, `refined_only` and `limit` say; whether it was not
        stopped. Raises `BurnishError`."""
        return await self._job.run(self._judge(path)) is True

    async def _judge(self, path: Path) -> bool:
        self.forget()
        settings, refined_only, limit, emit = (
            self.settings,
            self.refined_only,
            self.limit,
            self._reported.append,
        )

        async def work() -> None:
            check(settings)
            sides = workspace_sides(path, refined_only=refined_only, limit=limit)
            with Record.at(judged_path(path)) as record:
                async with RecordedModel(record, settings, emit) as respondent:
                    self._respondent = respondent
                    await judge_all(respondent, sides, settings.reply_form)

        self._thread = thread = EngineThread()
        try:
            await thread.begin(work()).result()
        except asyncio.CancelledError:
            self.ending = JudgeEnding(done=False)
            raise
        except BurnishError as error:
            self.ending = JudgeEnding(done=False, failure=str(error))
            raise
        else:
            self.ending = JudgeEnding(done=True)
            return True
        finally:
            self.count()
            self.tally.end()
            if self._thread is thread:  # it was not abandoned
                thread.close(0.2)
            self._thread = self._respondent = None

    def hold(self) -> None:
        """Ask nothing new until `go`; what the judge is at is finished."""
        if self._thread is not None and self._respondent is not None:
            self._thread.post(self._respondent.gate.hold)
            self.tally.hold()

    def go(self) -> None:
        if self._thread is not None and self._respondent is not None:
            self._thread.post(self._respondent.gate.go)
            self.tally.go()

    async def cancel(self) -> None:
        """End the judging where it is; it can be taken up again."""
        await self._job.cancel()

    def command(self, path: Path) -> list[str]:
        """What takes up on the command line the judging that is under way."""
        command = ["burnish", "judge", str(path), "--judge", str(self.settings.name)]
        command += ["--refined-only"] * self.refined_only
        return command if self.limit is None else [*command, "--limit", str(self.limit)]

    def abandon(self) -> None:
        """Leave a judge behind that does not end."""
        pids = self._respondent.children.values() if self._respondent is not None else ()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.close(0.2)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def count(self) -> None:
        """Take up what the judge's thread reported."""
        while self._reported:
            self.tally.add(self._reported.popleft())
