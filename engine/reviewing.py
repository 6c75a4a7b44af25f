"""A person's word, as reviews of many samples at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.sample import Decision, Review
from engine.workspace import Run, Workspace


def accepted(workspace: Workspace, run: Run, samples: Iterable[int]) -> Iterator[tuple[int, Review]]:
    """The student's choice is taken for each of these samples that has one."""
    for index in samples:
        outcome = workspace.outcome(run, index)
        if outcome is not None:
            yield index, Review(index=index, decision=Decision.ACCEPTED, version=outcome.final)


def originals(workspace: Workspace, samples: Iterable[int]) -> Iterator[tuple[int, Review]]:
    """The original stays for each of these samples."""
    for index in samples:
        version = workspace.sample(index).original
        yield index, Review(index=index, decision=Decision.ORIGINAL, version=version)
