"""The root of burnish's own errors."""

from __future__ import annotations

from pathlib import Path


class BurnishError(Exception):
    """Something a user can cause or mend, or that a file or a server of theirs can.

    Its text is one line: where, what was expected, what to do. The command line prints it and exits with
    code 1; any other exception is a bug and is allowed to look like one.
    """


class UsageError(BurnishError):
    """A request that makes no sense as it stands (exit code 2)."""


class ModelFileError(BurnishError):
    """A model file that is not there, cannot be read, or is not what was asked for: the file, and why.

    Paths and what a file says of itself are hostile: unprintable characters are written as escapes.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(printable(f"{path}: {why}"))
        self.path = path
        self.why = why


def printable(text: str) -> str:
    """A text with every unprintable character written as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
