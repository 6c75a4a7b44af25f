"""Files that a database of this process has locked, and how to look at one without letting go of its locks.

Whoever closes any handle on a file lets go of all the locks that the process has on it (POSIX; sqlite.org/howtocorrupt,
section 2.2): then another program that reads the file takes its log away under whoever writes to it. SQLite knows of
its own handles only. So one of ours stays open for as long as a database has the file open.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from threading import Lock

Place = tuple[int, int]
"""A file's device and inode."""

_lock = Lock()
_users: Counter[Place] = Counter()
_handles: dict[Place, list[int]] = {}  # that stay open, of files with users


def use(path: Path) -> Place:
    """To be called before a database opens a file. Raises `OSError`."""
    with _lock:
        place = _place(path.stat())
        _users[place] += 1
    return place


def leave(place: Place) -> None:
    """To be called once it has closed the file."""
    with _lock:
        _users[place] -= 1
        if not _users[place]:
            del _users[place]
            for handle in _handles.pop(place, ()):
                os.close(handle)


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of a file, whoever has locked it. Raises `OSError`."""
    with _lock:
        if known := _handles.get(_place(path.stat())):
            os.lseek(known[0], 0, os.SEEK_SET)
            return os.read(known[0], size)
        handle = os.open(path, os.O_RDONLY)
        try:
            return os.read(handle, size)
        finally:
            place = _place(os.fstat(handle))
            if place in _users:
                _handles.setdefault(place, []).append(handle)
            else:
                os.close(handle)


def _place(found: os.stat_result) -> Place:
    return found.st_dev, found.st_ino
