"""The app's memory from one start to the next: workspaces opened lately, the last models, the theme. No text."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from engine.health.places import remembered_path
from engine.run.settings import Settings, with_setting
from models.errors import UsageError
from models.system.atomic_file import atomic_file

RECENT = 12


@dataclass(frozen=True, slots=True)
class Remembered:
    theme: str = "burnish"
    recent: tuple[str, ...] = field(default=())  # workspaces, the latest first
    teacher: str | None = None  # of the last run that was started
    teacher_url: str | None = None
    student: str | None = None

    def opened(self, path: Path) -> Remembered:
        """This memory with a workspace put first among the recent ones."""
        name = str(path.absolute())
        return replace(self, recent=(name, *(other for other in self.recent if other != name))[:RECENT])

    def started(self, settings: Settings) -> Remembered:
        """This memory with the models of a run."""
        teacher, student = settings.teacher, settings.student
        return replace(
            self,
            teacher=teacher.name or self.teacher,
            teacher_url=teacher.url if teacher.name else self.teacher_url,
            student=student.name or self.student,
        )

    def filled(self, settings: Settings) -> Settings:
        """Settings with these models where they name none."""
        with suppress(UsageError):  # a name that may no longer be given
            if settings.student.name is None and self.student is not None:
                settings = with_setting(settings, "student", "name", self.student)
            if settings.teacher.name is None and self.teacher is not None:
                url = settings.teacher.url or self.teacher_url
                named = with_setting(settings, "teacher", "name", self.teacher)
                settings = with_setting(named, "teacher", "url", url)
        return settings


def recall() -> Remembered:
    """The memory on disk; the defaults where there is none, or none that can be read."""
    try:
        stored = json.loads(remembered_path().read_text("utf-8"))
        recent = tuple(name for name in stored["recent"] if isinstance(name, str))
        models = (stored.get(name) for name in ("teacher", "teacher_url", "student"))
        return Remembered(
            str(stored["theme"]), recent, *(name if isinstance(name, str) else None for name in models)
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Remembered()


def remember(what: Remembered) -> None:
    """Write the memory, where that can be done; a folder that cannot be written costs nothing else."""
    path = remembered_path()
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_file(path, mode=0o600) as file:
            file.write(json.dumps(asdict(what)).encode())
