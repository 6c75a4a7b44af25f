"""What SQLite counts is what one would count by hand over the outcomes and a person's decisions."""

from __future__ import annotations

import math
import sqlite3
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sample import (
    Decision,
    Outcome,
    Review,
    Scores,
    Stage,
    Verdict,
    Version,
)
from engine.store import connection
from engine.store.distribution import Distribution, Flow, Growth, Spread, common_range, share_taking
from engine.store.leaving import ExportRule, TopShare, exported
from engine.store.run_record import RunRecord
from engine.store.workspace import Run, Workspace
from tests.factory import SOURCE, choice, failed, new_workspace, outcome, ratio, recipe, sample


@dataclass(frozen=True)
class Case:
    """A sample, with what the run and a person made of it."""

    original: Version
    outcome: Outcome | None
    review: Review | None

    @property
    def after(self) -> Scores | None:
        """The scores of what would leave now."""
        assert self.outcome is not None
        match self.review.decision if self.review else None:
            case Decision.ORIGINAL | Decision.DROPPED:
                return self.outcome.before
            case Decision.CHOSEN | Decision.EDITED:
                assert self.review is not None
                return self.review.scores
            case _:
                return self.outcome.after

    @property
    def leaves(self) -> Version:
        assert self.outcome is not None
        return self.review.version if self.review else self.outcome.final

    @property
    def verdicts(self) -> tuple[str | None, str | None]:
        assert self.outcome is not None
        of = {c.stage: "failed" if c.failure else str(c.verdict) for c in self.outcome.choices}
        return of.get(Stage.INSTRUCTION), of.get(Stage.RESPONSE)

    @property
    def rewritten(self) -> bool:
        match self.review.decision if self.review else None:
            case Decision.ORIGINAL | Decision.DROPPED:
                return False
            case Decision.CHOSEN | Decision.EDITED:
                return True
            case _:
                return "replaced" in self.verdicts


def ifd(scores: Scores | None) -> float | None:
    return scores.ifd.value if scores else None


def r_ifd(scores: Scores | None) -> float | None:
    return scores.r_ifd.value if scores else None


values = st.none() | st.sampled_from((0.25, 0.5, 0.999, 1.0, 1.5)) | st.floats(0.01, 3)
ratios = values.map(ratio)
scores = st.none() | st.builds(Scores, ifd=ratios, r_ifd=ratios)
versions = st.builds(Version, instruction=st.just("x"), response=st.text("ab ", min_size=0, max_size=40))


@st.composite
def cases(draw: st.DrawFn) -> list[Case]:
    drawn = []
    for index in range(draw(st.integers(0, 30))):
        outcome = review = None
        original = draw(versions)
        if draw(st.integers(0, 5)):
            choices = []
            for stage in Stage if draw(st.integers(0, 4)) else ():
                usable = draw(st.sampled_from((True, True, False)))
                choices.append(choice(stage, draw(st.sampled_from(Verdict))) if usable else failed(stage))
            outcome = Outcome(
                index=index,
                final=draw(versions),
                choices=tuple(choices),
                before=draw(scores),
                after=draw(scores),
            )
        if draw(st.booleans()):
            decision = draw(st.sampled_from(Decision))
            own = decision in (Decision.CHOSEN, Decision.EDITED)
            version = original if decision in (Decision.ORIGINAL, Decision.DROPPED) else draw(versions)
            review = Review(
                index=index, decision=decision, version=version, scores=draw(scores) if own else None
            )
        drawn.append(Case(original, outcome, review))
    return drawn


@contextmanager
def kept(drawn: list[Case]) -> Iterator[tuple[Workspace, Run]]:
    """The cases in a workspace, beside those of another run."""
    with tempfile.TemporaryDirectory() as folder:
        samples = [sample(n, original=case.original) for n, case in enumerate(drawn)]
        with Workspace.create(Path(folder) / "w.burnish", SOURCE, samples) as opened:
            opened.database.execute("PRAGMA synchronous = OFF")
            other, run = (
                opened.run(recipe(method="reflect"), RunRecord(settings={})),
                opened.run(recipe(), RunRecord(settings={})),
            )
            for index, case in enumerate(drawn):
                opened.keep_outcome(other, outcome(index, final=case.original))
                if case.outcome is not None:
                    opened.keep_outcome(run, case.outcome)
                if case.review is not None:
                    opened.reviews.keep(case.review)
            yield opened, run


def counted_of(drawn: list[Case]) -> list[Case]:
    """Those that a person did not drop: nothing counts the others."""
    return [case for case in drawn if case.review is None or case.review.decision is not Decision.DROPPED]


