"""What length does to the scores of a run is what one would count by hand over its outcomes."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.sample import Choice, Decision, EqualLength, Outcome, Sample, Stage, Verdict, Version
from engine.store.length_effect import FEW, Correlation, length_effect
from engine.store.workspace import Run, Workspace
from tests.factory import RECORD, SOURCE, choice, failed, outcome, recipe, review, scores


def text(length: int) -> str:
    return "é" * length


def samples(count: int, chance: random.Random) -> list[Sample]:
    versions = [Version(instruction="x", response=text(chance.choice((0, 3, 9, 80)))) for _ in range(count)]
    return [
        Sample(index=index, number=index, original=version, row={}) for index, version in enumerate(versions)
    ]


def made(sample: Sample, chance: random.Random) -> Outcome:
    """An outcome of chance: failures, unscorable versions and equal figures among them."""

    def number() -> float | None:
        return chance.choice((None, 0.5, chance.random()))

    before, choices = sample.original, []
    for stage in Stage:
        if chance.random() < 0.1:
            choices.append(failed(stage))
            continue
        rewrite = Version(instruction="x'", response=text(chance.choice((0, 3, 9, 80, 200))))
        margin = chance.choice((None, 0.0, chance.uniform(-1, 1)))
        verdict = Verdict.REPLACED if (margin or chance.choice((-1, 1))) > 0 else Verdict.KEPT
        equal = None
        if margin is not None and chance.random() < 0.8:
            equal = EqualLength(margin=chance.choice((margin, -margin)), scored=(3, 4))
        changes = {"margin": margin, "equal_length": equal, "rewrite": rewrite}
        choices.append(choice(stage, verdict, **changes))
        before = rewrite if verdict is Verdict.REPLACED else before
    sides = {side: scores(number(), number()) for side in ("before", "after")}
    return outcome(sample.index, *choices, final=before, **sides)


def filled(path: Path, count: int, seed: int) -> tuple[Workspace, Run, list[tuple[Sample, Outcome]]]:
    chance = random.Random(seed)
    all_samples = samples(count, chance)
    opened = Workspace.create(path, SOURCE, all_samples)
    run = opened.run(recipe(), RECORD)
    rows = [(sample, made(sample, chance)) for sample in all_samples if chance.random() < 0.95]
    for _, one in rows:
        opened.keep_outcome(run, one)
    return opened, run, rows


def correlation(pairs: Sequence[tuple[float | None, float | None]]) -> Correlation:
    known = [(x, y) for x, y in pairs if x is not None and y is not None]

    def ranks(values: list[float]) -> list[float]:
        return [
            sum(other < one for other in values) + sum(other <= one for other in values) for one in values
        ]

    sides = [ranks([pair[side] for pair in known]) for side in (0, 1)]
    told = len(known) >= FEW and all(len(set(side)) > 1 for side in sides)
    return Correlation(samples=len(known), spearman=statistics.correlation(*sides) if told else None)


def alike(found: Correlation, expected: Correlation) -> bool:
    if found.spearman is None or expected.spearman is None:
        return found == expected
    return found.samples == expected.samples and math.isclose(
        found.spearman, expected.spearman, abs_tol=1e-12
    )


def compared(rows: list[tuple[Sample, Outcome]], stage: Stage) -> list[tuple[Choice, float | None]]:
    """The choices of a stage, each with how much longer the rewrite's response is than what it was held against."""
    found = []
    for sample, one in rows:
        before = sample.original.response
        for made_choice in one.choices:
            after = made_choice.rewrite.response if made_choice.rewrite else None
            if made_choice.stage is stage:
                found.append((made_choice, math.log(len(after) / len(before)) if after and before else None))
            if after is not None and made_choice.verdict is Verdict.REPLACED:
                before = after
    return found


@pytest.mark.parametrize("seed", range(8))
def test_every_number_is_the_one_counted_by_hand(tmp_path: Path, seed: int) -> None:
    count = (0, 5, 30, 80)[seed % 4]
    opened, run, rows = filled(tmp_path / "w.burnish", count, seed)
    with opened:
        effect = length_effect(opened, run)
    for name in ("ifd", "r_ifd"):
        found = getattr(effect, name)
        before = [(len(sample.original.response), getattr(one.before, name).value) for sample, one in rows]
        after = [(len(one.final.response), getattr(one.after, name).value) for _, one in rows]
        assert alike(found.before, correlation(before))
        assert alike(found.after, correlation(after))
    for stage in Stage:
        choices = [(one, growth) for one, growth in compared(rows, stage) if one.margin is not None]
        margin = correlation([(growth, one.margin) for one, growth in choices])
        if not margin.samples:
            assert stage not in effect.stages
            continue
        of = effect.stages[stage]
        assert alike(of.margin, margin)
        unequal = [(one, growth) for one, growth in choices if growth]
        longer = [one for one, growth in unequal if (growth > 0) == (one.verdict is Verdict.REPLACED)]
        assert (of.compared, of.longer) == (len(unequal), len(longer))
        known = [
            (one.margin or 0, one.equal_length.margin) for one, _ in choices if one.equal_length is not None
        ]
        others = [one for one in known if (one[0] > 0) != (one[1] > 0)]
        assert (of.at_equal_length, of.others) == (len(known), len(others))


def test_of_few_samples_nothing_is_claimed_and_of_enough_it_is(tmp_path: Path) -> None:
    for count in (FEW - 1, FEW):
        rows = [
            Sample(index=n, number=n, original=Version(instruction="x", response=text(n + 1)), row={})
            for n in range(count)
        ]
        with Workspace.create(tmp_path / f"{count}.burnish", SOURCE, rows) as opened:
            run = opened.run(recipe(), RECORD)
            for n in range(count):
                both = scores(0.1 + n / 100, 0.5)
                opened.keep_outcome(run, outcome(n, final=rows[n].original, before=both, after=both))
            effect = length_effect(opened, run)
        expected = None if count < FEW else 1.0
        assert effect.ifd.before == Correlation(samples=count, spearman=expected)
        assert effect.r_ifd.before == Correlation(samples=count, spearman=None), (
            "what does not vary goes with nothing"
        )
        assert effect.stages == {}


def test_what_a_person_chose_counts_for_what_leaves(tmp_path: Path) -> None:
    rows = [
        Sample(index=n, number=n, original=Version(instruction="x", response=text(n + 1)), row={})
        for n in range(FEW)
    ]
    with Workspace.create(tmp_path / "w.burnish", SOURCE, rows) as opened:
        run = opened.run(recipe(), RECORD)
        for n in range(FEW):
            before, after = scores(0.1 + n / 100, 0.5), scores(0.9 - n / 100, 0.5)
            opened.keep_outcome(run, outcome(n, final=rows[n].original, before=before, after=after))
        assert length_effect(opened, run).ifd.after.spearman == pytest.approx(-1)
        for n in range(FEW):
            opened.reviews.keep(review(n, Decision.ORIGINAL, version=rows[n].original))
        assert length_effect(opened, run).ifd.after.spearman == pytest.approx(1)
