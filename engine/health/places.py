"""Every file burnish may leave on this machine, with its place and its content."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_log_path, user_state_path

from engine.store.database import draft_path
from models.files.copied import copies_path
from models.files.digest import digests_path

EDITOR_OPEN = "burnish-edit-"  # begins the name of a folder with a sample that is in the person's own editor
EDITOR_KEPT = "burnish-kept-"  # and of one with a sample that could not be read back from there


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A file or folder of burnish's, whether it exists or not."""

    name: str  # the kind of it
    path: Path
    what: str  # is in it; half a sentence


def remembered_path() -> Path:
    return Path(os.environ.get("BURNISH_STATE") or user_state_path("burnish") / "app.json")


def crash_log_path() -> Path:
    return user_log_path("burnish") / "crash.log"


def left_files(folder: Path, workspaces: Iterable[Path]) -> Iterator[LeftFile]:
    """The files of some workspaces, of the records, trials and broken exports in a folder, and of the whole machine."""
    records = sorted([*folder.glob("*.judged"), *folder.glob("*.answers")])
    for name, paths in (("workspace", workspaces), ("record", records)):
        for path in paths:
            yield LeftFile(name, path, "texts, replies and all that was found of them")
            draft = draft_path(path)
            for beside in (path, draft):
                for ending in ("-wal", "-shm"):
                    log = beside.with_name(beside.name + ending)
                    yield LeftFile(name, log, "its journal, gone when it is closed")
            yield LeftFile(name, draft, "left by an import that was killed, removed by the next")
    for path in sorted(folder.glob("*.trial")):
        yield LeftFile(
            "trial",
            path,
            "adapters, losses and answers of a trial; whoever has an adapter can draw texts out of it",
        )
    yield LeftFile(
        "remembered", remembered_path(), "workspaces opened lately, the last models, and the theme"
    )
    yield LeftFile("digests", digests_path(), "model files, their sizes and digests")
    for path in sorted(copies_path().glob("*")):
        yield LeftFile("student", path, f"sent here over Ray, for later runs; rm -r {path}")
    yield LeftFile("crash log", crash_log_path(), "where burnish broke the last time")
    temporary = Path(tempfile.gettempdir())
    for path in sorted(temporary.glob(f"{EDITOR_OPEN}*")):
        yield LeftFile("editor", path, "a sample in an editor, removed at the next start if that is gone")
    for path in sorted(temporary.glob(f"{EDITOR_KEPT}*")):
        yield LeftFile("editor", path, f"a sample that could not be read back; rm -r {path}")
    for path in sorted(folder.glob(".burnish-*")):
        yield LeftFile("export", path, f"left by an export that was killed; rm {path}")
