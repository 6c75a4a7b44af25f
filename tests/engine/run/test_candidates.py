"""A run of several candidates, and the same replies chosen among by another measure."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.method.candidates import CandidatesBy
from engine.report.reproduce import commands
from engine.run import session
from engine.sample import Version
from engine.store.workspace import Workspace
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, outcomes, refine, settings, workspace
from tui.text.tables import workspace_facts


def first_rewrites(opened: Workspace) -> list[Version | None]:
    return [outcome.choices[0].rewrite if outcome else None for outcome in outcomes(opened)]


def test_every_measure_chooses_among_the_replies_that_are_there(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:3]) as opened:
        given = settings(server, run={"candidates": 3, "candidates_by": "rsr", "both_branches": True})
        refine(opened, given)
        run, asked = opened.latest_run(), len(server.chats)
        assert run.recipe.candidates_by is CandidatesBy.RSR
        found = {CandidatesBy.RSR: first_rewrites(opened)}
        for by in CandidatesBy:
            chosen = {"candidates_by": by}
            choose = session.reselect(
                opened, given.student, lambda _: None, ask_teacher=False, otherwise=chosen
            )
            summary = asyncio.run(choose)
            assert summary.waiting == ()
            again = found.setdefault(by, first_rewrites(opened))
            assert first_rewrites(opened) == again
            assert (opened.latest_run().id == run.id) == (by is CandidatesBy.RSR)
        assert len(server.chats) == asked, "no reply is asked for"
        for sample in range(3):
            offered = [rewrites[sample] for rewrites in found.values()]
            lengths = [len(version.response) for version in offered if version is not None]
            longest = found[CandidatesBy.LENGTH][sample]
            assert longest is not None
            assert len(longest.response) == max(lengths)
            assert len({version.response for version in offered if version is not None}) > 1


def test_the_choice_is_told_and_taken_up_and_of_one_candidate_it_is_the_paper_s(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = settings(server, run={"candidates": 2, "candidates_by": "loss"})
        refine(opened, given)
        run, asked = opened.latest_run(), len(server.chats)
        refine(opened, given)
        assert (opened.latest_run().id, len(server.chats)) == (run.id, asked)
        told = dict(workspace_facts(opened.source(), run))
        assert "2 candidates, the best by loss" in told["method"]
        assert "--candidates 2 --candidates-by loss" in " ".join(commands(opened.path, opened.source(), run))

        refine(opened, settings(server, run={"candidates_by": "loss"}))
        alone = opened.latest_run()
        refine(opened, settings(server))
        assert opened.latest_run().id == alone.id, "of one candidate there is nothing to choose among"
        assert "candidates" not in dict(workspace_facts(opened.source(), alone))["method"]
