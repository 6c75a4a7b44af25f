"""Help and palette tell of every action, with the keys as they are."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.command import CommandInput
from textual.widgets import Input, Static

from tests.scene import scene
from tui.app import BurnishApp
from tui.keys.actions import ACTIONS, SCOPES
from tui.keys.keymap import key_names
from tui.screens.help.screen import HelpScreen
from tui.state.workbench import Workbench
from tui.themes import THEMES

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


def told(app: BurnishApp, selector: str = "#list") -> str:
    return str(app.screen.query_one(selector, Static).visual)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=str)
def test_every_action_is_told_with_its_keys_and_fits(size: tuple[int, int]) -> None:
    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test(size=size) as pilot:
            await pilot.press("f1")
            assert isinstance(app.screen, HelpScreen)
            words = " ".join(told(app).split())
            for action in ACTIONS:
                assert action.label in words
                assert action.help in words, action
                assert all(key in words for key in key_names(action.keys))
            room = app.screen.query_one("#list").size.width
            assert max(map(len, told(app).splitlines())) <= room

    asyncio.run(main())


def test_where_one_came_from_is_first_and_what_is_typed_narrows_it(tmp_path: Path) -> None:
    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test() as pilot:
            await app.workbench.open(scene(tmp_path))
            app.action_go_export()
            await pilot.pause()
            await pilot.press("question_mark")
            titles = [line for line in told(app).splitlines() if line in SCOPES.values() or "(here)" in line]
            assert titles[:2] == ["Export (here)", "Everywhere"]
            assert len(titles) == len(SCOPES)
            await pilot.press(*"near", "space", *"TIE")
            found = told(app)
            assert found.count("near tie") == sum("near tie" in f"{a.label} {a.help}" for a in ACTIONS)
            assert "Quit" not in found
            app.screen.query_one(Input).value = "ctrl+q"
            await pilot.pause()
            assert [line for line in told(app).splitlines() if "Quit" in line]
            app.screen.query_one(Input).value = "[/nothing"
            await pilot.pause()
            assert told(app) == "nothing is called that"
            await pilot.press("escape")
            assert app.screen is not None
            assert not isinstance(app.screen, HelpScreen)

    asyncio.run(main())


def test_it_scrolls_by_keys_while_one_types(tmp_path: Path) -> None:
    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("f1")
            scroll = app.screen.query_one("VerticalScroll")
            await pilot.press("down", "down")
            assert scroll.scroll_y == 2
            await pilot.press("up", "pagedown")
            assert scroll.scroll_y > 10
            await pilot.press("a")
            assert scroll.scroll_y == 0
            assert app.screen.query_one(Input).value == "a"
            assert str(tmp_path / "keys.toml") in told(app, "#foot")

    asyncio.run(main())


def test_the_palette_has_this_screen_s_actions_the_app_s_and_the_themes(tmp_path: Path) -> None:
    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test() as pilot:
            await app.workbench.open(scene(tmp_path))
            app.action_go_export()
            await pilot.pause()
            titles = [command.title for command in app.get_system_commands(app.screen)]
            assert {title.partition(":")[0] for title in titles} == {"everywhere", "export", "theme"}
            assert "export: write" in titles
            assert "export: replace" not in titles, "there is nothing to replace"
            for theme in THEMES:
                assert (f"theme: {theme.name}" in titles) == (theme.name != app.theme)
            assert {"theme: ansi-dark", "theme: ansi-light"} <= {*titles}
            await pilot.press("ctrl+p")
            await pilot.pause()
            app.screen.query_one(CommandInput).value = "everywhere: help"
            await pilot.pause(0.3)
            await pilot.press("enter")
            await pilot.pause(0.3)
            assert isinstance(app.screen, HelpScreen)

    asyncio.run(main())


def test_a_theme_is_remembered(tmp_path: Path) -> None:
    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test() as pilot:
            assert app.theme == "burnish"
            await pilot.press("ctrl+p")
            await pilot.pause()
            app.screen.query_one(CommandInput).value = "theme: high-contrast"
            await pilot.pause(0.3)
            await pilot.press("enter")
            await pilot.pause(0.3)
            assert app.theme == "high-contrast"
        again = BurnishApp(Workbench())
        async with again.run_test() as pilot:
            assert again.theme == "high-contrast"
            assert again.remembered.theme == "high-contrast"

    asyncio.run(main())


@pytest.mark.parametrize(
    "stored", ["", "[]", "{}", '{"theme": "no-such", "recent": []}', '{"theme": 3, "recent": 4}', "\x00"]
)
def test_a_memory_that_makes_no_sense_is_none(tmp_path: Path, stored: str) -> None:
    (tmp_path / "app.json").write_text(stored, "utf-8")

    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test():
            assert app.theme == "burnish"
            assert app.remembered.recent == ()

    asyncio.run(main())


def test_a_memory_that_cannot_be_kept_costs_only_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BURNISH_STATE", str(tmp_path / "file" / "app.json"))

    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test():
            app.theme = "burnish-light"

    asyncio.run(main())


def test_ctrl_c_says_how_to_quit() -> None:
    async def main() -> None:
        app = BurnishApp(Workbench())
        async with app.run_test() as pilot:
            await pilot.pause()
            app.screen.set_focus(None)
            await pilot.press("ctrl+c")
            assert [told.message for told in app._notifications] == [
                "ctrl+q quits; whatever was done is kept"
            ]

    asyncio.run(main())
