"""The samples that a person dropped: nothing is asked about them, no export has them, and no figure counts them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.store.database import Database

DROPPED_ROWS = (
    "(SELECT s.row FROM standing AS t JOIN samples AS s ON s.sample = t.sample WHERE t.decision = 'dropped')"
)
"""The rows of which a person dropped a sample, in SQL. No export has them: a conversation cannot lose an exchange."""

DROPPED = f"(SELECT s.sample FROM samples AS s WHERE s.row IN {DROPPED_ROWS})"
"""The samples that leave by no export, in SQL: those that a person dropped, and the other exchanges of their rows."""


def count_dropped(database: Database) -> int:
    """The number of samples in `DROPPED`."""
    ((count,),) = database.execute(f"SELECT count(*) FROM samples WHERE sample IN {DROPPED}")
    return int(count)


def is_dropped(database: Database, sample: int) -> bool:
    """True where a sample is in `DROPPED` now: a person may drop it while a run goes on."""
    ((found,),) = database.execute(
        "SELECT EXISTS (SELECT 1 FROM samples AS one JOIN samples AS other ON other.row = one.row "
        "JOIN standing AS t ON t.sample = other.sample WHERE one.sample = ? AND t.decision = 'dropped')",
        sample,
    )
    return bool(found)


def without_dropped(database: Database, samples: Sequence[int]) -> Sequence[int]:
    """Those of some samples that are not in `DROPPED`, in their order."""
    dropped = {
        sample for (sample,) in database.execute(f"SELECT sample FROM samples WHERE sample IN {DROPPED}")
    }
    if not dropped:
        return samples  # as they are: of the first ones SQL needs no list
    return [sample for sample in samples if sample not in dropped]
