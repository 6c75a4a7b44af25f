"""Shared by `run`, `score`, `reselect`, `show` and `demo`: the workspace of a dataset, and the results of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from engine.events import Held
from engine.formats.fields import Columns
from engine.formats.folders import one_of_shards
from engine.formats.names import DatasetError, Format
from engine.formats.read import BadRow
from engine.formats.reasons import Reasons
from engine.method.recipe import Method
from engine.progress import SessionCounts
from engine.run import session
from engine.run.opening import append_dataset, check_columns, open_workspace, workspace_for
from engine.run.plan import RunSummary
from engine.run.settings import Settings
from engine.sample import Outcome, Sample, Turns
from engine.store.leaving import refined
from engine.store.overview import overview
from engine.store.workspace import Run, Workspace
from models.system.shell import quoted_word
from models.system.units import counted
from tui.cli.console import errors, output, print_facts, say
from tui.cli.options import DataOptions
from tui.cli.progress import display
from tui.cli.stopping import run_stoppable
from tui.text import tables
from tui.text.vocabulary import reasoning_note

EXAMPLES, FAILURES = 5, 20
"""Samples shown after a run, and failed samples listed."""


def open_data(data: Path, reading: DataOptions, *, turns: Turns) -> Workspace:
    """The workspace of a dataset, opened or made; with `append`, the rows that the dataset has gained are taken up.

    Making it prints why rows are skipped, with the first row and the count of each reason, how many rows pass
    through because they cannot be refined, and what there is of conversations; `turns`: which exchanges are refined.
    Raises `DatasetError` for a row that cannot be read, unless `skip_bad`.
    """
    console, skipped = errors(), Reasons()

    def on_bad(bad: BadRow) -> None:
        if not reading.skip_bad:
            raise DatasetError(f"{data}: {bad.where}: {bad.message}; --skip-bad imports the other rows")
        skipped.add(bad.where, bad.message)

    path = reading.workspace or workspace_for(data)
    columns, new = Columns.parse(reading.columns), not path.exists()
    if reading.append and not new:
        opened = _appended(path, data, on_bad, columns)
    else:
        opened = open_workspace(
            path,
            data,
            Format(reading.format_) if reading.format_ else None,
            on_bad,
            encoding=reading.encoding,
            columns=columns,
            turns=turns,
        )
    for reason in skipped:
        say(console, f"skipped {data}: {reason}")
    if skipped.others:
        say(console, f"skipped {data}: {counted(skipped.others, 'row')} for other reasons")
    if skipped.count:
        say(
            console,
            counted(
                skipped.count, "row cannot be read and is left out", "rows cannot be read and are left out"
            ),
        )
    if new:
        if (shard := one_of_shards(data)) is not None:
            say(console, f"{data}: {shard}, or refine each by itself")
        if passed := opened.passed():
            say(console, f"cannot be refined and pass through: {tables.passed_words(passed)}")
        for line in tables.conversation_lines(opened.conversations()):
            say(console, line)
        if reasoning := opened.reasoning():
            say(console, reasoning_note(reasoning))
    return opened


def _appended(path: Path, data: Path, on_bad: Callable[[BadRow], None], columns: Columns) -> Workspace:
    """The workspace at `path`, with the rows that `data` has gained."""
    opened = Workspace.open(path)
    try:
        check_columns(path, opened.source(), columns)
        count = append_dataset(opened, data, on_bad)
    except BaseException:
        opened.close()
        raise
    taken = counted(count, "new row is taken up", "new rows are taken up")
    say(errors(), f"{taken}; the workspace now holds {counted(len(opened), 'sample')}")
    return opened


def refine(opened: Workspace, settings: Settings, **options: Any) -> tuple[RunSummary, SessionCounts]:
    with display(errors()) as shown:
        summary = run_stoppable(session.refine_workspace(opened, settings, shown.on_event, **options))
    return summary, shown.tally.session


def show_held(opened: Workspace, held: Held) -> None:
    """Print why a run is held, as JSON."""
    print(json.dumps({"workspace": str(opened.path), "held": asdict(held)}))


def finished(opened: Workspace, run: Run, limit: int | None) -> Iterator[tuple[Sample, Outcome]]:
    """The finished samples of the first `limit`, in order."""
    for row in refined(opened, run):
        if limit is not None and row.sample.index >= limit:
            return
        if row.outcome is not None:
            yield row.sample, row.outcome


def run_json(opened: Workspace, run: Run) -> dict[str, Any]:
    """The object of `run --json` and `show --json`; tui/cli/README.md documents the fields."""
    return {
        "workspace": str(opened.path),
        "dataset": opened.source().model_dump(exclude_none=True, exclude={"types"}),
        **run.record.model_dump(include={"teacher", "student", "verifier", "part"}),
        "recipe": run.recipe.model_dump(mode="json"),
        **overview(opened, run).model_dump(mode="json"),
    }


def show_result(
    opened: Workspace, summary: RunSummary, now: SessionCounts, *, as_json: bool, export: Path | None = None
) -> None:
    """Print a run's end: a few samples before and after, the totals, and where everything is."""
    if as_json:
        extra = {"total": summary.total, "waiting": summary.waiting, "session": now.as_json()}
        print(json.dumps(run_json(opened, summary.run) | extra | {"export": export and str(export)}))
        return
    out = output()
    show_examples(out, opened, summary.run, EXAMPLES)
    show_totals(out, opened, summary.run, now)
    command = ("next", f"burnish export {quoted_word(str(opened.path))} OUT")
    print_facts(out, [("export", str(export)) if export is not None else command])


def show_examples(out: Console, opened: Workspace, run: Run, count: int) -> None:
    """Print the first samples that are done: their scores, or each before and after."""
    more = opened.count(run)[0] - count
    items = list(islice(finished(opened, run, None), count))
    if run.recipe.method is Method.SCORE:
        for sample, outcome in items:
            assert outcome.before is not None
            out.print(tables.score_line(sample, outcome.before), no_wrap=True, overflow="ellipsis")
    elif items:
        out.print(tables.samples_table(items))
    if more > 0:
        path = quoted_word(str(opened.path))
        out.print(f"… and {more} more (burnish show {path} SAMPLE)", soft_wrap=True)


def show_totals(out: Console, opened: Workspace, run: Run, now: SessionCounts | None = None) -> None:
    """Print the whole run's counts, and what this session did of it, where there was one."""
    counted = overview(opened, run)
    pairs = list(tables.overview_facts(counted))
    if now is not None:
        pairs.insert(1, ("session", tables.session_words(now)))
    if counted.failed:
        failed = (outcome for _, outcome in finished(opened, run, None) if outcome.failures)
        pairs += map(tables.failure_fact, islice(failed, FAILURES))
        pairs.append(("to try again", "the same burnish run with --retry-failed, once the cause is mended"))
    print_facts(out, [*pairs, ("workspace", str(opened.path))])
