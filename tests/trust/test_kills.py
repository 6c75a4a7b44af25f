"""kill -9 at any moment: the run is taken up again, ends as if nothing had happened, and nothing is paid for twice."""

from __future__ import annotations

import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from engine.store.workspace import Workspace
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, brief, demo_rows, finals, outcomes, refine, settings, workspace
from tests.trust.killing import KINDS, VICTIMS, Killing, Moment, Victim

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and the kernel's news of files")

KILLS = 200
ROWS = [
    SHORT[1],
    {
        "instruction": "Say something about tea, in one line.",
        "input": "",
        "output": "The tea is here, and it is slow.",
    },
    demo_rows(3)[2],
    {
        "instruction": "Say something about lamp, in one line.",
        "input": "",
        "output": "The lamp is here, and it is quick.",
    },
]
"""Whatever the shape of a batch, the student decides the same of these."""


def talk(*rows: dict[str, str]) -> dict[str, Any]:
    """One conversation of these rows' exchanges."""
    said = [
        (role, row[name]) for row in rows for role, name in (("user", "instruction"), ("assistant", "output"))
    ]
    return {"messages": [{"role": role, "content": text} for role, text in said]}


CONVERSATIONS = [talk(SHORT[2], SHORT[0]), talk(ROWS[1], demo_rows(2)[1])]
"""Likewise, of every exchange of these: four samples in two rows."""

FEW = (Moment("time", 0.1, "student"), Moment("file", 2))
"""The moments of one run."""


def many(dice: random.Random) -> Iterator[tuple[Moment, ...]]:
    """A student's death or two, and then the run's, for ever."""
    while True:
        students = [moment(dice, "student") for _ in range(dice.randint(0, 2))]
        yield (*students, moment(dice, "main"))


def moment(dice: random.Random, victim: Victim) -> Moment:
    match dice.choice((*KINDS, "file", "file")):  # which seldom come: a run changes its files only so often
        case "time":
            return Moment("time", dice.uniform(0.1, 2.0), victim)
        case "file":
            return Moment("file", dice.randint(1, 15), victim)
        case kind:
            return Moment(kind, dice.randint(1, 3), victim)


def undisturbed(folder: Path, rows: list[dict[str, Any]]) -> list[Any]:
    """The outcomes of a run over every exchange that nothing happens to."""
    with FakeOllama(brief, parallel=2) as server, workspace(folder / "whole.burnish", rows) as whole:
        run = {"turns": "all"}
        refine(whole, settings(server, teacher={"parallel": 2}, student={"name": "demo"}, run=run))
        found = outcomes(whole)
        margins = [abs(choice.margin or 0.0) for outcome in found if outcome for choice in outcome.choices]
        assert min(margins) > 0.2, "far from where the shape of a batch would decide"
        return finals(whole)


def life(
    folder: Path,
    rows: list[dict[str, Any]],
    plan: Iterator[Sequence[Moment]],
    enough: int,
    expected: list[Any],
) -> list[Moment]:
    """A workspace's runs until its work is done; the kills they suffered, after so many of which no more come."""
    folder.mkdir()
    kills: list[Moment] = []
    with Killing(folder, rows, "--turns", "all") as killing:
        code = -signal.SIGKILL
        while code:
            ended = killing.run(next(plan, ()) if len(kills) < enough else ())
            kills += ended.kills
            code = ended.code
            assert code in (0, 1, -signal.SIGKILL), ended.err
            if code == 1:  # no more than one restart for one passage: a person shall hear of it
                complaint = ended.err.splitlines()[-1]
                assert complaint.startswith("burnish: ")
                assert "was ended by SIGKILL" in complaint
        assert json.loads(ended.out)["done"] == len(expected)
        assert killing.left_behind() == set(), "no student outlives its run"
        assert {path.name for path in folder.iterdir()} <= {"data.json", "w.burnish", "w.burnish-lock"}

        with Workspace.read(killing.path) as killed:
            assert finals(killed) == expected
    return kills


@pytest.mark.long
@in_part("rows", [ROWS, CONVERSATIONS], ids=["samples", "exchanges"])
def test_kills_at_any_moment_change_nothing_and_no_committed_reply_is_asked_for_again(
    tmp_path: Path, pytestconfig: pytest.Config, rows: list[dict[str, Any]]
) -> None:
    expected = undisturbed(tmp_path, rows)
    if not pytestconfig.getoption("--whole"):
        assert life(tmp_path / "killed", rows, iter([FEW]), len(FEW), expected) == [*FEW]
        return
    plan, kills, lives = many(random.Random(200)), list[Moment](), 0
    while len(kills) < KILLS:
        kills += life(tmp_path / str(lives), rows, plan, KILLS - len(kills), expected)
        lives += 1
    print(
        f"{len(kills)} kills of {lives} runs:", Counter(f"{moment.victim} {moment.kind}" for moment in kills)
    )
    assert {(moment.kind, moment.victim) for moment in kills} == set(product(KINDS, VICTIMS))
