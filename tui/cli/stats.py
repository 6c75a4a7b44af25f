"""`burnish stats`: what a dataset holds, and which samples are worth a look before a teacher spends time on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from engine.examine.examine import Examination
from engine.examine.flags import Finding, Lengths, Stats
from engine.formats.names import Format
from engine.formats.read import BadRow, open_dataset
from engine.run.opening import is_workspace
from engine.store.workspace import Workspace
from tui.cli.console import errors, output
from tui.cli.exit_codes import DONE
from tui.text import tables
from tui.text.finding_words import finding_text
from tui.text.literal import one_line
from tui.text.vocabulary import FINDINGS

LISTED = 5
"""Samples of each flag, and bad rows, that are told of in words; --json tells of all."""

EVERY = 1000
"""Samples between two signs of progress."""


def stats(data: Path, *, against: Path | None, format_: str | None, as_json: bool) -> int:
    bad = _BadRows()
    with Examination(against) as examination, _counting() as step:
        if is_workspace(data):
            with Workspace.open(data) as opened:
                found = examination.examine(opened.samples(), step)
                opened.keep_examination(found, examination.all_findings())
        else:
            dataset = open_dataset(data, Format(format_) if format_ else None)
            found = examination.examine(dataset.samples(bad.add), step)
        (_print_json if as_json else _print_words)(data, found, bad, examination)
    return DONE


class _BadRows:
    """Rows that hold no sample: how many, and the first."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, bad: BadRow) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.first.append(f"{bad.where}: {bad.message}")


@contextmanager
def _counting() -> Iterator[Callable[[], None]]:
    """Shows on a terminal how far the look has come."""
    console, count = errors(), 0
    # FORCE_COLOR makes any file a terminal to rich; what moves is for real ones.
    moves = console.is_interactive and console.file.isatty()
    with console.status("looking…") if moves else nullcontext() as status:

        def step() -> None:
            nonlocal count
            count += 1
            if status is not None and count % EVERY == 0:
                status.update(f"looked at {count:,} samples…")

        yield step


def _print_json(data: Path, found: Stats, bad: _BadRows, examination: Examination) -> None:
    """An object with the figures, then one for each flag of a sample; tui/cli/README.md documents the fields."""
    head = {"data": str(data), **found.model_dump(mode="json"), "bad_rows": bad.count, "bad": bad.first}
    print(json.dumps(head))
    for one in examination.all_findings():
        print(json.dumps({"sample": one.sample, "flag": one.flag, "details": one.details}))


def _print_words(data: Path, found: Stats, bad: _BadRows, examination: Examination) -> None:
    out = output()
    out.print(tables.facts(_facts(data, found, bad)), soft_wrap=True)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("flag")
    table.add_column("samples", justify="right")
    table.add_column("share", justify="right")
    table.add_column("which", ratio=1)
    for flag, count in found.flags.items():
        which = [_line(one) for one in examination.findings(flag, LISTED)]
        which += [f"and {count - LISTED:,} more"] * (count > LISTED)
        style = "" if count else "dim"
        share = f"{100 * count / found.samples:.2f} %"
        table.add_row(Text(flag, style), f"{count:,}", share, Text("\n").join(map(Text, which)), style=style)
    out.print(table)
    for flag in found.flags:
        out.print(Text.assemble((f"{flag:<19}", "dim"), FINDINGS[flag]), soft_wrap=True)
    if found.flagged:
        out.print(
            tables.facts([("next", f"burnish stats {data} --json tells of every sample")]), soft_wrap=True
        )


def _facts(data: Path, found: Stats, bad: _BadRows) -> Iterator[tables.Fact]:
    yield "dataset", str(data)
    yield "samples", f"{found.samples:,}, {found.flagged:,} of them flagged"
    if bad.count:
        more = f"; and {bad.count - LISTED:,} more" if bad.count > LISTED else ""
        yield "rows without one", f"{bad.count:,}: {'; '.join(bad.first)}{more}"
    yield "languages", ", ".join(f"{code} {_share(count, found)}" for code, count in found.languages.items())
    yield "instruction", f"{_spread(found.instruction)}, with its input"
    yield "response", _spread(found.response)
    if found.personal:
        yield "personal data", ", ".join(f"{kind} in {count:,}" for kind, count in found.personal.items())
    if (test := found.against) is not None:
        short = f", {test.short:,} too short to tell" if test.short else ""
        yield "test", f"{test.path}: {test.rows:,} rows, {test.texts:,} texts held against the samples{short}"


def _share(count: int, found: Stats) -> str:
    return f"{count:,} ({100 * count / found.samples:.1f} %)"


def _spread(lengths: Lengths) -> str:
    return (
        f"{lengths.median:,} characters in the middle, 90 % have {lengths.low:,} to {lengths.high:,}, "
        f"all {lengths.least:,} to {lengths.most:,}"
    )


def _line(found: Finding) -> str:
    """A flagged sample, and what was found in it."""
    return one_line(f"{found.sample}  {finding_text(found)}")
