"""A run of several candidates, and the same replies chosen among by another measure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.method.candidates import CandidatesBy
from engine.report.reproduce import commands
from engine.run import session
from engine.sample import Version
from engine.store.workspace import Workspace
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, outcomes, refine, settings, workspace
from tui.text.tables import workspace_facts


def first_rewrites(opened: Workspace) -> list[Version]:
    found = [outcome.choices[0].rewrite for outcome in outcomes(opened) if outcome]
    return [rewrite for rewrite in found if rewrite]


def test_another_measure_chooses_among_the_replies_that_are_there(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    others = [*CandidatesBy] if pytestconfig.getoption("--whole") else [CandidatesBy.LENGTH]
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[1:2]) as opened:
        given = settings(server, run={"candidates": 3, "candidates_by": "rsr", "both_branches": True})
        refine(opened, given)
        run, asked = opened.latest_run(), len(server.chats)
        assert run.recipe.candidates_by is CandidatesBy.RSR
        told = dict(workspace_facts(opened.source(), run))
        assert "3 candidates, the best by RSR" in told["method"]
        again = " ".join(commands(opened.path, opened.source(), run))
        assert "--candidates 3 --candidates-by rsr" in again

        found = {CandidatesBy.RSR: first_rewrites(opened)}
        for by in others:
            choose = session.reselect(
                opened, given.student, lambda _: None, ask_teacher=False, otherwise={"candidates_by": by}
            )
            assert asyncio.run(choose).waiting == ()
            found[by] = first_rewrites(opened)
            assert (opened.latest_run().id == run.id) == (by is CandidatesBy.RSR)
        assert len(server.chats) == asked, "no reply is asked for"
        lengths = [len(rewrites[0].response) for rewrites in found.values()]
        assert len(found[CandidatesBy.LENGTH][0].response) == max(lengths)
        assert found[CandidatesBy.LENGTH] != found[CandidatesBy.RSR]
