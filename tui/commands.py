"""What each command does: settings in, the engine's work, results on standard output, the rest on standard error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from engine import session
from engine.export import ExportRule, Share, exported
from engine.formats import Format
from engine.overview import overview
from engine.reading import BadRow, demo_dataset
from engine.rows import earlier_turns, render
from engine.sample import Outcome, Sample, Scores
from engine.settings import Settings, load
from engine.trainers import Trainer, write_for_trainer
from engine.workspace import Run, Workspace
from engine.writing import write_dataset
from tui import tables, upkeep
from tui.cli import DONE, PARTLY
from tui.literal import first_line, literal
from tui.progress import display

SHOWN = 5
"""Samples in a table of examples."""


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
    settings = load(_groups(options))
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
    settings = load(_groups(options | {"method": "score"}))
    out = Console(highlight=False)
    with _opened(data, workspace, format_, skip_bad=skip_bad) as opened:
        summary = _refine(opened, settings, limit=limit)
        if as_json:
            for _, outcome in _first(opened, summary.run, limit):
                assert outcome.before is not None
                print(json.dumps(_score_line(outcome.index, outcome.before)))
        else:
            for sample, outcome in _first(opened, summary.run, limit):
                assert outcome.before is not None
                out.print(_plain_score(sample, outcome.before), no_wrap=True, overflow="ellipsis")
            out.print(tables.overview_table(overview(opened, summary.run)))
            out.print(Text(f"workspace: {literal(str(opened.path))}"))
    return DONE


def reselect(workspace: Path, *, student: str, exact: bool | None, ask_teacher: bool, as_json: bool) -> int:
    settings = load({"student": {"name": student, "exact": exact}})
    errors = Console(stderr=True, highlight=False)
    with Workspace.open(workspace) as opened:
        with display(errors) as shown:
            summary = asyncio.run(
                session.reselect(opened, settings.student, shown.on_event, ask_teacher=False)
            )
        if summary.waiting:
            missing = ", ".join(map(str, summary.waiting[:50])) + " …" * (len(summary.waiting) > 50)
            errors.print(
                Text(f"{len(summary.waiting)} samples need a reply that was never asked for: {missing}"),
                soft_wrap=True,
            )
            if ask_teacher:
                with display(errors) as shown:
                    summary = asyncio.run(
                        session.reselect(opened, settings.student, shown.on_event, ask_teacher=True)
                    )
            else:
                errors.print("give --ask-teacher to ask for them; the others are chosen")
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
    with Workspace.read(workspace) as opened:
        source, latest = opened.source(), opened.latest_run()
        here = Format(source.format)
        chosen = exported(opened, latest, ExportRule(rule), Share.parse(share))
        protected = (Path(source.path), workspace)
        written: dict[str, Any] = {"rule": rule, "dataset": str(out)}
        if trainer is not None:
            items = ((row.sample, row.version, row.trace(latest) if with_trace else None) for row in chosen)
            files = write_for_trainer(Trainer(trainer), out, here, items, protected=protected)
            written |= {"rows": files.rows, "config": str(files.config), "use": files.use}
        else:
            there = Format(format_) if format_ else here
            records = (
                render(row.sample, row.version, here, there, row.trace(latest) if with_trace else None)
                for row in chosen
            )
            written |= {
                "rows": write_dataset(out, there, records, protected=protected),
                "format": there,
            }
        written["of"] = len(opened)
    if as_json:
        print(json.dumps(written))
    else:
        lines = [f"{written['rows']} of {written['of']} samples written to {out} (rule {rule})"]
        lines += [str(written[key]) for key in ("config", "use") if key in written]
        Console(highlight=False).print(Text(literal("\n".join(lines))), soft_wrap=True)
    return DONE


def show(workspace: Path, sample: int | None, *, as_json: bool) -> int:
    out = Console(highlight=False)
    with Workspace.read(workspace) as opened:
        latest = opened.latest_run()
        if sample is not None:
            one = opened.sample(sample)
            outcome, review = opened.outcome(latest, sample), opened.review(sample)
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
            out.print(tables.workspace_page(opened.source(), latest, overview(opened, latest)))
            examples = islice(_first(opened, latest, None), 20)
            out.print(tables.samples_table(examples, "the first samples"))
    return DONE


def demo(*, samples: int, workspace: Path, as_json: bool) -> int:
    settings = load(
        {
            "teacher": {"name": "demo", "context": 2048, "max_tokens": 512},
            "student": {"name": "demo"},
            "run": {"reply_form": "steps"},
        }
    )
    errors = Console(stderr=True, highlight=False)
    errors.print(_about_ollama(settings), soft_wrap=True)
    with _opened(demo_dataset(), workspace, None, skip_bad=False) as opened:
        summary = _refine(opened, settings, limit=samples)
        out = workspace.with_suffix(".json")
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
    errors = Console(stderr=True, highlight=False)

    def tell(bad: BadRow) -> None:
        errors.print(Text(literal(f"skipped {data}: {bad.where}: {bad.message}")), soft_wrap=True)

    path = workspace or Path(data.with_suffix(".burnish").name)
    format = Format(format_) if format_ else None
    opened = session.open_workspace(path, data, format, tell if skip_bad else None)
    source = opened.source()
    turns = sum(earlier_turns(s.row, Format(source.format)) > 0 for s in opened.samples())
    if turns:
        errors.print(
            f"{turns} samples have earlier turns: the last exchange is refined, the others are exported as they are"
        )
    return opened


def _refine(opened: Workspace, settings: Settings, **options: Any) -> session.Summary:
    with display(Console(stderr=True, highlight=False)) as shown:
        return asyncio.run(session.refine_workspace(opened, settings, shown.on_event, **options))


def _first(opened: Workspace, run: Run, limit: int | None) -> Iterator[tuple[Sample, Outcome]]:
    """The finished samples of the first `limit`, in order."""
    for sample, outcome, _ in opened.decided(run):
        if limit is not None and sample.index >= limit:
            return
        if outcome is not None:
            yield sample, outcome


def _run_json(opened: Workspace, run: Run) -> dict[str, Any]:
    """What `run --json` and `show --json` print; README documents the fields."""
    return {
        "workspace": str(opened.path),
        "dataset": opened.source().model_dump(),
        "teacher": run.settings["teacher"],
        "student": run.settings["student"],
        "recipe": run.recipe,
        **overview(opened, run).model_dump(mode="json"),
    }


def _result(
    opened: Workspace, summary: session.Summary, *, as_json: bool, export: Path | None = None
) -> None:
    """A run's end: the totals, a few samples before and after, and where everything is."""
    if as_json:
        extra = {"total": summary.total, "waiting": summary.waiting, "export": export and str(export)}
        print(json.dumps(_run_json(opened, summary.run) | extra))
        return
    out = Console(highlight=False)
    examples = islice(_first(opened, summary.run, summary.total), SHOWN)
    out.print(tables.samples_table(examples, "before and after"))
    out.print(tables.overview_table(overview(opened, summary.run)))
    out.print(Text(f"workspace     {literal(str(opened.path))}"))
    if export is not None:
        out.print(Text(f"export        {literal(str(export))}"))
    else:
        out.print(Text(f"next          burnish export {literal(str(opened.path))} OUT", style="dim"))


def _score_line(index: int, scores: Scores) -> dict[str, Any]:
    """A line of `score --json`; README documents the fields."""

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


def _plain_score(sample: Sample, scores: Scores) -> Text:
    ifd, r_ifd = tables.number(scores.ifd.value), tables.number(scores.r_ifd.value)
    return Text(
        f"{sample.index:>6}  IFD {ifd:>6}  r-IFD {r_ifd:>6}  {first_line(sample.original.instruction, 200)}"
    )


def _about_ollama(settings: Settings) -> Text:
    """Whether a better teacher than the demo's is a word away."""
    version = asyncio.run(upkeep.ollama_version(settings.teacher.host))
    if version is None:
        return Text(
            "No Ollama is running here: the demo's teacher runs inside burnish, and is a very small model."
        )
    return Text(
        f"Ollama {literal(version)} is running here. For a capable teacher: burnish models, then "
        "burnish run DATA --teacher NAME --student NAME. The demo's own is a very small model inside burnish."
    )
