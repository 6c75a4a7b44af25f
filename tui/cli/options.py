"""What several commands have in common: the words that may be chosen, and the options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

# The names stand here too, so that --help need not import the engine; a test holds them to the enums.
METHODS = ("selective", "reflect", "score")
TEMPLATES = ("vicuna", "alpaca", "wizardlm", "chat")
REPLY_FORMS = ("auto", "json", "markers", "steps")
SCHEDULES = ("auto", "interleaved", "staged")
RULES = ("all", "paper", "strict", "accepted", "top")
TRAINERS = ("llamafactory", "axolotl", "trl")
JUDGE_FORMS = ("json", "markers")
FORMATS = (
    "alpaca",
    "alpaca-jsonl",
    "wizardlm",
    "wizardlm-jsonl",
    "sharegpt",
    "sharegpt-jsonl",
    "sharegpt-parquet",
    "messages",
    "messages-json",
    "messages-parquet",
    "csv",
    "parquet",
)


def student_options(command: F) -> F:
    for option in (
        click.option(
            "--exact",
            is_flag=True,
            default=None,
            help="Slower; F32 cache, no flash attention: losses to 1e-4 nat.",
        ),
        click.option(
            "--template",
            type=click.Choice(TEMPLATES),
            help="How an instruction is put to the student [vicuna].",
        ),
        click.option("--student", metavar="NAME", help="A GGUF file, ollama:TAG, or demo."),
    ):
        command = option(command)
    return command


def data_options(command: F) -> F:
    for option in (
        click.option(
            "--skip-bad", is_flag=True, help="Report rows that hold no sample, and import the rest."
        ),
        click.option(
            "--format",
            "format_",
            type=click.Choice(FORMATS),
            metavar="FORMAT",
            help=f"The dataset's format [told from its content]: {', '.join(FORMATS)}.",
        ),
        click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N samples only."),
        click.option(
            "-w",
            "--workspace",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Where everything is kept [DATA's name with .burnish, in this folder].",
        ),
    ):
        command = option(command)
    return command


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Machine-readable results on standard output."
)
workspace_argument = click.argument("workspace", type=click.Path(path_type=Path))
