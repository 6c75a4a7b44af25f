"""The whole job from `burnish` alone, in a real terminal: a teacher, a real student, a person's edit, the export.

With --whole the teacher is the packaged model as well.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from engine.sample import Decision
from engine.store import leaving
from engine.store.workspace import Workspace
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, TEACHER, brief, dataset
from tests.terminal import Terminal

SETTINGS = """
[teacher]
name = "{teacher}"
host = "{host}"
context = 2048
max_tokens = 512

[student]
name = "demo"

[run]
reply_form = "{form}"
"""
ADDED = "I checked this myself. "


def begun(folder: Path, teacher: str, host: str, form: str) -> Terminal:
    """burnish before the dataset, with this teacher in its settings."""
    (folder / "config.toml").write_text(SETTINGS.format(teacher=teacher, host=host, form=form), "utf-8")
    return Terminal("data.json", folder=folder)


def weighed(path: Path) -> bool:
    """The student has scored the edit."""
    with Workspace.read(path) as workspace:
        review = workspace.reviews.standing(0)
        return review is not None and review.scores is not None


@pytest.mark.long
@in_part(("teacher", "form"), [(TEACHER, "json"), ("demo", "steps")], ids=["scripted", "real"])
def test_samples_are_refined_one_is_edited_and_what_was_decided_is_exported(
    tmp_path: Path, teacher: str, form: str
) -> None:
    rows = [SHORT[2]]  # which the demo's teacher rewrites
    dataset(tmp_path / "data.json", rows)
    with (
        FakeOllama(brief) as server,
        begun(tmp_path, teacher, server.url, form) as terminal,
    ):
        terminal.wait_for("a JSON array")
        terminal.wait_for("demo decides")
        terminal.press("ctrl+s")
        terminal.wait_for("1 of 1 sample", 300)

        terminal.press("2")
        terminal.wait_for(rows[0]["instruction"][:20])  # as much as fits beside its flags
        terminal.press("enter")
        terminal.wait_for("Sample 0")
        terminal.wait_for("not decided")
        terminal.press("e")
        terminal.wait_for("ctrl+s saves")
        terminal.press(*ADDED, "ctrl+s")
        terminal.wait_for("edited", 60)
        until = time.monotonic() + 60
        while not weighed(tmp_path / "data.burnish"):
            assert time.monotonic() < until
            terminal.read(0.2)
        terminal.press("escape")
        terminal.wait_for("1 sample")

        terminal.press("5")
        terminal.wait_for("1 of 1 samples would be written")
        terminal.press("w")
        terminal.wait_for("written 1 of 1")
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0

    exported = json.loads((tmp_path / "data-refined.json").read_text("utf-8"))
    with Workspace.read(tmp_path / "data.burnish") as workspace:
        run = workspace.latest_run()
        decided = [(row.sample, row.outcome, row.review) for row in leaving.exported(workspace, run)]
    ((_, outcome, review),) = decided
    assert outcome is not None
    assert review is not None
    assert review.decision is Decision.EDITED
    assert review.version.response == ADDED + outcome.final.response
    assert review.scores is not None
    assert outcome.after is not None
    assert review.scores.ifd.value != outcome.after.ifd.value
    assert [(row["instruction"], row["output"]) for row in exported] == [
        (outcome.final.instruction, review.version.response)
    ]
