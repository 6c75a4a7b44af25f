"""The app's memory from one start to the next: the workspaces opened lately, and the theme. Nothing of any sample."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from engine.health.places import remembered_path
from models.system.atomic_file import atomic_file

RECENT = 12


@dataclass(frozen=True, slots=True)
class Remembered:
    theme: str = "burnish"
    recent: tuple[str, ...] = field(default=())  # workspaces, the latest first

    def opened(self, path: Path) -> Remembered:
        """This memory with a workspace put first among the recent ones."""
        name = str(path.absolute())
        return replace(self, recent=(name, *(other for other in self.recent if other != name))[:RECENT])


def recall() -> Remembered:
    """The memory on disk; the defaults where there is none, or none that can be read."""
    try:
        stored = json.loads(remembered_path().read_text("utf-8"))
        recent = tuple(name for name in stored["recent"] if isinstance(name, str))
        return Remembered(str(stored["theme"]), recent)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Remembered()


def remember(what: Remembered) -> None:
    """Write the memory, where that can be done; a folder that cannot be written costs nothing else."""
    path = remembered_path()
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_file(path, mode=0o600) as file:
            file.write(json.dumps(asdict(what)).encode())
