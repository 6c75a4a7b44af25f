"""What happens to files, told by the kernel (Linux's inotify): seen from outside, whoever does it however briefly."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import time
from enum import IntFlag
from pathlib import Path
from types import TracebackType
from typing import Self


class Change(IntFlag):
    """`sys/inotify.h`."""

    MODIFIED = 0x2
    ATTRIBUTES = 0x4
    CLOSED_WRITABLE = 0x8  # a file that was open for writing, whether or not anything was written
    MOVED_AWAY = 0x40
    MOVED_HERE = 0x80
    CREATED = 0x100
    DELETED = 0x200
    ITSELF_DELETED = 0x400
    ITSELF_MOVED = 0x800


IN_FOLDER = Change.MODIFIED | Change.CREATED | Change.DELETED | Change.MOVED_HERE
TO_A_FILE = (
    Change.MODIFIED | Change.ATTRIBUTES | Change.CLOSED_WRITABLE | Change.ITSELF_DELETED | Change.ITSELF_MOVED
)
_HEAD = struct.Struct("iIII")


class Watch:
    """Changes to a file, or to a folder's files, from when it is made."""

    def __init__(self, path: Path, changes: Change) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if libc.inotify_add_watch(self._descriptor, os.fsencode(path), int(changes)) < 0:
            raise OSError(ctypes.get_errno(), "inotify", str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def seen(self, seconds: float = 0.0) -> list[tuple[str, Change]]:
        """The changes since the last call, waiting so long for the first: each file's name, and what happened to it."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return []
        data, found = os.read(self._descriptor, 1 << 16), []
        while data:
            _, mask, _, length = _HEAD.unpack_from(data)
            name = data[_HEAD.size : _HEAD.size + length].rstrip(b"\0")
            found.append((os.fsdecode(name), Change(mask & 0xFFF)))
            data = data[_HEAD.size + length :]
        return found

    def wait(self, name: str, number: int, seconds: float) -> bool:
        """True if that many changes to files whose names begin so came within this time; returns at the last."""
        deadline = time.monotonic() + seconds
        while number > 0 and (left := deadline - time.monotonic()) > 0:
            number -= sum(file.startswith(name) for file, _ in self.seen(left))
        return number <= 0
