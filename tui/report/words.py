"""The report's sentences and figures, the same on the page and on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from engine.method.recipe import Method
from engine.report.gather import MeasureFigure, Report, ReportedSample
from engine.sample import Choice, Sample
from engine.store.distribution import FEW_SCORED
from models.system.units import counted, size
from tui.text.tables import Fact, near_tie_rule, passed_words, place_words, rules_facts
from tui.text.vocabulary import MEASURES, METHODS, choice_flags, shown_equal_length


def number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def lead(report: Report) -> str:
    """The outcome of the run, in a sentence or two."""
    overview = report.overview
    sentence = f"{overview.done:,} of {counted(overview.samples, 'sample is', 'samples are')} done"
    if report.run.recipe.method is Method.SCORE:
        return f"{sentence}; they were scored as they are, and nothing was rewritten."
    sentence += f", and of {report.growth.rewritten:,} of them a rewrite leaves instead of the original"
    sentence += f"; for {overview.failed:,} a stage failed." if overview.failed else "."
    for figure in report.figures:
        if not figure.logarithmic and None not in figure.medians:
            before, after = (median(figure, position) for position in figure.medians)
            sentence += f" The median {MEASURES[figure.measure].title} went from {before} to {after}."
    return sentence


def made_from(report: Report) -> Iterator[Fact]:
    source, run = report.source, report.run
    yield "Dataset", source.path
    dropped = report.overview.dropped
    yield "Format", f"{source.format}, {counted(report.overview.samples + dropped, 'sample')}"
    if dropped:
        yield "Dropped", f"{counted(dropped, 'sample')}, in no figure here"
    if passed := report.overview.passed:
        yield "Passed through", passed_words(passed)
    yield "Digest", source.sha256
    if (teacher := run.record.teacher) is not None:
        about = [teacher.name]
        about += [teacher.quantisation] if teacher.quantisation else []
        about += [f"{teacher.parameters / 1e9:.2g}B parameters"] if teacher.parameters else []
        about += [size(teacher.size)] if teacher.size else []
        yield "Teacher", ", ".join(about)
        yield "Digest", teacher.digest
    if (student := run.record.student) is not None:
        yield "Student", student.name
        yield "Digest", student.digest
    if (verifier := run.record.verifier) is not None:
        yield "Verifier", verifier.name
        yield "Digest", verifier.digest
    yield from ((name.capitalize(), text) for name, text in rules_facts(run.recipe))
    if run.recipe.method is Method.SELECTIVE:
        yield "Near ties", near_tie_rule(run.recipe)
    yield "Method", METHODS[run.recipe.method]


def settings(report: Report) -> Iterator[Fact]:
    """Every setting of the run; those that decide an outcome first."""
    yield from (
        (name.replace("_", " "), _value(value))
        for name, value in report.run.recipe.in_short().items()
        if name not in ("teacher", "student", "verifier", "guidelines", "criteria")
    )
    for group, values in report.run.record.settings.items():
        if group in ("teacher", "student", "run", "reflection"):
            yield from ((f"{group}.{name}", _value(value)) for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else str(value)


def median(figure: MeasureFigure, position: float | None) -> str:
    """A median in the figure's own unit."""
    if position is None:
        return "none"
    return f"{math.exp(position):,.0f}" if figure.logarithmic else f"{position:.3f}"


def medians(figure: MeasureFigure) -> str:
    count, count_after = figure.counts
    before, after = figure.medians
    of = counted(count, "sample") if figure.after is None else f"{count:,} → {counted(count_after, 'sample')}"
    if before is None and after is None:
        return f"no median below {FEW_SCORED} samples; {of}"
    if figure.after is None:
        return f"median {median(figure, before)}, {of}"
    sides = f"{median(figure, before)} before ({counted(count, 'sample')})"
    return f"median {sides}, {median(figure, after)} after ({count_after:,})"


def decided(choice: Choice) -> str:
    """A stage's verdict, with the numbers that decided."""
    if choice.failure is not None:
        return f"{choice.stage}: failed, {choice.failure.fault}"
    text = f"{choice.stage}: {choice.verdict}"
    if choice.before is not None or choice.after is not None:
        text += f", {number(choice.before)} → {number(choice.after)}"
    if choice.margin is not None:
        text += f", margin {choice.margin:+.4f}"
    if (equal := shown_equal_length(choice)) is not None:
        text += f", at equal length {equal.margin:+.4f}"
    if (again := choice.verified) is not None:
        other = ", otherwise than the student" * again.overruled
        text += f"; the verifier decides{other}: {number(again.before)} → {number(again.after)}"
        text += f", margin {again.margin:+.4f}"
    text += "".join(f", {flag}" for flag in choice_flags(choice))
    limit = choice.deciding_limit
    return text + (f" (below {limit:.3g})" if choice.near_tie and limit is not None else "")


def after_words(sample: Sample) -> str:
    """Where an exchange stands in its conversation."""
    count = len(sample.history)
    text = f"{place_words(sample)}, after {count:,} {'turn' if count == 1 else 'turns'}"
    return text if sample.next is None else f"{text}, and more follow"


def scores(pair: ReportedSample) -> Iterator[tuple[str, str, str]]:
    """IFD and r-IFD before and after, of those that are known."""
    for name in ("ifd", "r_ifd"):
        before = getattr(pair.outcome.before, name).value if pair.outcome.before is not None else None
        after = getattr(pair.scores, name).value if pair.scores is not None else None
        if before is not None or after is not None:
            yield MEASURES[name].title, number(before), number(after)
