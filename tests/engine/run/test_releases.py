"""A run against an Ollama of today and of before 0.30, which order a reply's fields differently."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sample import Verdict
from tests.ollama.releases import RELEASES, Release
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, outcomes, refine, settings, workspace


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_a_run_is_whole_on_every_release(tmp_path: Path, release: Release) -> None:
    with (
        FakeOllama(brief, release=release) as server,
        workspace(tmp_path / "w.burnish", SHORT) as opened,
    ):
        refine(opened, settings(server, run={"method": "reflect"}))
        decided = outcomes(opened)
    for outcome in decided:
        assert outcome is not None
        assert not outcome.failures
        assert {choice.verdict for choice in outcome.choices} == {Verdict.REPLACED}
    assert len(server.loads) == 1
    assert len(server.chats) == 2 * len(SHORT)
