"""`burnish doctor`: this machine checked, or what leaves it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tui.cli.exit_codes import DONE, FAILED
from tui.cli.options import given, json_option, setting_option
from tui.cli.stopping import run_stoppable
from tui.platform.environment import DEVELOPERS


@click.command()
@setting_option("teacher", "name", help="Check this teacher [the settings' own].")
@setting_option("teacher", "url", metavar="URL")
@setting_option("student", "name", help="Check this student [the settings' own].")
@click.option(
    "--privacy",
    is_flag=True,
    help="Say instead what is contacted and what is stored where, and fail if anything could leave.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Check the nodes of a Ray cluster, as the run of the same option would use them.",
)
@json_option
def doctor(*, privacy: bool, ray: str | None, as_json: bool, **options: Any) -> int:
    """Check this machine, and say what to do about what is wrong."""
    from engine.health.doctor import check
    from engine.health.privacy import IGNORED, check_privacy, check_stored
    from engine.health.ray_nodes import check_nodes
    from engine.run.settings import load_settings
    from models.ray.cluster import OverRay
    from tui.cli.console import output
    from tui.text.machine_tables import check_lines

    settings = load_settings(given(options))
    if ray is not None:
        checks = run_stoppable(check_nodes(settings, OverRay(ray), privacy=privacy)).checks
        if privacy:
            checks += check_stored(Path(), {*IGNORED, *DEVELOPERS})
    else:
        checks = run_stoppable(check_privacy(settings, ignored=DEVELOPERS) if privacy else check(settings))
    if as_json:
        print(json.dumps([asdict(one) for one in checks]))
    else:
        out = output()
        for line in check_lines(checks):
            out.print(line, soft_wrap=True)
    return FAILED if any(one.state == "problem" for one in checks) else DONE
