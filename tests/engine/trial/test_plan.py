"""A trial's folder goes on only with what it was begun with."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.method.templates import TemplateName
from engine.trial.arms import named_file
from engine.trial.plan import LOCK, PLAN, TrialError, TrialPlan, keep_plan, trial_folder
from models.errors import UsageError

BEGUN = TrialPlan(
    student="sha256:1",
    base=None,
    template=TemplateName.VICUNA,
    context=2048,
    held_out=(3, 5),
    answers="a",
    rank=16,
    alpha=32,
    rate=2e-4,
    tokens=512,
    steps=30,
    arms={"original": "b", "refined": "c"},
    seeds=3,
)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    keep_plan(tmp_path, BEGUN)
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"student": "sha256:2"}, "another student;"),
        ({"held_out": (3,), "answers": "d"}, "another held out, answers;"),
        ({"arms": {"original": "b", "refined": "d"}}, "another data of refined;"),
        ({"rate": 1e-4, "steps": 31}, "another rate, steps;"),
    ],
)
def test_what_would_change_a_result_is_named(begun: Path, changes: dict[str, object], said: str) -> None:
    before = (begun / PLAN).read_bytes()
    with pytest.raises(TrialError, match=said):
        keep_plan(begun, BEGUN.model_copy(update=changes))
    assert (begun / PLAN).read_bytes() == before


def test_arms_and_seeds_may_join_and_those_of_before_are_kept(begun: Path) -> None:
    keep_plan(begun, BEGUN.model_copy(update={"arms": {"original": "b", "own": "d"}, "seeds": 5}))
    keep_plan(begun, BEGUN.model_copy(update={"seeds": 1}))
    kept = TrialPlan.model_validate_json((begun / PLAN).read_bytes())
    assert kept == BEGUN.model_copy(
        update={"arms": {"original": "b", "refined": "c", "own": "d"}, "seeds": 5}
    )


def test_one_that_cannot_be_read_is_left_alone(begun: Path) -> None:
    (begun / PLAN).write_text("{")
    with pytest.raises(TrialError, match="cannot be read"):
        keep_plan(begun, BEGUN)


def test_a_folder_has_one_burnish_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "w.trial"
    with (
        trial_folder(out),
        pytest.raises(TrialError, match="another burnish is training there"),
        trial_folder(out),
    ):
        pass
    assert out.stat().st_mode & 0o777 == 0o700
    with trial_folder(out):
        pass


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(TrialError, match="give --out another folder"),
        trial_folder(tmp_path / "file" / "w.trial"),
    ):
        pass


@pytest.mark.parametrize("name", [LOCK, PLAN, "base", "refined"])
def test_no_arm_is_called_what_else_is_in_the_folder(name: str) -> None:
    with pytest.raises(UsageError):
        named_file(f"{name}=data.json")
