"""Scores that are made of token losses, of what would leave of each sample: S-IFD and RSR.

They are worked out once for an open workspace, not kept: every token of every sample counts for S-IFD's quantile. From
then on queries know them as `computed(name, :run, sample)`. A sample whose losses, or their ranks, are not stored has
none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from engine.method.rsr import RankedLosses, rank_surprisal_ratio
from engine.method.scores import mean_loss
from engine.method.selective_ifd import TOKEN_RATIO, AllGains, gains_of
from engine.sample import Ratio
from engine.store.choosing import ChosenBy
from engine.store.dropped import DROPPED
from engine.store.leaving_view import LEAVING
from engine.store.workspace import WINDOW, Run, Workspace


def s_ifds(workspace: Workspace, run: Run, ratio: float = TOKEN_RATIO) -> Mapping[int, float]:
    """S-IFD by sample, over this share of all tokens."""
    database, known = workspace.database, (s_ifd_name(ratio), run.id)
    if known not in database.computed:
        samples = []
        with AllGains() as gains:
            for sample, score in _scored(workspace, run):
                query = "SELECT nll FROM losses WHERE sample = ? AND length(nll) >= ?"
                rows = database.execute(query, sample, 4 * _tokens(score))
                with database.understood():
                    found = gains_of(score, (np.frombuffer(nll, np.float32) for (nll,) in rows))
                if found is not None:
                    samples.append(sample)
                    gains.add(found)
            scores = zip(samples, gains.scores(ratio), strict=True)
            database.computed[known] = {sample: score for sample, score in scores if score is not None}
    return database.computed[known]


def rsrs(workspace: Workspace, run: Run) -> Mapping[int, float]:
    """RSR by sample, of the response given the instruction."""
    database, known = workspace.database, (ChosenBy.RSR.value, run.id)
    if known not in database.computed:
        found = {}
        for sample, score in _scored(workspace, run):
            ranked = _ranked(workspace, sample, score)
            if ranked is not None and (rsr := rank_surprisal_ratio([ranked])) is not None:
                found[sample] = rsr
        database.computed[known] = found
    return database.computed[known]


def s_ifd_name(ratio: float) -> str:
    """The name in queries of S-IFD over a share of all tokens."""
    return f"{ChosenBy.S_IFD} {ratio!r}"


def _scored(workspace: Workspace, run: Run) -> Iterator[tuple[int, Ratio]]:
    """The samples that have an IFD and were not dropped, with it."""
    query = (
        f"SELECT sample, ifd_ratio FROM {LEAVING} WHERE sample > :last AND ifd_after IS NOT NULL "
        f"AND sample NOT IN {DROPPED} ORDER BY sample LIMIT :window"
    )
    for sample, body in workspace.database.walk(query, WINDOW, run=run.id):
        yield sample, workspace.database.parsed(Ratio.model_validate, body)


def _tokens(score: Ratio) -> int:
    return score.given.scored if score.given is not None else 0


def _ranked(workspace: Workspace, sample: int, score: Ratio) -> RankedLosses | None:
    """The ranks and losses of the response after its context: of the passage that has the score's mean loss."""
    tokens = _tokens(score)
    query = "SELECT ranks, nll FROM losses WHERE sample = ? AND ranks IS NOT NULL AND length(nll) >= ?"
    for ranks, nll in workspace.database.execute(query, sample, 4 * max(tokens, 1)):
        with workspace.database.understood():
            losses = np.frombuffer(nll, np.float32)[:tokens]
            if score.given is not None and mean_loss(losses, tokens) == score.given.mean:
                return np.frombuffer(ranks, np.uint8)[:tokens], losses
    return None
