"""`burnish show`: a workspace, or one sample of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.exit_codes import DONE
from tui.cli.options import FROM_0, json_option, workspace_argument

if TYPE_CHECKING:
    from engine.judge.prompt import Judged
    from engine.judge.record import Judging
    from engine.store.ratings import Rater, Rating

LISTED = 20
"""Samples that are shown."""


@click.command()
@workspace_argument
@click.argument("sample", type=FROM_0, required=False)
@json_option
def show(workspace: Path, sample: int | None, *, as_json: bool) -> int:
    """Show a workspace, or one SAMPLE's whole way.

    Samples count from 0.
    """
    from engine.examine.lost_input import loses_input
    from engine.judge.record import latest_verdict
    from engine.store.leaving import leaving_sample
    from engine.store.rating_figures import rating_figures
    from engine.store.reply_order import answers_come_first
    from engine.store.workspace import Workspace
    from tui.cli.console import output, print_facts
    from tui.cli.refining import run_json, show_examples, show_totals
    from tui.text.judge_tables import verdict_fact
    from tui.text.rating_words import rating_fact, rating_facts
    from tui.text.tables import ANSWERS_FIRST, sample_page, workspace_facts

    out = output()
    with Workspace.read(workspace) as opened:
        latest = opened.latest_run()
        ratings = rating_figures(opened, latest) if sample is None else None
        if sample is not None:
            one = opened.sample(sample)
            outcome, review = opened.outcome(latest, sample), opened.reviews.standing(sample)
            annotation = opened.annotations.of(sample)
            rater, leaves = opened.ratings.latest(), leaving_sample(opened, latest, sample).version
            before, after = (opened.ratings.of(sample, version) for version in (one.original, leaves))
            judging, judged = latest_verdict(workspace, latest.id, sample) or (None, None)
            if as_json:
                parts = {"sample": one, "outcome": outcome, "review": review}
                shown: dict[str, Any] = {
                    name: part and part.model_dump(mode="json") for name, part in parts.items()
                }
                shown |= {
                    "input_lost": bool(outcome and not review and loses_input(one.original, outcome.final)),
                    "judged": judging and judged and _verdict(judging, judged),
                    "rated": rater and _ratings(rater, before, after),
                }
                print(json.dumps(shown | annotation.model_dump(mode="json")))
            else:
                candidates = opened.reviews.candidates(one.index)
                source = opened.source()
                out.print(sample_page(one, outcome, review, source, latest, annotation, candidates))
                if judging is not None and judged is not None:
                    print_facts(out, [verdict_fact(judging, judged)])
                if rater is not None and (before or after):
                    print_facts(out, [rating_fact(rater, before, after)])
                if answers_come_first(opened, sample):
                    print_facts(out, [ANSWERS_FIRST])
        elif as_json:
            print(
                json.dumps(
                    run_json(opened, latest) | {"ratings": ratings and ratings.model_dump(mode="json")}
                )
            )
        else:
            show_examples(out, opened, latest, LISTED)
            print_facts(out, workspace_facts(opened.source(), latest))
            if latest.recipe.prompts == 1 and answers_come_first(opened):
                print_facts(out, [ANSWERS_FIRST])
            show_totals(out, opened, latest)
            if ratings is not None:
                print_facts(out, rating_facts(ratings))
    return DONE


def _verdict(about: Judging, judged: Judged) -> dict[str, Any]:
    """A verdict as JSON, without the texts."""
    return {
        "judge": about.judge.name,
        "result": judged.result,
        "confidence": judged.confidence,
        **judged.model_dump(mode="json", exclude={"pair"}),
    }


def _ratings(rater: Rater, before: Rating | None, after: Rating | None) -> dict[str, Any]:
    """A sample's ratings as JSON."""
    sides = {"before": before, "after": after}
    return {"judge": rater.judge.name, **{side: one and one.model_dump() for side, one in sides.items()}}
