"""The open workspace as the screens use it: opening and closing, a person's decisions, a run and a judging over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import ValidationError

from engine.events import Event
from engine.examine.examine import Examination
from engine.examine.flags import Stats
from engine.method.token_gain import TokenGains
from engine.run.opening import Import, append_dataset, check_source, open_workspace
from engine.run.plan import RunSummary
from engine.run.session import Session
from engine.run.settings import Settings, load_settings
from engine.run.teacher_trial import TeacherTrial, TrialRun, try_teachers
from engine.run.tryout import spread
from engine.sample import Candidate, Scores, Stage, Turns, Version, WhyPassed
from engine.store.acts import Act, Steps
from engine.store.annotations import Annotations
from engine.store.distribution import Distribution
from engine.store.file_errors import Interrupted, WorkspaceError
from engine.store.reviews import Reviews
from engine.store.workspace import Run, Source, Workspace
from models.errors import BurnishError, UsageError
from models.ray.cluster import OverRay
from models.system.threads import on_daemon_thread
from tui.state.bulk import BulkJob
from tui.state.engine_thread import EngineThread, in_steps
from tui.state.judge_job import JudgeJob
from tui.state.reader_thread import ReaderThread
from tui.state.run_job import RunJob

P = ParamSpec("P")
T = TypeVar("T")

LEAVE_SECONDS = 1.5
"""Seconds the engine gets to end when the app does; whatever was answered is committed long before."""


class Workbench:
    """One workspace at a time. Everything here is called from the app's loop. Methods raise `BurnishError`."""

    def __init__(self, settings: Settings | None = None, ray: OverRay | None = None) -> None:
        """`ray`: the cluster whose nodes' models work, for as long as this lasts; None: this machine's."""
        self.ray = ray
        self.settings = settings or load_settings({})  # of the next run, and of questions to the models
        self.path: Path | None = None
        self.source: Source | None = None
        self.samples = 0
        self.passed: dict[WhyPassed, int] = {}  # rows that cannot be refined, by reason
        self.run: Run | None = None  # whose outcomes are shown; None: nothing was run yet
        self.at: int | None = None  # the position that Review was at last, for the list to come back to
        self.act = ""  # what is done to many samples just now, and how far it has come
        self._typed: dict[str, dict[str, str]] = {}  # by question, and by the line
        self._engine = EngineThread()
        self.run_job = RunJob(self._engine, self.follow, ray)
        self.judge_job = JudgeJob(self.settings.judge, ray)
        self._workspace: Workspace | None = None  # only the engine's thread reads and writes it
        self._reader: ReaderThread | None = None
        self._changing = asyncio.Lock()  # held while one workspace takes another's place
        self._changes: set[asyncio.Task[Any]] = set()  # of that kind, under way
        self._incoming: Import | None = None
        self._acting = asyncio.Lock()  # held while something is decided or undone
        self._acts: set[asyncio.Task[Any]] = set()  # of a person's, begun and not yet whole
        self._examining: BulkJob | None = None  # through every sample, while there is one

    # --- the workspace ----------------------------------------------------------------------------------------

    @property
    def reader(self) -> ReaderThread:
        assert self._reader is not None, "a workspace is open"
        return self._reader

    @property
    def is_open(self) -> bool:
        return self._reader is not None

    def typed(self, question: str) -> dict[str, str]:
        """The unused texts that a person typed for a question, by the line; kept while the workspace is open."""
        return self._typed.setdefault(question, {})

    @property
    def _open_workspace(self) -> Workspace:
        if self._workspace is None:
            raise BurnishError("no workspace is open; open a dataset or a workspace first")
        return self._workspace

    # A workspace that was opened for nobody would stay locked, and an act is done whole or not at all: both are
    # carried through once they are begun, whatever becomes of who waits.

    async def open(self, path: Path) -> None:
        """Open an existing workspace, and close the one that is open."""
        await _carried_through(self._change(path, None, None), self._changes)

    async def create(self, data: Path, path: Path, incoming: Import | None = None) -> None:
        """Open the workspace of a dataset, made if it is not there. `incoming` is told how the import gets on, and
        says what becomes of bad rows; without it the first is an error."""
        await _carried_through(self._change(path, data, incoming), self._changes)

    async def append(self, data: Path, incoming: Import) -> None:
        """Take up what the open workspace's dataset has gained at its end."""
        await _carried_through(self._append(data, incoming), self._changes)

    async def _append(self, data: Path, incoming: Import) -> None:
        async with self._changing:
            workspace = self._open_workspace
            if self.run_job.running:
                raise UsageError("a run is under way: stop it before new rows are taken up")
            self._incoming = incoming
            try:
                await self._engine.call(append_dataset, workspace, data, incoming.on_bad, incoming.through)
            finally:
                self._incoming = None
            await self._have_grown(workspace)

    async def _take_up_all(self) -> None:
        """Have every exchange of the open workspace's rows be a sample."""
        async with self._changing:
            workspace = self._open_workspace
            await self._engine.call(workspace.take_up_all)
            await self._have_grown(workspace)

    async def _have_grown(self, workspace: Workspace) -> None:
        """Show the samples that a workspace has now, by a reader that knows them."""
        reader = await ReaderThread.opened(workspace, self.run)
        self._reader, before = reader, self._reader
        if before is not None:
            await before.close()
        self.source, self.samples, self.passed = await self._engine.call(
            lambda: (workspace.source(), len(workspace), workspace.passed())
        )

    @property
    def has_turns(self) -> bool:
        """True where a row of the dataset may have several samples."""
        return self.source is not None and self.source.turns is Turns.ALL

    async def _change(self, path: Path, data: Path | None, incoming: Import | None) -> None:
        """Have another workspace take the place of the one that is open, unless it is that one."""
        async with self._changing:
            if (source := self.source) is not None and await self._engine.call(_same, path, self.path):
                if data is not None:
                    await self._engine.call(check_source, path, source, data)
                return
            self._incoming = incoming
            try:
                workspace = await self._engine.call(_opened, path, data, incoming)
            finally:
                self._incoming = None

            def contents() -> tuple[Source, int, dict[WhyPassed, int], Run | None, Settings | None]:
                run = workspace.latest()
                return workspace.source(), len(workspace), workspace.passed(), run, _settings_of(run, path)

            reader = None
            try:
                source, samples, passed, run, settings = await self._engine.call(contents)
                reader = await ReaderThread.opened(workspace, run)
                await self._let_go()
            except BaseException:
                if reader is not None:
                    await reader.close()
                await self._engine.call(workspace.close)
                raise
            self._workspace, self._reader = workspace, reader
            self.path, self.source, self.samples, self.run = path, source, samples, run
            self.passed = passed
            self._typed.clear()
            self.run_job.forget()
            self.judge_job.forget()
            self.settings = settings or self.settings

    async def close(self) -> None:
        """Stop the run and the judge, close the models and the workspace."""
        async with self._changing:
            await self._let_go()

    async def _let_go(self) -> None:
        await asyncio.gather(self.run_job.cancel(), self.judge_job.cancel())
        if self._examining is not None:
            self._examining.stop()
        if self._acts:
            await asyncio.wait(self._acts)
        async with self._acting:
            await self.run_job.close_models()
            reader, self._reader = self._reader, None
            workspace, self._workspace = self._workspace, None
            self.path = self.source = self.run = None
            try:
                if reader is not None:
                    await reader.close()
            finally:
                if workspace is not None:
                    await self._engine.call(workspace.close)

    async def leave(self) -> None:
        """`close`, and the threads with it, within `LEAVE_SECONDS` seconds: what hangs is left behind."""
        if self._incoming is not None:
            self._incoming.stop()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.close()
        except (TimeoutError, BurnishError):
            pass  # whatever could not be written is losses, which can be had again
        finally:
            self.run_job.abandon()
            self.judge_job.abandon()

    async def follow(self) -> None:
        """Show the latest run's outcomes."""
        workspace, reader = self._workspace, self._reader
        if workspace is None or reader is None:
            return
        run = await self._engine.call(workspace.latest)
        if self._workspace is workspace:
            self.run = run
            await reader.ask_list(lambda listing: listing.follow(run))

    async def ask_run(self, question: Callable[[Workspace, Run], T]) -> T:
        """The answer about the run that is shown. Raises `Interrupted` where there is none any more."""
        run = self.run
        if self._reader is None or run is None:
            raise Interrupted
        return await self._reader.ask_workspace(lambda reading: question(reading, run))

    async def ask_distribution(
        self, question: Callable[Concatenate[Distribution, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`ask_run` about its distribution."""
        return await self.ask_run(lambda reading, run: question(Distribution(reading, run), *args, **kwargs))

    # --- the models -------------------------------------------------------------------------------------------

    async def refine(
        self, *, limit: int | None = None, only: Sequence[int] | None = None, retry_failed: bool = False
    ) -> RunSummary | None:
        """Run the pipeline with `settings`, until it is done; None where it was cancelled before."""
        await self._take_up_turns()
        return await self.run_job.refine(
            self._open_workspace, self.settings, limit=limit, only=only, retry_failed=retry_failed
        )

    async def try_teachers(self, each: Mapping[str, Settings], count: int) -> list[TeacherTrial]:
        """`engine.run.teacher_trial.try_teachers` on so many samples that differ; those that were not cancelled."""
        await self._take_up_turns()
        chosen = await self.reader.ask_workspace(lambda reading: spread(reading, count))

        async def refine(_: str, settings: Settings) -> TrialRun | None:
            return await self.run_job.try_teacher(self._open_workspace, settings, only=chosen)

        return await try_teachers(each, chosen, refine, self.reader.ask_workspace)

    async def _take_up_turns(self) -> None:
        if self.settings.run.turns is Turns.ALL and not self.has_turns:
            await _carried_through(self._take_up_all(), self._changes)

    async def scores(self, sample: int, versions: Sequence[Version]) -> list[Scores]:
        return await self._ask(lambda models: models.scores(sample, versions))

    async def heat(self, sample: int, version: Version) -> TokenGains:
        return await self._ask(lambda models: models.heat(sample, version))

    async def regenerate(self, sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
        """Raises `engine.method.reflection.UnusableReply` as well."""
        return await self._ask(lambda models: models.regenerate(sample, version, stage, remark))

    async def _ask(self, question: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        return await self.run_job.ask(self._open_workspace, self.settings, question)

    def take_events(self) -> list[Event]:
        """Everything that was reported of the run since this was last called."""
        self.judge_job.count()
        return self.run_job.take_events()

    # --- a person's word --------------------------------------------------------------------------------------

    def decide(self, what: str, reviews: Reviews) -> asyncio.Future[int]:
        """`ReviewLog.keep_in_steps`. The reviews are asked for on the engine's thread."""
        return self._act("deciding", lambda workspace: workspace.reviews.keep_in_steps(what, reviews))

    def decide_from(self, what: str, reviews: Callable[[Workspace], Reviews]) -> asyncio.Future[int]:
        """The same, with reviews that are made from what the workspace holds."""
        return self._act(
            "deciding", lambda workspace: workspace.reviews.keep_in_steps(what, reviews(workspace))
        )

    def decide_in_background(self, what: str, reviews: Reviews) -> None:
        """`decide`, for somebody who cannot wait; a failure is said where the engine's notices are."""

        def ended(decided: asyncio.Future[int]) -> None:
            if not decided.cancelled() and (error := decided.exception()) is not None:
                self.run_job.note(f"{what}: {error}")

        self.decide(what, reviews).add_done_callback(ended)

    def annotate(self, annotations: Callable[[Workspace], Annotations]) -> asyncio.Future[int]:
        """`AnnotationLog.keep_in_steps`, of what is made from what the workspace holds, on the engine's thread."""
        return self._act(
            "noting", lambda workspace: workspace.annotations.keep_in_steps(annotations(workspace))
        )

    async def tags(self) -> dict[str, int]:
        """`AnnotationLog.tags`."""
        return await self.reader.ask_workspace(lambda workspace: workspace.annotations.tags())

    def undo(self) -> asyncio.Future[Act | None]:
        """`Acts.undo_in_steps`."""
        return self._act("undoing", lambda workspace: workspace.acts.undo_in_steps())

    def redo(self) -> asyncio.Future[Act | None]:
        """`Acts.redo_in_steps`."""
        return self._act("redoing", lambda workspace: workspace.acts.redo_in_steps())

    def _act(self, doing: str, steps: Callable[[Workspace], Steps[T]]) -> asyncio.Future[T]:
        def on_step(samples: int) -> None:
            self.act = f"{doing}: {samples:,} samples" if samples > 1 else ""

        async def acted() -> T:
            async with self._writable() as workspace:
                try:
                    return await self._engine.begin(in_steps(steps(workspace), on_step)).result()
                finally:
                    self.act = ""

        return _carried_through(acted(), self._acts)

    async def add_scores(self, sample: int, version: Version, scores: Scores) -> None:
        """`ReviewLog.add_scores`."""
        async with self._writable() as workspace:
            await self._engine.call(workspace.reviews.add_scores, sample, version, scores)

    def examine(self, job: BulkJob) -> asyncio.Future[Stats]:
        """Examine the open workspace as `burnish stats` does, and keep the findings in it. It takes its time on a
        thread of its own, beside a run. Raises `BulkStopped`."""

        async def examined() -> Stats:
            path = self._open_workspace.path
            self._examining = job
            try:
                with Examination() as examination:

                    def stats() -> Stats:
                        with Workspace.read(path) as reading:
                            return examination.examine(
                                job.through(reading.samples()), source=reading.source()
                            )

                    found = await on_daemon_thread(stats)
                    async with self._writable() as workspace:
                        await self._engine.call(workspace.keep_examination, found, examination.all_findings())
            finally:
                self._examining = None
            return found

        return _carried_through(examined(), self._acts)

    @asynccontextmanager
    async def _writable(self) -> AsyncIterator[Workspace]:
        """The open workspace, when nothing else is done to it; whoever waited for another than is open then is
        cancelled."""
        workspace = self._open_workspace
        async with self._acting:
            if self._workspace is not workspace:
                raise asyncio.CancelledError
            yield workspace


def _carried_through(work: Coroutine[Any, Any, T], under_way: set[asyncio.Task[Any]]) -> asyncio.Future[T]:
    """The end of some work that is done whole though whoever waits for it is cancelled. It is among `under_way`
    until then."""
    task = asyncio.create_task(work)
    under_way.add(task)
    task.add_done_callback(under_way.discard)
    # Where nobody waits any more, nobody needs to hear why it failed.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return asyncio.shield(task)


def _opened(path: Path, data: Path | None, incoming: Import | None) -> Workspace:
    if data is None:
        return Workspace.open(path)
    if incoming is None:
        return open_workspace(path, data, None, None)
    return open_workspace(
        path,
        data,
        incoming.format,
        incoming.on_bad,
        incoming.through,
        encoding=incoming.encoding,
        columns=incoming.columns,
    )


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and path.exists() and path.samefile(other)


def _settings_of(run: Run | None, path: Path) -> Settings | None:
    """The settings that a run went by; `WorkspaceError` where they can no longer be set."""
    try:
        return None if run is None else Settings.model_validate(run.record.settings)
    except ValidationError as error:
        what = str(error).partition("\n")[0]
        raise WorkspaceError(f"{path}: its latest run's settings cannot be read ({what})") from None
