"""The ratings of a workspace's samples in a few figures."""

from __future__ import annotations

from collections import Counter

from engine.sample import Frozen
from engine.store.dropped import DROPPED
from engine.store.leaving_view import LEAVING
from engine.store.ratings import LATEST
from engine.store.workspace import Run, Workspace


class RatingFigures(Frozen):
    """The latest rater's ratings of the samples that nobody dropped, before and after: of the originals, and of what
    would leave now. Means and changes are over the samples that have both."""

    judge: str  # its name
    samples: int  # with both
    without: int  # samples of which what would leave has no rating
    before: float | None  # the mean; None: no sample has both
    after: float | None
    better: int  # of the samples with both, those that a rewrite or an edit made better
    same: int
    worse: int
    scores: dict[int, int]  # samples by the rating of what would leave
    confidence: float | None  # the mean of all its ratings; None: the server gave none


def rating_figures(workspace: Workspace, run: Run) -> RatingFigures | None:
    """The figures as of now; None: nothing was rated."""
    database, rater = workspace.database, workspace.ratings.latest()
    if rater is None:
        return None
    ((confidence,),) = database.execute(
        f"SELECT avg(json_extract(body, '$.confidence')) FROM ratings WHERE rater = {LATEST}"
    )
    counted = database.execute(
        f"SELECT rating_before, rating_after, rewritten, count(*) FROM {LEAVING} "
        f"WHERE sample NOT IN {DROPPED} GROUP BY 1, 2, 3",
        run=run.id,
    )
    with database.understood():
        scores, changes = Counter[int](), Counter[int]()
        without = both = total_before = total_after = 0
        for before, after, rewritten, count in counted:
            if after is None:
                without += count
                continue
            scores[int(after)] += count
            if before is None:
                continue
            both += count
            total_before += before * count
            total_after += after * count
            if rewritten:
                changes[(after > before) - (after < before)] += count
        return RatingFigures(
            judge=rater.judge.name,
            samples=both,
            without=without,
            before=total_before / both if both else None,
            after=total_after / both if both else None,
            better=changes[1],
            same=changes[0],
            worse=changes[-1],
            scores=dict(sorted(scores.items(), reverse=True)),
            confidence=confidence,
        )
