"""`burnish score`: a dataset's IFD, r-IFD and losses, as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.system.shell import quoted_word
from tui.cli.exit_codes import DONE
from tui.cli.options import (
    PATH,
    DataOptions,
    data_options,
    given,
    json_option,
    limit_option,
    setting_option,
    student_options,
)

if TYPE_CHECKING:
    from engine.sample import Sample, Scores

LISTED = 20
"""Samples that are shown; --json prints all."""


@click.command()
@click.argument("data", type=PATH)
@data_options
@limit_option("samples")
@student_options
@setting_option("run", "reasoning")
@setting_option("run", "turns")
@json_option
def score(
    data: Path,
    *,
    reading: DataOptions,
    limit: int | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Score DATA as it is, without a teacher: IFD and r-IFD. Samples that a person dropped are left out."""
    from engine.run import session
    from engine.run.settings import load_settings
    from engine.store.token_scores import rsrs, s_ifds
    from tui.cli.console import output, print_facts
    from tui.cli.refining import finished, open_data, refine, show_examples, show_totals

    settings = load_settings(given({**options, "run__method": "score"}))
    session.check(settings)
    with open_data(data, reading, turns=settings.run.turns) as opened:
        summary, now = refine(opened, settings, limit=limit)
        if as_json:
            s_ifd, rsr = s_ifds(opened, summary.run), rsrs(opened, summary.run)
            for sample, outcome in finished(opened, summary.run, limit):
                assert outcome.before is not None
                of_tokens = {"s_ifd": s_ifd.get(sample.index), "rsr": rsr.get(sample.index)}
                print(json.dumps(_json(sample, outcome.before) | of_tokens))
        else:
            out = output()
            show_examples(out, opened, summary.run, LISTED)
            show_totals(out, opened, summary.run, now)
            path = quoted_word(str(opened.path))
            print_facts(out, [("next", f"burnish export {path} OUT --rule top --top 5%")])
    return DONE


def _json(sample: Sample, scores: Scores) -> dict[str, Any]:
    """A line of `score --json`; tui/cli/README.md documents the fields."""
    losses = {
        "response": scores.ifd.alone,
        "response_given_instruction": scores.ifd.given,
        "instruction": scores.r_ifd.alone,
        "instruction_given_response": scores.r_ifd.given,
    }
    return {
        "index": sample.index,
        "length": len(sample.original.response),
        "ifd": scores.ifd.value,
        "r_ifd": scores.r_ifd.value,
        "loss": {name: loss.mean if loss else None for name, loss in losses.items()},
        "scored": {name: loss.scored if loss else 0 for name, loss in losses.items()},
        "left_out": max(scores.ifd.left_out, scores.r_ifd.left_out),
        "truncated": scores.ifd.truncated or scores.r_ifd.truncated,
        "reason": scores.ifd.reason or scores.r_ifd.reason,
    }
