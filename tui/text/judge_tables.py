"""The results of a judging as tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engine.judge.prompt import Judged
from engine.judge.record import Judging
from engine.judge.results import ENOUGH, Counts, LengthBias, MarginBin, Results
from engine.sample import Verdict
from models.system.units import counted
from tui.text.literal import one_line
from tui.text.tables import Fact, facts, number
from tui.text.vocabulary import RESULTS, SCORES, STUDENT_DID


def print_results(out: Console, about: Judging, found: Results, listed: int) -> None:
    """Print all tables and sentences of a judging; of the disagreements, the first `listed`."""
    if found.counts.total:
        out.print(score_table(about, found))
        out.print(length_table(about, found.length))
    if found.student:
        out.print(student_table(found.student))
    out.print(facts(words(about, found, listed)), soft_wrap=True)


def score_table(about: Judging, found: Results) -> Table:
    """Wins, ties and losses, of all pairs and by whether the instruction is the same."""
    title = f"{one_line(about.b)} against {one_line(about.a)}, judged by {one_line(about.judge.name)}"
    table = _table(title, "", "pairs", "wins", "ties", "losses", "score", "95 % interval")
    interval = " to ".join(map(number, found.interval)) if found.interval else "none"
    table.add_row("all", *_cells(found.counts), interval)
    if found.same_instruction.total and found.new_instruction.total:
        table.add_row("same instruction", *_cells(found.same_instruction), "")
        table.add_row("new instruction", *_cells(found.new_instruction), "")
    return table


def length_table(about: Judging, length: LengthBias) -> Table:
    """Wins, ties and losses, by the ratio of the answers' lengths."""
    title = f"by length of the answer, {one_line(about.b)} / {one_line(about.a)}"
    table = _table(title, "", "pairs", "wins", "ties", "losses", "score")
    for bin in length.bins:
        if bin.counts.total:
            table.add_row(between(bin.low, bin.high), *_cells(bin.counts))
    return table


def student_table(bins: Sequence[MarginBin]) -> Table:
    """Agreement of the judge with the student, by the student's margin."""
    table = _table(
        "the student's choices, and the judge's",
        *("stage", "the student", "margin", "rewrite better", "tie", "rewrite worse", "agree"),
    )
    for bin in bins:
        counts = bin.counts
        agree = counts.wins if bin.verdict is Verdict.REPLACED else counts.losses
        decided = counts.wins + counts.losses
        table.add_row(
            f"{bin.stage} ({SCORES[bin.stage]})",
            STUDENT_DID[bin.verdict].full,
            "none" if bin.low is None else between(bin.low, bin.high),
            *map(str, (counts.wins, counts.ties, counts.losses)),
            _percent(agree, decided),
        )
    return table


def words(about: Judging, found: Results, listed: int) -> Iterator[Fact]:
    """The sentences beside the tables; of the disagreements, the first `listed`."""
    counts, bias, length = found.counts, found.bias, found.length
    a, b = about.a, about.b
    parts = [f"{counts.total} with a verdict"]
    parts += [f"{found.invalid} without"] * bool(found.invalid)
    parts += [f"{about.same} the same on both sides, not judged"] * bool(about.same)
    alone = about.unmatched
    parts += [f"{alone[0]} rows of A and {alone[1]} of B without a partner"] * any(alone)
    yield "pairs", ", ".join(parts)
    if counts.total and found.interval is None:
        yield "interval", _why_no_interval(counts)
    if found.faults:
        yield "no verdict", ", ".join(f"{kind} {count}" for kind, count in found.faults.items())
    if counts.total and found.mean_scores is not None:
        yield "mean scores", f"{a} {number(found.mean_scores[0], 2)}, {b} {number(found.mean_scores[1], 2)}"
    if bias.judged:
        share = _percent(bias.changed, bias.judged)
        changed = f"the order changed {bias.changed} of {counted(bias.judged, 'verdict')} ({share})"
        if bias.changed:
            changed += f": {bias.toward_first} toward the first place, {bias.toward_second} toward the second"
        yield "place", changed
    if (sure := found.confidence) is not None:
        changed = f", {number(sure.changed, 2)} where the order changed the verdict" * (
            sure.changed is not None
        )
        yield (
            "confidence",
            f"the judge gave its scores with a probability of {number(sure.mean, 2)} on the average{changed} "
            f"({counted(sure.verdicts, 'verdict')}, the less sure order of each)",
        )
    for place, told in enumerate(told_of_length(length)):
        yield "" if place else "length", told
    if found.disagreements:
        yield "disagreements", f"{len(found.disagreements)} of the student's choices; --json lists all"
    for one in islice(found.disagreements, listed):
        chose = "took the rewrite, the judge prefers the original"
        if one.verdict is Verdict.KEPT:
            chose = "kept the original, the judge prefers the rewrite"
        yield f"sample {one.row}", f"{one.stage}: the student {chose} (margin {number(one.margin)})"


def told_of_length(length: LengthBias) -> Iterator[str]:
    """The part that the answers' lengths have in the verdicts, as far as it can be told."""
    if length.decided:
        yield f"the longer answer won {length.longer_won} of {length.decided} decided pairs"
    if length.explained is not None:
        yield f"{length.explained:.0%} of the advantage is gone where lengths are equal (0.8 to 1.25)"


def verdict_fact(about: Judging, judged: Judged) -> Fact:
    """A verdict on a sample, in one line."""
    if judged.failure is not None:
        return "judged", f"no verdict by {about.judge.name}: {judged.failure.message}"
    found, _ = RESULTS[judged.result]
    sure = "" if judged.confidence is None else f", confidence {judged.confidence:.2f}"
    return "judged", f"{found} (refined against original), by {about.judge.name}{sure}"


def _why_no_interval(counts: Counts) -> str:
    if counts.decided < ENOUGH:
        return f"none below {ENOUGH} decided pairs; {counts.decided} of {counts.total} are"
    return f"none, for all {counts.total} pairs have the same verdict"


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        words = heading in ("", "stage", "the student")
        table.add_column(heading, justify="left" if words else "right")
    return table


def _cells(counts: Counts) -> tuple[str, ...]:
    return (*map(str, (counts.total, counts.wins, counts.ties, counts.losses)), number(counts.score))


def between(low: float, high: float | None) -> str:
    if not low:
        return f"below {high:g}"
    return f"{low:g} and above" if high is None else f"{low:g} to {high:g}"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"
