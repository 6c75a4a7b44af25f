"""The one registry of actions, and a person's own keys for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.dom import DOMNode
from textual.widgets import Input

from tests.tui.seat import Seat
from tui.app import BurnishApp
from tui.keys.actions import ACTIONS, ALWAYS, SCOPES, Action, of_scope
from tui.keys.keymap import key_names, load_keymap
from tui.screens.compare.pair_screen import PairScreen
from tui.screens.compare.screen import CompareScreen
from tui.screens.compare.trial_screen import TrialScreen
from tui.screens.distribution.screen import DistributionScreen
from tui.screens.export.screen import ExportScreen
from tui.screens.heat.screen import HeatScreen
from tui.screens.help.screen import HelpScreen
from tui.screens.review.screen import ReviewScreen
from tui.screens.run.screen import RunScreen
from tui.screens.samples.screen import SamplesScreen
from tui.screens.start.screen import StartScreen

WHERE: dict[str, type[Any]] = {
    "app": BurnishApp,
    "start": StartScreen,
    "samples": SamplesScreen,
    "review": ReviewScreen,
    "heat": HeatScreen,
    "run": RunScreen,
    "distribution": DistributionScreen,
    "export": ExportScreen,
    "compare": CompareScreen,
    "pair": PairScreen,
    "trial": TrialScreen,
    "help": HelpScreen,
}
USUAL = {action.id: action.keys for action in ACTIONS}


pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")


# The registry


def test_every_group_has_a_place() -> None:
    assert WHERE.keys() == SCOPES.keys() == {action.scope for action in ACTIONS}


def test_every_action_can_be_done_where_it_is_offered() -> None:
    def offered(action: Action) -> bool:
        return callable(getattr(WHERE[action.scope], f"action_{action.name}", None))

    assert [action.id for action in ACTIONS if not offered(action)] == []


def test_no_screen_has_keys_of_its_own() -> None:
    for scope, where in WHERE.items():
        own: list[Any] = vars(where)["BINDINGS"]
        assert all(isinstance(binding, Binding) for binding in own)
        assert {(binding.id, binding.action) for binding in own} == {(a.id, a.name) for a in of_scope(scope)}


def test_ids_are_unique_and_words_are_fit_for_every_place_they_are_shown_in() -> None:
    assert len(USUAL) == len(ACTIONS)
    for action in ACTIONS:
        assert action.help[0].isupper()
        assert not action.help.endswith(".")
        assert not {"[", "\n"} & {*action.help, *action.label}, "Textual's palette takes it for markup"


# keys.toml


def keys_file(folder: Path, text: str) -> Path:
    path = folder / "keys.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_the_usual_keys_are_sound(tmp_path: Path) -> None:
    keymap = load_keymap(tmp_path / "keys.toml")
    assert (keymap.keys, keymap.problems, keymap.changed) == (USUAL, (), {})


def test_the_registry_as_a_file_is_sound_and_changes_nothing(tmp_path: Path) -> None:
    lines = "\n".join(f'"{id}" = "{keys}"' for id, keys in USUAL.items())
    keymap = load_keymap(keys_file(tmp_path, lines))
    assert (keymap.problems, keymap.changed) == ((), {})


@pytest.mark.parametrize(
    ("written", "key"),
    [("J", "J"), (";", "semicolon"), (" f2 , x ", "f2,x"), ("x,x", "x"), ("ctrl+pgdn", "ctrl+pagedown"),
     ("pgup", "pageup"), ("⏎", "enter"), ("return", "enter"), ("-", "minus"), ("space", "space"), ("é", "é"),
     ("comma", "comma"), ("alt+shift+x", "alt+shift+x"), ("+", "plus"), ("ctrl+slash", "ctrl+slash")],
)  # fmt: skip
def test_a_key_may_be_written_as_one_would(tmp_path: Path, written: str, key: str) -> None:
    keymap = load_keymap(keys_file(tmp_path, f'"export.preview" = "{written}"'))
    assert (keymap.problems, keymap.changed) == ((), {"export.preview": key})


def test_what_the_screens_show_can_be_written() -> None:
    assert key_names("ctrl+s,question_mark,pagedown,up,U") == ["ctrl+s", "?", "pgdn", "↑", "U"]


def test_ids_need_no_quotes_and_may_share_a_table(tmp_path: Path) -> None:
    path = keys_file(tmp_path, 'run.cancel = "x"\n[review]\naccept = "enter"\n')
    assert load_keymap(path).changed == {"run.cancel": "x", "review.accept": "enter"}


def test_two_actions_may_change_places(tmp_path: Path) -> None:
    changed = {"samples.accept": "o", "samples.keep": "a"}
    path = keys_file(tmp_path, '"samples.accept" = "o"\n"samples.keep" = "a"\n')
    assert (load_keymap(path).changed, load_keymap(path).problems) == (changed, ())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('"samples.fly" = "a"', "no action 'samples.fly'"),
        ('"samples.top" = 3', 'samples.top: expected keys such as "a" or "ctrl+s,f2", not 3'),
        ('"samples.top" = ""', "samples.top: expected keys"),
        ('"samples.top" = [1]', "samples.top: expected keys"),
        ('"samples.top" = "hyperspace"', "samples.top: no key is called 'hyperspace'"),
        ('"samples.top" = "strg+a"', "samples.top: no key is called 'strg+a'"),
        ('"samples.top" = "f99"', "samples.top: no key is called 'f99'"),
        ('"samples.top" = "shift+a"', "samples.top: 'shift+a' is written 'A'"),
        ('"app.leave" = "q"', "app.leave: acts while one types, too"),
        ('"samples.top" = "j"', "the key j is wanted by samples.down and samples.top"),
        ('"samples.top" = "1"', "the key 1 is wanted by app.go_start and samples.top"),
        ('"app.undo" = "o"', "the key o is wanted by app.undo and start.open"),
    ],
)
def test_an_unsound_line_is_told_and_counts_for_nothing(tmp_path: Path, line: str, problem: str) -> None:
    path = keys_file(tmp_path, f'"run.cancel" = "x"\n{line}\n')
    keymap = load_keymap(path)
    assert keymap.changed == {"run.cancel": "x"}
    assert any(shown_problem.startswith(f"{path}: {problem}") for shown_problem in keymap.problems)


def test_a_line_that_stood_on_a_dropped_one_is_dropped_too(tmp_path: Path) -> None:
    """`keep` wants `accept`'s key, which `accept` cannot leave."""
    path = keys_file(tmp_path, '"samples.accept" = "j"\n"samples.keep" = "a"\n')
    keymap = load_keymap(path)
    assert keymap.changed == {}
    assert len(keymap.problems) == 2


