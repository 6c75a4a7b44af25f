"""The data of `burnish report`, gathered once for the page and for the terminal."""

from __future__ import annotations

import asyncio
import heapq
import math
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from engine.examine.flags import Stats
from engine.judge.record import Judging, Record, judged_path
from engine.judge.results import Results, results
from engine.method.recipe import Method
from engine.method.token_gain import TokenGains
from engine.report.reproduce import commands
from engine.report.word_diff import TextDiff, compare
from engine.run import session
from engine.run.settings import Settings
from engine.sample import Annotation, Choice, Outcome, Review, Sample, Scores, Version
from engine.store.baselines import Baselines
from engine.store.distribution import FEW_SCORED, Distribution, Flow, Growth, Histogram, Spread, common_range
from engine.store.leaving import ExportRule, failed, leaving_sample, near_ties
from engine.store.length_effect import LengthEffect, length_effect
from engine.store.overview import Overview, overview
from engine.store.rating_figures import RatingFigures, rating_figures
from engine.store.workspace import Run, Source, Workspace
from engine.trial.kept import KeptTrial, kept_trial
from engine.trial.plan import trial_path
from models.errors import UsageError
from models.files import catalog
from models.files.digest import sha256_of_parts

SAMPLES = 20
"""Samples shown before and after."""

LISTED = 20
"""Near ties, failed samples, and samples with a note or tags, that are listed."""

BINS = 40


@dataclass(frozen=True, slots=True)
class MeasureFigure:
    """A measure before and after, in bins over one axis."""

    measure: str  # "ifd", "r_ifd" or "length"
    logarithmic: bool  # positions are natural logarithms
    before: Histogram
    after: Histogram | None  # None: there is no after, or nothing has it
    medians: tuple[float | None, float | None]  # positions; None of fewer samples than `FEW_SCORED`
    counts: tuple[int, int]


@dataclass(frozen=True, slots=True)
class NearTie:
    """A choice whose deciding margin is a near tie."""

    sample: int
    choice: Choice
    instruction: str


@dataclass(frozen=True, slots=True)
class NotedSample:
    """A sample that a person noted something about."""

    sample: int
    annotation: Annotation
    instruction: str


@dataclass(frozen=True, slots=True)
class ReportedSample:
    """A sample before and after, with its outcome and what changed."""

    sample: Sample
    after: Version  # what would leave now
    outcome: Outcome
    decision: str | None  # a person's
    changes: dict[str, TextDiff]  # by field
    scores: Scores | None  # of `after`
    heat: tuple[TokenGains, TokenGains] | None  # before and after; None: no student was given


