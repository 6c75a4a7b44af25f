"""What selections of a run's samples have in common."""

from __future__ import annotations

from pathlib import Path

from engine.sample import Version
from engine.store.baselines import FirstByMeasure, first_by_each
from engine.store.choosing import ChosenBy
from engine.store.workspace import Workspace
from tests.factory import RECORD, SOURCE, outcome, recipe, sample, scores


def test_the_first_by_each_measure_are_counted_against_each_other(tmp_path: Path) -> None:
    """Of 40 samples, responses grow with the number, and IFD with it as well up to the last two."""
    versions = [Version(instruction="x", response="y" * (index + 1)) for index in range(40)]
    samples = [sample(index, original=version) for index, version in enumerate(versions)]
    with Workspace.create(tmp_path / "w.burnish", SOURCE, samples) as opened:
        run = opened.run(recipe(), RECORD)
        assert set(first_by_each(opened, run)) == {ChosenBy.LENGTH, ChosenBy.RANDOM}, "nothing is scored yet"
        for index in range(40):
            both = scores(0.5 + index / 100 if index < 39 else 1.2, 0.5)
            opened.keep_outcome(run, outcome(index, final=versions[index], before=both, after=both))
        found = first_by_each(opened, run)
    assert set(found) == set(ChosenBy) - {ChosenBy.MARGIN}, "nothing was rewritten"
    assert all(one.samples == 2 for one in found.values())
    longest = found[ChosenBy.LENGTH]
    assert longest.length == 39.5
    assert longest.common[ChosenBy.IFD] == found[ChosenBy.IFD].common[ChosenBy.LENGTH] == 1
    assert longest.common[ChosenBy.LOSS] == 0
    assert found[ChosenBy.LOSS] == FirstByMeasure(samples=2, length=1.5, common=found[ChosenBy.LOSS].common)
