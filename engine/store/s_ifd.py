"""S-IFD of what would leave of each sample, from the token losses that are stored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.method.selective_ifd import AllGains, gains_of
from engine.sample import Ratio
from engine.store.choosing import ChosenBy
from engine.store.leaving_view import LEAVING
from engine.store.workspace import WINDOW, Run, Workspace


def s_ifds(workspace: Workspace, run: Run) -> Mapping[int, float]:
    """S-IFD by sample, which queries know from then on as `computed('s-ifd', :run, sample)`.

    Every token of every sample counts for the quantile, so it is worked out once for an open workspace, not kept. A
    sample whose losses are not stored has none.
    """
    database, known = workspace.database, (ChosenBy.S_IFD.value, run.id)
    if known in database.computed:
        return database.computed[known]
    samples = []
    with AllGains() as gains:
        query = (
            f"SELECT sample, ifd_ratio FROM {LEAVING} WHERE sample > :last AND ifd_after IS NOT NULL "
            "ORDER BY sample LIMIT :window"
        )
        for sample, body in database.walk(query, WINDOW, run=run.id):
            score = database.parsed(Ratio.model_validate, body)
            scored = score.given.scored if score.given else 0
            rows = database.execute(
                "SELECT nll FROM losses WHERE sample = ? AND length(nll) >= ?", sample, 4 * scored
            )
            with database.understood():
                found = gains_of(score, (np.frombuffer(nll, np.float32) for (nll,) in rows))
            if found is not None:
                samples.append(sample)
                gains.add(found)
        scores = zip(samples, gains.scores(), strict=True)
        database.computed[known] = {sample: score for sample, score in scores if score is not None}
    return database.computed[known]
