"""A disk that fails when it is told to, for processes that know nothing of it.

    disk = Disk(folder)                                   # compiles a few lines of C, once
    elsewhere(..., environment=disk.environment)
    with disk.fails("write", errno.ENOSPC, "*/w.burnish-wal", after=3): ...

While the block lasts, every such call on a file whose path matches fails, but for the first few.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

Call = Literal["write", "sync"]

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* What is to fail stands in the file $FAILING: call, errno, calls that go well before, pattern of the path. */
static int fails(const char *call, int fd) {
    static int gone_well;
    const char *plan = getenv("FAILING");
    char kind[16], pattern[512], link[64], path[4096];
    int number, after;
    FILE *file = plan ? fopen(plan, "re") : NULL;
    if (!file) { gone_well = 0; return 0; }
    int read = fscanf(file, "%15s %d %d %511s", kind, &number, &after, pattern);
    fclose(file);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (read != 4 || strcmp(kind, call) || length < 0) return 0;
    path[length] = 0;
    if (fnmatch(pattern, path, 0) || gone_well++ < after) return 0;
    errno = number;
    return 1;
}

#define WRAP(call, type, name, given, passed) \
    type name given { \
        static type (*real) given; \
        if (!real) real = (type (*) given) dlsym(RTLD_NEXT, #name); \
        return fails(call, fd) ? -1 : real passed; \
    }
WRAP("write", ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
WRAP("write", ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRAP("write", ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
WRAP("sync", int, fsync, (int fd), (fd))
WRAP("sync", int, fdatasync, (int fd), (fd))
"""


class Disk:
    """`folder`: for what is compiled, and for the plan of what fails."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None or os.uname().sysname != "Linux":
            pytest.skip("a disk is made to fail by a C compiler's work, on Linux")
        source, library = folder / "failing.c", folder / "failing.so"
        source.write_text(SOURCE, "ascii")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"],
            check=True,
            capture_output=True,
        )
        self._plan = folder / "failing.txt"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAILING": str(self._plan),
        }

    @contextmanager
    def fails(self, call: Call, number: int, pattern: str, after: int = 0) -> Iterator[None]:
        """Calls on files whose path matches fail with errno `number`, but for the first few."""
        beside = self._plan.with_suffix(".new")
        beside.write_text(f"{call} {number} {after} {pattern}\n", "ascii")
        beside.rename(self._plan)
        try:
            yield
        finally:
            self._plan.unlink()
