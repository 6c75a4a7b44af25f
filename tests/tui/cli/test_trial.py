"""`burnish trial`: what it refuses at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.training import process
from tests.command import burnish
from tests.scene import scene


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is installed; nothing trains."""
    monkeypatch.setattr(process, "PACKAGES", ())


def test_what_is_missing_is_named_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PACKAGES", ("no_such_package", "json", "nor_this"))
    ended = burnish("trial", scene(tmp_path), "--student", "demo")
    assert ended.code == 2
    assert ended.complaint == (
        "burnish: training needs no_such_package, nor_this: pip install 'burnish[trial]'"
    )


@pytest.mark.usefixtures("no_training")
def test_what_makes_no_sense_is_refused_in_one_line(tmp_path: Path) -> None:
    path = scene(tmp_path)
    (taken := tmp_path / "taken").mkdir()
    (taken / "thesis.txt").write_text("mine")
    for options, said in (
        ((), "give --student"),
        (("--student", "demo", "--arms", "refined"), "name it, too"),
        (("--student", "demo", "--arms", "original,best"), "no such arm, best"),
        (("--student", "demo", "--arm", "data.json"), "expected NAME=FILE"),
        (("--student", "demo", "--arm", "../x=data.json"), "expected NAME=FILE"),
        (("--student", "demo", "--arm", "refined=data.json"), "burnish's own"),
        (("--student", "demo", "--by", "length"), "goes with --top"),
        (("--student", "demo", "--reply-form", "json"), "go with --judge"),
        (("--student", "demo", "--judge", "openai:small"), "--judge-url"),
        (("--student", "demo", "--held-out", "all"), "--held-out all"),
        (("--student", "demo", "--base", tmp_path), "config.json"),
        (("--student", "demo", "--out", taken), "give --out another"),
    ):
        ended = burnish("trial", path, *options)
        assert ended.code in (1, 2)
        assert said in ended.err.splitlines()[-1]
    assert (taken / "thesis.txt").read_text() == "mine"
    assert not (tmp_path / "scene.trial").exists()
