"""A run over the open workspace, and the models it shares with a person's questions about single samples."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from engine.events import Event, Notice
from engine.run.held import ending_when_held
from engine.run.plan import RunSummary
from engine.run.session import Session
from engine.run.settings import Settings
from engine.run.teacher_trial import TrialRun, answers
from engine.store.workspace import Workspace
from models.ray.cluster import OverRay
from models.student import Losses
from tui.state.engine_thread import EngineThread
from tui.state.job import Job
from tui.state.live_replies import LiveReplies

T = TypeVar("T")


class RunJob(Job[Session, Event, RunSummary]):
    """One run at a time. The models stay open after it, for questions and for the next run."""

    def __init__(
        self, thread: EngineThread, on_end: Callable[[], Awaitable[None]], ray: OverRay | None
    ) -> None:
        """`on_end` is awaited when a run has ended, before the next may begin. `ray`: as `Session` takes it."""
        super().__init__(thread, "a run is under way; stop it first")
        self.limit: int | None = None  # of the run that is under way, or was last
        self.only: Sequence[int] | None = None  # likewise
        self.settings: Settings | None = None  # what that run goes by
        self.live_replies = LiveReplies()
        self._on_end = on_end
        self._ray = ray
        self._open_settings: Settings | None = None  # of the models that are open
        self._opening = asyncio.Lock()  # held while other models take their place
        self._questions: set[asyncio.Task[Any]] = set()  # a person's, under way
        self._unread: list[Event] = []  # in the tally, and not given out yet

    def forget(self) -> None:
        super().forget()
        self.limit = self.only = self.settings = None
        self.live_replies, self._unread = LiveReplies(), []

    async def refine(
        self,
        workspace: Workspace,
        settings: Settings,
        *,
        limit: int | None,
        only: Sequence[int] | None,
        retry_failed: bool,
    ) -> RunSummary | None:
        """Run the pipeline over a workspace until it is done; None where `cancel` came before."""
        self._refuse_second()
        self.settings, self.limit, self.only = settings, limit, only

        async def refined() -> RunSummary:
            models = await self._models_of(workspace, settings)
            refining = models.refine(limit=limit, only=only, retry_failed=retry_failed)
            return await self._thread.begin(refining).result()

        return await self._carry_out(refined)

    async def try_teacher(
        self, workspace: Workspace, settings: Settings, *, only: Sequence[int]
    ) -> TrialRun | None:
        """`refine` of some samples, whose answers the student ranks; None where `cancel` came before.

        Raises `HeldError` where it is held for what the teacher writes: the next one is to have its turn.
        """
        self._refuse_second()
        self.settings, self.limit, self.only = settings, None, only
        ranked: list[Losses] = []

        async def tried() -> RunSummary:
            async with self._opening:
                await self._close()
                models = Session(workspace, settings, ending_when_held(self._reported.append), ray=self._ray)
                self._models, self._open_settings = models, settings
            try:
                summary = await self._thread.begin(models.refine(only=only)).result()
                written = await self._thread.call(answers, workspace, summary.run, only)
                ranked.extend(await self._thread.begin(models.ranked(written)).result())
                return summary
            finally:
                await self.close_models()

        summary = await self._carry_out(tried)
        return None if summary is None else TrialRun(summary.run, ranked, self.tally.measured)

    async def _wind_up(self) -> None:
        await self._on_end()

    async def ask(
        self, workspace: Workspace, settings: Settings, question: Callable[[Session], Coroutine[Any, Any, T]]
    ) -> T:
        """A person's question to the models of the settings, or of the run where one is under way.

        Whoever asks is cancelled where the models are closed meanwhile.
        """
        if self.running and self.settings is not None:
            settings = self.settings
        models = await self._models_of(workspace, settings)
        task = asyncio.create_task(self._thread.begin(question(models)).result())
        self._questions.add(task)
        task.add_done_callback(self._questions.discard)
        return await task

    async def _models_of(self, workspace: Workspace, settings: Settings) -> Session:
        """The models of the settings; those of other settings are closed first."""
        async with self._opening:
            if self._models is None or self._open_settings != settings:
                await self._close()
                self._models = Session(workspace, settings, self._reported.append, ray=self._ray)
                self._open_settings = settings
            return self._models

    async def close_models(self) -> None:
        """Cancel the questions to the models, and close these."""
        async with self._opening:
            await self._close()

    async def _close(self) -> None:
        if questions := list(self._questions):
            for task in questions:
                task.cancel()
            await asyncio.wait(questions)
        if self._models is not None:
            await self._thread.begin(self._models.close()).result()
            self._models = None

    def take_events(self) -> list[Event]:
        """Everything that was reported since this was last called."""
        self.count()
        events, self._unread = self._unread, []
        return events

    def _take_in(self, event: Event) -> None:
        super()._take_in(event)
        self.live_replies.add(event)
        self._unread.append(event)

    def note(self, text: str) -> None:
        """Have something said where the engine's own notices are."""
        self._reported.append(Notice(text))
