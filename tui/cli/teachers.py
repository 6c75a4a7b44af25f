"""`burnish teachers`: several teachers on the same samples, before one is chosen for all."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from models.errors import UsageError
from tui.cli.exit_codes import DONE, PARTLY
from tui.cli.options import PATH, DataOptions, data_options, given, json_option, manner_options, remote_option
from tui.cli.stopping import run_stoppable


@click.command()
@click.argument("data", type=PATH)
@click.option(
    "--teachers",
    required=True,
    metavar="A,B,C",
    help="The teachers, each named as --teacher is; those of the form openai:MODEL share --teacher-url.",
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
@json_option
def teachers(
    data: Path,
    *,
    teachers: str,
    samples: int,
    reading: DataOptions,
    allow_remote_teacher: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Compare several teachers on the same samples of DATA.

    Each refines them, and the table says what the student makes of its rewrites and what all samples would take.
    The samples are spread over the dataset's lengths, languages and layouts. `burnish run` with one of the teachers,
    and else the same options, goes on from there, and asks for nothing twice.
    """
    from engine.method.recipe import Method
    from engine.run import session
    from engine.run.session import HeldError
    from engine.run.settings import load_settings, with_setting
    from engine.run.teacher_trial import answers, failed_trial, teacher_trial
    from engine.run.tryout import spread
    from models.teacher import TeacherError
    from tui.cli.console import errors, output, print_facts, say
    from tui.cli.progress import display
    from tui.cli.refining import open_data
    from tui.text.literal import one_line
    from tui.text.teacher_table import RSR, teacher_table

    settings = load_settings(given(options))
    if settings.run.method is not Method.SELECTIVE:
        raise UsageError(
            f"method {settings.run.method}: teachers are compared by a student, so by method selective"
        )
    names = list(dict.fromkeys(name.strip() for name in teachers.split(",") if name.strip()))
    if not names:
        raise UsageError("no teachers: give --teachers with their names, such as qwen3:8b,gguf:PATH")
    each = {name: with_setting(settings, "teacher", "name", name) for name in names}
    for one in each.values():
        session.check(one, allow_remote_teacher=allow_remote_teacher)
    trials = []
    with open_data(data, reading, turns=settings.run.turns) as opened:
        chosen = spread(opened, samples)
        for name, one in each.items():
            say(errors(), f"{one_line(name)}:")
            with display(errors()) as shown:
                trying = session.refine_and_rank(
                    opened,
                    one,
                    shown.on_event,
                    lambda run: answers(opened, run, chosen),
                    only=chosen,
                    allow_remote_teacher=allow_remote_teacher,
                )
                try:
                    summary, ranked = run_stoppable(trying)
                except (TeacherError, HeldError) as error:
                    trials.append(failed_trial(name, str(error)))
                    continue
            tally = shown.tally
            trials.append(
                teacher_trial(
                    name,
                    opened,
                    summary.run,
                    chosen,
                    ranked,
                    unusable_replies=tally.failed_attempts.total(),
                    student_speed=tally.student_speed,
                    in_turn=tally.phase is not None,
                )
            )
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
