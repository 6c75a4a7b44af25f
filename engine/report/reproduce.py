"""How a run is done again: the command lines that say all that it was told, and no more."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.method.recipe import Method
from engine.run.settings import Settings
from engine.store.workspace import Run, Source

_OPTIONS = {
    ("teacher", "parallel"): "--teacher-parallel",
    ("student", "exact"): "--exact",
    ("run", "template"): "--template",
    ("run", "method"): "--method",
    ("run", "reply_form"): "--reply-form",
    ("run", "schedule"): "--schedule",
    ("run", "candidates"): "--candidates",
    ("run", "both_branches"): "--both-branches",
}
"""The settings that are options of `run`; the others are told by the environment."""


def commands(path: Path, source: Source, run: Run) -> tuple[str, ...]:
    """The lines for a shell, in order: check the dataset, refine it, look at it, export it."""
    settings = run.record.settings
    told = [f"{name}={shlex.quote(value)}" for name, value in _environment(settings)]
    words = ["burnish", "run", source.path, "-w", str(path), *_models(run, settings), *_given(settings)]
    return (
        shlex.join(["sha256sum", source.path]) + f"  # {source.sha256.removeprefix('sha256:')}",
        " ".join([*told, shlex.join(words)]),
        shlex.join(["burnish", "show", str(path)]),
        shlex.join(["burnish", "export", str(path), "OUT", "--rule", "paper", "--with-trace"]),
    )


def _models(run: Run, settings: dict[str, Any]) -> Iterator[str]:
    for role, skipped in (("teacher", Method.SCORE), ("student", Method.REFLECT)):
        name = settings[role]["name"]
        if name is not None and run.recipe.method is not skipped:
            yield f"--{role}"
            yield name


def _given(settings: dict[str, Any]) -> Iterator[str]:
    for (group, name), value in _set(settings):
        option = _OPTIONS.get((group, name))
        if option is not None:
            yield option
            if value is not True:
                yield str(value)


def _environment(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for (group, name), value in _set(settings):
        if (group, name) not in _OPTIONS and value is not None:
            yield f"BURNISH_{group}__{name}".upper(), str(value)


def _set(settings: dict[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    """What is not as it is unless it is set, but for the models' names."""
    for group in ("teacher", "student", "run"):
        model: type[BaseModel] = Settings.model_fields[group].annotation  # type: ignore[assignment]
        usual = model().model_dump(mode="json")
        for name, value in settings[group].items():
            if name != "name" and value != usual.get(name):
                yield (group, name), value
