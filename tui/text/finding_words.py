"""The findings of `burnish stats` in words: of one sample, and of a dataset as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.examine.flags import Finding, Flag, Lengths, Stats
from engine.sample import WhyPassed
from models.system.shell import quoted_word
from models.system.units import counted
from tui.text import tables
from tui.text.literal import one_line
from tui.text.vocabulary import FINDINGS, reasoning_note


def finding_text(found: Finding) -> str:
    """The details of a finding, in a sentence. It quotes the dataset: show it through `literal`."""
    return "; ".join(map(_detail, found.details))


def _detail(detail: Mapping[str, Any]) -> str:  # noqa: PLR0911 - a form of detail each
    match detail:
        case {"of": of, "likeness": float(likeness)}:
            return f"like {of}, about {likeness:.2f}"
        case {"field": field, "of": of}:
            return f"{field} is the {of}"
        case {"of": of}:
            return f"the same as {of}"
        case {"field": field, "kind": kind, "count": int(count), "masked": masked}:
            times = f", {count} times" if count > 1 else ""
            return f"{kind} in the {field}{times}: {masked}"
        case {"field": field, "row": row, "words": words}:
            return f"{field} and row {row} of the test: {words}"
        case {"field": field, "text": text}:
            return f"{field}: {text or 'empty'}"
        case {"language": language}:
            return str(language)
        case _:
            return ", ".join(map(str, detail.values()))


def print_examination(
    out: Console,
    data: Path,
    found: Stats,
    passed: Mapping[WhyPassed, int],
    bad: int,
    first_bad: Sequence[str],
    findings: Mapping[Flag, Sequence[Finding]],
) -> None:
    """Print the page of a dataset.

    `passed`: the rows that cannot be refined; `bad`: how many cannot be read; `first_bad`: what is wrong with the
    first of them; `findings`: the first samples of each flag.
    """
    out.print(tables.facts(_facts(data, found, passed, bad, first_bad)), soft_wrap=True)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("flag")
    table.add_column("samples", justify="right")
    table.add_column("share", justify="right")
    table.add_column("which", ratio=1)
    for flag, count in found.flags.items():
        which = [one_line(f"{one.sample}  {finding_text(one)}") for one in findings[flag]]
        which += [f"and {count - len(which):,} more"] * (count > len(which))
        style = "" if count else "dim"
        share = f"{100 * count / found.samples:.2f} %"
        table.add_row(Text(flag, style), f"{count:,}", share, Text("\n").join(map(Text, which)), style=style)
    out.print(table)
    for flag in found.flags:
        out.print(Text.assemble((f"{flag:<19}", "dim"), FINDINGS[flag]), soft_wrap=True)
    if found.flagged:
        following = ("next", f"burnish stats {quoted_word(str(data))} --json tells of every sample")
        out.print(tables.facts([following]), soft_wrap=True)


def _facts(
    data: Path, found: Stats, passed: Mapping[WhyPassed, int], bad: int, first_bad: Sequence[str]
) -> Iterator[tables.Fact]:
    yield "dataset", str(data)
    yield "samples", f"{found.samples:,}, {found.flagged:,} of them flagged"
    yield from tables.passed_fact(passed)
    if bad:
        rest = bad - len(first_bad)
        more = f"; and {rest:,} more" if rest else ""
        yield "cannot be read", f"{bad:,}: {'; '.join(first_bad)}{more}"
    yield "languages", ", ".join(f"{code} {_share(count, found)}" for code, count in found.languages.items())
    yield "instruction", f"{_spread(found.instruction)}, with its input"
    yield "response", _spread(found.response)
    if found.reasoning:
        yield "reasoning", reasoning_note(found.reasoning)
    if found.personal:
        yield "personal data", ", ".join(f"{kind} in {count:,}" for kind, count in found.personal.items())
    if (test := found.against) is not None:
        short = f", {test.short:,} too short to tell" if test.short else ""
        yield (
            "test",
            f"{test.path}: {counted(test.rows, 'row')}, {counted(test.texts, 'text')} held against the samples{short}",
        )


def _share(count: int, found: Stats) -> str:
    return f"{count:,} ({100 * count / found.samples:.1f} %)"


def _spread(lengths: Lengths) -> str:
    return (
        f"{counted(lengths.median, 'character')} in the middle, 90 % have {lengths.low:,} to {lengths.high:,}, "
        f"all {lengths.least:,} to {lengths.most:,}"
    )
