"""What each command does: settings in, the engine's work, results on standard output, the rest on standard error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from engine.export.export import ExportRequest, RowProgress, write
from engine.export.trainers import Trainer
from engine.formats.layouts import earlier_turns, render
from engine.formats.names import DatasetError, Format
from engine.formats.read import BadRow, demo_dataset
from engine.formats.write import write_dataset
from engine.method.recipe import Method
from engine.run import session
from engine.run.opening import workspace_for
from engine.run.plan import RunSummary
from engine.run.settings import Settings, load_settings
from engine.sample import Outcome, Sample, Scores
from engine.store.leaving import ExportRule, TopShare, exported
from engine.store.overview import overview
from engine.store.workspace import Run, Workspace
from tui.cli import upkeep
from tui.cli.console import errors, output, say
from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.progress import display
from tui.text import tables

EXAMPLES, LISTED = 5, 20
"""Samples shown after a run, and by `show` and `score`; `export` and --json are for all of them."""


def run(
    data: Path,
    *,
    workspace: Path | None,
    limit: int | None,
    format_: str | None,
    skip_bad: bool,
    retry_failed: bool,
    allow_remote_teacher: bool,
    as_json: bool,
    **options: Any,
) -> int:
    settings = load_settings(_groups(options))
    session.check(settings, allow_remote_teacher=allow_remote_teacher)
    with _opened(data, workspace, format_, skip_bad=skip_bad) as opened:
        summary = _refine(
            opened,
            settings,
            limit=limit,
            retry_failed=retry_failed,
            allow_remote_teacher=allow_remote_teacher,
        )
        _result(opened, summary, as_json=as_json)
    return PARTLY if summary.failed else DONE


def score(
    data: Path,
    *,
    workspace: Path | None,
    limit: int | None,
    format_: str | None,
    skip_bad: bool,
    as_json: bool,
    **options: Any,
) -> int:
    settings = load_settings(_groups(options | {"method": "score"}))
    session.check(settings)
    with _opened(data, workspace, format_, skip_bad=skip_bad) as opened:
        summary = _refine(opened, settings, limit=limit)
        if as_json:
            for _, outcome in _first(opened, summary.run, limit):
                assert outcome.before is not None
                print(json.dumps(_score_line(outcome.index, outcome.before)))
        else:
            out = output()
            _examples(out, opened, summary.run, LISTED)
            _totals(out, opened, summary.run)
            _facts(out, [("next", f"burnish export {opened.path} OUT --rule top --top 5%")])
    return DONE


def reselect(workspace: Path, *, student: str, exact: bool | None, ask_teacher: bool, as_json: bool) -> int:
    settings = load_settings({"student": {"name": student, "exact": exact}})
    console = errors()
    with Workspace.open(workspace) as opened:
        with display(console) as shown:
            summary = asyncio.run(
                session.reselect(opened, settings.student, shown.on_event, ask_teacher=False)
            )
        if summary.waiting:
            missing = ", ".join(map(str, summary.waiting[:50])) + " …" * (len(summary.waiting) > 50)
            say(console, f"{len(summary.waiting)} samples need a reply that was never asked for: {missing}")
            if ask_teacher:
                with display(console) as shown:
                    summary = asyncio.run(
                        session.reselect(opened, settings.student, shown.on_event, ask_teacher=True)
                    )
            else:
                say(console, "give --ask-teacher to ask for them; the others are chosen")
        _result(opened, summary, as_json=as_json)
    return PARTLY if summary.failed or summary.waiting else DONE


def export(
    workspace: Path,
    out: Path,
    *,
    rule: str,
    share: str,
    format_: str | None,
    trainer: str | None,
    with_trace: bool,
    as_json: bool,
) -> int:
    wanted = ExportRequest(
        ExportRule(rule),
        TopShare.parse(share),
        Format(format_) if format_ else None,
        Trainer(trainer) if trainer else None,
        with_trace,
    )
    report = write(workspace, out, wanted, RowProgress())
    told: dict[str, Any]
    if as_json:
        told = {"rule": rule, "dataset": str(out), "rows": report.rows, "of": report.of}
        told |= {"config": str(report.config), "use": report.use} if trainer else {"format": report.format}
        print(json.dumps(told))
    else:
        told = {"written": f"{report.rows} of {report.of} samples, rule {rule}", "export": str(out)}
        told |= {"config": str(report.config), "use": str(report.use)} if trainer else {}
        _facts(output(), told.items())
    return DONE


def show(workspace: Path, sample: int | None, *, as_json: bool) -> int:
    out = output()
    with Workspace.read(workspace) as opened:
        latest = opened.latest_run()
        if sample is not None:
            one = opened.sample(sample)
            outcome, review = opened.outcome(latest, sample), opened.reviews.standing(sample)
            if as_json:
                print(
                    json.dumps(
                        {
                            "sample": one.model_dump(mode="json"),
                            "outcome": outcome and outcome.model_dump(mode="json"),
                            "review": review and review.model_dump(mode="json"),
                        }
                    )
                )
            else:
                out.print(tables.sample_page(one, outcome, review))
        elif as_json:
            print(json.dumps(_run_json(opened, latest)))
        else:
            _examples(out, opened, latest, LISTED)
            _facts(out, tables.workspace_facts(opened.source(), latest))
            _totals(out, opened, latest)
    return DONE


def demo(*, samples: int, workspace: Path, as_json: bool) -> int:
    settings = load_settings(
        {
            "teacher": {"name": "demo", "context": 2048, "max_tokens": 512},
            "student": {"name": "demo"},
            "run": {"reply_form": "steps"},
        }
    )
    say(errors(), _about_ollama(settings))
    with _opened(demo_dataset(), workspace, None, skip_bad=False) as opened:
        summary = _refine(opened, settings, limit=samples)
        out = workspace.with_name(f"{workspace.stem}-refined.json")
        rows = (
            render(s, o.final, Format.ALPACA, Format.ALPACA) for s, o in _first(opened, summary.run, samples)
        )
        write_dataset(out, Format.ALPACA, rows)
        _result(opened, summary, as_json=as_json, export=out)
    return PARTLY if summary.failed else DONE


def _groups(options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Command line options as the settings they set."""
    places = {
        "teacher": ("teacher", "name"),
        "teacher_parallel": ("teacher", "parallel"),
        "student": ("student", "name"),
        "exact": ("student", "exact"),
    }
    groups: dict[str, dict[str, Any]] = {}
    for option, value in options.items():
        group, name = places.get(option, ("run", option))
        groups.setdefault(group, {})[name] = value
    return groups


