"""`burnish prompts`: the prompts to the teacher, as a file to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tui.cli.exit_codes import DONE
from tui.cli.options import PATH, given, setting_option


@click.command()
@click.argument("workspace", type=PATH, required=False)
@setting_option("run", "prompts", metavar="SET|FILE")
@setting_option("run", "critique")
def prompts(*, workspace: Path | None, **options: Any) -> int:
    """Write the prompts to the teacher, so as to change them.

    Those of every form, as TOML, for --prompts. With WORKSPACE, those of its latest run.
    """
    from engine.method.prompts import PROMPT_SETS, PROMPTS, Wording
    from engine.run.rule_files import prompts_text
    from engine.run.settings import load_settings
    from engine.store.workspace import Workspace
    from models.errors import UsageError

    run = load_settings(given(options)).run
    words, critique = run.prompts, run.critique
    if workspace is not None:
        with Workspace.read(workspace) as opened:
            recipe = opened.latest_run().recipe
        words, critique = recipe.prompt_set, recipe.critique
        if not isinstance(words, Wording) and recipe.prompts != PROMPTS:
            raise UsageError(
                f"{workspace}: was asked with version {recipe.prompts} of the prompts, and this burnish has {PROMPTS}"
            )
    click.echo(prompts_text(words if isinstance(words, Wording) else PROMPT_SETS[words, critique]), nl=False)
    return DONE
