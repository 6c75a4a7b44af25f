"""Every screen as it looks, at three sizes: a change that is wanted is taken with `pytest --snapshot-update`."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from engine.heat import Half, Heat, Token
from tests.tui.scene import ratio, scene
from tui.app import BurnishApp
from tui.desk import Desk

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
STEPS = {
    "samples": ("2",),
    "samples filtered": ("2", "f"),
    "review": ("2", "enter"),
    "review near tie": ("2", "j", "j", "enter"),
    "review failed": ("2", "j", "j", "j", "enter"),
    "review waiting": ("2", *"jjjjjjj", "enter"),
    "heat": ("2", "enter", "h"),
    "run idle": ("3",),
    "distribution": ("4",),
    "export": ("5",),
    "help": ("2", "f1"),
}

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BURNISH_CONFIG", "config.toml")
    monkeypatch.setenv("BURNISH_STATE", "app.json")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)

    async def heat(desk: Desk, sample: int, version: object) -> Heat:
        words = ["Eat", "well.", "Sleep.", "Exercise,", "and", "say", "why", "it", "helps", "each", "time."]
        tokens = [
            Token(
                f" {word}" if n else word, len(word) + (n > 0), 4 + 2 * math.sin(n), 3 - 2 * math.cos(2 * n)
            )
            for n, word in enumerate(words)
        ]
        return Heat(*(Half(tokens, len(tokens), "", ratio(value)) for value in (0.7, 0.6)))

    monkeypatch.setattr(Desk, "heat", heat)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_screen_looks_as_it_did(
    steps: tuple[str, ...], size: tuple[int, int], snap_compare: Compare
) -> None:
    path = scene(Path())
    app = BurnishApp(Desk())

    async def walk(pilot: Pilot[None]) -> None:
        await app.desk.open(path)
        for step in steps:
            await pilot.press(step)
            await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=walk)


async def settled(pilot: Pilot[None]) -> None:
    """Until what is shown stays the same."""
    app: App[None] = pilot.app
    before = None
    for _ in range(40):
        await pilot.pause(0.15)
        now = [strip.text for strip in app.screen._compositor.render_strips()]
        if now == before:
            return
        before = now
