"""The outcome of trying a few samples, in words, for the command line and the app."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from engine.examine.languages import UNKNOWN
from engine.pace import duration
from engine.progress import listed
from engine.run.tryout import Estimate, Tried, Tryout
from engine.sample import Stage, Verdict
from tui.text.tables import Fact, failure_fact


def tryout_facts(found: Tryout, unused: Counter[str]) -> Iterator[Fact]:
    """What was tried, what came of it, and what the rest would take. unused: replies of no use, by their fault."""
    tried = found.tried
    yield "tried", f"{_samples(len(tried))}: {', '.join(map(_named, tried))}"
    yield "the rest", estimate_words(found.estimate, len(tried))
    for stage in Stage:
        choices = [c for one in tried for c in one.outcome.choices if c.stage is stage]
        ends = Counter("failed" if choice.failure else choice.verdict.value for choice in choices)
        if choices:
            yield (
                f"{stage} stage",
                ", ".join(f"{ends[end]} {end}" for end in (*Verdict, "failed") if ends[end]),
            )
    failed = [one for one in tried if one.outcome.failures]
    if any(one.outcome.choices for one in tried):
        kinds = Counter(failure.fault.value for one in failed for failure in one.outcome.failures)
        yield "failed", f"{len(failed)} of {len(tried)}" + (f": {listed(kinds)}" if kinds else "")
    for one in failed:
        yield failure_fact(one.outcome)
    if unused:
        yield (
            "refused replies",
            f"{listed(unused)}: each is asked for again, and costs as much as a usable one",
        )


def estimate_words(estimate: Estimate, tried: int) -> str:
    """The time for the samples that are left: of both models, and what it was measured on."""
    if not estimate.left:
        return "nothing: every sample is done"
    parts = []
    if estimate.teacher_speed is not None:
        parts.append(
            f"teacher {duration(estimate.teacher_seconds)} for {estimate.teacher_tokens:,.0f} tokens at "
            f"{estimate.teacher_speed:,.1f} a second{_reading(estimate)}"
        )
    if estimate.student_seconds is not None:
        parts.append(f"student {duration(estimate.student_seconds)}")
    if not parts:
        return f"{_samples(estimate.left)}; how long they take is not known, for nothing was measured"
    how = "one after the other" if estimate.in_turn else "beside each other"
    both = f", {how}" if len(parts) == 2 else ""
    return (
        f"{_samples(estimate.left)} in about {duration(estimate.seconds)} ({'; '.join(parts)}{both}; measured on "
        f"{_samples(tried)}, by length)"
    )


def _reading(estimate: Estimate) -> str:
    if estimate.prompt_speed is None:
        return ", without its reading of prompts, which was not measured"
    return f", and {estimate.prompt_tokens:,.0f} of prompts at {estimate.prompt_speed:,.1f}"


def _samples(count: int) -> str:
    return "1 sample" if count == 1 else f"{count:,} samples"


def _named(one: Tried) -> str:
    """A sample's number, and its language where it is known."""
    return str(one.sample.index) + (f" ({one.language})" if one.language != UNKNOWN else "")
