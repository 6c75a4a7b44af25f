"""`burnish try`: a few samples refined before a long run, and what the whole dataset would take."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.options import (
    PATH,
    DataOptions,
    data_options,
    given,
    json_option,
    ray_options,
    refining_options,
    remote_option,
)
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from models.ray.cluster import OverRay


@click.command("try")
@click.argument("data", type=PATH)
@data_options
@click.option(
    "--samples",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    metavar="N",
    help="How many samples to refine.",
)
@refining_options
@remote_option
@ray_options
@json_option
def try_(
    data: Path,
    *,
    reading: DataOptions,
    samples: int,
    allow_remote_teacher: bool,
    ray: OverRay | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Refine a few samples of DATA, and estimate the time for all.

    The samples are spread over the dataset's lengths, languages and layouts; dropped ones are left out. Each is shown
    before and after, with critique, scores and verdict. `burnish run` with the same options continues from there and
    asks nothing twice.
    """
    from engine.run import session
    from engine.run.settings import load_settings
    from engine.run.tryout import tryout
    from tui.cli.console import output, print_facts
    from tui.cli.trying import displayed, trying
    from tui.text.tables import sample_page
    from tui.text.tryout_words import tryout_facts

    settings = load_settings(given(options))
    session.check(settings, allow_remote_teacher=allow_remote_teacher, ray=ray)
    with trying(data, reading, samples, turns=settings.run.turns) as (opened, chosen):
        summary, tally = run_stoppable(
            displayed(
                lambda emit: session.refine_workspace(
                    opened, settings, emit, only=chosen, allow_remote_teacher=allow_remote_teacher, ray=ray
                )
            )
        )
        run = summary.run
        found = tryout(opened, run, chosen, tally.measured)
        if as_json:
            parts = [
                {"sample": one.sample.model_dump(mode="json"), "language": one.language}
                | {"outcome": one.outcome.model_dump(mode="json")}
                for one in found.tried
            ]
            estimate = asdict(found.estimate) | {"seconds": found.estimate.seconds}
            unused = dict(tally.failed_attempts)
            print(json.dumps({"tried": parts, "unused_replies": unused, "estimate": estimate}))
        else:
            out = output()
            for one in found.tried:
                out.rule(f"sample {one.sample.index}", align="left")
                out.print(sample_page(one.sample, one.outcome, None, opened.source(), run))
            print_facts(out, tryout_facts(found, tally.failed_attempts))
            print_facts(out, [("next", "burnish run with the same options goes on from here")])
    return PARTLY if summary.failed else DONE
