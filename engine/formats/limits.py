"""The largest row that is read: as Python's `csv` has a limit for fields, one for the whole process."""

from __future__ import annotations

from engine.formats.names import RowError

MIB = 1 << 20
DEFAULT = 64  # MiB


class _Limit:
    bytes = DEFAULT * MIB


def limit_rows(mib: int) -> None:
    """Refuse rows of more than so many MiB from now on, before they are read whole."""
    _Limit.bytes = mib * MIB


def row_limit() -> int:
    """Bytes that a row may have in its file, without what packs it."""
    return _Limit.bytes


def too_large(where: str = "") -> RowError:
    """The fault of a row with more."""
    limit = _Limit.bytes // MIB
    return RowError(f"{where}larger than {limit} MiB; leave it out, or raise the setting data.row_mib")
