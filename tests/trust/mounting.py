"""Places that only some processes see: a disk of a few kilobytes, a folder that is read-only to root as well."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tmpfs(kib: int) -> str:
    return f'mount -t tmpfs -o size={kib}k,mode=700 none "$0"'


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'


@contextmanager
def mounted(how: str, folder: Path) -> Iterator[tuple[Sequence[str], Path]]:
    """`tmpfs(...)` or `READ_ONLY` over a folder: a prefix for commands that see it, and its path as seen from outside.

    The test is skipped where this user may not mount anything.
    """
    try:
        keeper = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                f"{how} && echo mounted && exec cat",
                folder,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    with keeper:
        assert keeper.stdout is not None
        if keeper.stdout.readline() != "mounted\n":
            pytest.skip("this user may not mount a file system of its own")
        try:
            enter = ("nsenter", "--target", str(keeper.pid), "--mount")
            yield (
                (*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(ROOT)),
                Path(f"/proc/{keeper.pid}/root{folder}"),
            )
        finally:
            keeper.kill()
