"""What the app works on: an open workspace, the run over it, and what both models say. Knows no widget."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine import session
from engine.events import Event, Notice
from engine.formats import Format
from engine.reading import BadRow
from engine.sample import Candidate, Review, Scores, Stage, Version
from engine.session import Heat, Session, Summary
from engine.settings import Settings, load
from engine.workspace import Act, Run, Source, Workspace
from models.errors import BurnishError
from tui.backstage import Backstage
from tui.progress import Tally
from tui.reader import Reader

LEAVING = 1.5
"""Seconds the engine gets to end when the app does; whatever was answered is committed long before."""


class Desk:
    """One workspace at a time. Everything here is called from the app's loop; the engine works in its own.

    `settings` are what the next run, and a person's questions to the models, go by. Methods raise `BurnishError`.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load({})
        self.path: Path | None = None
        self.source: Source | None = None
        self.samples = 0
        self.run: Run | None = None  # whose outcomes are shown; None: nothing was run yet
        self.tally = Tally()
        self.held = False
        self._backstage: Backstage | None = None
        self._workspace: Workspace | None = None
        self._session: Session | None = None
        self._session_settings: Settings | None = None
        self._reader: Reader | None = None
        self._running: asyncio.Future[Summary] | None = None
        self._said: deque[Event] = deque()

    # --- the workspace ----------------------------------------------------------------------------------------

    @property
    def reader(self) -> Reader:
        assert self._reader is not None, "a workspace is open"
        return self._reader

    @property
    def is_open(self) -> bool:
        return self._reader is not None

    async def open(self, path: Path) -> None:
        """Open an existing workspace, and close the one that is open."""
        await self._take(path, await self._stage().call(Workspace.open, path))

    async def create(self, data: Path, path: Path, format: Format | None, bad: list[BadRow] | None) -> None:
        """Open the workspace of a dataset, made if it is not there. With a list for `bad`, bad rows go there and
        the rest is imported; with None the first is an error."""
        on_bad = bad.append if bad is not None else None
        await self._take(path, await self._stage().call(session.open_workspace, path, data, format, on_bad))

    async def _take(self, path: Path, workspace: Workspace) -> None:
        stage = self._stage()

        def look() -> tuple[Source, int, Run | None]:
            return workspace.source(), len(workspace), workspace.latest()

        try:
            source, samples, run = await stage.call(look)
            reader = Reader(workspace, run)
        except BaseException:
            await stage.call(workspace.close)
            raise
        await self.close()
        self._workspace, self._reader = workspace, reader
        self.path, self.source, self.samples, self.run = path, source, samples, run
        self.tally, self._said = Tally(), deque()
        if run is not None:
            self.settings = Settings.model_validate(run.settings["settings"])

    async def close(self) -> None:
        """Stop the run, let go of the models and of the workspace."""
        await self.cancel()
        await self._close_session()
        reader, self._reader = self._reader, None
        workspace, self._workspace = self._workspace, None
        if reader is not None:
            reader.close()
        if workspace is not None:
            await self._stage().call(workspace.close)
        self.path = self.source = self.run = None

    async def leave(self) -> None:
        """`close`, and the engine's thread with it, within `LEAVING` seconds: what hangs is left behind."""
        try:
            await asyncio.wait_for(self.close(), LEAVING)
        except TimeoutError:
            pass
        finally:
            if self._backstage is not None:
                self._backstage.close(0.2)

    def _stage(self) -> Backstage:
        if self._backstage is None:
            self._backstage = Backstage()
        return self._backstage

    # --- the run ----------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self._running is not None

    async def refine(self, *, limit: int | None = None, retry_failed: bool = False) -> Summary:
        """Run the pipeline with `settings`, until it is done or `cancel` is called."""
        assert self._running is None
        models = await self._models()
        self.tally, self.held = Tally(), False
        self._running = self._stage().begin(models.refine(limit=limit, retry_failed=retry_failed))
        try:
            return await self._running
        finally:
            self._running = None
            await self.follow()

    async def follow(self) -> None:
        """Show the latest run's outcomes."""
        if self._workspace is not None:
            self.run = run = await self._stage().call(self._workspace.latest)
            await self.reader.do(lambda listing: listing.follow(run))

    def hold(self) -> None:
        """Begin nothing new until `go`; what the models are at is finished."""
        if self._session is not None:
            self._stage().tell(self._session.gate.hold)
            self.held = True

    def go(self) -> None:
        if self._session is not None:
            self._stage().tell(self._session.gate.go)
            self.held = False

    async def cancel(self) -> None:
        """End the run where it is; it can be taken up again."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    def heard(self) -> list[Event]:
        """What the engine reported since this was last asked."""
        events = []
        while self._said:
            events.append(self._said.popleft())
        for event in events:
            self.tally.add(event)
        return events

    # --- the models, for a person -----------------------------------------------------------------------------

    async def scores(self, sample: int, versions: Sequence[Version]) -> list[Scores]:
        models = await self._models()
        return await self._stage().do(models.scores, sample, versions)

    async def heat(self, sample: int, version: Version) -> Heat:
        models = await self._models()
        return await self._stage().do(models.heat, sample, version)

    async def regenerate(self, sample: int, version: Version, stage: Stage, remark: str) -> Candidate:
        """Raises `engine.reflection.Unusable` as well."""
        models = await self._models()
        return await self._stage().do(models.regenerate, sample, version, stage, remark)

    async def _models(self) -> Session:
        """The models of `settings`; those of other settings are let go of, unless a run has them."""
        if self._session is None or (self._session_settings != self.settings and not self.running):
            await self._close_session()
            assert self._workspace is not None
            self._session = Session(self._workspace, self.settings, self._said.append)
            self._session_settings = self.settings
        return self._session

    async def _close_session(self) -> None:
        models, self._session = self._session, None
        if models is not None:
            await self._stage().do(models.close)

    # --- a person's word --------------------------------------------------------------------------------------

    async def decide(self, what: str, reviews: Iterable[tuple[int, Review | None]]) -> int:
        """`Workspace.keep_reviews`. The reviews are asked for on the engine's thread."""
        return await self._stage().call(self._open_workspace.keep_reviews, what, reviews)

    async def undo(self) -> Act | None:
        return await self._stage().call(self._open_workspace.undo)

    async def redo(self) -> Act | None:
        return await self._stage().call(self._open_workspace.redo)

    @property
    def _open_workspace(self) -> Workspace:
        if self._workspace is None:
            raise BurnishError("no workspace is open; open a dataset or a workspace first")
        return self._workspace

    def note(self, text: str) -> None:
        """Have something said where the engine's own notices are."""
        self._said.append(Notice(text))
