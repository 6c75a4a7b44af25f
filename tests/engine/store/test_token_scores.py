"""S-IFD and RSR of a workspace's samples, from the losses that were stored while they were scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.method.scores import token_ratio
from engine.sample import Decision, Scores, Version
from engine.store.baselines import first_by_each
from engine.store.choosing import ChosenBy
from engine.store.leaving import ExportRule, TopShare, exported
from engine.store.token_scores import rsrs, s_ifds
from engine.store.workspace import Workspace
from models.student import Losses
from tests.factory import RECORD, SOURCE, outcome, ratio, recipe, review, sample


def losses(*nll: float) -> Losses:
    values = np.array(nll, np.float32)
    return Losses(values, np.ones(len(values), np.uint16), len(values), 999)


ALONE = losses(4, 4, 4, 4)
GIVEN = [losses(4, 4, 4, 2), losses(4, 4, 3.9, 3.9), losses(3, 3, 5, 3), losses(5, 5, 5, 5)]
"""Gains: one of 2; two of 0.1; three of 1 and one of -1; four of -1, so that |gain| has the median 1."""


def test_s_ifd_is_of_the_version_that_leaves_and_chooses_the_largest(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "w.burnish", SOURCE, [sample(index) for index in range(5)]) as opened:
        run = opened.run(recipe(), RECORD)
        edited = losses(4, 4, 0.5, 0.5)
        for index, given in enumerate(GIVEN):
            passages = {b"alone": ALONE, b"given": given, b"edited": edited, b"other": losses(1, 2)}
            opened.keep_losses(index, passages)
            both = Scores(ifd=token_ratio(ALONE, given).ratio, r_ifd=ratio(0.5))
            version = opened.sample(index).original
            opened.keep_outcome(run, outcome(index, final=version, before=both, after=both))
        known = s_ifds(opened, run)
        assert known == {0: pytest.approx(np.exp(-2))}, "no other token gains more than half of all do"
        assert first_by_each(opened, run)[ChosenBy.S_IFD].samples == 1
        scored = Scores(ifd=token_ratio(ALONE, edited).ratio, r_ifd=ratio(0.5))
        mine = Version(instruction="x", response="mine")
        opened.reviews.keep(review(1, Decision.EDITED, version=mine, scores=scored))
    with Workspace.read(tmp_path / "w.burnish") as reading:
        assert s_ifds(reading, run) == {0: pytest.approx(np.exp(-2)), 1: pytest.approx(np.exp(-3.5))}
        share = TopShare(count=1, by=ChosenBy.S_IFD)
        assert [one.sample.index for one in exported(reading, run, ExportRule.TOP, share)] == [0]
        more = replace(share, token_ratio=0.75)  # so that gains of 1 count, too
        assert [one.sample.index for one in exported(reading, run, ExportRule.TOP, more)] == [2]


def test_rsr_is_of_the_response_given_the_instruction_and_chooses_the_smallest(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "w.burnish", SOURCE, [sample(index) for index in range(3)]) as opened:
        run = opened.run(recipe(), RECORD)
        for index, ranks in enumerate(([1, 1, 1, 9], [1, 2, 2, 1], None)):
            given = replace(GIVEN[index], ranks=None if ranks is None else np.array(ranks, np.uint8))
            other = replace(losses(1, 2), ranks=np.array([7, 7], np.uint8))
            opened.keep_losses(index, {b"alone": ALONE, b"other": other, b"given": given})
            both = Scores(ifd=token_ratio(ALONE, given).ratio, r_ifd=ratio(0.5))
            version = opened.sample(index).original
            opened.keep_outcome(run, outcome(index, final=version, before=both, after=both))
        assert rsrs(opened, run) == {0: pytest.approx(12 / 14), 1: pytest.approx(6 / 15.8)}, (
            "of the third, no ranks"
        )
        share = TopShare(count=1, by=ChosenBy.RSR)
        assert [one.sample.index for one in exported(opened, run, ExportRule.TOP, share)] == [1]
