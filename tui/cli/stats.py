"""`burnish stats`: a dataset looked through before a teacher spends time on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import click

from models.system.units import counted
from tui.cli.exit_codes import DONE
from tui.cli.options import FILE, PATH, columns_option, encoding_option, format_option, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from engine.formats.read import BadRow
    from engine.store.baselines import FirstByMeasure
    from engine.store.choosing import ChosenBy
    from engine.store.length_effect import LengthEffect
    from engine.store.rating_figures import RatingFigures
    from engine.store.workspace import Run, Workspace

LISTED = 5
"""Samples of each flag, and bad rows, that are shown in words; --json tells of all."""

EVERY = 1000
"""Samples between two signs of progress."""


@click.command()
@click.argument("data", type=PATH)
@click.option(
    "--against",
    type=FILE,
    metavar="TEST",
    help="A test set's file: samples that hold 13 words in a row of it are flagged.",
)
@format_option("The dataset's format [told from its content].")
@encoding_option
@click.option("--against-encoding", metavar="NAME", help="The encoding of the test set's file.")
@columns_option
@json_option
def stats(
    data: Path,
    *,
    against: Path | None,
    against_encoding: str | None,
    format_: str | None,
    encoding: str | None,
    columns: tuple[str, ...],
    as_json: bool,
) -> int:
    """Look through DATA before it is refined, and flag samples.

    It finds duplicates and near duplicates, empty and copied fields, refusals, other languages, personal data, and
    overlap with a test set. DATA is a dataset or a workspace. A workspace keeps what was found: Samples filters by it,
    and the report shows it. Every sample is looked at, dropped ones too.

    For a workspace's latest run it also shows, without dropped samples: how scores and verdicts change with length,
    how many samples two measures would both choose, and the ratings that burnish rate collected.
    """
    from engine.examine.examine import Examination
    from engine.formats.fields import Columns
    from engine.formats.names import Format
    from engine.formats.read import open_dataset
    from engine.run.opening import is_workspace
    from engine.run.settings import load_settings
    from engine.sample import PassedRow, Sample, WhyPassed
    from engine.store.workspace import Workspace
    from tui.cli.console import output
    from tui.text.finding_words import print_examination

    bad, passed = _BadRows(), Counter[WhyPassed]()
    figures: _RunFigures | None = None

    def samples(rows: Iterable[Sample | PassedRow]) -> Iterator[Sample]:
        for row in rows:
            if isinstance(row, Sample):
                yield row
            else:
                passed[row.why] += 1

    load_settings({})  # among them the limit for rows
    with Examination(against, against_encoding) as examination, _counting() as step:
        if is_workspace(data):
            with Workspace.open(data) as opened:
                passed.update(opened.passed())
                found = examination.examine(opened.samples(), step, opened.source())
                opened.keep_examination(found, examination.all_findings())
                if (run := opened.latest()) is not None:
                    figures = _RunFigures.of(opened, run)
        else:
            dataset = open_dataset(
                data, Format(format_) if format_ else None, encoding, Columns.parse(columns)
            )
            found = examination.examine(samples(dataset.contents(bad.add)), step, dataset)
        if (
            as_json
        ):  # an object with the figures, then one for each flag; tui/cli/README.md documents the fields
            examined = found.model_dump(mode="json")
            rows = {"passed": dict(passed), "bad_rows": bad.count, "bad": bad.first}
            of_run = dict.fromkeys(_RunFigures._fields) if figures is None else figures.as_json()
            print(json.dumps({"data": str(data), **examined, **rows, **of_run}))
            for one in examination.all_findings():
                print(json.dumps({"sample": one.sample, "flag": one.flag, "details": one.details}))
        else:
            findings = {flag: list(examination.findings(flag, LISTED)) for flag in found.flags}
            why, out = dict(passed.most_common()), output()
            print_examination(out, data, found, why, bad.count, bad.first, findings)
            if figures is not None:
                figures.print(out)
    return DONE


class _RunFigures(NamedTuple):
    """Figures of a workspace's latest run."""

    length: LengthEffect
    first: dict[ChosenBy, FirstByMeasure]
    ratings: RatingFigures | None

    @classmethod
    def of(cls, opened: Workspace, run: Run) -> Self:
        from engine.store.baselines import first_by_each
        from engine.store.length_effect import length_effect
        from engine.store.rating_figures import rating_figures

        return cls(length_effect(opened, run), first_by_each(opened, run), rating_figures(opened, run))

    def as_json(self) -> dict[str, Any]:
        return {
            "length": self.length.model_dump(mode="json"),
            "first": {by: found.model_dump(mode="json") for by, found in self.first.items()},
            "ratings": self.ratings and self.ratings.model_dump(mode="json"),
        }

    def print(self, out: Console) -> None:
        from tui.cli.console import print_facts
        from tui.text.choosing_words import FIRST, first_facts
        from tui.text.length_words import ABOUT, length_facts
        from tui.text.rating_words import rating_facts

        if facts := list(length_facts(self.length)):
            print_facts(out, [("the latest run", ABOUT), *facts])
            print_facts(out, [("choosing", FIRST), *first_facts(self.first)])
        if self.ratings is not None:
            print_facts(out, rating_facts(self.ratings))


class _BadRows:
    """Rows that cannot be read: how many, and the first."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, bad: BadRow) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.first.append(f"{bad.where}: {bad.message}")


@contextmanager
def _counting() -> Iterator[Callable[[], None]]:
    """Shows on a terminal how far the examination has come."""
    from tui.cli.console import errors, moves

    console, count = errors(), 0
    with console.status("looking…") if moves(console) else nullcontext() as status:

        def step() -> None:
            nonlocal count
            count += 1
            if status is not None and count % EVERY == 0:
                status.update(f"looked at {counted(count, 'sample')}…")

        yield step
