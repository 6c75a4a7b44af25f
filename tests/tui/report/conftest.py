"""A workspace to report, and one of which every text is a trap."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.run.opening import open_workspace
from engine.sample import Annotation, Failure
from engine.store.workspace import Workspace
from models.teacher import Fault
from tests.running import dataset
from tests.scene import KINDS, outcome_of_kind, scene, started
from tests.tui.report.traps import MARK, TRAPS, judge

REWRITTEN = [kind for kind in KINDS if kind not in ("kept", "waiting")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = scene(tmp_path_factory.mktemp("scene"))
    with Workspace.open(path) as opened:
        opened.annotations.keep(5, Annotation(note="Ask Ines.\nTwice.", tags=("bad-fact", "tone")))
        opened.annotations.keep(6, Annotation(tags=("tone",)))
    return path


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which every text that may be shown is a trap, the models' names, replies and path included."""
    folder = tmp_path_factory.mktemp("trapped") / f"{MARK}<b>\u202e'&quot;"
    folder.mkdir()
    path = folder / "trap<i>.burnish"
    rows = [{"instruction": trap, "input": trap, "output": trap} for trap in TRAPS]
    with open_workspace(path, dataset(folder / "trap.json", rows), None, None) as opened:
        run = started(opened, TRAPS[0])
        for sample in list(opened.samples()):
            trap = TRAPS[sample.index]
            found = outcome_of_kind(sample, REWRITTEN[sample.index % len(REWRITTEN)])
            assert found is not None
            failure = Failure(fault=Fault.UNPARSABLE, message=trap)
            choices = tuple(
                choice.model_copy(
                    update={"critique": {trap: trap}, "failure": failure if choice.failure else None}
                )
                for choice in found.choices
            )
            opened.annotations.keep(sample.index, Annotation(note=trap, tags=(trap,)))
            opened.keep_outcome(run, found.model_copy(update={"choices": choices}))
    judge(path, TRAPS[0])
    return path
