"""`burnish models`: the models that are here."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from tui.cli.exit_codes import DONE
from tui.cli.options import given, json_option, setting_option
from tui.cli.stopping import run_stoppable


@click.command()
@setting_option("teacher", "url", metavar="URL")
@json_option
def models(*, as_json: bool, **options: Any) -> int:
    """List the models that are here: on servers, and as GGUF files.

    Ollama's, and those of the server of OpenAI's protocol at --teacher-url, which are teachers openai:MODEL.
    """
    from engine.health.models_here import UNREAD, list_models
    from engine.run.settings import load_settings
    from models.teacher import Fault, TeacherError
    from tui.cli.console import errors, output, say
    from tui.text.machine_tables import models_table
    from tui.text.vocabulary import unread_note

    found = run_stoppable(list_models(load_settings(given(options))))
    problems = [problem for problem in (found.problem, found.server_problem) if problem is not None]
    for problem in problems:
        if not (isinstance(problem, TeacherError) and problem.fault is Fault.UNREACHABLE):
            raise problem
    if as_json:
        print(json.dumps([asdict(model) for model in found.models]))
    else:
        output().print(models_table(found.models))
        if unread := sum(model.problem == UNREAD for model in found.models):
            say(errors(), unread_note(unread))
    for problem in problems:
        say(errors(), str(problem))
    if not found.complete:
        say(errors(), "there was no time to look everywhere; name folders in the setting model_folders")
    return DONE
