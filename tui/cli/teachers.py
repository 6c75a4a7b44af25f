"""`burnish teachers`: several teachers on the same samples, before one is chosen for all."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    manner_options,
    ray_options,
    remote_option,
)
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from engine.run.teacher_trial import TeacherTrial
    from engine.store.workspace import Workspace
    from models.ray.cluster import OverRay


@click.command()
@click.argument("data", type=PATH)
@click.option(
    "--teachers",
    required=True,
    metavar="A,B,C",
    help="The teachers, each written as for --teacher; all of the form openai:MODEL share --teacher-url.",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    metavar="N",
    help="How many samples each refines.",
)
@data_options
@manner_options
@remote_option
@ray_options
@json_option
def teachers(
    data: Path,
    *,
    teachers: str,
    samples: int,
    reading: DataOptions,
    allow_remote_teacher: bool,
    ray: OverRay | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Compare several teachers on the same samples of DATA.

    Each teacher refines them. The table shows how many of its rewrites the student took, and how long all samples
    would take. The samples are spread over the dataset's lengths, languages and layouts; dropped ones are left out.
    `burnish run` with one of the teachers and otherwise the same options continues from there and asks nothing twice.
    """
    from engine.run import session
    from engine.run.settings import Settings, load_settings
    from engine.run.teacher_trial import TrialRun, answers, settings_of_each, try_teachers
    from tui.cli.console import errors, output, print_facts, say
    from tui.cli.trying import displayed, trying
    from tui.text.literal import one_line
    from tui.text.teacher_table import RSR, teacher_table

    settings = load_settings(given(options))
    each = settings_of_each(settings, teachers.split(","), allow_remote_teacher=allow_remote_teacher, ray=ray)
    with trying(data, reading, samples, turns=settings.run.turns) as (opened, chosen):

        async def refine(name: str, one: Settings) -> TrialRun:
            say(errors(), f"{one_line(name)}:")
            (summary, ranked), tally = await displayed(
                lambda emit: session.refine_and_rank(
                    opened,
                    one,
                    emit,
                    lambda run: answers(opened, run, chosen),
                    only=chosen,
                    allow_remote_teacher=allow_remote_teacher,
                    ray=ray,
                )
            )
            return TrialRun(summary.run, ranked, tally.measured)

        async def read(look: Callable[[Workspace], TeacherTrial]) -> TeacherTrial:
            return look(opened)

        trials = run_stoppable(try_teachers(each, chosen, refine, read))
        if as_json:  # tui/cli/README.md documents the fields
            print(json.dumps({"samples": chosen, "teachers": [asdict(one) for one in trials]}))
        else:
            out = output()
            out.print(teacher_table(trials))
            problems = [(one_line(one.teacher), one_line(one.problem)) for one in trials if one.problem]
            then = "burnish run with one of them as --teacher, and the same options, goes on from here"
            print_facts(out, [*problems, ("RSR", RSR), ("next", then)])
    failed = any(one.problem or one.instruction.usable + one.response.usable == 0 for one in trials)
    return PARTLY if failed else DONE
