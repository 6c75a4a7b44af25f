"""A person's word, as reviews of many samples at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.sample import Decision
from engine.store.reviews import StoredReview
from engine.store.workspace import Run, Workspace


def accepted(workspace: Workspace, run: Run, samples: Iterable[int]) -> Iterator[tuple[int, StoredReview]]:
    """The student's choice is taken for each of these samples that has one."""
    for index, version in workspace.finals(run, samples):
        yield index, _stored(index, Decision.ACCEPTED, version)


def originals(workspace: Workspace, samples: Iterable[int]) -> Iterator[tuple[int, StoredReview]]:
    """The original stays for each of these samples."""
    for index, version in workspace.originals(samples):
        yield index, _stored(index, Decision.ORIGINAL, version)


def _stored(index: int, decision: Decision, version: str) -> StoredReview:
    """A `Review` as it is stored. Made from its parts as they are stored: there may be a million."""
    return StoredReview(
        f'{{"index": {index}, "decision": "{decision}", "version": {version}, "scores": null}}'
    )
