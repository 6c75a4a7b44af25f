"""The rows that no arm is trained on: whole rows, and nothing like them is trained on either."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

import numpy as np

from engine.examine.duplicates import Duplicates
from engine.sample import History, Version
from models.errors import UsageError

Text = tuple[Version, History]
"""An exchange, and what was said before it."""


def share_of(share: str, rows: int) -> int:
    """The number of rows that `10%` or `50` is; `UsageError` for anything else, or where none is left to train on."""
    number, percent = share.strip().removesuffix("%"), share.strip().endswith("%")
    try:
        value = float(number) if percent else int(number)
    except ValueError:
        value = 0
    if not 0 < value < (100 if percent else float("inf")):
        raise UsageError(
            f"--held-out {share}: expected a share of the rows such as 10%, or a count such as 50"
        )
    count = max(round(rows * value / 100), 1) if percent else int(value)
    if count >= rows:
        raise UsageError(f"--held-out {share}: of {rows} rows none would be left to train on")
    return count


def clusters(rows: Sequence[int], texts: Iterable[tuple[int, Text]]) -> list[list[int]]:
    """Rows of which some text is like another's, directly or through others, together; in order."""
    first = {row: row for row in rows}

    def root(row: int) -> int:
        while first[row] != row:
            first[row] = row = first[first[row]]
        return row

    of_text = []
    with closing(Duplicates()) as duplicates:
        for row, text in texts:
            of_text.append(row)
            duplicates.add(*text)
        for found in duplicates.found():
            low, high = sorted((root(of_text[found.sample]), root(of_text[found.of])))
            first[high] = low
    together: dict[int, list[int]] = {}
    for row in sorted(first):
        together.setdefault(root(row), []).append(row)
    return list(together.values())


def held_out(found: Sequence[Sequence[int]], wanted: int, seed: int) -> set[int]:
    """At most `wanted` rows, whole clusters by chance; one that is larger than what is left is passed over."""
    rows: set[int] = set()
    for at in np.random.default_rng(seed).permutation(len(found)).tolist():
        if len(rows) + len(found[at]) <= wanted:
            rows.update(found[at])
    return rows


def like_held_out(held: Sequence[Text], others: Sequence[Text]) -> set[int]:
    """The places of those others that are like something held out.

    A cluster joins a text to the first that it is like and no further one, so this is asked again of what would be
    learnt; with what is held out in front, whatever is like it is found to be.
    """
    with closing(Duplicates()) as duplicates:
        for text in (*held, *others):
            duplicates.add(*text)
        return {one.sample - len(held) for one in duplicates.found() if one.of < len(held) <= one.sample}
