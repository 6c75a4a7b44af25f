"""Export: a writing takes its time, can be stopped, and leaves nothing half written."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.export.export import ExportRequest, ExportStopped, RowProgress, write
from engine.formats.names import Format
from tests.scene import scene
from tests.tui.screens.export_seat import ExportSeat, leftovers
from tui.screens.export import screen as export_module
from tui.widgets.pick_one import PickOne

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return scene(tmp_path)


class Slow(RowProgress):
    """Waits at its third row until it is stopped or let go."""

    go = threading.Event()

    def step(self) -> None:
        super().step()
        if self.rows == 3:
            for _ in range(500):
                if self._stop.wait(0.01) or self.go.is_set():
                    break


@pytest.mark.parametrize("format", ["json", "csv"])
def test_a_writing_that_is_stopped_leaves_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr(export_module, "RowProgress", Slow)
    out = workspace.parent / f"scene-refined.{format}"
    out.write_text("mine", "utf-8")

    async def steps(seat: ExportSeat) -> None:
        while seat.screen._format.container.name.lower() != format:
            seat.screen.query_one("#container", PickOne).focus()
            await seat.press("right")
        await seat.press("w")
        await seat.until(lambda: "there already" in seat.report)
        await seat.press("y")
        await seat.until(lambda: "writing 3 of 24 rows" in seat.report)
        await seat.press("w")
        assert "writing" in seat.report, "one at a time"
        await seat.press("escape")
        await seat.until(lambda: seat.report == "stopped; nothing was written")
        assert out.read_text("utf-8") == "mine"
        assert not leftovers(workspace.parent)

    ExportSeat(workspace).play(steps)


def test_leaving_the_app_stops_a_writing_and_leaves_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "RowProgress", Slow)

    async def steps(seat: ExportSeat) -> None:
        await seat.press("w")
        await seat.until(lambda: "writing 3 of 24 rows" in seat.report)
        await seat.pilot.press("2", "ctrl+q")

    ExportSeat(workspace).play(steps)
    assert not leftovers(workspace.parent)
    assert not (workspace.parent / "scene-refined.json").exists()


@pytest.mark.whole
def test_one_may_go_on_working_and_is_told_when_it_is_written(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "RowProgress", Slow)

    async def steps(seat: ExportSeat) -> None:
        await seat.press("w")
        await seat.until(lambda: "writing 3" in seat.report)
        await seat.press("2")
        Slow.go.set()
        await seat.until(lambda: seat.notified("written: 24"))
        Slow.go.clear()
        await seat.press("5")
        assert seat.report.startswith("✓ written 24")

    ExportSeat(workspace).play(steps)


@pytest.mark.parametrize("format", [Format.ALPACA, Format.CSV, Format.PARQUET])
def test_progress_ends_at_the_rows_there_are(workspace: Path, format: Format) -> None:
    progress = RowProgress()
    report = write(workspace, workspace.parent / "out", ExportRequest(format=format), progress)
    assert progress.rows == progress.total == report.rows == 24
    progress.stop()
    with pytest.raises(ExportStopped):
        progress.step()
