"""A trial's folder is read while the command writes to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.events import Started
from engine.judge.events import Answered
from engine.trial.events import TrialEvent
from engine.trial.judging import Emit
from engine.trial.kept import RESULT, kept_trial
from engine.trial.part_progress import PROGRESS, PartProgress, keeping_progress
from engine.trial.plan import PLAN, TrialError
from models.training.job import LOSSES
from tests.trial_scene import BETTER_BY, SEEDS, STEPS, train, trial_scene


def test_a_trial_is_read_as_it_grows_and_not_again_where_nothing_was_written(tmp_path: Path) -> None:
    assert kept_trial(tmp_path / "nowhere") is None
    folder = trial_scene(tmp_path / "w.burnish", steps_done=STEPS + 2)
    (folder / "refined" / "x").mkdir()
    (folder / "refined" / "x" / LOSSES).touch()
    found = kept_trial(folder)
    assert found is not None
    assert [(one.arm, one.seed, len(one.losses), one.done) for one in found.trainings] == [
        ("original", 1, STEPS, True),
        ("refined", 1, 2, False),
    ]
    assert (found.trained, found.total, found.evaluated) == (1, len(BETTER_BY) * SEEDS, 0)
    assert kept_trial(folder, found) is found
    train(folder / "refined" / "1", "refined", 1, 3)
    with (folder / "refined" / "1" / LOSSES).open("a") as file:
        file.write('{"step": 4, "lo')
    grown = kept_trial(folder, found)
    assert grown is not None
    assert len(grown.of_arm("refined")[0].losses) == 3
    assert grown.of_arm("random") == []


def test_how_far_the_answers_have_come_is_kept_until_they_are_there(tmp_path: Path) -> None:
    folder, told = trial_scene(tmp_path / "w.burnish"), list[TrialEvent]()

    def progress() -> PartProgress | None:
        found = kept_trial(folder)
        assert found is not None
        return found.progress

    @contextmanager
    def at_work(part: str) -> Iterator[Emit]:
        assert part == "answers"
        yield told.append

    def stopped() -> None:
        with keeping_progress(folder, at_work, "answers") as emit:
            emit(Started(total=10, done=4, failed=0, stages=()))
            assert progress() == PartProgress(part="answers", done=4, total=10)
            emit(Answered(4, None))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert progress() == PartProgress(part="answers", done=4, total=10), "it is written once a second"
    assert (folder / PROGRESS).stat().st_mode & 0o777 == 0o600
    with keeping_progress(folder, at_work, "answers") as emit:
        emit(Started(total=10, done=10, failed=0, stages=()))
    assert progress() is None
    assert len(told) == 3
    (folder / PROGRESS).write_text("{")
    assert progress() is None


def test_a_trial_that_is_done_has_its_result_and_one_that_is_spoilt_says_so(tmp_path: Path) -> None:
    folder = trial_scene(tmp_path / "w.burnish")
    found = kept_trial(folder)
    assert found is not None
    assert found.result is not None
    assert (found.trained, found.evaluated) == (found.total, found.total + 1)
    assert list(found.result.arms) == list(BETTER_BY)
    plan = json.loads((folder / PLAN).read_text())
    (folder / RESULT).write_text("{}")
    with pytest.raises(TrialError, match=r"result\.json: cannot be read; the same burnish trial command"):
        kept_trial(folder, found)
    (folder / PLAN).write_text(json.dumps(plan | {"arms": {"../elsewhere": "a"}}))
    with pytest.raises(TrialError, match=r"trial\.json: cannot be read"):
        kept_trial(folder)
