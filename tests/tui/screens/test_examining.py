"""What `burnish stats` does, done within the app: every sample is looked at, and what was found can be listed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event

import pytest

from engine.examine.examine import Examination, RowSource
from engine.examine.flags import Flag, Stats
from engine.formats.write import nothing
from engine.sample import Sample
from engine.store.sample_list import FilterTerm
from engine.store.workspace import Workspace
from tests.running import SHORT, workspace
from tests.scene import scene
from tests.tui.screens.samples_seat import SamplesSeat

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")

ROWS = [
    *SHORT,
    SHORT[1],
    {"instruction": "Whose is this?", "input": "", "output": "Write to ann@mill-lane.net."},
    {"instruction": "Tell a joke.", "input": "", "output": "I'm sorry, but I cannot help with that."},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with workspace(tmp_path / "w.burnish", ROWS) as made:
        return made.path


async def listed(seat: SamplesSeat, *marks: FilterTerm) -> list[int]:
    seat.screen.filter.marks = frozenset(marks)
    seat.screen._ticked(seat.screen.filter.Ticked(frozenset(marks)))
    await seat.settled()
    return seat.samples


def test_what_is_found_is_said_kept_and_listed(path: Path) -> None:
    async def steps(seat: SamplesSeat) -> None:
        assert await listed(seat, FilterTerm(Flag.DUPLICATE)) == []
        assert "not looked for yet: X looks through all samples" in seat.text
        await seat.press("X")
        assert seat.toasts[-1] == (
            "3 of 7 samples are flagged: duplicate 1, refusal 1, personal data 1. f lists them"
        )
        assert seat.samples == [4], "the filter that was asked for before"
        assert await listed(seat, FilterTerm(Flag.PERSONAL)) == [5]
        await seat.press("enter")
        assert "Original: personal data" in seat.text

    SamplesSeat(path).play(steps)
    with Workspace.open(path) as opened, Examination() as examination:
        stats = examination.examine(opened.samples())
        assert opened.examination() == stats
        assert opened.findings(Flag.REFUSAL, 9) == list(examination.findings(Flag.REFUSAL))


@pytest.mark.whole
def test_nothing_found_is_said_as_well(tmp_path: Path) -> None:
    async def look() -> None:
        async with SamplesSeat(tmp_path / "w.burnish") as seat:
            await seat.press("X")
            assert seat.toasts[-1] == "nothing to flag in 3 samples"

    workspace(tmp_path / "w.burnish", [SHORT[0], *SHORT[2:]]).close()
    asyncio.run(look())


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Makes every examination slow; set as soon as one is at its first sample."""
    begun, examine = Event(), Examination.examine

    def slowly(
        self: Examination,
        samples: Iterable[Sample],
        step: Callable[[], None] = nothing,
        source: RowSource | None = None,
    ) -> Stats:
        def taken() -> Iterator[Sample]:
            for sample in samples:
                begun.set()
                time.sleep(0.3)
                yield sample

        return examine(self, taken(), step, source)

    monkeypatch.setattr(Examination, "examine", slowly)
    return begun


@pytest.mark.whole
def test_a_look_can_be_stopped_and_what_was_found_before_stays(path: Path, slow: Event) -> None:
    async def look() -> None:
        async with SamplesSeat(path) as seat:
            await seat.pilot.press("X")
            await seat.wait_for("looking at", within="#line")
            await seat.pilot.press("X")
            assert "wait, or stop it with esc" in seat.toasts[-1]
            await seat.press("escape")
            assert seat.toasts[-1] == "stopped: what was found before is kept"

    with Workspace.open(path) as opened, Examination() as examination:
        before = examination.examine(opened.samples())
        opened.keep_examination(before, examination.all_findings())
    asyncio.run(look())
    with Workspace.open(path) as opened:
        assert opened.examination() == before


@pytest.mark.whole
def test_another_workspace_and_leaving_wait_for_no_look(path: Path, tmp_path: Path, slow: Event) -> None:
    other = scene(tmp_path)

    async def steps(seat: SamplesSeat) -> None:
        await seat.pilot.press("X")
        await asyncio.to_thread(slow.wait, 5)
        await seat.workbench.open(other)
        assert seat.workbench.path == other
        await seat.pilot.pause()
        slow.clear()
        await seat.pilot.press("X")
        await asyncio.to_thread(slow.wait, 5)

    SamplesSeat(path).play(steps)
    for name in (path, other):
        with Workspace.open(name) as opened:
            assert opened.examination() is None
