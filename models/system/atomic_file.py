"""A file that appears whole or not at all, in the place of an older one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A new file that takes `path`'s place when the block ends well and leaves no trace when it does not.

    Its mode is what the umask leaves of `mode`, as of any new file; over an older one, what it leaves of that one's.
    Through a link the file it leads to is replaced, and the link stays. Raises OSError: what was there is as it was.
    """
    target = path.resolve()
    draft = target.with_name(f".burnish-{secrets.token_hex(8)}")  # short, and ours alone
    descriptor, nameless = _draft(draft, mode)
    try:
        with os.fdopen(descriptor, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if nameless:
                _name(descriptor, draft)
        if target.exists():  # who could not read what was there cannot read what comes
            draft.chmod(target.stat().st_mode & mode)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _draft(path: Path, mode: int) -> tuple[int, bool]:
    """A descriptor to write to; True: of a file without a name, of which a crash leaves nothing."""
    without_name = getattr(os, "O_TMPFILE", 0)
    if without_name and Path("/proc/self/fd").is_dir():
        with suppress(OSError):  # not every file system has them
            return os.open(path.parent, without_name | os.O_WRONLY, mode), True
    return os.open(path, _NEW, mode), False


def _name(descriptor: int, path: Path) -> None:
    """Give a file without a name one."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Only where a folder is given does Python go through the link in /proc to the file itself.
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _sync(folder: Path) -> None:
    """Make a rename in this folder last through a power cut, where the system has a way to."""
    if os.name != "posix":
        return
    # The file is in its place already; a network's file system may not know how to sync a folder.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