@dataclass(frozen=True, slots=True)
class JudgedSides:
    """A judge's results on the original and the refined side."""

    about: Judging
    results: Results


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report shows."""

    path: Path
    made: date
    burnish: str
    python: str
    source: Source
    run: Run
    overview: Overview
    stats: Stats | None  # what `burnish stats` found, if it was asked
    figures: tuple[MeasureFigure, ...]
    flow: Flow
    growth: Growth
    length: LengthEffect
    leaving: dict[ExportRule, int]
    baselines: dict[ExportRule, Baselines]  # of the rules that choose some samples
    decisions: dict[str, int]  # a person's
    noted: tuple[NotedSample, ...]  # the first
    ties: tuple[NearTie, ...]
    failures: tuple[Outcome, ...]
    judged: tuple[JudgedSides, ...]  # a judge each
    trial: KeptTrial | None
    ratings: RatingFigures | None  # the latest rater's; None: nothing was rated
    pairs: tuple[ReportedSample, ...]
    heated: bool
    commands: tuple[str, ...]  # that make the run again


def gather(path: Path, student: str | None, record: Path | None = None, trial: Path | None = None) -> Report:
    """The report of a workspace's latest run.

    `student`: its name, to draw heat maps with. `record`: a judge's record, if it is not at `judged_path`. `trial`: a
    trial's folder, if it is not at `trial_path`. Raises `WorkspaceError`, `TrialError`, and `UsageError` where the
    student is not the run's or there is no such trial.
    """
    with Workspace.read(path) as opened:
        opened.database.freeze()  # one moment of it, while a run may go on
        run = opened.latest_run()
        distribution = Distribution(opened, run)
        chosen = distribution.rewritten(SAMPLES)
        heats = _heats(path, run, chosen, student) if student is not None else {}
        return Report(
            path=path,
            made=date.today(),
            burnish=version("burnish"),
            python=platform.python_version(),
            source=opened.source(),
            run=run,
            overview=overview(opened, run),
            stats=opened.examination(),
            figures=tuple(_figures(distribution, run)),
            flow=distribution.flow(),
            growth=distribution.growth(),
            length=length_effect(opened, run),
            leaving={rule: distribution.kept_by(rule) for rule in ExportRule},
            baselines={rule: found for rule in ExportRule if (found := distribution.baselines(rule, None))},
            decisions=distribution.decisions(),
            noted=tuple(
                NotedSample(index, annotation, opened.sample(index).original.instruction)
                for index, annotation in opened.annotations.first(LISTED)
            ),
            ties=_ties(opened, run),
            failures=tuple(
                row.outcome for row in islice(failed(opened, run), LISTED) if row.outcome is not None
            ),
            judged=tuple(_judged(path, run, record)),
            trial=_trial(path, trial),
            ratings=rating_figures(opened, run),
            pairs=tuple(_pair(opened, run, index, heats.get(index)) for index in chosen),
            heated=student is not None,
            commands=commands(path, opened.source(), run),
        )


def _judged(path: Path, run: Run, record: Path | None) -> Iterator[JudgedSides]:
    """The judgings of this run, the latest first."""
    usual = judged_path(path)
    if record is None and not usual.exists():
        return
    with Record.read(record or usual) as opened:
        for comparison in opened.comparisons():
            if comparison.about.is_of(path, run.id):
                yield JudgedSides(comparison.about, results(opened.judged(comparison)))


def _trial(path: Path, folder: Path | None) -> KeptTrial | None:
    """The trial of a workspace, or of a folder that is named; None: there is none."""
    found = kept_trial(folder or trial_path(path))
    if found is None and folder is not None:
        raise UsageError(f"--trial {folder}: no trial's folder; burnish trial makes one")
    return found


def _figures(distribution: Distribution, run: Run) -> Iterator[MeasureFigure]:
    for measure, column in (("ifd", "ifd"), ("r_ifd", "r_ifd"), ("length", "log_length")):
        before = distribution.spread(f"{column}_before")
        if before.median is None:
            continue
        spread = distribution.spread(f"{column}_after")
        after = None if run.recipe.method is Method.SCORE or spread.median is None else spread
        low, high = common_range(before, *([after] if after is not None else []))
        bins = max(8, min(BINS, 4 * round(math.cbrt(before.count))))
        yield MeasureFigure(
            measure,
            measure == "length",
            distribution.histogram(f"{column}_before", low, high, bins),
            distribution.histogram(f"{column}_after", low, high, bins) if after is not None else None,
            (_enough(before), _enough(after) if after is not None else None),
            (before.count, after.count if after is not None else 0),
        )


def _enough(spread: Spread) -> float | None:
    """The median, where there are enough samples to say one."""
    return spread.median if spread.count >= FEW_SCORED else None


def _ties(opened: Workspace, run: Run) -> tuple[NearTie, ...]:
    """The near ties with the narrowest margins."""
    found = (
        NearTie(row.sample.index, choice, row.sample.original.instruction)
        for row in near_ties(opened, run)
        for choice in (row.outcome.choices if row.outcome is not None else ())
        if choice.near_tie
    )
    return tuple(heapq.nsmallest(LISTED, found, key=lambda tie: abs(tie.choice.deciding_margin or 0)))


def _pair(
    opened: Workspace, run: Run, index: int, heat: tuple[TokenGains, TokenGains] | None
) -> ReportedSample:
    row = leaving_sample(opened, run, index)
    sample, outcome, review = row.sample, row.outcome, row.review
    assert outcome is not None, "it has figures"
    left, right = sample.original, row.version
    return ReportedSample(
        sample=sample,
        after=right,
        outcome=outcome,
        decision=review.decision if review is not None else None,
        changes={name: compare(getattr(left, name), getattr(right, name)) for name in Version.model_fields},
        scores=_scores(sample, outcome, review, right),
        heat=heat,
    )


def _scores(sample: Sample, outcome: Outcome, review: Review | None, right: Version) -> Scores | None:
    """The student's scores of the version that leaves; None where it was not scored."""
    if right == outcome.final:
        return outcome.after
    if right == sample.original:
        return outcome.before
    return review.scores if review is not None else None


def _heats(
    path: Path, run: Run, samples: Sequence[int], student: str
) -> dict[int, tuple[TokenGains, TokenGains]]:
    """The token gains of samples before and after, from the losses kept by the run, by its own student."""
    weighed_by = run.record.student
    file = catalog.student_file(student)
    if weighed_by is None or (file.digest or sha256_of_parts(file.header.parts)) != weighed_by.digest:
        name = weighed_by.name if weighed_by else "none"
        raise UsageError(f"--student {student}: not the student of this run, which was {name}")
    before = Settings.model_validate(run.record.settings)
    settings = before.model_copy(update={"student": before.student.model_copy(update={"name": student})})

    async def heats(opened: Workspace) -> dict[int, tuple[TokenGains, TokenGains]]:
        found = {}
        async with session.Session(opened, settings, lambda _: None) as models:
            for index in samples:
                row = leaving_sample(opened, run, index)
                found[index] = (
                    await models.heat(index, row.sample.original),
                    await models.heat(index, row.version),
                )
        return found

    with Workspace.open(path) as opened:
        return asyncio.run(heats(opened))
