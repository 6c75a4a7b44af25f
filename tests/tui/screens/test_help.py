"""Help and palette tell of every action, with the keys as they are."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.command import CommandInput
from textual.widgets import Input

from tests.parts import in_part
from tests.scene import scene
from tests.tui.seat import Seat
from tui.keys.actions import ACTIONS, SCOPES
from tui.keys.keymap import key_names
from tui.screens.help.screen import HelpScreen
from tui.themes import THEMES

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


@in_part("size", [(80, 24), (200, 60)])
def test_every_action_is_told_with_its_keys_and_fits(size: tuple[int, int]) -> None:
    async def steps(seat: Seat) -> None:
        await seat.press("f1")
        assert isinstance(seat.screen, HelpScreen)
        words = " ".join(seat.shown("#list").split())
        for action in ACTIONS:
            assert action.label in words
            assert action.help in words, action
            assert all(key in words for key in key_names(action.keys))
        room = seat.screen.query_one("#list").size.width
        assert max(map(len, seat.shown("#list").splitlines())) <= room
        await seat.press("f1")
        assert not isinstance(seat.screen, HelpScreen), "the key that opens it closes it"

    Seat(size=size).play(steps)


@pytest.mark.whole
def test_where_one_came_from_is_first_and_what_is_typed_narrows_it(tmp_path: Path) -> None:
    async def steps(seat: Seat) -> None:
        await seat.workbench.open(scene(tmp_path))
        seat.app.action_go_export()
        await seat.pilot.pause()
        await seat.press("question_mark")
        titles = [
            line for line in seat.shown("#list").splitlines() if line in SCOPES.values() or "(here)" in line
        ]
        assert titles[:2] == ["Export (here)", "Everywhere"]
        assert len(titles) == len(SCOPES)
        await seat.press(*"near", "space", *"TIE")
        found = seat.shown("#list")
        assert found.count("near tie") == sum("near tie" in f"{a.label} {a.help}" for a in ACTIONS)
        assert "Quit" not in found
        seat.screen.query_one(Input).value = "ctrl+q"
        await seat.pilot.pause()
        assert [line for line in seat.shown("#list").splitlines() if "Quit" in line]
        seat.screen.query_one(Input).value = "[/nothing"
        await seat.pilot.pause()
        assert seat.shown("#list") == "nothing is called that"
        await seat.press("escape")
        assert seat.screen is not None
        assert not isinstance(seat.screen, HelpScreen)

    Seat().play(steps)


@pytest.mark.whole
def test_it_scrolls_by_keys_while_one_types(tmp_path: Path) -> None:
    async def steps(seat: Seat) -> None:
        await seat.press("f1")
        scroll = seat.screen.query_one("VerticalScroll")
        await seat.press("down", "down")
        assert scroll.scroll_y == 2
        await seat.press("up", "pagedown")
        assert scroll.scroll_y > 10
        await seat.press("a")
        assert scroll.scroll_y == 0
        assert seat.screen.query_one(Input).value == "a"
        assert str(tmp_path / "keys.toml") in seat.shown("#foot")

    Seat(size=(80, 24)).play(steps)


def test_the_palette_has_this_screen_s_actions_the_app_s_and_the_themes(tmp_path: Path) -> None:
    async def steps(seat: Seat) -> None:
        await seat.workbench.open(scene(tmp_path))
        seat.app.action_go_export()
        await seat.pilot.pause()
        titles = [command.title for command in seat.app.get_system_commands(seat.screen)]
        assert {title.partition(":")[0] for title in titles} == {"everywhere", "export", "theme"}
        assert "export: write" in titles
        assert "export: replace" not in titles, "there is nothing to replace"
        for theme in THEMES:
            assert (f"theme: {theme.name}" in titles) == (theme.name != seat.app.theme)
        assert {"theme: ansi-dark", "theme: ansi-light"} <= {*titles}
        await seat.press("ctrl+p")
        await seat.pilot.pause()
        seat.screen.query_one(CommandInput).value = "everywhere: help"
        await seat.pilot.pause(0.3)
        await seat.press("enter")
        await seat.pilot.pause(0.3)
        assert isinstance(seat.screen, HelpScreen)

    Seat().play(steps)


@pytest.mark.whole
def test_a_theme_is_remembered(tmp_path: Path) -> None:
    async def main() -> None:
        async with Seat() as seat:
            assert seat.app.theme == "burnish"
            await seat.press("ctrl+p")
            await seat.pilot.pause()
            seat.screen.query_one(CommandInput).value = "theme: high-contrast"
            await seat.pilot.pause(0.3)
            await seat.press("enter")
            await seat.pilot.pause(0.3)
            assert seat.app.theme == "high-contrast"
        async with Seat() as seat:
            assert seat.app.theme == "high-contrast"
            assert seat.app.remembered.theme == "high-contrast"

    asyncio.run(main())


@in_part(
    "stored",
    ['{"theme": "no-such", "recent": []}', "", "[]", "{}", '{"theme": 3, "recent": 4}', "\x00"],
    kept=2,
)
def test_a_memory_that_makes_no_sense_is_none(tmp_path: Path, stored: str) -> None:
    (tmp_path / "app.json").write_text(stored, "utf-8")

    async def steps(seat: Seat) -> None:
        assert seat.app.theme == "burnish"
        assert seat.app.remembered.recent == ()

    Seat().play(steps)


@pytest.mark.whole
def test_a_memory_that_cannot_be_kept_costs_only_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BURNISH_STATE", str(tmp_path / "file" / "app.json"))

    async def steps(seat: Seat) -> None:
        seat.app.theme = "burnish-light"

    Seat().play(steps)


@pytest.mark.whole
def test_ctrl_c_says_how_to_quit() -> None:
    async def steps(seat: Seat) -> None:
        await seat.pilot.pause()
        seat.screen.set_focus(None)
        await seat.press("ctrl+c")
        assert seat.toasts == ["ctrl+q quits; whatever was done is kept"]

    Seat().play(steps)
