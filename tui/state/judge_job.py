"""A judge at work on the open workspace's two sides, in a thread of its own: nothing else waits for it."""

from __future__ import annotations

from pathlib import Path

from engine.judge.events import JudgeEvent
from engine.judge.judge import judge
from engine.judge.pairs import workspace_sides
from engine.judge.record import Comparison, Record, judged_path
from engine.judge.recorded_model import RecordedModel
from engine.run.settings import JudgeSettings
from engine.run.teachers import check_teacher
from models.ray.cluster import OverRay
from tui.state.engine_thread import EngineThread
from tui.state.job import Job


class JudgeJob(Job[RecordedModel, JudgeEvent, Comparison]):
    """The judging of one workspace at a time. The thread and the judge last as long as the judging."""

    def __init__(self, settings: JudgeSettings, ray: OverRay | None) -> None:
        """`ray`: the cluster whose nodes' model judges."""
        super().__init__(EngineThread(), "a judge is at work; stop it first")
        self.settings = settings  # what the next judging goes by
        self.refined_only = False
        self._ray = ray
        self.limit: int | None = None  # of the samples that have something to compare, the first
        self.at: int | None = None  # the pair that was looked at last, for the list to come back to

    def forget(self) -> None:
        super().forget()
        self.at = None

    async def judge(self, path: Path) -> Comparison | None:
        """Have every pair of a workspace judged that is not yet, as `settings`, `refined_only` and `limit` say.

        None where `cancel` came before. Raises `BurnishError`.
        """
        self._refuse_second()
        self.forget()
        settings, refined_only, limit = self.settings, self.refined_only, self.limit
        emit, ray = self._reported.append, self._ray.address if self._ray is not None else None

        async def judged() -> Comparison:
            check_teacher(settings)
            sides = workspace_sides(path, refined_only=refined_only, limit=limit)
            with Record.at(judged_path(path)) as record:
                async with RecordedModel(record, settings, emit, ray=ray) as self._models:
                    return await judge(self._models, sides, settings.reply_form)

        return await self._carry_out(lambda: self._thread.begin(judged()).result())

    async def _wind_up(self) -> None:
        self._thread.close()
        self._models = None

    def command(self, path: Path) -> list[str]:
        """The command that takes up the judging that is under way."""
        command = ["burnish", "judge", str(path), "--judge", str(self.settings.name)]
        command += ["--refined-only"] * self.refined_only
        if self._ray is not None:
            command += ["--ray", self._ray.address]
        return command if self.limit is None else [*command, "--limit", str(self.limit)]