@pytest.mark.parametrize("content", [b"\xff\xfe", b'"samples.top" = ', b"x = 1\nx = 2", b"[" * 5000])
def test_a_file_that_is_no_toml_is_one_problem(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(content)
    keymap = load_keymap(path)
    (problem,) = keymap.problems
    assert problem.startswith(f"{path}: cannot be read as TOML (")
    assert keymap.keys == USUAL


def test_a_folder_in_its_place_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").mkdir()
    (problem,) = load_keymap(tmp_path / "keys.toml").problems
    assert "Is a directory" in problem


# In the app


def test_the_app_goes_by_the_file_and_tells_what_is_wrong_with_it(tmp_path: Path) -> None:
    keys_file(tmp_path, '"app.show_help" = "f3"\n"app.go_start" = "[,f4"\n"nope" = "a"\n')

    async def steps(seat: Seat) -> None:
        assert ["no action 'nope'" in toast for toast in seat.toasts] == [True]
        await seat.press("f1")
        assert not isinstance(seat.screen, HelpScreen)
        await seat.press("f3")
        assert isinstance(seat.screen, HelpScreen)
        assert "no action 'nope'" in str(seat.screen.query_one("#problems").render())
        await seat.press("escape", "ctrl+p")
        for _ in range(50):  # the palette searches beside
            await seat.pilot.pause(0.1)
            options = seat.screen.query_one("CommandList").options  # type: ignore[attr-defined]
            if "left bracket, f4" in "".join(str(option.prompt) for option in options):
                return
        raise AssertionError("the palette does not say the key")

    Seat().play(steps)


def test_what_types_a_character_types_it_where_one_types() -> None:
    async def steps(seat: Seat) -> None:
        where: DOMNode = seat.screen
        line = Input()
        await seat.screen.mount(line)
        line.focus()
        await seat.press("q", "question_mark", "1", "5", "u", "U", "w", "o")
        assert line.value == "q?15uUwo"
        assert seat.screen is where

    Seat().play(steps)


def test_what_is_always_there_types_nothing() -> None:
    assert USUAL.keys() >= ALWAYS
    assert all("ctrl+" in USUAL[id] for id in ALWAYS)