def measured(drawn: list[Case], measure: str) -> list[float | None]:
    """A measure of every finished sample."""
    return [MEASURED[measure](case) for case in drawn if case.outcome is not None]


def before(case: Case) -> Scores | None:
    assert case.outcome is not None
    return case.outcome.before


MEASURED: dict[str, Callable[[Case], float | None]] = {
    "ifd_before": lambda case: ifd(before(case)),
    "ifd_after": lambda case: ifd(case.after),
    "r_ifd_before": lambda case: r_ifd(before(case)),
    "r_ifd_after": lambda case: r_ifd(case.after),
    "length_before": lambda case: len(case.original.response),
    "length_after": lambda case: len(case.leaves.response),
}


def bin_of(value: float, low: float, high: float, bins: int) -> int:
    return max(0, min(bins - 1, int((value - low) / (high - low) * bins)))


@settings(max_examples=15, deadline=None)
@given(cases(), st.integers(1, 9), st.floats(0.1, 0.9), st.floats(0.1, 2))
def test_spreads_histograms_and_scatter_count_what_there_is(
    drawn: list[Case], bins: int, low: float, width: float
) -> None:
    high = low + width
    with kept(drawn) as (opened, run):
        drawn = counted_of(drawn)
        distribution = Distribution(opened, run)
        assert distribution.finished() == sum(case.outcome is not None for case in drawn)
        for measure in MEASURED:
            all = measured(drawn, measure)
            known = [value for value in all if value is not None]
            spread = distribution.spread(measure)
            assert (spread.count, spread.missing) == (len(known), len(all) - len(known))
            if known:
                assert (spread.low, spread.high) == (min(known), max(known))
                assert spread.median == pytest.approx(statistics.median(known))
            counted = Counter(bin_of(value, low, high, bins) for value in known)
            histogram = distribution.histogram(measure, low, high, bins)
            assert histogram.counts == tuple(counted[number] for number in range(bins))
            assert histogram.missing == len(all) - len(known)
        for score in ("ifd", "r_ifd"):
            sides = zip(measured(drawn, f"{score}_before"), measured(drawn, f"{score}_after"), strict=True)
            both = [side for side in sides if None not in side]
            medians = distribution.medians(score)
            assert medians.pairs == len(both)
            for median, values in zip((medians.before, medians.after), zip(*both, strict=True), strict=False):
                assert median == pytest.approx(statistics.median(values))
            assert both or (medians.before, medians.after) == (None, None)

        scatter = distribution.scatter("ifd_after", "r_ifd_after", (low, high), (low, high), bins, 4)
        cells: Counter[tuple[int, int]] = Counter()
        replaced: Counter[tuple[int, int]] = Counter()
        for case in drawn:
            if case.outcome and (x := ifd(case.after)) is not None and (y := r_ifd(case.after)) is not None:
                at = bin_of(y, low, high, 4), bin_of(x, low, high, bins)
                cells[at] += 1
                replaced[at] += case.rewritten
        for found, expected in ((scatter.all, cells), (scatter.replaced, replaced)):
            assert found == tuple(tuple(expected[row, column] for column in range(bins)) for row in range(4))


@settings(max_examples=15, deadline=None)
@given(cases())
def test_the_flow_and_the_growth_count_every_finished_sample_once(drawn: list[Case]) -> None:
    with kept(drawn) as (opened, run):
        drawn = counted_of(drawn)
        distribution = Distribution(opened, run)
        done = [case for case in drawn if case.outcome is not None]
        assert distribution.flow() == Flow(dict(Counter(case.verdicts for case in done)))
        rewritten = [case for case in done if case.rewritten]
        pairs = [
            (math.log(len(case.leaves.response) / len(case.original.response)), after - before)
            for case in rewritten
            if (after := ifd(case.after)) is not None
            and case.outcome is not None
            and (before := ifd(case.outcome.before)) is not None
            and case.leaves.response
            and case.original.response
        ]
        growth = distribution.growth()
        changes = [len(case.leaves.response) - len(case.original.response) for case in rewritten]
        assert (growth.rewritten, growth.longer, growth.shorter, growth.weighed) == (
            *(len(changes), sum(c > 0 for c in changes), sum(c < 0 for c in changes)),
            len(pairs),
        )
        if growth.correlation is not None:
            assert growth.correlation == pytest.approx(statistics.correlation(*zip(*pairs, strict=True)))


