"""`burnish export`: the refined dataset as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tui.cli.exit_codes import DONE
from tui.cli.options import (
    FORMATS,
    PATH,
    RULES,
    TRAINERS,
    format_option,
    json_option,
    workspace_argument,
)


@click.command()
@workspace_argument
@click.argument("out", type=PATH)
@click.option(
    "--rule",
    type=click.Choice(RULES),
    default="all",
    show_default=True,
    help="Which samples: all (after --method reflect: V1's data); paper: whose response was replaced, V2's data; "
    "strict: paper, and both scores below 1, as V2's published code takes them; accepted: by a person; top: largest "
    "IFD below 1, Cherry LLM's data.",
)
@click.option(
    "--top",
    metavar="N|N%",
    help="Of the rule's samples only the N or N% with the largest IFD, below 1 [all; with --rule top, 5% of the "
    "dataset]. V2's small set, cited as 926 samples, is --rule paper --top 2%.",
)
@format_option(f"The format to write [the dataset's own, or the trainer's]: {', '.join(FORMATS)}.")
@click.option(
    "--trainer", type=click.Choice(TRAINERS), help="Write what that trainer reads, with its config beside it."
)
@click.option(
    "--drop-untrainable",
    is_flag=True,
    help="Leave out the rows that the trainer would skip, stop at or read in part. Without it they are named.",
)
@click.option(
    "--replace-entry",
    is_flag=True,
    help="Replace the entry of that name in dataset_info.json also where burnish did not write it.",
)
@click.option(
    "--with-trace", is_flag=True, help="Carry along how each row came to be, in the field `burnish`."
)
@json_option
def export(
    workspace: Path,
    out: Path,
    *,
    rule: str,
    top: str | None,
    format_: str | None,
    trainer: str | None,
    drop_untrainable: bool,
    replace_entry: bool,
    with_trace: bool,
    as_json: bool,
) -> int:
    """Write the refined dataset to OUT, in one step or not at all.

    Rows that cannot be refined leave as they were with the rule all, without --top, and else not at all.
    """
    from engine.export.export import ExportRequest, RowProgress, write
    from engine.export.trainers import Trainer
    from engine.formats.names import Format
    from engine.store.leaving import ExportRule, TopShare
    from models.errors import UsageError
    from tui.cli.console import errors, output, print_facts, say
    from tui.text.tables import passed_in_export, rule_of
    from tui.text.vocabulary import untrainable_head

    for given, name in ((drop_untrainable, "--drop-untrainable"), (replace_entry, "--replace-entry")):
        if given and trainer is None:
            raise UsageError(f"{name} goes with --trainer")
    wanted = ExportRequest(
        ExportRule(rule),
        TopShare.parse(top) if top is not None else None,
        Format(format_) if format_ else None,
        Trainer(trainer) if trainer else None,
        trace=with_trace,
        drop_untrainable=drop_untrainable,
        replace_entry=replace_entry,
    )
    report = write(workspace, out, wanted, RowProgress())
    if as_json:
        result: dict[str, Any] = {"rule": rule, "dataset": str(out), "rows": report.rows, "of": report.of}
        result |= {"passed": report.passed, "left_out": report.left_out, "format": report.format}
        if trainer:
            result |= {"config": str(report.config), "use": report.use, "notes": report.notes}
            result["untrainable"] = [
                {
                    "rule": broken.first.rule,
                    "rows": broken.rows,
                    "samples": broken.samples,
                    "first": broken.first.how,
                    "effect": f"{broken.trainer.proper_name} {broken.first.effect}",
                    "left_out": broken.dropped,
                }
                for broken in report.broken
            ]
        print(json.dumps(result))
        return DONE
    what = "rows" if report.passed or report.left_out else "samples"
    facts = [("written", f"{report.rows} of {report.of} {what}, {rule_of(report)}")]
    facts += [("passed through", passed_in_export(report))] if report.passed or report.left_out else []
    facts += [("export", str(out))]
    facts += [("config", str(report.config)), ("use", str(report.use))] if trainer else []
    print_facts(output(), [*facts, *(("note", note) for note in report.notes)])
    if report.broken:
        say(errors(), untrainable_head(report.broken))
        for broken in report.broken:
            say(errors(), f"  {broken}")
    return DONE
