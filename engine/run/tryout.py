"""A first look before a long run: a few samples that differ are refined, and say what the whole dataset would take.

It is a run over these samples, so the run that follows finds their outcomes and asks for none of them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from engine.examine.languages import language
from engine.pace import Measured
from engine.sample import Outcome, Sample
from engine.store.left import Written, left, scored_tokens, written
from engine.store.workspace import Run, Workspace

TRIED = 5
"""Samples that are tried where nobody says how many."""

POOL = 400
"""Samples that those to try are chosen among, spread evenly over the dataset: their languages are told in 0.2 s."""


class Layout(NamedTuple):
    """What a sample is made of, beside one question and one answer."""

    input: bool
    turns: bool  # earlier ones
    code: bool  # a block of it
    lines: bool  # a list or a table

    @classmethod
    def of(cls, sample: Sample) -> Layout:
        texts = f"{sample.original.instruction}\n{sample.original.input}\n{sample.original.response}"
        lines = [line.lstrip() for line in texts.split("\n")]
        marked = sum(line.startswith(("- ", "* ", "| ", "1. ", "2. ")) for line in lines)
        return cls(bool(sample.original.input), bool(sample.history), "```" in texts, marked > 1)


@dataclass(frozen=True, slots=True)
class _Traits:
    """What sets a sample apart from others."""

    index: int
    length: int  # characters of its texts
    language: str
    layout: Layout

    @classmethod
    def of(cls, sample: Sample) -> _Traits:
        version = sample.original
        found = language(version.instruction, version.response)
        return cls(sample.index, length_of(sample), found, Layout.of(sample))


def length_of(sample: Sample) -> int:
    """The characters of a sample's texts."""
    return sum(map(len, sample.original.model_dump().values()))


def spread(workspace: Workspace, count: int) -> tuple[int, ...]:
    """So many samples that differ, in the dataset's order: of every length, in the languages and layouts most are in;
    none that a person dropped.

    The same for the same dataset, so that a second look costs nothing.
    """
    among = workspace.remaining()
    total = len(among)
    if count >= total:
        return tuple(among)
    if total > POOL:
        among = [among[number * total // POOL] for number in range(POOL)]
    pool = sorted((_Traits.of(workspace.sample(index)) for index in among), key=lambda one: one.length)
    groups: dict[tuple[str, Layout], list[int]] = {}  # places in the pool
    for at, one in enumerate(pool):
        groups.setdefault((one.language, one.layout), []).append(at)
    slices = [range(n * len(pool) // count, (n + 1) * len(pool) // count) for n in range(count)]
    chosen: list[int] = []
    for places in sorted(_shared_out(list(groups.values()), count), key=len):
        # The place nearest to the middle of a slice of the lengths that nothing was taken from.
        free = [at for at in places if at not in chosen]
        in_a_slice = [(abs(2 * at - part[0] - part[-1]), at) for part in slices for at in free if at in part]
        at = min(in_a_slice)[1] if in_a_slice else free[len(free) // 2]
        slices = [part for part in slices if at not in part]
        chosen.append(at)
    return tuple(sorted(pool[at].index for at in chosen))


def _shared_out(groups: list[list[int]], count: int) -> list[list[int]]:
    """The groups that so many samples come from, one of each in turn, the largest groups first."""
    groups = sorted(groups, key=len, reverse=True)
    turns = (group for turn in range(count) for group in groups if len(group) > turn)
    return list(islice(turns, count))


@dataclass(frozen=True, slots=True)
class Estimate:
    """The time that the samples without an outcome would take, by those that were tried."""

    left: int  # samples
    teacher_tokens: float  # that it would write
    teacher_speed: float | None  # tokens a second; None: it is asked nothing
    prompt_tokens: (
        float  # that it would read, those among them that its server still has from the last prompt
    )
    prompt_speed: float | None  # tokens a second; None: it was not measured, and is left out of the time
    teacher_seconds: float
    student_seconds: float | None  # None: no score was computed now, so its speed is not known
    in_turn: bool  # the models work one after the other; else beside each other

    @property
    def seconds(self) -> float:
        both = self.teacher_seconds, self.student_seconds or 0.0
        return sum(both) if self.in_turn else max(both)


@dataclass(frozen=True, slots=True)
class Tried:
    """A sample that was tried."""

    sample: Sample
    language: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Tryout:
    """The samples that were tried, and what the others would take."""

    run: Run
    tried: tuple[Tried, ...]
    estimate: Estimate


def tryout(workspace: Workspace, run: Run, chosen: Sequence[int], measured: Measured) -> Tryout:
    """The samples of a run that were tried, with their outcomes, and the time that all would take."""
    tried = []
    for index in chosen:
        sample, outcome = workspace.sample(index), workspace.outcome(run, index)
        if outcome is not None:
            found = language(sample.original.instruction, sample.original.response)
            tried.append(Tried(sample, found, outcome))
    return Tryout(run, tuple(tried), _estimate(workspace, run, tried, measured))


def _estimate(workspace: Workspace, run: Run, tried: Sequence[Tried], measured: Measured) -> Estimate:
    samples, characters = left(workspace, run)
    lengths = [length_of(one.sample) for one in tried]
    replies = [written(workspace, run, one.sample.index) for one in tried]
    whole = sum(replies, start=Written())
    speed = whole.tokens / whole.seconds if whole.tokens and whole.seconds else None
    to_write = by_length(lengths, [one.tokens for one in replies], samples, characters)
    prompt_speed = whole.prompt_tokens / whole.reading if whole.prompt_tokens and whole.reading else None
    to_read = by_length(lengths, [one.prompt_tokens for one in replies], samples, characters)
    times = [(to_write, speed), (to_read, prompt_speed)]
    parallel = run.record.settings.get("teacher", {}).get("parallel", 1)
    to_score = by_length(
        lengths, [scored_tokens(workspace, one.sample.index) for one in tried], samples, characters
    )
    return Estimate(
        left=samples,
        teacher_tokens=to_write,
        teacher_speed=speed,
        prompt_tokens=to_read,
        prompt_speed=prompt_speed,
        teacher_seconds=sum(tokens / each for tokens, each in times if each) / parallel,
        student_seconds=to_score / measured.student_speed if measured.student_speed else None,
        in_turn=measured.in_turn,
    )


def by_length(lengths: Sequence[int], tokens: Sequence[int], samples: int, characters: int) -> float:
    """Tokens of so many samples with so many characters, if they go by length as those of a few samples do.

    The line through these by least squares: so many a sample, and so many a character. Neither is negative.
    """
    if not lengths or not samples:
        return 0.0
    mean = sum(tokens) / len(tokens)
    if len(set(lengths)) > 1:
        slope, base = np.polyfit(lengths, tokens, 1)
        if slope >= 0 and base >= 0:
            return float(base * samples + slope * characters)
        if slope > 0:  # all by the character
            return sum(tokens) / sum(lengths) * characters
    return mean * samples
