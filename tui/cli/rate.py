"""`burnish rate`: a local model's rating of each sample, before and after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import UsageError
from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.options import (
    FILE,
    RATING_FORMS,
    given,
    json_option,
    limit_option,
    ray_option,
    setting_option,
    workspace_argument,
)
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from engine.judge.rate import Rated, RatingWork
    from engine.judge.record import Record
    from engine.progress import SessionCounts
    from engine.run.settings import JudgeSettings


@click.command()
@workspace_argument
@setting_option("judge", "name")
@setting_option("judge", "url", metavar="URL")
@limit_option("samples")
@setting_option("judge", "context")
@setting_option("judge", "parallel")
@setting_option(
    "judge",
    "reply_form",
    type=click.Choice(RATING_FORMS),
    help="How the judge lays out its ratings [json].",
)
@setting_option("judge", "think")
@setting_option(
    "reflection",
    "criteria",
    metavar="FILE",
    help="A TOML file of criteria to rate by, as for burnish run [those of the workspace's latest run].",
)
@click.option(
    "--record",
    type=FILE,
    metavar="FILE",
    help="Where the judge's replies are kept [WORKSPACE's name with .judged, beside it].",
)
@ray_option
@json_option
def rate(
    workspace: Path,
    *,
    limit: int | None,
    record: Path | None,
    ray: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Have a local model rate each sample from 1 to 10.

    Before and after: the original, and what would leave of it now where that is another version; but no sample that a
    person dropped. The judge is told the criteria of the workspace's latest run, and sees one version at a time: what
    was said before it, the tools, the instruction and the answer.

    The workspace keeps the ratings: burnish show, stats, report and Review tell them, rating>=8 in Samples finds by
    them, and burnish export --min-rating 8 chooses by them. A version is rated once by the same judge, asked in the
    same way; of several judges the one that rated last counts. Given again, the command goes on where it was, and rates
    what has changed since. Where its first five samples all fail in the same way it is held: given again, it goes on.
    Exit code 3: some versions have no rating.
    """
    from dataclasses import asdict

    from engine.judge.rate import RatingWork
    from engine.judge.record import Record, judged_path
    from engine.method.reply_forms import JudgeForm, RatingForm
    from engine.method.rules import PAPERS
    from engine.run.held import HeldError
    from engine.run.settings import MODEL_NAMES, load_settings
    from engine.run.teachers import check_teacher
    from engine.store.rating_figures import rating_figures
    from engine.store.workspace import Workspace
    from tui.cli.console import output, print_facts
    from tui.text.rating_words import rated_facts, rating_facts
    from tui.text.tables import session_words

    loaded = load_settings(given(options))
    settings = loaded.judge
    if settings.name is None:
        raise UsageError(f"no judge: give --judge with {MODEL_NAMES} (see burnish models)")
    check_teacher(settings)
    form = RatingForm.JSON if settings.reply_form is JudgeForm.JSON else RatingForm.MARKERS
    with Workspace.open(workspace) as opened:
        run = opened.latest_run()
        own = loaded.reflection.criteria_in_force if options["reflection__criteria"] else None
        work = RatingWork(opened, run, own or run.recipe.criteria or PAPERS, form, limit)
        with Record.at(record or judged_path(workspace)) as kept:
            try:
                rated, now = run_stoppable(_rate(kept, settings, work, ray))
            except HeldError as error:
                if as_json:
                    print(json.dumps({"record": str(kept.path), "held": asdict(error.held)}))
                raise
        figures = rating_figures(opened, run)
        assert figures is not None, "it has a rater"
        if as_json:  # tui/cli/README.md documents the fields
            result = {
                "record": str(kept.path),
                "session": now.as_json(),
                **rated.rater.model_dump(mode="json"),
                "versions": rated.versions,
                "faults": dict(rated.faults),
                "ratings": figures.model_dump(mode="json"),
            }
            print(json.dumps(result))
        else:
            facts = [*rated_facts(rated), ("session", session_words(now, "version"))]
            print_facts(output(), [*facts, *rating_facts(figures), ("record", str(kept.path))])
    return PARTLY if rated.faults else DONE


async def _rate(
    record: Record, settings: JudgeSettings, work: RatingWork, ray: str | None
) -> tuple[Rated, SessionCounts]:
    from engine.judge.rate import rate
    from engine.judge.recorded_model import RecordedModel
    from engine.run.held import ending_when_held
    from tui.cli.console import errors
    from tui.cli.progress import display

    with display(errors(), "versions") as shown:
        async with RecordedModel(record, settings, ending_when_held(shown.on_event), ray=ray) as model:
            return await rate(model, work), shown.tally.session
