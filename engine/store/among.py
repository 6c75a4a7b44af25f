"""A part of a workspace's samples, as SQL is told of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeGuard

AMONG = "sample < :stop AND (:chosen IS NULL OR sample IN (SELECT value FROM json_each(:chosen)))"
"""SQL: `sample` is one of them."""


def is_beginning(samples: Sequence[int]) -> TypeGuard[range]:
    """True of the first samples, which need no list."""
    return isinstance(samples, range) and samples.start == 0 and samples.step == 1


def among(samples: Sequence[int]) -> dict[str, str | int | None]:
    """The values of `AMONG`."""
    if is_beginning(samples):
        return {"stop": samples.stop, "chosen": None}
    return {"stop": max(samples, default=-1) + 1, "chosen": json.dumps(list(samples))}