@settings(max_examples=20, deadline=None)
@given(cases(), st.floats(0.1, 1.6) | st.sampled_from((0.25, 0.5, 0.999, 1.0)))
def test_a_rule_keeps_as_many_as_the_export_writes(drawn: list[Case], threshold: float) -> None:
    with kept(drawn) as (opened, run):
        distribution = Distribution(opened, run)
        for rule in ExportRule:
            leaving = list(exported(opened, run, rule))
            assert distribution.kept_by(rule) == len(leaving), rule
            above = [
                item.sample.index
                for item in leaving
                if (value := _after(drawn[item.sample.index])) is not None and value >= threshold
            ]
            assert distribution.kept_by(rule, threshold) == len(above), rule
            if rule is ExportRule.TOP and (share := share_taking(len(above), distribution.remaining())):
                top = exported(opened, run, rule, share)
                assert [item.sample.index for item in top] == above, "the share takes what the threshold does"


def _after(case: Case) -> float | None:
    """The IFD of what would leave, also before the run has come to the sample."""
    if case.review is not None and case.review.decision in (Decision.CHOSEN, Decision.EDITED):
        return ifd(case.review.scores)
    return ifd(case.after) if case.outcome else None


@given(st.integers(0, 3_000_000), st.integers(1, 3_000_000))
def test_the_share_that_takes_a_count_takes_just_that(count: int, total: int) -> None:
    share = share_taking(count, total)
    if 0 < count <= total:
        assert share is not None
        assert share.of(total) == count
        assert TopShare.parse(f"{share.percent:.12g}%").of(total) == count, "as it is typed"
    else:
        assert share is None


def test_a_share_has_no_more_digits_than_it_needs() -> None:
    assert [share_taking(*pair) for pair in ((5, 20), (7, 24), (1, 3), (2, 2))] == [
        TopShare(percent=25),
        TopShare(percent=29),
        TopShare(percent=33),
        TopShare(percent=100),
    ]
    assert share_taking(1, 1000) == TopShare(percent=0.1)


def test_the_outermost_half_percent_does_not_widen_the_axis(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    with Workspace.open(new_workspace(path, 1000)) as opened:
        run = opened.run(recipe(), RunRecord(settings={}))
    scored = [0.001] * 5 + [0.3 + n / 10000 for n in range(990)] + [1e30] * 5
    with sqlite3.connect(path) as db:
        db.executemany(
            "INSERT INTO figures (run, sample, failed, near_tie, truncated, unscorable, ifd_before, length_before, "
            "length_after) VALUES (?, ?, 0, 0, 0, 0, ?, 1, 1)",
            [(run.id, n, value) for n, value in enumerate(scored)],
        )
    db.close()
    with Workspace.read(path) as opened:
        distribution = Distribution(opened, run)
        spread = distribution.spread("ifd_before")
        assert (spread.low, spread.high) == (0.3, 0.3989)
        assert spread.median == pytest.approx(0.34945)
        counts = distribution.histogram("ifd_before", 0.3, 0.4, 10).counts
        assert (counts[0], counts[9], sum(counts)) == (105, 95, 1000), "what lies outside is in the last bins"


def test_a_run_that_has_only_begun_has_nothing_to_show() -> None:
    with kept([Case(Version(instruction="x", response="y"), None, None)]) as (opened, run):
        distribution = Distribution(opened, run)
        nothing = Spread(0, 0, None, None, None)
        assert distribution.finished() == 0
        assert distribution.spread("ifd_after") == nothing
        assert common_range(nothing, nothing) == (0.0, 1.0)
        assert distribution.histogram("ifd_after", 0, 1, 3).counts == (0, 0, 0)
        assert distribution.flow() == Flow({})
        assert distribution.growth() == Growth(0, 0, 0, 0, None)
        assert [distribution.kept_by(rule) for rule in ExportRule] == [1, 0, 0, 0, 0]


def test_a_sqlite_without_logarithms_is_given_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_has_logarithms", lambda: False)
    versions = [Version(instruction="x", response="y" * length) for length in (0, 1, 100)]
    with kept([Case(v, outcome(n, final=v), None) for n, v in enumerate(versions)]) as (opened, run):
        spread = Distribution(opened, run).spread("log_length_after")
        assert (spread.count, spread.missing, spread.high) == (2, 1, math.log(100))


def test_one_value_alone_has_an_axis_around_it() -> None:
    alone = Spread(3, 0, 0.7, 0.7, 0.7)
    assert list(common_range(alone, Spread(0, 3, None, None, None))) == pytest.approx([0.2, 1.2])
    assert common_range(alone, Spread(2, 0, 0.2, 0.3, 0.9)) == (0.2, 0.9)
