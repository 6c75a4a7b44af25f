"""A person's own keys: `keys.toml` in the configuration folder, one line an action.

"review.accept" = "enter"
"samples.down" = "j,down"
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.binding import Binding
from textual.keys import KEY_DISPLAY_ALIASES, format_key

from engine.run.settings import config_path, quoted
from tui.keys.actions import ACTIONS, ALWAYS, SCOPES


@dataclass(frozen=True, slots=True)
class Keymap:
    path: Path
    keys: dict[str, str]  # by action id, for every action
    problems: tuple[str, ...]  # a sentence for each line of the file that was wrong, and has no effect

    def first(self, action: str) -> str:
        """The first key of an action, given by its id, as a person reads it."""
        return key_names(self.keys[action])[0]

    @property
    def changed(self) -> dict[str, str]:
        """The actions whose keys are not those of the table, as Textual's keymap."""
        return {action.id: self.keys[action.id] for action in ACTIONS if self.keys[action.id] != action.keys}


def keymap_path() -> Path:
    return config_path().with_name("keys.toml")


def load_keymap(path: Path | None = None) -> Keymap:
    """The table's keys, changed by those lines of the file that are sound."""
    path = path or keymap_path()
    usual = {action.id: action.keys for action in ACTIONS}
    try:
        lines = dict(_flat(tomllib.loads(path.read_text("utf-8"))))
    except FileNotFoundError:
        return Keymap(path, usual, ())
    except (OSError, ValueError, RecursionError) as error:
        # The file cannot be read, is no UTF-8 or no TOML, or has more digits than Python reads.
        reason = (isinstance(error, OSError) and error.strerror) or error
        problem = f"{path}: cannot be read as TOML ({reason}); the usual keys are used"
        return Keymap(path, usual, (problem,))
    wanted, problems = {}, []
    for id, value in lines.items():
        try:
            wanted[id] = _keys(id, value)
        except _Unsound as unsound:
            problems.append(f"{path}: {unsound}")
    # A line that wants a taken key is dropped; its action's usual key may then be taken by another line.
    while clashes := [(clash, ids) for clash, ids in _clashes(usual | wanted) if wanted.keys() & ids]:
        problems += [f"{path}: {clash}; their usual keys are used" for clash, _ in clashes]
        wanted = {id: keys for id, keys in wanted.items() if not any(id in ids for _, ids in clashes)}
    return Keymap(path, usual | wanted, tuple(problems))


def key_names(keys: str) -> list[str]:
    """An action's keys as a person reads them: `ctrl+s`, `?`, `↓`."""
    return [key_name(key) for key in keys.split(",")]


def key_name(key: str) -> str:
    modifiers, plus, base = key.rpartition("+")
    return modifiers + plus + format_key(base)


class _Unsound(Exception):  # noqa: N818 - a line of the file, not of the program
    """A line of the file cannot be used; the message says why."""


def _flat(table: dict[str, Any], head: str = "") -> Iterator[tuple[str, object]]:
    """`review.accept = "a"` without quotes around the id is a table in TOML; it means the same."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{head}{name}.")
        else:
            yield head + name, value


def _keys(id: str, value: object) -> str:
    """A line's keys in Textual's names. Raises `_Unsound`."""
    if id not in _IDS:
        raise _Unsound(f"no action {quoted(id, 60)}; the help screen lists them")
    if not isinstance(value, str) or not (
        names := [name.strip() for name in value.split(",") if name.strip()]
    ):
        raise _Unsound(f'{id}: expected keys such as "a" or "ctrl+s,f2", not {quoted(value, 40)}')
    keys = list(dict.fromkeys(_key(id, name) for name in names))
    if id in ALWAYS and (typed := [key for key in keys if _character(key) is not None]):
        raise _Unsound(f"{id}: acts while one types, too, so {key_name(typed[0])} could not be typed")
    return ",".join(keys)


def _key(id: str, name: str) -> str:
    """One key in Textual's name for it. Raises `_Unsound`."""
    modifiers, plus, base = name.rpartition("+") if len(name) > 1 else ("", "", name)
    base = _SPOKEN.get(base, _named(base) if len(base) == 1 else base)
    character = _character(base)
    known = base in _NAMED or (character is not None and _named(character) == base)
    if not known or not set(filter(None, modifiers.split("+"))) <= _MODIFIERS:
        raise _Unsound(f"{id}: no key is called {quoted(name, 40)}")
    if modifiers == "shift" and len(base) == 1:
        raise _Unsound(f"{id}: {quoted(name, 40)} is written {base.upper()!r}")
    return modifiers + plus + base


def _character(key: str) -> str | None:
    """The character that a key types; None for one that types nothing."""
    if key == "space":
        return " "
    character = format_key(key)
    return character if len(character) == 1 and key not in _NAMED else None


def _named(character: str) -> str:
    """Textual's name for the key that types a character."""
    if character in (",", " "):  # which are separators where keys are listed
        return {",": "comma", " ": "space"}[character]
    (binding,) = Binding.make_bindings([(character, "", "")])
    return binding.key


_IDS = {action.id for action in ACTIONS}
_MODIFIERS = {"ctrl", "shift", "alt", "super", "hyper", "meta"}
_NAMED = {
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "backspace"),
    *("enter", "tab", "escape", *(f"f{number}" for number in range(1, 25))),
}
"""Keys that type nothing."""
_SPOKEN = {shown: key for key, shown in KEY_DISPLAY_ALIASES.items() if key in _NAMED} | {"return": "enter"}
"""Other names for these keys: those that the screens show."""


def _clashes(keys: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Keys that would mean two things on one screen: a sentence, and the actions' ids. The app's keys are on all."""
    found: dict[tuple[str, ...], str] = {}
    for scope in SCOPES:
        users = defaultdict(list)
        for action in ACTIONS:
            if action.scope in (scope, "app"):
                for key in keys[action.id].split(","):
                    users[key].append(action.id)
        for key, ids in users.items():
            if len(ids) > 1:
                found.setdefault((key, *ids), f"the key {key_name(key)} is wanted by {' and '.join(ids)}")
    return [(clash, list(ids)) for (_, *ids), clash in found.items()]
