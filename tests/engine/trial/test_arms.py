"""Each arm learns from its own samples, and none from what is held out."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sample import Decision
from engine.store.leaving import ExportRule, TopShare
from engine.store.workspace import Workspace
from engine.trial.arms import ARMS, Exchange, TrialSample, arms_of, file_exchanges, samples_of
from models.errors import UsageError
from tests.engine.trial.rows import ROWS
from tests.factory import review
from tests.running import dataset
from tests.scene import scene

RULE = ExportRule.PAPER


def samples(folder: Path, rule: ExportRule = RULE, share: TopShare | None = None) -> list[TrialSample]:
    """Of three samples two are replaced; the last three wait, and a person dropped the first."""
    kinds = [*("replaced", "kept", "replaced") * 9, "waiting", "waiting", "waiting"]
    path = scene(folder, ROWS, kinds, reviewed=False)
    with Workspace.open(path) as opened:
        opened.reviews.keep(review(0, Decision.DROPPED, version=opened.sample(0).original))
        return samples_of(opened, opened.latest_run(), rule, share)


def rows_of(exchanges: list[Exchange]) -> set[str]:
    """By which rows: each of them names its number."""
    return {one.version.response.partition(" is number ")[2].split()[0] for one in exchanges}


def test_the_samples_are_those_that_are_finished_and_not_dropped(tmp_path: Path) -> None:
    found = samples(tmp_path)
    assert [sample.index for sample in found] == list(range(1, 27))
    assert [sample.index for sample in found if sample.by_rule] == [n for n in range(1, 27) if n % 3 != 1]
    assert all((one.refined == one.original) == (one.index % 3 == 1) for one in found)


def test_no_arm_learns_from_what_is_held_out(tmp_path: Path) -> None:
    found = samples(tmp_path)
    own = [found[0].original, *(sample.refined for sample in found[-9:])]
    arms = arms_of(found, ARMS, {"own": own}, "5")
    assert len(arms.rows) == len(arms.held_out) == 5
    held = rows_of([sample.original for sample in arms.held_out])
    assert all(not held & rows_of(exchanges) for exchanges in arms.exchanges.values())
    assert len(arms.exchanges["original"]) == 21
    refined, longest, chance = (arms.exchanges[name] for name in ("refined", "longest", "random"))
    assert len(refined) == len(longest) == len(chance) < 21
    learnt = [sample.refined for sample in found if sample.row not in arms.rows]
    assert {id(one) for one in chance} <= {id(one) for one in learnt}
    shortest = min(len(one.version.response) for one in longest)
    assert sum(len(one.version.response) > shortest for one in learnt) < len(longest)
    assert arms.alike["own"] == 10 - len(arms.exchanges["own"])
    assert arms.same == ()
    assert arms_of(found, ARMS, {}, "5").rows == arms.rows


def test_a_row_that_is_like_one_held_out_is_held_out_with_it_or_left_out_of_a_file(tmp_path: Path) -> None:
    rows = [*ROWS[:9], *({**row, "output": row["output"] + " Yes."} for row in ROWS[:9])]
    path = scene(tmp_path, rows, ("kept",), reviewed=False)
    with Workspace.read(path) as opened:
        found = samples_of(opened, opened.latest_run(), ExportRule.ALL, None)
    file = dataset(tmp_path / "file.json", [{**row, "output": row["output"] + " No."} for row in ROWS[:9]])
    arms = arms_of(found, ("original",), {"file": file_exchanges(file, lambda _: None)}, "6")
    assert len(arms.rows) == 6
    assert {row % 9 for row in arms.rows if row < 9} == {row % 9 for row in arms.rows if row >= 9}
    assert arms.alike == {"original": 0, "file": 3}


def test_random_and_longest_are_not_trained_where_the_rule_takes_all(tmp_path: Path) -> None:
    arms = arms_of(samples(tmp_path, ExportRule.ALL), ARMS, {}, "10%")
    assert arms.same == ("random", "longest")
    assert list(arms.exchanges) == ["original", "refined"]


def test_data_that_is_one_cluster_cannot_be_held_out_in_part(tmp_path: Path) -> None:
    path = scene(tmp_path, ROWS[:1] * 6, ("kept",), reviewed=False)
    with Workspace.read(path) as opened:
        found = samples_of(opened, opened.latest_run(), ExportRule.ALL, None)
    with pytest.raises(UsageError, match="too much alike"):
        arms_of(found, ARMS, {}, "2")
