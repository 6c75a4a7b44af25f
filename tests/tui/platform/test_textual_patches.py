"""What a person looked at and left is let go of, however long the app runs."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
from textual.widget import Widget

from tests.scene import scene
from tui.app import BurnishApp
from tui.state.workbench import Workbench


def kept() -> int:
    gc.collect()
    return sum(isinstance(one, Widget) for one in gc.get_objects())


@pytest.mark.whole
def test_widgets_of_screens_that_were_left_are_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BURNISH_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("BURNISH_STATE", str(tmp_path / "app.json"))
    monkeypatch.setattr("tui.app.TIDY", 0.1)

    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test(size=(120, 40)) as pilot:
            await app.workbench.open(scene(tmp_path))
            app.action_go_samples()
            counts = []
            for _ in range(3):
                for _ in range(2):
                    await pilot.press("enter", "escape", "4", "2")
                await pilot.pause(0.5)
                counts.append(kept())
            assert counts[2] <= counts[1] + 5

    asyncio.run(main())
