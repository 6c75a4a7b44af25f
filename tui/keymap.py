"""A person's own keys: `keys.toml` in the configuration folder, one line an action.

"review.accept" = "enter"
"samples.down" = "j,down"
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from textual.keys import Keys, _character_to_key

from engine.settings import config_path
from tui.actions import ACTIONS, SCOPES


@dataclass(frozen=True, slots=True)
class Keymap:
    keys: dict[str, str]  # by action id, for every action
    problems: tuple[str, ...]  # what was wrong with the file, a line each; those lines count for nothing


def keymap_path() -> Path:
    return config_path().with_name("keys.toml")


def load_keymap(path: Path | None = None) -> Keymap:
    """The keys as they are: the registry's, changed by the file where it is sound."""
    path = path or keymap_path()
    keys = {action.id: action.keys for action in ACTIONS}
    try:
        changed = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Keymap(keys, ())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Keymap(keys, (f"{path}: cannot be read as TOML ({error}); the usual keys are used",))
    problems = []
    for id, value in changed.items():
        if id not in keys:
            problems.append(f"{path}: no action {id!r}; the help screen lists them")
        elif not isinstance(value, str) or not (names := _names(value)):
            problems.append(f'{path}: {id}: expected keys such as "a" or "ctrl+s,f2", not {value!r}')
        elif unknown := [name for name in names if not _is_key(name)]:
            problems.append(f"{path}: {id}: no key is called {', '.join(unknown)}")
        else:
            keys[id] = ",".join(names)
    sound = keys if not (clashes := _clashes(keys)) else {a.id: a.keys for a in ACTIONS}
    if clashes:
        problems += [f"{path}: {clash}" for clash in clashes]
        problems.append(f"{path}: the usual keys are used until this is mended")
    return Keymap(sound, tuple(problems))


def _names(value: str) -> list[str]:
    names = [name.strip() for name in value.split(",")]
    return [_character_to_key(name) if len(name) == 1 else name for name in names if name]


def _is_key(name: str) -> bool:
    key = name.rsplit("+", maxsplit=1)[-1]
    return len(key) == 1 or key in _KNOWN or key.replace("_", "").isalnum()


_KNOWN = {key.value for key in Keys}


def _clashes(keys: dict[str, str]) -> list[str]:
    """Keys that would mean two things on one screen; everywhere's keys are on all."""
    found = []
    for scope in SCOPES:
        users = defaultdict(list)
        for action in ACTIONS:
            if action.scope in (scope, "app"):
                for key in keys[action.id].split(","):
                    users[key].append(action.id)
        found += [
            f"the key {key} is wanted by {' and '.join(ids)}"
            for key, ids in users.items()
            if len(ids) > 1 and (scope == "app" or any(not id.startswith("app.") for id in ids))
        ]
    return found
