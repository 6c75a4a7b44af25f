"""What the app works on: an open workspace, the run over it, and what both models say. Knows no widget."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from engine.events import Event, Notice
from engine.examine.examine import Examination
from engine.examine.flags import Stats
from engine.method.token_gain import TokenGains
from engine.progress import Tally
from engine.run import session
from engine.run.opening import Import
from engine.run.plan import RunSummary
from engine.run.session import Session
from engine.run.settings import Settings, load_settings
from engine.sample import Candidate, Scores, Stage, Version
from engine.store.database import WorkspaceError
from engine.store.reviews import Act, Reviews, Steps
from engine.store.workspace import Run, Source, Workspace
from models.errors import BurnishError
from models.system.threads import on_daemon_thread
from tui.state.bulk import BulkJob
from tui.state.engine_thread import EngineThread, in_steps
from tui.state.job import Job
from tui.state.judge_job import JudgeJob
from tui.state.live_replies import LiveReplies
from tui.state.reader_thread import ReaderThread

T = TypeVar("T")

LEAVE_SECONDS = 1.5
"""Seconds the engine gets to end when the app does; whatever was answered is committed long before."""


@dataclass(frozen=True, slots=True)
class RunEnding:
    """How a run ended."""

    summary: RunSummary | None = None  # None: before it was done
    failure: str | None = None  # what it failed of; None with no summary: a person stopped it


class Workbench:
    """One workspace at a time. Everything here is called from the app's loop; the engine works in its own.

    `settings` are what the next run, and a person's questions to the models, go by. Methods raise `BurnishError`.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load_settings({})
        self.path: Path | None = None
        self.source: Source | None = None
        self.samples = 0
        self.run: Run | None = None  # whose outcomes are shown; None: nothing was run yet
        self.at: int | None = None  # the position that Review was at last, for the list to come back to
        self.limit: int | None = None  # of the run that is under way, or was last
        self.ran: Settings | None = None  # what that run goes by
        self.ending: RunEnding | None = None  # of the last run since the workspace was opened
        self.tally = Tally()
        self.live_replies = LiveReplies()
        self.judge_job = JudgeJob(self.settings.judge)
        self._thread: EngineThread | None = None
        self._workspace: Workspace | None = None
        self._changing = asyncio.Lock()  # held while one workspace takes another's place
        self._incoming: Import | None = None
        self._swaps: set[asyncio.Task[None]] = set()
        self._session: Session | None = None
        self._session_settings: Settings | None = None
        self._run_settings: Settings | None = None  # while there is a run
        self._opening = asyncio.Lock()  # held while one session takes another's place
        self._asks: set[asyncio.Task[Any]] = set()  # a person's questions to the models
        self._reader: ReaderThread | None = None
        self._acting = asyncio.Lock()  # held while something is decided or undone
        self.act = ""  # what that is, and how far it has come, where it is about many samples
        self._acts: set[asyncio.Task[Any]] = set()  # of a person's, begun and not yet whole
        self._examining: BulkJob | None = None  # through every sample, while there is one
        self._job = Job[RunSummary]("a run is under way; stop it first")
        self._reported: deque[Event] = deque()  # by the engine's thread
        self._unread: list[Event] = []  # in the tally, and not heard yet

    # --- the workspace ----------------------------------------------------------------------------------------

    @property
    def reader(self) -> ReaderThread:
        assert self._reader is not None, "a workspace is open"
        return self._reader

    @property
    def is_open(self) -> bool:
        return self._reader is not None

    async def open(self, path: Path) -> None:
        """Open an existing workspace, and close the one that is open. Once begun it is carried through, whatever
        becomes of who asked."""
        await self._carried_through(self._swap(path, lambda: Workspace.open(path), lambda _: None))

    async def create(self, data: Path, path: Path, incoming: Import | None = None) -> None:
        """Open the workspace of a dataset, made if it is not there. `incoming` is told how the import gets on, and
        says what becomes of bad rows; without it the first is an error."""

        def made() -> Workspace:
            if incoming is None:
                return session.open_workspace(path, data, None, None)
            return session.open_workspace(path, data, incoming.format, incoming.on_bad, incoming.through)

        def check(source: Source) -> None:
            session.check_source(path, source, data)

        await self._carried_through(self._swap(path, made, check, incoming))

    async def _carried_through(self, swap: Coroutine[Any, Any, None]) -> None:
        # A workspace that was opened for nobody would stay locked.
        task = asyncio.create_task(swap)
        self._swaps.add(task)
        task.add_done_callback(self._swaps.discard)
        # Where nobody waits any more, nobody needs to hear why it failed.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(task)

    async def _swap(
        self,
        path: Path,
        make: Callable[[], Workspace],
        check: Callable[[Source], None],
        incoming: Import | None = None,
    ) -> None:
        """Have the workspace that `make` gives take the place of the one that is open, unless it is that one."""
        stage = self._engine()
        async with self._changing:
            if self.path is not None and self.source is not None and await stage.call(_same, path, self.path):
                await stage.call(check, self.source)
                return
            self._incoming = incoming
            try:
                workspace = await stage.call(make)
            finally:
                self._incoming = None

            def look() -> tuple[Source, int, Run | None, Settings]:
                run = workspace.latest()
                return workspace.source(), len(workspace), run, _settings_of(run, path) or self.settings

            try:
                source, samples, run, settings = await stage.call(look)
                reader = await ReaderThread.opened(workspace, run)
            except BaseException:
                await stage.call(workspace.close)
                raise
            try:
                await self._let_go()
            except BaseException:
                await reader.close()
                await stage.call(workspace.close)
                raise
            self._workspace, self._reader = workspace, reader
            self.path, self.source, self.samples, self.run = path, source, samples, run
            self.tally, self._reported, self._unread = Tally(), deque(), []
            self.ending = self.limit = self.ran = None
            self.live_replies = LiveReplies()
            self.judge_job.forget()
            self.settings = settings

    async def close(self) -> None:
        """Stop the run and the judge, let go of the models and of the workspace."""
        async with self._changing:
            await self._let_go()

    async def _let_go(self) -> None:
        await asyncio.gather(self.cancel(), self.judge_job.cancel())
        if self._examining is not None:
            self._examining.stop()
        if self._acts:
            await asyncio.wait(self._acts)
        async with self._acting:
            async with self._opening:
                await self._close_session()
            reader, self._reader = self._reader, None
            workspace, self._workspace = self._workspace, None
            self.path = self.source = self.run = None
            try:
                if reader is not None:
                    await reader.close()
            finally:
                if workspace is not None:
                    await self._engine().call(workspace.close)

    async def leave(self) -> None:
        """`close`, and the engine's thread with it, within `LEAVE_SECONDS` seconds: what hangs is left behind."""
        if self._incoming is not None:
            self._incoming.stop()
        models = self._session
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.close()
        except (TimeoutError, BurnishError):
            pass  # whatever could not be written is losses, which can be had again
        finally:
            thread, self._thread = self._thread, None
            if thread is not None:
                thread.close(0.2)
            self.judge_job.abandon()
            for pid in models.children.values() if models is not None else ():
                with suppress(ProcessLookupError):
                    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def _engine(self) -> EngineThread:
        if self._thread is None:
            self._thread = EngineThread()
        return self._thread

    # --- the run ----------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self._job.running

    @property
    def stopping(self) -> bool:
        """The run was told to end, and has not yet."""
        return self._job.stopping

    @property
    def held(self) -> bool:
        """The run begins nothing new."""
        return self.running and self.tally.held

    async def refine(self, *, limit: int | None = None, retry_failed: bool = False) -> RunSummary | None:
        """Run the pipeline with `settings`, until it is done; None where `cancel` came before."""
        return await self._job.run(self._refine(limit, retry_failed=retry_failed))

    async def _refine(self, limit: int | None, *, retry_failed: bool) -> RunSummary:
        self.tally, self.ending, self.limit = Tally(), None, limit
        self.ran = self._run_settings = self.settings
        try:
            models = await self._models()
            work = self._engine().begin(models.refine(limit=limit, retry_failed=retry_failed))
            summary = await work.result()
        except asyncio.CancelledError:
            self.ending = RunEnding()
            raise
        except BurnishError as error:
            self.ending = RunEnding(failure=str(error))
            raise
        else:
            self.ending = RunEnding(summary)
            return summary
        finally:
            self._count()
            self.tally.end()
            try:
                await self.follow()
            finally:
                self._run_settings = None

    async def follow(self) -> None:
        """Show the latest run's outcomes."""
        workspace, reader = self._workspace, self._reader
        if workspace is None or reader is None:
            return
        run = await self._engine().call(workspace.latest)
        if self._workspace is workspace:
            self.run = run
            await reader.ask_list(lambda listing: listing.follow(run))

    def hold(self) -> None:
        """Begin nothing new until `go`; what the models are at is finished."""
        if self.running and self._session is not None:
            self._engine().post(self._session.gate.hold)
            self.tally.hold()

    def go(self) -> None:
        if self.running and self._session is not None:
            self._engine().post(self._session.gate.go)
            self.tally.go()

    async def cancel(self) -> None:
        """End the run where it is; it can be taken up again."""
        await self._job.cancel()

    @property
    def children(self) -> dict[str, int]:
        """The process id of each model that runs in a process of ours: "teacher", "student"."""
        return {} if self._session is None else self._session.children

    def take_events(self) -> list[Event]:
        """What the engine reported since this was last asked."""
        self._count()
        events, self._unread = self._unread, []
        return events

    def _count(self) -> None:
        while self._reported:
            event = self._reported.popleft()
            self.tally.add(event)
            self.live_replies.add(event)
            self._unread.append(event)
        self.judge_job.count()

    # --- the models, for a person -----------------------------------------------------------------------------

    async def scores(self, sample: int, versions: Sequence[Version]) -> list[Scores]:
        return await self._ask(lambda models: models.scores(sample, versions))

    async def heat(self, sample: int, version: Version) -> TokenGains:
        return await self._ask(lambda models: models.heat(sample, version))

    async def regenerate(self, sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
        """Raises `engine.method.reflection.UnusableReply` as well."""
        return await self._ask(lambda models: models.regenerate(sample, version, stage, remark))

    async def _ask(self, question: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        """What the models say. Who asked is cancelled where the models are let go of meanwhile."""
        models = await self._models()
        task = asyncio.create_task(self._engine().begin(question(models)).result())
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)
        return await task

    async def _models(self) -> Session:
        """The models of `settings`; those of other settings are let go of, unless a run has them."""
        async with self._opening:
            settings = self._run_settings or self.settings
            if self._session is None or self._session_settings != settings:
                await self._close_session()
                self._session = Session(self._open_workspace, settings, self._reported.append)
                self._session_settings = settings
            return self._session

    async def _close_session(self) -> None:
        if asks := list(self._asks):
            for task in asks:
                task.cancel()
            await asyncio.wait(asks)
        if self._session is not None:
            await self._engine().do(self._session.close)
            self._session = None

    # --- a person's word --------------------------------------------------------------------------------------

    # An act that was begun is carried through, whatever becomes of who waits for it.

    async def decide(self, what: str, reviews: Reviews) -> int:
        """`Workspace.keep_reviews_in_steps`. The reviews are asked for on the engine's thread."""
        return await asyncio.shield(
            self._act("deciding", lambda workspace: workspace.keep_reviews_in_steps(what, reviews))
        )

    async def decide_from(self, what: str, reviews: Callable[[Workspace], Reviews]) -> int:
        """The same, with reviews that are made from what the workspace holds."""
        return await asyncio.shield(
            self._act("deciding", lambda workspace: workspace.keep_reviews_in_steps(what, reviews(workspace)))
        )

    def decide_in_background(self, what: str, reviews: Reviews) -> None:
        """`decide`, for somebody who cannot wait; a failure is said where the engine's notices are."""

        def failed(task: asyncio.Task[int]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self.note(f"{what}: {error}")

        acting = self._act("deciding", lambda workspace: workspace.keep_reviews_in_steps(what, reviews))
        acting.add_done_callback(failed)

    async def add_scores(self, sample: int, version: Version, scores: Scores) -> None:
        """`Workspace.add_scores`."""
        async with self._to_act() as workspace:
            await self._engine().call(workspace.add_scores, sample, version, scores)

    async def undo(self) -> Act | None:
        """`Workspace.undo_in_steps`."""
        return await asyncio.shield(self._act("undoing", Workspace.undo_in_steps))

    async def redo(self) -> Act | None:
        """`Workspace.redo_in_steps`."""
        return await asyncio.shield(self._act("redoing", Workspace.redo_in_steps))

    def _act(self, doing: str, steps: Callable[[Workspace], Steps[T]]) -> asyncio.Task[T]:
        def come(samples: int) -> None:
            self.act = f"{doing}: {samples:,} samples" if samples > 1 else ""

        async def acted() -> T:
            async with self._to_act() as workspace:
                try:
                    return await self._engine().begin(in_steps(steps(workspace), come)).result()
                finally:
                    self.act = ""

        return self._begun(acted())

    def _begun(self, act: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(act)
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def examine(self, job: BulkJob) -> Stats:
        """What `burnish stats` does with the open workspace; the findings are kept in it. The look takes its time on a
        thread of its own, beside a run. Raises `BulkStopped`."""
        return await asyncio.shield(self._begun(self._examine(job)))

    async def _examine(self, job: BulkJob) -> Stats:
        path = self._open_workspace.path

        def looked() -> Stats:
            with Workspace.read(path) as reading:
                return examination.examine(job.through(reading.samples()))

        self._examining = job
        try:
            with Examination() as examination:
                stats = await on_daemon_thread(looked)
                async with self._to_act() as workspace:
                    await self._engine().call(workspace.keep_examination, stats, examination.all_findings())
        finally:
            self._examining = None
        return stats

    @asynccontextmanager
    async def _to_act(self) -> AsyncIterator[Workspace]:
        """The open workspace, when nothing else is done to it; whoever waited for another than is open then is
        cancelled."""
        workspace = self._open_workspace
        async with self._acting:
            if self._workspace is not workspace:
                raise asyncio.CancelledError
            yield workspace

    @property
    def _open_workspace(self) -> Workspace:
        if self._workspace is None:
            raise BurnishError("no workspace is open; open a dataset or a workspace first")
        return self._workspace

    def note(self, text: str) -> None:
        """Have something said where the engine's own notices are."""
        self._reported.append(Notice(text))


def _same(path: Path, other: Path) -> bool:
    return path.exists() and path.samefile(other)


def _settings_of(run: Run | None, path: Path) -> Settings | None:
    """What a run went by; `WorkspaceError` where that is no longer something that can be set."""
    try:
        return None if run is None else Settings.model_validate(run.record.settings)
    except ValidationError as error:
        what = str(error).partition("\n")[0]
        raise WorkspaceError(f"{path}: its latest run's settings cannot be read ({what})") from None
