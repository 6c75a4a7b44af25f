"""The screen of a trial: its way there, a command that trains meanwhile, and how its charts are drawn."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from rich.cells import cell_len

from engine.trial.kept import KeptTrial, kept_trial, mean_losses
from engine.trial.part_progress import PROGRESS, PartProgress
from engine.trial.plan import PLAN, trial_path
from engine.trial.results import Interval, Sides, TrialResult
from tests.hostile import acting
from tests.running import SHORT, workspace
from tests.trial_scene import BETTER_BY, SEEDS, STEPS, evaluate, judged_scene, train, trial_scene
from tests.tui.seat import Seat
from tui.screens.compare import screen as compare
from tui.screens.compare import trial_screen
from tui.screens.compare.arm_charts import loss_charts, verdict_charts
from tui.screens.compare.loss_curves import loss_curves
from tui.screens.compare.screen import CompareScreen
from tui.widgets.plot import GUTTER


@pytest.mark.usefixtures("nothing_of_the_user_s")
def test_it_is_offered_once_there_is_a_trial_and_follows_it_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_screen, "EVERY", 0.1)
    monkeypatch.setattr(compare, "LOOK", 0.1)
    (folder := tmp_path / "a[/b]\x1b[2J\u202e").mkdir(parents=True)
    with workspace(path := folder / "w.burnish", SHORT):
        pass

    async def work(seat: Seat) -> None:
        await seat.until(lambda: seat.workbench.is_open)
        seat.app.action_go_compare()
        await seat.until(lambda: isinstance(seat.screen, CompareScreen))
        await seat.press("T")
        assert seat.notified("no trial in w.trial yet; in another terminal: burnish trial ")
        assert seat.notified("/w.burnish' --student BASE.gguf")
        trial_scene(path, steps_done=0)
        await seat.wait_for("T Trial")
        await seat.press("T")
        await seat.wait_for(
            "4 arms, 3 seeds, 60 steps each", "24 rows held out", "◌ 0 of 12 trainings done", "0/720"
        )
        kept = trial_path(path)
        train(kept / "refined" / "1", "refined", 1, 5)
        await seat.wait_for("seed 1/3 step 5/60", "; if the trial was stopped, the same command continues it")
        for arm, seed in product(BETTER_BY, range(1, SEEDS + 1)):
            train(kept / arm / str(seed), arm, seed, STEPS)
        await seat.wait_for("◌ 12 of 12 trainings done", "0/13")
        evaluate(kept)
        await seat.wait_for("✓ 12 trainings done and evaluated", "better than training on original", "┃", "●")
        (kept / PROGRESS).write_text(PartProgress(part="answers", done=3, total=120).model_dump_json())
        await seat.wait_for("done and evaluated  ◌ the arms answer what was held out  last step", "3/120")
        judged_scene(kept)
        (kept / PROGRESS).unlink()
        await seat.press("G")
        await seat.until(lambda: "the judge prefers its answers to original's" in seat.shown("#verdicts"))
        await seat.press("G")
        await seat.wait_for("longest  ", "seed 3/3 step 60/60")
        (kept / PLAN).write_text("{}")
        await seat.wait_for("✗", "trial.json", "cannot", "--out")
        assert not acting(seat.lines)
        (kept / PLAN).unlink()
        await seat.wait_for("no trial in w.trial yet")
        await seat.press("escape")
        assert isinstance(seat.screen, CompareScreen)

    Seat(path).play(work)


# How it is drawn


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> KeptTrial:
    folder = trial_scene(tmp_path_factory.mktemp("trial") / "w.burnish")
    judged_scene(folder)
    found = kept_trial(folder)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def result(trial: KeptTrial) -> TrialResult:
    assert trial.result is not None
    return trial.result


@pytest.mark.parametrize("width", [1, 50, 78, 116, 196])
def test_charts_keep_to_every_width(trial: KeptTrial, result: TrialResult, width: int) -> None:
    assert trial.judged is not None
    bars, curves = loss_charts(result, width).plain, loss_curves(trial, width).plain
    verdicts = verdict_charts(trial.judged, width).plain
    assert max(map(cell_len, f"{bars}\n{curves}\n{verdicts}".splitlines())) == width
    if width > 1:
        for arm, figures in result.arms.items():
            assert figures.losses.original is not None
            assert f"{figures.losses.original.mean:.3f} (" in bars
            assert all(arm in chart for chart in (bars, curves, verdicts))


def test_verdicts_are_scores_beside_1_that_show_an_interval_where_there_is_one(trial: KeptTrial) -> None:
    assert trial.judged is not None
    beside_base, beside_original = verdict_charts(trial.judged, 78).plain.split("beside ")[-2:]
    assert re.search(r"refined +│ +├─+●─+┤ +1\.583 \(1\.\d+ to 1\.\d+\)  \+17 =4 −3", beside_base)
    assert re.search(r"random +├─+┼─+●─+┤ +1\.125 ", beside_original)
    assert re.search(r"longest +●│? +1\.042  \+3 =19 −2", beside_original), (
        "of few decided pairs there is none"
    )
    only = trial.judged.model_copy(update={"beside": {"base": {}, "original": {}}})
    assert verdict_charts(only, 78).plain == "", "there was one arm"
    name = "[/]\x1b" + 90 * "字"
    judge = replace(trial.judged.judge, name=name)
    hostile = verdict_charts(trial.judged.model_copy(update={"judge": judge}), 78).plain.splitlines()
    assert not acting(hostile)
    assert max(map(cell_len, hostile)) == 78


@pytest.mark.parametrize(
    ("interval", "drawn"),
    [
        ((-0.2, -0.1, -0.05), "├─+●─+┤ +│ "),
        ((0.05, 0.1, 0.2), "│ +├─+●─+┤"),
        ((-0.1, 0.1, 0.2), "├─+┼─+●─+┤"),
        ((0, 0, 0), "●"),
    ],
)
def test_an_interval_is_a_line_beside_0_and_a_side_that_nothing_was_held_out_of_is_none(
    result: TrialResult, interval: tuple[float, float, float], drawn: str
) -> None:
    low, mean, high = interval
    sides = Sides(original=Interval(mean=mean, low=low, high=high), refined=None)
    arm = result.arms["refined"].model_copy(update={"beside_original": sides})
    text = loss_charts(result.model_copy(update={"arms": {"refined": arm}}), 78).plain
    of_original, of_refined = text.partition("The same less")[2].split("on refined answers")
    assert re.search(f"refined +{drawn} *[+-]0", of_original)
    assert re.search(r"refined +│ +-\s*\n", of_refined)


def test_a_curve_is_the_mean_of_the_seeds_that_came_so_far_and_what_is_no_number_is_a_gap(
    trial: KeptTrial,
) -> None:
    assert mean_losses([[3, 2, math.nan], [1, 2, math.inf, 4]]).tolist()[:2] == [2, 2]
    assert [math.isnan(loss) for loss in mean_losses([[3, math.nan], [1, math.inf, 4]])] == [
        False,
        True,
        False,
    ]
    plan = trial.plan.model_copy(update={"steps": 4})
    one = replace(trial.trainings[0], losses=(3.0, 2.0, math.nan, 1.0), seed=1)
    lines = loss_curves(replace(trial, plan=plan, trainings=[one]), 46).plain.splitlines()[2:8]
    columns = [
        "".join(column).strip("\u2800 ") for column in zip(*(line[GUTTER:] for line in lines), strict=True)
    ]
    quarter = len(columns) // 4
    drawn = [bool(column) for column in columns]
    assert all(drawn[: 2 * quarter])
    assert not any(drawn[2 * quarter : 3 * quarter])
    assert all(drawn[3 * quarter :])
    assert lines[0][GUTTER] != " "
    assert lines[-1].rstrip()[-1] != " "


def test_before_the_first_step_there_is_no_curve(trial: KeptTrial) -> None:
    assert loss_curves(replace(trial, trainings=[]), 80).plain == ""
