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

    def __reduce__(self) -> tuple[type[ModelFileError], tuple[Path, str]]:
        return ModelFileError, (self.path, self.why)


class ExhaustedError(BurnishError):
    """A piece of work needed more memory, or went deeper into something nested, than this machine allows."""


def in_one_line(error: BaseException) -> BaseException:
    """The error; in place of Python's about memory or depth the `ExhaustedError` that a person can act on.

    For whatever a file, a server or a model may hold: not every place that reads can foresee it.
    """
    if isinstance(error, MemoryError):
        said = ExhaustedError(
            "not enough memory for this; close other programs, or leave out what is large; nothing committed is lost"
        )
    elif isinstance(error, RecursionError):
        said = ExhaustedError("something that was read is nested too deeply; mend it, or leave it out")
    else:
        return error
    said.__cause__ = error
    return said


def printable(text: str) -> str:
    """A text with every unprintable character written as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
