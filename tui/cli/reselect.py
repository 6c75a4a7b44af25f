"""`burnish reselect`: another student's choice among the replies that are there."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.options import given, json_option, ray_options, setting_option, workspace_argument
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from models.ray.cluster import OverRay


@click.command()
@workspace_argument
@setting_option("student", "name", required=True)
@setting_option("student", "context")
@setting_option("student", "exact")
@setting_option("student", "verify")
@setting_option(
    "run",
    "length",
    help="The margin that decides: over whole responses, or at equal length [the latest run's].",
)
@setting_option(
    "run",
    "candidates_by",
    help="Which of several rewrites may replace what was there: paper: the best by the stage's own score; else the "
    "first by a measure, as of export --by [the latest run's].",
)
@click.option("--ask-teacher", is_flag=True, help="Ask the run's teacher for the replies that are missing.")
@setting_option(
    "teacher",
    "url",
    metavar="URL",
    help="Where its server listens now, of a teacher openai:MODEL [where it did].",
)
@ray_options
@json_option
def reselect(
    workspace: Path, *, ask_teacher: bool, ray: OverRay | None, as_json: bool, **options: Any
) -> int:
    """Choose again: by another student, length or measure.

    The teacher's replies are those that are there. Where the new choice takes a branch whose response reflection
    was never asked for, the sample is listed and left, unless --ask-teacher is given. Samples that a person
    dropped are left out.
    """
    from engine.run import session
    from engine.run.settings import load_settings
    from engine.store.workspace import Workspace
    from models.system.units import counted
    from tui.cli.console import errors, say
    from tui.cli.progress import display
    from tui.cli.refining import show_result

    settings = load_settings(given(options))
    # Only where it was said: all that is not said is as in the latest run.
    said = [name for name in ("length", "candidates_by") if options[f"run__{name}"]]
    choose = partial(
        session.reselect,
        ray=ray,
        student=settings.student,
        otherwise={name: getattr(settings.run, name) for name in said},
        teacher_url=options["teacher__url"],
    )
    console = errors()
    with Workspace.open(workspace) as opened:
        with display(console) as shown:
            summary = run_stoppable(choose(opened, emit=shown.on_event, ask_teacher=False))
        now = shown.tally.session
        if summary.waiting:
            missing = ", ".join(map(str, summary.waiting[:50])) + " …" * (len(summary.waiting) > 50)
            need = counted(len(summary.waiting), "sample needs", "samples need")
            say(console, f"{need} a reply that was never asked for: {missing}")
            if ask_teacher:
                with display(console) as shown:
                    summary = run_stoppable(choose(opened, emit=shown.on_event, ask_teacher=True))
                now = now.then(shown.tally.session)
            else:
                say(console, "give --ask-teacher to ask for them; the others are chosen")
        show_result(opened, summary, now, as_json=as_json)
    return PARTLY if summary.failed or summary.waiting else DONE
