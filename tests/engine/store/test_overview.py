"""The totals: every sample counted once, every failure under its own name, and medians of what there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.sample import Choice, Failure, Scores, Stage, Verdict
from engine.store.overview import Medians, StageCounts, overview
from engine.store.run_record import RunRecord
from engine.store.workspace import Run, Workspace
from models.teacher import Fault
from tests.factory import choice, failed, new_workspace, outcome, ratio, recipe, scores

NOTHING = Medians(
    ifd_pairs=0, ifd_before=None, ifd_after=None, r_ifd_pairs=0, r_ifd_before=None, r_ifd_after=None
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(new_workspace(tmp_path / "w.burnish", 8)) as opened:
        yield opened


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return workspace.run(recipe(), RunRecord(settings={}))


def cut(ifd: float, r_ifd: float | None) -> Scores:
    """Scores of an instruction whose end did not fit the student's context."""
    return Scores(ifd=ratio(ifd), r_ifd=ratio(r_ifd, truncated=True))


def unusable(stage: Stage, fault: Fault) -> Choice:
    return failed(stage, Failure(fault=fault, message="why"))


def keep(
    workspace: Workspace,
    run: Run,
    index: int,
    *choices: Choice,
    before: Scores | None = None,
    after: Scores | None = None,
) -> None:
    workspace.keep_outcome(run, outcome(index, *choices, before=before, after=after))


def test_a_run_that_has_only_begun_has_nothing_to_count(workspace: Workspace, run: Run) -> None:
    view = overview(workspace, run)
    assert (view.samples, view.done, view.failed) == (8, 0, 0)
    assert (view.stages, view.faults, view.unscorable, view.truncated) == ({}, {}, 0, 0)
    assert view.medians == NOTHING


def test_each_stage_counts_its_own_verdicts(workspace: Workspace, run: Run) -> None:
    first, second = Stage
    kept, replaced = Verdict.KEPT, Verdict.REPLACED
    keep(workspace, run, 0, choice(first, kept, near_tie=True), choice(second, replaced))
    keep(workspace, run, 1, choice(first, replaced), choice(second, replaced, near_tie=True))
    keep(workspace, run, 2, choice(first, replaced, near_tie=True), choice(second, kept))
    keep(workspace, run, 3, unusable(first, Fault.COPY), choice(second, kept))
    keep(workspace, run, 4, choice(first, kept, length_decides=True), choice(second, kept))
    view = overview(workspace, run)
    assert view.stages == {
        first: StageCounts(replaced=2, kept=2, failed=1, near_ties=2, length_decides=1),
        second: StageCounts(replaced=2, kept=3, failed=0, near_ties=1),
    }


def test_a_sample_that_failed_twice_is_one_sample_and_two_faults_the_commonest_first(
    workspace: Workspace, run: Run
) -> None:
    first, second = Stage
    keep(workspace, run, 0, unusable(first, Fault.COPY), unusable(second, Fault.CUT))
    keep(workspace, run, 1, choice(first, Verdict.KEPT), unusable(second, Fault.CUT))
    keep(workspace, run, 2, choice(first, Verdict.KEPT), choice(second, Verdict.KEPT))
    view = overview(workspace, run)
    assert (view.samples, view.done, view.failed) == (8, 3, 2)
    assert list(view.faults.items()) == [("cut", 2), ("copy", 1)]
    assert view.stages[second].kept == 1, "kept is what the student preferred, not what nobody could better"


def test_medians_before_and_after_are_over_the_same_samples(workspace: Workspace, run: Run) -> None:
    keep(workspace, run, 0, before=scores(0.1, 0.5), after=scores(0.2, None))
    keep(workspace, run, 3, before=scores(0.9, None), after=scores(0.6, None))
    keep(workspace, run, 5, before=scores(0.2, 0.7), after=scores(None, None))
    keep(workspace, run, 6)
    expected = {"ifd_pairs": 2, "ifd_before": 0.5, "ifd_after": 0.4}
    assert overview(workspace, run).medians == NOTHING.model_copy(update=expected)


def test_unscorable_and_truncated_count_samples_and_not_scores(workspace: Workspace, run: Run) -> None:
    keep(workspace, run, 0, before=scores(None, None), after=scores(None, None))
    keep(workspace, run, 1, before=scores(0.5, 0.5), after=scores(0.5, None))
    keep(workspace, run, 2, before=cut(0.5, 0.5), after=cut(0.5, 0.5))
    keep(workspace, run, 3, before=scores(0.5, 0.5), after=cut(0.5, 0.5))
    keep(workspace, run, 4, before=scores(0.5, 0.5), after=cut(0.5, None))
    keep(workspace, run, 5)
    view = overview(workspace, run)
    assert (view.unscorable, view.truncated) == (3, 3)


def test_only_this_run_is_counted(workspace: Workspace, run: Run) -> None:
    other = workspace.run(recipe(method="reflect"), RunRecord(settings={}))
    keep(workspace, other, 0, unusable(Stage.INSTRUCTION, Fault.COPY), before=scores(0.5, 0.5))
    assert overview(workspace, run).done == 0
    view = overview(workspace, other)
    assert (view.done, view.failed, view.faults) == (1, 1, {"copy": 1})
