"""Units of memory and files, and how a number of bytes, or of anything, is written."""

from __future__ import annotations

KIB = 2**10
MIB = 2**20
GIB = 2**30


def size(count: int) -> str:
    """A model's size or a machine's memory, from bytes: `512 MiB`, `3.2 GiB`."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"


def file_size(count: int) -> str:
    """A file's size, from bytes; a small one to the byte: `1,204 bytes`, `850 KiB`, `12 MiB`."""
    if count < 10_000:
        return f"{count:,} bytes"
    return f"{count / KIB:,.0f} KiB" if count < 10 * MIB else size(count)


def counted(count: int, one: str, many: str = "") -> str:
    """So many of something: `1 row`, `1,204 rows`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