def _opened(data: Path, workspace: Path | None, format_: str | None, *, skip_bad: bool) -> Workspace:
    """The dataset's workspace. A new one says what was left out of it, and which of its samples have a history."""
    console = errors()

    def on_bad(bad: BadRow) -> None:
        if not skip_bad:
            raise DatasetError(f"{data}: {bad.where}: {bad.message}; --skip-bad imports the other rows")
        say(console, f"skipped {data}: {bad.where}: {bad.message}")

    path = workspace or workspace_for(data)
    new = not path.exists()
    opened = session.open_workspace(path, data, Format(format_) if format_ else None, on_bad)
    if new:
        format = Format(opened.source().format)
        turns = sum(earlier_turns(sample.row, format) > 0 for sample in opened.samples())
        if turns:
            say(
                console,
                f"{turns} of {len(opened)} samples have earlier turns: their last exchange is refined, "
                "the turns before it are exported as they are",
            )
    return opened


def _refine(opened: Workspace, settings: Settings, **options: Any) -> RunSummary:
    with display(errors()) as shown:
        return asyncio.run(session.refine_workspace(opened, settings, shown.on_event, **options))


def _first(opened: Workspace, run: Run, limit: int | None) -> Iterator[tuple[Sample, Outcome]]:
    """The finished samples of the first `limit`, in order."""
    for row in exported(opened, run):
        if limit is not None and row.sample.index >= limit:
            return
        if row.outcome is not None:
            yield row.sample, row.outcome


def _run_json(opened: Workspace, run: Run) -> dict[str, Any]:
    """What `run --json` and `show --json` print; tui/cli/README.md documents the fields."""
    return {
        "workspace": str(opened.path),
        "dataset": opened.source().model_dump(),
        **run.record.model_dump(include={"teacher", "student"}),
        "recipe": run.recipe.model_dump(mode="json"),
        **overview(opened, run).model_dump(mode="json"),
    }


def _result(opened: Workspace, summary: RunSummary, *, as_json: bool, export: Path | None = None) -> None:
    """A run's end: the totals, a few samples before and after, and where everything is."""
    if as_json:
        extra = {"total": summary.total, "waiting": summary.waiting, "export": export and str(export)}
        print(json.dumps(_run_json(opened, summary.run) | extra))
        return
    out = output()
    _examples(out, opened, summary.run, EXAMPLES)
    _totals(out, opened, summary.run)
    command = ("next", f"burnish export {opened.path} OUT")
    _facts(out, [("export", str(export)) if export is not None else command])


def _examples(out: Console, opened: Workspace, run: Run, count: int) -> None:
    """The first samples that are done: their scores, or what became of them."""
    more = opened.count(run)[0] - count
    items = list(islice(_first(opened, run, None), count))
    if run.recipe.method is Method.SCORE:
        for sample, outcome in items:
            assert outcome.before is not None
            out.print(tables.score_line(sample, outcome.before), no_wrap=True, overflow="ellipsis")
    elif items:
        out.print(tables.samples_table(items))
    if more > 0:
        out.print(f"… and {more} more (burnish show {opened.path} SAMPLE)", soft_wrap=True)


def _totals(out: Console, opened: Workspace, run: Run) -> None:
    counted = overview(opened, run)
    pairs = list(tables.overview_facts(counted))
    if counted.failed:
        failed = (outcome for _, outcome in _first(opened, run, None) if outcome.failures)
        pairs += map(tables.failure_fact, islice(failed, LISTED))
    _facts(out, [*pairs, ("workspace", str(opened.path))])


def _facts(out: Console, pairs: Iterable[tables.Fact]) -> None:
    out.print(tables.facts(pairs), soft_wrap=True)


def _score_line(index: int, scores: Scores) -> dict[str, Any]:
    """A line of `score --json`; tui/cli/README.md documents the fields."""
    losses = {
        "response": scores.ifd.alone,
        "response_given_instruction": scores.ifd.given,
        "instruction": scores.r_ifd.alone,
        "instruction_given_response": scores.r_ifd.given,
    }
    return {
        "index": index,
        "ifd": scores.ifd.value,
        "r_ifd": scores.r_ifd.value,
        "loss": {name: loss.mean if loss else None for name, loss in losses.items()},
        "scored": {name: loss.scored if loss else 0 for name, loss in losses.items()},
        "truncated": scores.ifd.truncated or scores.r_ifd.truncated,
        "reason": scores.ifd.reason or scores.r_ifd.reason,
    }


def _about_ollama(settings: Settings) -> str:
    """Whether a better teacher than the demo's is a word away."""
    version = asyncio.run(upkeep.ollama_version(settings.teacher.host))
    if version is None:
        return "No Ollama is running here: the demo's teacher runs inside burnish, and is a very small model."
    return (
        f"Ollama {version} is running here. For a capable teacher: burnish models, then burnish run DATA "
        "--teacher NAME --student NAME. The demo's own is a very small model inside burnish."
    )
