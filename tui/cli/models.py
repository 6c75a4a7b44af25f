"""`burnish models`: the models that are here."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from tui.cli.exit_codes import DONE
from tui.cli.options import json_option
from tui.cli.stopping import run_stoppable


@click.command()
@json_option
def models(*, as_json: bool) -> int:
    """List the models that are here: Ollama's, and GGUF files."""
    from engine.health.models_here import UNREAD, list_models
    from engine.run.settings import load_settings
    from models.teacher import Fault
    from tui.cli.console import errors, output, say
    from tui.text.tables import models_table
    from tui.text.vocabulary import unread_note

    found = run_stoppable(list_models(load_settings({})))
    if found.problem and found.problem.fault is not Fault.UNREACHABLE:
        raise found.problem
    if as_json:
        print(json.dumps([asdict(model) for model in found.models]))
    else:
        output().print(models_table(found.models))
        if unread := sum(model.problem == UNREAD for model in found.models):
            say(errors(), unread_note(unread))
    if found.problem:
        say(errors(), str(found.problem))
    if not found.complete:
        say(errors(), "there was no time to look everywhere; name folders in the setting model_folders")
    return DONE
