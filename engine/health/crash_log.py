"""The log of a crash: where burnish broke, and nothing of what was worked on."""

from __future__ import annotations

import platform
import traceback
from importlib.metadata import version
from pathlib import Path

from engine.health.places import crash_log_path
from models.system.atomic_file import atomic_file


def write_crash_log(error: BaseException) -> Path | None:
    """Write the log and return its path; None where it cannot be written.

    It holds no message of an error, for a message may quote a sample.
    """
    path = crash_log_path()
    head = f"burnish {version('burnish')}, textual {version('textual')}, python {platform.python_version()}, "
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_file(path, mode=0o600) as file:
            text = f"{head}{platform.platform()}\n\n{without_messages(error)}"
            file.write(text.encode(errors="backslashreplace"))
    except OSError:
        return None
    return path


def without_messages(error: BaseException) -> str:
    """The frames and types of an error and of those that led to it, the earliest first."""
    parts: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        parts.append("".join(traceback.format_tb(one.__traceback__)) + type(one).__name__ + "\n")
        one = one.__cause__ or one.__context__
    return "\nwhich led to\n\n".join(reversed(parts))
