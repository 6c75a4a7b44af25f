"""The command lines that make a run again, with all that was set and no more."""

from __future__ import annotations

import json
from pathlib import Path

from engine.method.recipe import Method
from engine.run.declared import DECLARED
from engine.store.workspace import Run, Source
from models.system.shell import command_line, quoted_word

UNUSED = {Method.SCORE: ("teacher", "name"), Method.REFLECT: ("student", "name")}
"""The model that a method does without."""


def commands(path: Path, source: Source, run: Run) -> tuple[str, ...]:
    """The lines for a shell, in order: check the dataset, refine it, look at it, export it.

    A setting that differs from its default is given as the option it has, or else as a variable.
    """
    before: list[str] = []
    models: list[str] = []
    options: list[str] = []
    variables: list[str] = []
    for group in ("teacher", "student", "run", "reflection"):
        for name, value in run.record.settings.get(group, {}).items():
            setting = DECLARED.get((group, name))
            if value is None or (setting is not None and value == setting.default):
                continue
            if name == "prompts" and isinstance(value, dict):  # a person's own, which the workspace has
                before.append(f"{command_line(['burnish', 'prompts', str(path)])} > prompts.toml")
                options += ["--prompts", "prompts.toml"]
            elif (
                setting is None or setting.option is None or isinstance(value, list | dict)
            ):  # read from a file
                text = json.dumps(value) if isinstance(value, list | dict) else str(value)
                variables.append(f"BURNISH_{group}__{name}".upper() + f"={quoted_word(text)}")
            elif UNUSED.get(run.recipe.method) != (group, name):
                given = models if name == "name" else options
                given += (
                    [setting.option] if setting.kind == "switch" else [setting.option, setting.word(value)]
                )
    reading = [] if source.encoding is None else ["--encoding", source.encoding]
    reading += ["--columns", str(source.columns)] if source.columns.given else []
    again = ["burnish", "run", source.path, "-w", str(path), *reading, *models, *options]
    return (
        *before,
        command_line(["sha256sum", source.path]) + f"  # {source.sha256.removeprefix('sha256:')}",
        " ".join([*variables, command_line(again)]),
        command_line(["burnish", "show", str(path)]),
        command_line(["burnish", "export", str(path), "OUT", "--rule", "paper", "--with-trace"]),
    )
