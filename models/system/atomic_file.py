"""Files that appear whole or not at all, in the places of older ones."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import BinaryIO

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_PRIVATE = 0o600


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A new file that takes `path`'s place when the block ends well and leaves no trace when it does not.

    Its mode is what the umask leaves of `mode`, as of any new file; over an older one, what it leaves of that one's.
    Until it has its place, it is its owner's alone. Through a link the file it leads to is replaced, and the link
    stays. Raises OSError: what was there is as it was.
    """
    with atomic_files(path, mode=mode) as (file,):
        yield file


@contextmanager
def atomic_files(*paths: Path, mode: int = 0o666) -> Iterator[tuple[BinaryIO, ...]]:
    """The same of several files: none takes its place before all of them are on the disk."""
    with ExitStack() as stack:
        drafts = []
        for path in paths:
            drafts.append(_Draft(path, mode))
            stack.callback(drafts[-1].discard)
        yield tuple(draft.file for draft in drafts)
        for draft in drafts:
            draft.finish()
        for draft in drafts:
            draft.take_place()


class _Draft:
    """A file on its way to its place, of mode 0600."""

    def __init__(self, path: Path, mode: int) -> None:
        self._target = path.resolve()
        # Short, and ours alone.
        self._path = self._target.with_name(f".burnish-{secrets.token_hex(8)}")
        self._mode = mode
        empty, nameless = self._open(mode)
        self._usual = S_IMODE(os.fstat(empty).st_mode)  # that a new file gets here: only one of them tells
        os.close(empty)
        if not nameless:
            self._path.unlink()  # whoever has opened it meanwhile does not read along
        descriptor, self._nameless = self._open(_PRIVATE)
        self.file: BinaryIO = os.fdopen(descriptor, "wb", buffering=1 << 20)

    def _open(self, mode: int) -> tuple[int, bool]:
        """A descriptor to write to; True: of a file without a name, of which a crash leaves nothing."""
        without_name = getattr(os, "O_TMPFILE", 0)
        if without_name and Path("/proc/self/fd").is_dir():
            with suppress(OSError):  # not every file system has them
                return os.open(self._path.parent, without_name | os.O_WRONLY, mode), True
        return os.open(self._path, _NEW, mode), False

    def finish(self) -> None:
        """Have all of it on the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def take_place(self) -> None:
        mode = self._usual
        with suppress(FileNotFoundError):  # who could not read what was there cannot read what comes
            mode = S_IMODE(self._target.stat().st_mode) & self._mode
        if self._nameless:
            self._name()
        self.file.close()
        if mode != _PRIVATE:
            self._path.chmod(mode)
        self._path.replace(self._target)
        _sync(self._target.parent)

    def discard(self) -> None:
        """Leave nothing of it but what has its place."""
        with suppress(OSError):  # what could not be written is not wanted any more
            self.file.close()
        self._path.unlink(missing_ok=True)

    def _name(self) -> None:
        """Give a file without a name one."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            # Only where a folder is given does Python go through the link in /proc to the file itself.
            os.link(
                f"/proc/self/fd/{self.file.fileno()}",
                self._path.name,
                dst_dir_fd=folder,
                follow_symlinks=True,
            )
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
