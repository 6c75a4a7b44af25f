"""Results as tables and pages of text. Everything from a dataset or a model goes through `literal`."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from engine.overview import Overview
from engine.sample import Choice, Outcome, Ratio, Review, Sample, Scores, Version
from engine.selection import RULES
from engine.workspace import Run, Source
from tui.literal import first_line, literal


def number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def samples_table(samples: Iterable[tuple[Sample, Outcome]], title: str) -> Table:
    """Before and after, a sample a row."""
    table = Table(title=title, expand=True, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("before", ratio=3)
    table.add_column("after", ratio=3)
    for name in ("IFD", "r-IFD"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdicts", ratio=2)
    for sample, outcome in samples:
        table.add_row(
            str(sample.index),
            _brief(sample.original),
            _brief(outcome.final),
            _change(outcome, "ifd"),
            _change(outcome, "r_ifd"),
            Text("\n".join(map(_verdict, outcome.choices))),
        )
    return table


def _brief(version: Version) -> Text:
    text = Text(first_line(version.instruction, 160), style="bold")
    return text.append("\n" + first_line(version.response, 160), style="not bold")


def _change(outcome: Outcome, name: str) -> Text:
    pair = [getattr(scores, name).value if scores else None for scores in (outcome.before, outcome.after)]
    return Text("\n→ ".join(map(number, pair)))


def _verdict(choice: Choice) -> str:
    tie = " (near tie)" if choice.near_tie else ""
    why = f": {choice.failure.fault}" if choice.failure else ""
    return f"{choice.stage} {choice.verdict}{why}{tie}"


def overview_table(overview: Overview) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("samples", f"{overview.samples}, {overview.done} done, {overview.failed} with a failure")
    for stage, counts in overview.stages.items():
        table.add_row(
            f"{stage} stage",
            f"{counts.replaced} replaced, {counts.kept} kept, {counts.failed} failed, {counts.near_ties} near ties",
        )
    medians = overview.medians
    table.add_row("median IFD", f"{number(medians.ifd_before)} → {number(medians.ifd_after)}")
    table.add_row("median r-IFD", f"{number(medians.r_ifd_before)} → {number(medians.r_ifd_after)}")
    if overview.faults:
        table.add_row("failures", ", ".join(f"{kind} {count}" for kind, count in overview.faults.items()))
    if overview.unscorable:
        table.add_row(
            "unscorable", f"{overview.unscorable} samples (burnish show says why, sample by sample)"
        )
    if overview.truncated:
        table.add_row("truncated", f"{overview.truncated} samples, scored up to the student's context")
    return table


def workspace_page(source: Source, run: Run, overview: Overview) -> RenderableType:
    """A workspace at a glance."""
    table = Table.grid(padding=(0, 2))
    table.add_row("dataset", f"{literal(source.path)} ({source.format})")
    for role in ("teacher", "student"):
        model = run.settings[role]
        if model:
            table.add_row(role, f"{literal(model['name'])} ({model['digest'][:19]}…)")
    table.add_row(
        "method", f"{run.recipe['method']}, template {run.recipe['template']}, form {run.recipe['form']}"
    )
    return Group(table, overview_table(overview))


def sample_page(sample: Sample, outcome: Outcome | None, review: Review | None) -> RenderableType:
    """One sample's whole way."""
    parts: list[RenderableType] = [_version_panel("original", sample.original, outcome.before if outcome else None)]
    if outcome is None:
        return Group(*parts, Text("not refined yet"))
    for choice in outcome.choices:
        parts.append(_choice_panel(choice))
    if outcome.final != sample.original:
        parts.append(_version_panel("refined", outcome.final, outcome.after))
    if review is not None:
        parts.append(_version_panel(f"reviewed: {review.decision}", review.version, None))
    return Group(*parts)


def _version_panel(title: str, version: Version, scores: Scores | None) -> Panel:
    text = Text()
    for name in ("instruction", "input", "response"):
        if value := getattr(version, name):
            text.append(f"{name}\n", style="bold cyan").append(literal(value) + "\n\n")
    if scores is not None:
        text.append(f"IFD   {_ratio(scores.ifd)}\nr-IFD {_ratio(scores.r_ifd)}", style="dim")
    return Panel(text, title=title, title_align="left")


def _ratio(ratio: Ratio) -> str:
    if ratio.alone is None or ratio.given is None:
        return f"none: {ratio.reason}"
    cut = ", truncated" * ratio.truncated
    return (
        f"{number(ratio.value)} = exp({ratio.given.mean:.4f} - {ratio.alone.mean:.4f}) "
        f"over {ratio.given.scored} tokens{cut}"
    )


def _choice_panel(choice: Choice) -> Panel:
    text = Text()
    for criterion, said in choice.critique.items():
        text.append(f"{criterion}\n", style="bold cyan").append(literal(said) + "\n")
    text.append(f"\n{choice.verdict}", style="bold").append(f" by {choice.rule}: {RULES[choice.rule]}\n")
    if choice.margin is not None:
        tie = "; a near tie, look at it" if choice.near_tie else ""
        text.append(
            f"{number(choice.before)} → {number(choice.after)}, margin {choice.margin:+.4f} in log-ratio{tie}\n"
        )
    if choice.failure:
        text.append(f"{choice.failure.fault}: {literal(choice.failure.message)}\n", style="yellow")
    return Panel(text, title=f"{choice.stage} stage", title_align="left")
