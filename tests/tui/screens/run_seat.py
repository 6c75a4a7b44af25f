"""The seat before the Run screen."""

from __future__ import annotations

from pathlib import Path

from tests.running import SHORT, workspace
from tests.tui.seat import Seat
from tui.widgets.stage_bars import StageBars


class RunSeat(Seat):
    async def arrive(self) -> None:
        self.app.action_go_run()
        await self.wait_for("3 Run", "samples")

    def bars(self) -> dict[str, tuple[int, int]]:
        return {bar.label: (bar.done, bar.total) for bar in self.screen.query_one(StageBars).shown}

    def keys(self) -> set[str]:
        """The actions on the run whose keys work now."""
        shown = self.screen.active_bindings.values()
        return {
            binding.binding.id.removeprefix("run.")
            for binding in shown
            if binding.binding.id and binding.binding.id.startswith("run.") and binding.enabled
        } & {"begin", "hold", "cancel", "retry"}


def made(folder: Path) -> Path:
    """A workspace of a few samples, not yet run."""
    with workspace(folder / "w.burnish", SHORT):
        return folder / "w.burnish"
