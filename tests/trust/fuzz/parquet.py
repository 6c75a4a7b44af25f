"""Parquet files: of every type of column, and damaged."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.trust.fuzz import datasets
from tests.trust.fuzz.mutation import mutated

DAY = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
EXTRA: tuple[tuple[Any, Any], ...] = (
    (pa.timestamp("ns"), 2**62),
    (pa.timestamp("us", "Europe/Berlin"), DAY),
    (pa.timestamp("us", "Nowhere/Nothing"), DAY),
    (pa.timestamp("s"), 2**40),
    (pa.timestamp("ms"), -(2**60)),
    (pa.date32(), 2**30),
    (pa.date64(), 2**50),
    (pa.time64("ns"), 1),
    (pa.time32("s"), 90_000),
    (pa.duration("s"), 2**62),
    (pa.duration("ns"), 1),
    (pa.decimal128(38, 10), Decimal("1.5")),
    (pa.binary(), b"\xff\0"),
    (pa.large_string(), "text"),
    (pa.float16(), 1.5),
    (pa.float64(), float("nan")),
    (pa.uint64(), 2**64 - 1),
    (pa.list_(pa.list_(pa.int8())), [[1], None]),
    (pa.map_(pa.string(), pa.int32()), [("a", 1), ("a", 2)]),
    (pa.struct([("x", pa.string()), ("x", pa.string())]), None),
    (pa.struct([("x", pa.struct([("y", pa.int8())]))]), {"x": {"y": 1}}),
    (pa.dictionary(pa.int8(), pa.string()), "a"),
    (pa.null(), None),
)


@cache
def _whole(number: int, packing: str) -> bytes:
    """A sound file: a column of an unusual type beside the texts, or rows of turns."""
    if number < len(EXTRA):
        kind, value = EXTRA[number]
        column = (
            pa.array([value, None], kind)
            if not pa.types.is_dictionary(kind)
            else pa.array([value] * 2).cast(kind)
        )
        if pa.types.is_struct(kind) and value is None:
            column = pa.nulls(2, kind)
        table = pa.table({"instruction": ["Say a.", "Say b."], "output": ["a", "b"], "extra": column})
    elif number == len(EXTRA):
        table = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["instruction", "output", "output"])
    else:
        table = pa.Table.from_pylist(
            [{"conversations": row["conversations"][-2:]} for row in datasets.SHAREGPT]
        )
    out = io.BytesIO()
    pq.write_table(table, out, compression=packing)
    return out.getvalue()


def make(dice: Random) -> bytes:
    found = _whole(dice.randint(0, len(EXTRA) + 1), dice.choice(("none", "snappy", "zstd")))
    return (
        mutated(found, dice, (b"PAR1", b"\x15\x00", b"\x19\x4c", b"\x18\x06schema"))
        if dice.randint(0, 9)
        else found
    )


def judge(case: bytes, folder: Path) -> bool:
    return datasets.judge(case, folder)
