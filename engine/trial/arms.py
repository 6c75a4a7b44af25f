"""The arms of a trial: the sets of answers that one student is trained on, each for itself.

`original` and `refined` are what is compared. `random` and `longest` choose as many of the refined samples as the rule
does, by chance and by length: baselines that a selection has to beat (arXiv 2402.10110 has the first; that length
alone beats many selections is arXiv 2402.04833's).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import StringConstraints

from engine.formats.read import BadRow, open_dataset
from engine.formats.tools import definitions_in
from engine.method.recipe import Method
from engine.method.templates import Tools
from engine.sample import History, Sample, Version
from engine.store.leaving import ExportRule, TopShare, exported
from engine.store.workspace import Run, Workspace
from engine.trial.held_out import Text, clusters, held_out, like_held_out, share_of
from models.errors import UsageError

ORIGINAL, REFINED, RANDOM, LONGEST = ARMS = ("original", "refined", "random", "longest")
BASE = "base"
"""The student as it is."""

NAME = "[a-z0-9][a-z0-9_-]*"
ArmName = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
"""An arm's name, which is its folder's, too."""

HELD_OUT_SEED = 0  # what is held out is the same in every trial of the same data


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and an answer, to train on or to hold out."""

    version: Version
    history: History
    tools: Tools

    @property
    def text(self) -> Text:
        return self.version, self.history


@dataclass(frozen=True, slots=True)
class TrialSample:
    """A sample that the run has finished, or a person has decided on."""

    index: int
    row: int
    original: Exchange
    refined: Exchange  # as it would leave now
    by_rule: bool  # the rule lets it through


@dataclass(frozen=True, slots=True)
class Arms:
    """The exchanges that each arm learns from, and the samples that all of them are evaluated on."""

    exchanges: dict[str, list[Exchange]]  # by arm
    held_out: list[TrialSample]
    rows: list[int]  # of these
    alike: dict[str, int]  # by arm, exchanges left out because they are like what is held out
    same: tuple[str, ...]  # arms left out because they would be `refined`


def usual_rule(method: Method) -> ExportRule:
    """The rule that makes the method's data: V2's, V1's, Cherry LLM's."""
    return {Method.SELECTIVE: ExportRule.PAPER, Method.REFLECT: ExportRule.ALL, Method.SCORE: ExportRule.TOP}[
        method
    ]


def named_file(text: str) -> tuple[str, Path]:
    """An arm of one's own, from `NAME=FILE`."""
    name, equals, path = text.partition("=")
    if not equals or not path or not re.fullmatch(NAME, name):
        raise UsageError(f"--arm {text}: expected NAME=FILE, the name of small letters, digits, - and _")
    if name in (*ARMS, BASE):
        raise UsageError(f"--arm {text}: {name} is burnish's own; give another name")
    return name, Path(path)


def chosen_arms(text: str) -> tuple[str, ...]:
    """The arms of burnish's own that are wanted, from `original,refined`."""
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in ARMS]:
        raise UsageError(f"--arms {text}: no such arm, {unknown[0]}; there are {', '.join(ARMS)}")
    if ORIGINAL not in names:
        raise UsageError(f"--arms {text}: the others are compared with original; name it, too")
    return tuple(name for name in ARMS if name in names)


def samples_of(workspace: Workspace, run: Run, rule: ExportRule, share: TopShare | None) -> list[TrialSample]:
    """The samples of a run that has finished them, but for those of rows that a person dropped."""
    by_rule = {leaving.sample.index for leaving in exported(workspace, run, rule, share)}
    return [
        TrialSample(
            index=leaving.sample.index,
            row=leaving.sample.number,
            original=_exchange(leaving.sample, leaving.sample.original),
            refined=_exchange(leaving.sample, leaving.version),
            by_rule=leaving.sample.index in by_rule,
        )
        for leaving in exported(workspace, run)
        if leaving.outcome is not None or leaving.review is not None
    ]


def arms_of(
    samples: Sequence[TrialSample], wanted: Sequence[str], files: dict[str, list[Exchange]], share: str
) -> Arms:
    """Hold rows out, and divide the rest among the arms. `UsageError`: an arm has nothing to learn from."""
    rows = sorted({sample.row for sample in samples})
    texts = ((one.row, side.text) for one in samples for side in (one.original, one.refined))
    kept_out = held_out(clusters(rows, texts), share_of(share, len(rows)), HELD_OUT_SEED)
    if not kept_out:
        raise UsageError(
            f"--held-out {share}: the rows are too much alike to hold so few of them out; give more"
        )
    apart = [sample for sample in samples if sample.row in kept_out]
    learnt = [sample for sample in samples if sample.row not in kept_out]
    refined = [sample for sample in learnt if sample.by_rule]
    chosen: dict[str, list[Exchange]] = {}
    same: list[str] = []
    for name in wanted:
        if name in (RANDOM, LONGEST) and len(refined) == len(learnt):
            same.append(name)
        else:
            chosen[name] = _own(name, learnt, refined)
    held_texts = [side.text for one in apart for side in (one.original, one.refined)]
    exchanges, alike = {}, {}
    for name, found in (chosen | files).items():
        like = like_held_out(held_texts, [one.text for one in found])
        exchanges[name] = [one for place, one in enumerate(found) if place not in like]
        alike[name] = len(like)
    return Arms(exchanges, apart, sorted(kept_out), alike, tuple(same))


def _own(name: str, learnt: Sequence[TrialSample], refined: Sequence[TrialSample]) -> list[Exchange]:
    if name == ORIGINAL:
        return [sample.original for sample in learnt]
    if name == REFINED:
        return [sample.refined for sample in refined]
    if name == LONGEST:
        by_length = sorted(learnt, key=lambda one: len(one.refined.version.response), reverse=True)
        return [sample.refined for sample in by_length[: len(refined)]]
    drawn = np.random.default_rng(HELD_OUT_SEED).permutation(len(learnt))[: len(refined)].tolist()
    return [learnt[place].refined for place in sorted(drawn)]


def file_exchanges(path: Path, on_bad: Callable[[BadRow], None]) -> list[Exchange]:
    """The exchanges of a dataset, of a conversation its last. Raises as `open_dataset`."""
    samples = open_dataset(path).samples(on_bad)
    return [_exchange(sample, sample.original) for sample in samples]


def _exchange(sample: Sample, version: Version) -> Exchange:
    return Exchange(version, sample.history, definitions_in(sample.row))
