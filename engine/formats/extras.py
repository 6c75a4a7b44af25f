"""Parts of burnish that need a package not everybody has."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from engine.formats.names import DatasetError


def parquet(path: Path) -> ModuleType:
    """`engine.formats.parquet`, for the file at `path`. `DatasetError` where pyarrow is not installed."""
    try:
        return import_module("engine.formats.parquet")
    except ModuleNotFoundError:
        raise DatasetError(
            f"{path}: Parquet and Arrow need pyarrow: pip install 'burnish[parquet]'"
        ) from None


def is_arrow(head: bytes) -> bool:
    """True of the beginning of a file that `parquet` reads: Parquet, an Arrow file, or a stream as datasets writes."""
    return head.startswith((b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff"))


def zstandard(path: Path) -> ModuleType:
    """The package `zstandard`, for the file at `path`. `DatasetError` where it is not installed."""
    try:
        return import_module("zstandard")
    except ModuleNotFoundError:
        raise DatasetError(f"{path}: .zst files need zstandard: pip install 'burnish[zstd]'") from None
