"""`burnish tasks`: benchmark tasks of lm-evaluation-harness, for a student as it is and with adapters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.errors import UsageError
from tui.cli.exit_codes import DONE, INTERRUPTED
from tui.cli.options import FILE, FROM_0, AtLeast, given, json_option, limit_option, setting_option
from tui.cli.stopping import run_stoppable

if TYPE_CHECKING:
    from engine.tasks.job import TasksJob
    from engine.tasks.results import TaskMetric


@click.command()
@setting_option("student", "name")
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A LoRA as a GGUF, as burnish trial writes it. Repeat it for more; each is compared with the base.",
)
@click.option(
    "--tasks",
    "names",
    metavar="NAME,...",
    required=True,
    help="The harness's tasks, groups or patterns, such as arc_challenge,hellaswag,mmlu.",
)
@click.option(
    "--tasks-path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="A folder with YAML files of your own tasks; relative paths in them start there.",
)
@limit_option("documents of each task")
@click.option(
    "--few-shot",
    type=FROM_0,
    metavar="N",
    help="Examples before each question [the task's].",
)
@click.option(
    "--context",
    type=AtLeast(64),
    default=4096,
    show_default=True,
    metavar="N",
    help="Tokens a request may have; a longer one loses its beginning.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep every answer there, so that after a stop the same command continues and asks nothing twice.",
)
@click.option("--fetch", is_flag=True, help="Let the harness download data sets from Hugging Face's hub.")
@json_option
def tasks(
    *,
    adapters: tuple[Path, ...],
    names: str,
    tasks_path: Path | None,
    limit: int | None,
    few_shot: int | None,
    context: int,
    keep: Path | None,
    fetch: bool,
    as_json: bool,
    student__name: str | None,
) -> int:
    """Run benchmark tasks on the student and on its adapters.

    It runs EleutherAI's lm-evaluation-harness on exact losses, which llama.cpp computes. For each adapter it shows the
    difference from the base on the same documents, with a 95 % interval. It says better or worse only where the two
    differ on at least ten documents and the interval does not contain 0.

    Data sets come from the cache of Hugging Face's libraries, and nothing is downloaded without --fetch. A task's YAML
    may hold code, which is run. It needs burnish[tasks]: lm-eval.
    """
    from engine.run.settings import load_settings
    from engine.run.students import student_at_node
    from engine.tasks.job import TasksJob
    from engine.tasks.process import check_harness
    from tui.cli.console import errors, output, say
    from tui.text.tasks_tables import print_tasks

    check_harness()
    settings = student_at_node(load_settings(given({"student__name": student__name})).student)
    for path in adapters:
        if not path.is_file():
            raise UsageError(
                f"--adapter {path}: no such file; burnish trial writes OUT/ARM/SEED/adapter.gguf"
            )
    job = TasksJob(
        student=settings.name or "",
        adapters={str(path): path.absolute() for path in adapters},
        tasks=tuple(name.strip() for name in names.split(",") if name.strip()),
        folder=tasks_path,
        limit=limit,
        few_shot=few_shot,
        context=context,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
        keep=None if keep is None else keep.absolute(),
    )
    if not job.tasks:
        raise UsageError("--tasks: expected the names of tasks, such as arc_challenge,hellaswag")
    if fetch:
        say(errors(), "--fetch: the harness may download data sets from Hugging Face's hub")
    try:
        found = run_stoppable(_tasks(job, fetch=fetch))
    except KeyboardInterrupt:
        if keep is not None:
            raise
        say(errors(), "stopped; without --keep the same command begins anew")
        return INTERRUPTED
    if as_json:  # tui/cli/README.md documents the fields
        told = {"student": job.student, "limit": limit, "few_shot": few_shot, "context": context}
        print(json.dumps({**told, "metrics": [one.model_dump(mode="json") for one in found]}))
    else:
        print_tasks(output(), found)
    return DONE


async def _tasks(job: TasksJob, *, fetch: bool) -> list[TaskMetric]:
    from engine.tasks.process import run_tasks
    from tui.cli.console import errors
    from tui.cli.progress import display

    with display(errors(), "requests") as shown:
        return await run_tasks(job, shown.on_event, fetch=fetch)
