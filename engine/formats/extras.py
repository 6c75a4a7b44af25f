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
        raise DatasetError(f"{path}: Parquet needs pyarrow: pip install 'burnish[parquet]'") from None
