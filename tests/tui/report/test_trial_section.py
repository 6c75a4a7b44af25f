"""A trial in the report, on the page and in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.report.gather import gather
from engine.trial.judged import JUDGED
from engine.trial.kept import kept_trial
from tests import hostile
from tests.command import burnish
from tests.scene import scene
from tests.trial_scene import BETTER_BY, STEPS, judged_scene, trial_scene
from tests.tui.report.page_reader import Page, one_line, written
from tui.report.trial import POINTS, TOP, curves_picture
from tui.text.literal import literal


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a trial, judged."""
    path = scene(tmp_path_factory.mktemp("tried"))
    judged_scene(trial_scene(path))
    return path


def test_the_page_and_the_terminal_have_the_losses_the_verdicts_and_the_curves(tried: Path) -> None:
    html = written(tried)
    page, shown = Page(html), burnish("report", tried).out
    assert {"#trial"} <= {value for _, name, value in page.attributes if name == "href"}
    for text in (one_line(page.text), one_line(shown)):
        for said in (
            "60 steps of 512 tokens of answers, 3 seeds",
            "refined better than training on original: on original answers no difference shown",
            "refined original 24 17 4 3 1.583 1.292 to 1.833",
            "refined better: the judge prefers its answers to original's; beside base's: better",
            "71% of the advantage is gone where lengths are equal",
        ):
            assert said in text.replace("|", " ")
    assert html.count('<path class="steps" d="M') >= len(BETTER_BY)
    assert "▁" in shown


def test_without_a_trial_there_is_no_such_section_and_a_folder_that_is_named_must_hold_one(
    tried: Path, tmp_path: Path
) -> None:
    path = scene(tmp_path)
    assert gather(path, None).trial is None
    assert "Trial" not in burnish("report", path).out
    assert gather(path, None, trial=tried.with_suffix(".trial")).trial is not None
    refused = burnish("report", path, "--trial", tmp_path)
    assert refused.code == 2
    assert refused.complaint == f"burnish: --trial {tmp_path}: no trial's folder; burnish trial makes one"


def test_a_trial_at_work_is_told_as_far_as_it_is(tmp_path: Path) -> None:
    path = scene(tmp_path)
    trial_scene(path, STEPS + 1)
    text = one_line(burnish("report", path).out)
    assert "1 of 12 trainings are done: burnish trial goes on with the rest." in text
    found = kept_trial(path.with_suffix(".trial"))
    assert found is not None
    picture = curves_picture(found)
    assert picture is not None
    whole, begun = picture.curves
    assert (whole.arm, begun.arm) == ("original", "refined")
    assert whole.path.count("L") == STEPS - 1 < POINTS
    assert begun.path.startswith(f"M{begun.x:.1f} ")
    heights = [float(point.split()[-1]) for point in whole.path.split(" L")]
    assert all(TOP < height < whole.y for height in heights)


def test_a_judge_s_name_is_only_text(tmp_path: Path) -> None:
    path = scene(tmp_path)
    folder = trial_scene(path)
    judged_scene(folder)
    name = "<script>[/red]\u202e\x1b[31m{{ 7 * 7 }}"
    told = json.loads((folder / JUDGED).read_text("ascii"))
    told["judge"]["name"] = name
    (folder / JUDGED).write_text(json.dumps(told), "ascii")
    html, ended = written(path), burnish("report", path)
    assert "<script" not in html
    assert not hostile.acting((html + ended.out).replace("\t", " ").split("\n"))
    assert one_line(literal(name)) in one_line(Page(html).text)
