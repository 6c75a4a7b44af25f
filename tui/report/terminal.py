"""The report on the terminal: the page's sections in the same order, in as much detail as one reads there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.report.gather import MeasureFigure, Report, ReportedSample
from engine.report.word_diff import Span
from engine.trial.kept import KeptTrial
from models.system.units import counted
from tui.report.trial import about_trial, curve_facts
from tui.report.words import after_words, decided, lead, made_from, medians, scores
from tui.text import tables
from tui.text.axis import Axis, apart, linear_ticks, log_ticks
from tui.text.choosing_words import selections_told
from tui.text.judge_tables import print_results
from tui.text.length_words import ABOUT, length_facts
from tui.text.literal import first_line, literal, one_line
from tui.text.rating_words import rating_facts
from tui.text.trial_answers import print_judged
from tui.text.trial_tables import print_trial
from tui.text.vocabulary import EXPORT_RULES, MEASURES

LONGEST = 800
"""Characters of a text that are shown."""

LISTED = 5
"""Disagreements of the judge and the student that are shown."""

CURVE = 40
"""Cells of a curve."""

INDENT = 2
BLOCKS = " ▁▂▃▄▅▆▇█"


def show(out: Console, report: Report) -> None:
    """Print the whole report."""
    out.print(Text(one_line(report.path.name), style="bold"))
    out.print(Text(one_line(lead(report))))
    _section(out, "What was run")
    out.print(tables.facts(made_from(report)), soft_wrap=True)
    _section(out, "The dataset before refining")
    out.print(_flags(report))
    if any(report.flow.counts):
        _section(out, "What the stages did")
        out.print(_flow(report))
    for figure in report.figures:
        title, about = MEASURES[figure.measure]
        _section(out, f"{title}: {about}")
        out.print(_bars(figure, min(out.width - 2 * INDENT, 80)))
        out.print(Text(medians(figure), style="dim"))
    if facts := list(length_facts(report.length)):
        _section(out, "Length and scores")
        out.print(tables.facts(facts), soft_wrap=True)
        out.print(Text(f"{ABOUT}.", style="dim"))
    for verdicts in report.judged:
        _section(out, "Judged")
        print_results(out, verdicts.about, verdicts.results, LISTED)
    if report.ratings is not None:
        _section(out, "Rated")
        out.print(tables.facts(rating_facts(report.ratings)), soft_wrap=True)
    if report.trial is not None:
        _section(out, "Trial")
        _trial(out, report.trial)
    if report.ties:
        _section(out, "Near ties, the narrowest first")
        out.print(_table(("sample", "decided", "instruction"), (
            (str(tie.sample), decided(tie.choice), first_line(tie.instruction, 60)) for tie in report.ties
        )))  # fmt: skip
    if report.failures:
        faults = ", ".join(f"{kind} {count}" for kind, count in report.overview.faults.items())
        _section(out, f"Failures: {faults}")
        out.print(_table(("sample", "stage", "what was wrong"), (
            (str(outcome.index), choice.stage, first_line(f"{choice.failure.fault}: {choice.failure.message}", 120))
            for outcome in report.failures
            for choice in outcome.choices
            if choice.failure is not None
        )))  # fmt: skip
    if report.noted:
        _section(out, "Notes and tags")
        out.print(tables.facts(tables.noted_facts(report.overview)))
        out.print(_table(("sample", "tags", "note", "instruction"), (
            (
                str(one.sample),
                tables.tag_words(one.annotation.tags),
                literal(_cut(one.annotation.note)),
                first_line(one.instruction, 60),
            )
            for one in report.noted
        )))  # fmt: skip
    if report.pairs:
        _section(
            out,
            f"{counted(len(report.pairs), 'sample')} before and after, spread evenly over the rewritten ones",
        )
        for pair in report.pairs:
            out.print(_pair(pair))
    _section(out, "Doing it again")
    for command in report.commands:
        out.print(Text(one_line(command)), soft_wrap=True)


def _trial(out: Console, trial: KeptTrial) -> None:
    out.print(Text(about_trial(trial), style="dim"))
    if trial.result is not None:
        print_trial(out, trial.result)
    if trial.judged is not None:
        print_judged(out, trial.judged)
    if curves := list(curve_facts(trial, CURVE)):
        out.print()
        out.print(Text("losses of the training steps, nats a token, the mean of the seeds", style="dim"))
        out.print(tables.facts(curves))


def _section(out: Console, title: str) -> None:
    out.print()
    out.print(Text(one_line(title), style="bold yellow"))


def _table(names: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, justify="right" if name in ("sample", "samples") else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _flags(report: Report) -> RenderableType:
    if report.stats is None:
        return Text(one_line(f"not looked through yet: burnish stats {report.path} does"), style="dim")
    flags = report.stats.flags.items()
    return tables.facts([(flag, f"{count:,}") for flag, count in flags if count] or [("flags", "none")])


def _flow(report: Report) -> RenderableType:
    # The medians stand with their pictures, of what would leave now.
    # So do the rows that pass through, with the dataset.
    # Notes and tags have a section of their own.
    elsewhere = ("median", "passed", "notes", "tags")
    counted = (fact for fact in tables.overview_facts(report.overview) if not fact[0].startswith(elsewhere))
    rules = ((rule, f"{count:,}", EXPORT_RULES[rule].full) for rule, count in report.leaving.items())
    beside = tables.facts(selections_told(report.baselines))
    return Group(tables.facts(counted), _table(("rule", "samples", "what it takes"), rules), beside)


def _bars(figure: MeasureFigure, width: int) -> Text:
    """A figure in blocks: before above, after below, on one scale."""
    shown = Text()
    sides = [("before", figure.before)] + ([("after", figure.after)] if figure.after is not None else [])
    most = max(count for _, side in sides for count in side.counts) or 1
    bins = len(figure.before.counts)
    wide = max(1, (width - 8) // bins)
    for name, side in sides:
        for row in (2, 1, 0):
            shown.append((name if row == 0 else "").ljust(8), style="dim")
            for count in side.counts:
                level = round(count / most * 24) - 8 * row
                level = max(level, 1) if count and row == 0 else level
                shown.append(BLOCKS[min(max(level, 0), 8)] * wide, style="yellow" if name == "after" else "")
            shown.append("\n")
    axis = Axis(figure.before.low, figure.before.high, bins * wide)
    ticks = (log_ticks if figure.logarithmic else linear_ticks)(axis.low, axis.high, 8)
    line = [" "] * axis.cells
    for start, text in apart([(axis.cell(at), text) for at, text in ticks], axis.cells):
        line[start : start + len(text)] = text
    return shown.append(" " * 8 + "".join(line), style="dim")


def _pair(pair: ReportedSample) -> RenderableType:
    page = Text(f"\n{pair.sample.index}", style="bold")
    if pair.sample.history:
        page.append(f"   {after_words(pair.sample)}", style="dim")
    for name, before, after in scores(pair):
        page.append(f"   {name} {before} → {after}", style="dim")
    if pair.decision is not None:
        page.append(f"   decided by a person: {pair.decision}", style="dim")
    for name, change in pair.changes.items():
        before, after = getattr(pair.sample.original, name), getattr(pair.after, name)
        if not before and not after:
            continue
        page.append(f"\n{name}\n", style="bold cyan")
        if before == after:
            page.append(literal(_cut(before)))
        else:
            _marked(page, before, change.removed, "red strike")
            page.append("\n→ ", style="dim")
            _marked(page, after, change.added, "green underline")
    for choice in pair.outcome.choices:
        page.append(f"\n{one_line(decided(choice))}", style="dim")
    return page


def _marked(page: Text, text: str, changed: Sequence[Span], style: str) -> None:
    at = 0
    for start, end in (*changed, (LONGEST, LONGEST)):
        page.append(literal(text[at : min(start, LONGEST)]))
        page.append(literal(text[start : min(end, LONGEST)]), style=style)
        at = end
    if len(text) > LONGEST:
        page.append(_more(text), style="dim")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + _more(text)


def _more(text: str) -> str:
    return f" … and {len(text) - LONGEST:,} more characters"
