"""Selections of a run's samples are compared with random ones and the longest."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest

from engine.sample import Version
from engine.store.baselines import Baseline, FirstByMeasure, baselines, first_by_each
from engine.store.choosing import ChosenBy
from engine.store.leaving import ExportRule, TopShare, exported
from engine.store.workspace import Run, Workspace
from tests.factory import RECORD, SOURCE, outcome, recipe, sample, scores
from tui.text.choosing_words import baseline_facts


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Run]]:
    """A hundred responses of random length, whose IFD goes with it but for every fourth."""
    dice = random.Random(1)
    versions = [Version(instruction="x", response="y" * dice.randint(1, 900)) for _ in range(100)]
    samples = [sample(index, original=version) for index, version in enumerate(versions)]
    path = tmp_path_factory.mktemp("hundred") / "w.burnish"
    with Workspace.create(path, SOURCE, samples) as opened:
        run = opened.run(recipe(), RECORD)
        for index, version in enumerate(versions):
            both = scores(len(version.response) / 1000 if index % 4 else dice.random(), 0.5)
            opened.keep_outcome(run, outcome(index, final=version, before=both, after=both))
        yield opened, run


@pytest.mark.parametrize("by", [ChosenBy.IFD, ChosenBy.LOSS, ChosenBy.LENGTH, ChosenBy.RANDOM])
def test_a_selection_stands_beside_as_many_random_and_longest_samples(
    hundred: tuple[Workspace, Run], by: ChosenBy
) -> None:
    opened, run = hundred
    share, seed = TopShare(count=30, by=by), 3
    found = baselines(opened, run, ExportRule.TOP, share, seed)
    assert found is not None
    assert (found.among, found.by_chance) == (100, 9)

    def chosen(share: TopShare) -> dict[int, int]:
        rows = exported(opened, run, ExportRule.TOP, share)
        return {one.sample.index: len(one.version.response) for one in rows}

    own = chosen(share)
    assert found.chosen.length == pytest.approx(fmean(own.values()))
    for other, told in ((ChosenBy.RANDOM, found.random), (ChosenBy.LENGTH, found.longest)):
        expected = chosen(TopShare(count=30, by=other, seed=seed))
        assert (told is None) == (other is by)
        if told is not None:
            assert (told.samples, told.common) == (30, len(own.keys() & expected.keys()))
            assert told.length == pytest.approx(fmean(expected.values()))
    assert found.mostly_length == (by is ChosenBy.IFD)
    words = dict(baseline_facts(found))
    assert ("note" in words) == (by is ChosenBy.IFD)
    if by is ChosenBy.IFD:
        assert "of the 30 chosen are also among the 30 longest, where chance would bring 9" in words["note"]


def test_what_chooses_nothing_or_everything_has_no_baseline(hundred: tuple[Workspace, Run]) -> None:
    assert baselines(*hundred, ExportRule.ALL, None) is None
    assert baselines(*hundred, ExportRule.PAPER, None) is None
    assert baselines(*hundred, ExportRule.ALL, TopShare(count=100, by=ChosenBy.LENGTH)) is None


@pytest.mark.parametrize(
    ("chosen", "common", "mostly"), [(30, 20, True), (30, 19, False), (10, 10, False), (90, 86, True)]
)
def test_length_is_told_of_where_most_of_what_could_be_shared_beyond_chance_is(
    hundred: tuple[Workspace, Run], chosen: int, common: int, mostly: bool
) -> None:
    """Of 30 chance brings 9, so that 20 of 30 are more than half of the other 21; of 10, nothing is told."""
    found = baselines(*hundred, ExportRule.TOP, TopShare(count=chosen))
    assert found is not None
    longest = Baseline(samples=chosen, length=500, common=common)
    assert found.model_copy(update={"longest": longest}).mostly_length == mostly


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
    assert set(found) == set(ChosenBy) - {ChosenBy.MARGIN, ChosenBy.S_IFD, ChosenBy.RSR}, (
        "no rewrite, and no loss is stored"
    )
    assert all(one.samples == 2 for one in found.values())
    longest = found[ChosenBy.LENGTH]
    assert longest.length == 39.5
    assert longest.common[ChosenBy.IFD] == found[ChosenBy.IFD].common[ChosenBy.LENGTH] == 1
    assert longest.common[ChosenBy.LOSS] == 0
    assert found[ChosenBy.LOSS] == FirstByMeasure(samples=2, length=1.5, common=found[ChosenBy.LOSS].common)
