"""The title line: its tabs take clicks, and their names are whole on a narrow terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import in_part
from tests.running import SHORT, dataset
from tests.tui.screens.start_seat import StartSeat
from tui.screens.samples.screen import SamplesScreen

pytestmark = pytest.mark.usefixtures("nothing_of_this_machine_s")


@in_part("size", [(80, 24), (120, 40)])
def test_a_tab_takes_a_click_and_its_name_is_whole(size: tuple[int, int]) -> None:
    data = dataset(Path("data.json"), SHORT)

    async def steps(seat: StartSeat) -> None:
        await seat.open(data)
        await seat.until(lambda: seat.workbench.is_open)
        for name in ("1 Start", "2 Samples", "3 Run", "4 Distribution", "5 Export", "6 Compare"):
            assert name in seat.lines[0]
        await seat.pilot.click(offset=(seat.lines[0].index("2 Samples") + 3, 0))
        await seat.until(lambda: isinstance(seat.app.screen, SamplesScreen))

    StartSeat(size=size).play(steps)
