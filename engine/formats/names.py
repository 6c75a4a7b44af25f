"""The formats of instruction datasets, by name, and what can be wrong with one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from engine.sample import WhyPassed
from models.errors import BurnishError

TRACE = "burnish"  # the field of an exported row that says how the row came to be


class DatasetError(BurnishError):
    """A dataset that cannot be read or written; the text names the file, the row and what was expected."""


class RowError(ValueError):
    """A fault of one row, without the row's place."""


class UnrefinableError(RowError):
    """A row that was read and holds nothing to refine."""

    def __init__(self, why: WhyPassed, message: str) -> None:
        super().__init__(message)
        self.why = why


class BrokenError(RowError):
    """A break in the file's syntax: nothing after it can be read."""


LOST = "nothing after it can be read"

Record = Mapping[str, Any]
"""A row of an export."""

Row = tuple[int, object]
"""A line's or row's number and what it holds: a record, whatever else was there, or a `RowError`."""


class Container(StrEnum):
    """A kind of file that holds rows."""

    JSON = "a JSON array"
    JSONL = "JSON Lines"
    CSV = "CSV"
    PARQUET = "Parquet"


class Layout(StrEnum):
    """The fields in which a row holds a sample."""

    ALPACA = "instruction, input, output"
    WIZARDLM = "instruction, output"
    SHAREGPT = "conversations"
    MESSAGES = "messages"


class Format(StrEnum):
    """A container with a layout; the value is its name on the command line."""

    ALPACA = "alpaca"
    ALPACA_JSONL = "alpaca-jsonl"
    WIZARDLM = "wizardlm"
    WIZARDLM_JSONL = "wizardlm-jsonl"
    SHAREGPT = "sharegpt"
    SHAREGPT_JSONL = "sharegpt-jsonl"
    SHAREGPT_CSV = "sharegpt-csv"
    SHAREGPT_PARQUET = "sharegpt-parquet"
    MESSAGES = "messages"
    MESSAGES_JSON = "messages-json"
    MESSAGES_CSV = "messages-csv"
    MESSAGES_PARQUET = "messages-parquet"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def container(self) -> Container:
        return _SHAPES[self][0]

    @property
    def layout(self) -> Layout:
        return _SHAPES[self][1]

    @classmethod
    def of(cls, container: Container, layout: Layout) -> Format:
        """The format with this container and layout; a table without an input column is still a table."""
        if layout is Layout.WIZARDLM and container in (Container.CSV, Container.PARQUET):
            layout = Layout.ALPACA
        return next(format for format, shape in _SHAPES.items() if shape == (container, layout))


_SHAPES = {
    Format.ALPACA: (Container.JSON, Layout.ALPACA),
    Format.ALPACA_JSONL: (Container.JSONL, Layout.ALPACA),
    Format.WIZARDLM: (Container.JSON, Layout.WIZARDLM),
    Format.WIZARDLM_JSONL: (Container.JSONL, Layout.WIZARDLM),
    Format.SHAREGPT: (Container.JSON, Layout.SHAREGPT),
    Format.SHAREGPT_JSONL: (Container.JSONL, Layout.SHAREGPT),
    Format.SHAREGPT_CSV: (Container.CSV, Layout.SHAREGPT),
    Format.SHAREGPT_PARQUET: (Container.PARQUET, Layout.SHAREGPT),
    Format.MESSAGES: (Container.JSONL, Layout.MESSAGES),
    Format.MESSAGES_JSON: (Container.JSON, Layout.MESSAGES),
    Format.MESSAGES_CSV: (Container.CSV, Layout.MESSAGES),
    Format.MESSAGES_PARQUET: (Container.PARQUET, Layout.MESSAGES),
    Format.CSV: (Container.CSV, Layout.ALPACA),
    Format.PARQUET: (Container.PARQUET, Layout.ALPACA),
}


def layout_named(format: str) -> Layout | None:
    """The layout of a format, by its name; None of one that this burnish does not know."""
    try:
        return Format(format).layout
    except ValueError:
        return None


def is_deep(value: object, room: int) -> bool:
    """True where objects and lists are nested more than `room` deep in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and (not room or any(is_deep(item, room - 1) for item in value))


def shown(value: object, length: int = 40) -> str:
    """A value as a one-line message may show it: hostile text is JSON in ASCII here, and cut."""
    text = json.dumps(value, default=str)
    return text if len(text) <= length else f"{text[:length]}..."
