"""Tests of many cases: some cases in every run, the others with `--whole` only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest


def in_part(
    names: str | tuple[str, ...], values: Iterable[Any], *, kept: int = 1, ids: Sequence[str] | None = None
) -> pytest.MarkDecorator:
    """`pytest.mark.parametrize`, where all but the first `kept` values take part with `--whole` only."""
    cases = [value if isinstance(names, tuple) else (value,) for value in values]
    return pytest.mark.parametrize(
        names,
        [
            pytest.param(*case, marks=() if place < kept else pytest.mark.whole)
            for place, case in enumerate(cases)
        ],
        ids=ids,
    )
