"""`burnish run`: a dataset refined in a workspace."""

from __future__ import annotations

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
    limit_option,
    ray_options,
    refining_options,
    remote_option,
    setting_option,
)

if TYPE_CHECKING:
    from models.ray.cluster import OverRay


@click.command()
@click.argument("data", type=PATH)
@data_options
@limit_option("samples")
@setting_option("run", "sample")
@setting_option("run", "seed")
@refining_options
@click.option("--retry-failed", is_flag=True, help="Try again the samples whose reflection failed.")
@remote_option
@ray_options
@json_option
def run(
    data: Path,
    *,
    reading: DataOptions,
    limit: int | None,
    retry_failed: bool,
    allow_remote_teacher: bool,
    ray: OverRay | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Refine DATA with a teacher and a student, in a workspace.

    Given again on the same workspace, it goes on where it was. Samples that a person dropped there are left out: they
    are not asked about, and not counted.
    """
    from engine.run import session
    from engine.run.held import HeldError
    from engine.run.settings import load_settings
    from tui.cli.refining import open_data, refine, show_held, show_result

    settings = load_settings(given(options))
    session.check(settings, allow_remote_teacher=allow_remote_teacher, ray=ray)
    with open_data(data, reading, turns=settings.run.turns) as opened:
        try:
            summary, now = refine(
                opened,
                settings,
                limit=limit,
                retry_failed=retry_failed,
                allow_remote_teacher=allow_remote_teacher,
                ray=ray,
            )
        except HeldError as error:
            if as_json:
                show_held(opened, error.held)
            raise
        show_result(opened, summary, now, as_json=as_json)
    return PARTLY if summary.failed else DONE
