"""The title line: its tabs take clicks, and their names are whole on a narrow terminal and in the first picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from tests.parts import in_part
from tests.running import SHORT, dataset
from tests.scene import scene
from tests.tui.screens.start_seat import StartSeat
from tests.tui.seat import Seat
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


def test_the_first_picture_of_a_screen_has_its_whole_tabs_and_keys(tmp_path: Path) -> None:
    async def steps(seat: Seat) -> None:
        app, display = seat.app, seat.app._display
        first: dict[Screen[Any], list[str]] = {}

        def displayed(screen: Screen[Any], drawn: Any) -> None:
            if screen is app.screen:
                first.setdefault(screen, seat.lines)
            display(screen, drawn)

        vars(app)["_display"] = displayed
        for go in (app.action_go_samples, app.action_go_run, app.action_go_compare, app.action_go_export):
            go()
            await seat.pilot.pause()
        assert len(first) == 4
        for screen, lines in first.items():
            assert lines[0].split() == seat.lines[0].split(), screen
            assert "^q Quit" in lines[-1], screen

    Seat(scene(tmp_path)).play(steps)
