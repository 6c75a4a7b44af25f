"""Options and arguments that several commands share. A setting's option is rendered from its declaration.

Nothing here imports the engine, so that `--help` answers at once: the settings that are options stand in options.json,
as `engine.run.settings` renders them, and the other choices by name. Tests hold both to the engine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from models.ray.cluster import OverRay

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
LARGEST = 2**31 - 1  # as of settings


class AtLeast(click.IntRange):
    """A whole number that is not below the smallest, and that a setting can hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if number > LARGEST:
            self.fail(f"{value} is more than {LARGEST}.", param, ctx)
        return number


COUNT = AtLeast(1)
FROM_0 = AtLeast(0)


class Number(click.FloatRange):
    """A number in a range. Of `nan`, which is neither below nor above any, click itself takes no notice."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


RULES = ("all", "paper", "strict", "accepted", "top")
TRAINERS = ("llamafactory", "axolotl", "trl")
PREFERENCES = ("dpo", "kto", "orpo")
PREFERRED_BY = ("student", "person", "judge")
CHOSEN_BY = ("ifd", "s-ifd", "rsr", "loss", "margin", "length", "random")
RATING_FORMS = ("json", "markers")
FORMATS = (
    "alpaca",
    "alpaca-jsonl",
    "wizardlm",
    "wizardlm-jsonl",
    "sharegpt",
    "sharegpt-jsonl",
    "sharegpt-csv",
    "sharegpt-parquet",
    "messages",
    "messages-json",
    "messages-csv",
    "messages-parquet",
    "csv",
    "parquet",
)

SETTINGS = {
    (one["group"], one["name"]): one
    for one in json.loads(Path(__file__).with_name("options.json").read_text("utf-8"))
}
"""The settings that are options, by group and name."""


def setting_option(group: str, name: str, **changed: Any) -> Callable[[F], F]:
    """The option that gives a setting: the command's parameter `GROUP__NAME`. `changed`: other parts of the option."""
    setting = SETTINGS[group, name]
    kinds: dict[str, dict[str, Any]] = {
        "switch": {"is_flag": True, "default": None},
        "words": {"type": click.Choice(setting["choices"])},
        "number": {"type": click.IntRange(setting["low"], setting["high"]), "metavar": "N"},
        "text": {"metavar": "NAME"},
    }
    parts = kinds[setting["kind"]] | {"help": setting["option_help"]} | changed
    return click.option(setting["option"], f"{group}__{name}", **parts)


def given(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings as `load_settings` takes them, from a command's parameters `GROUP__NAME`."""
    groups: dict[str, dict[str, Any]] = {}
    for parameter, value in settings.items():
        group, name = parameter.split("__")
        groups.setdefault(group, {})[name] = value
    return groups


def student_options(command: F) -> F:
    for option in (
        setting_option("student", "exact"),
        setting_option("student", "context"),
        setting_option("run", "template"),
        setting_option("student", "name"),
    ):
        command = option(command)
    return command


def refining_options(command: F) -> F:
    return setting_option("teacher", "name")(manner_options(command))


def manner_options(command: F) -> F:
    """How samples are refined, whoever the teacher is."""
    for option in (
        setting_option("run", "length"),
        setting_option("run", "both_branches"),
        setting_option("run", "candidates_by"),
        setting_option("run", "candidates"),
        setting_option("run", "near_tie", metavar="MARGIN"),
        setting_option("student", "verify"),
        setting_option("teacher", "parallel"),
        setting_option("run", "schedule"),
        setting_option("reflection", "criteria", metavar="FILE"),
        setting_option("reflection", "guidelines", metavar="FILE"),
        setting_option("run", "critique"),
        setting_option("reflection", "language"),
        setting_option("run", "prompts", metavar="SET|FILE"),
        setting_option("run", "reply_form"),
        setting_option("run", "reasoning"),
        setting_option("teacher", "think"),
        setting_option("run", "turns"),
        setting_option("run", "method"),
        student_options,
        setting_option("teacher", "context"),
        setting_option("teacher", "url", metavar="URL"),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class DataOptions:
    """How a dataset is read, and into which workspace: a command with `data_options` takes it as `reading`."""

    workspace: Path | None = None
    format_: str | None = None
    encoding: str | None = None
    columns: tuple[str, ...] = ()
    append: bool = False
    skip_bad: bool = False


def data_options(command: Callable[..., int]) -> Callable[..., int]:
    @wraps(command)
    def read(**options: Any) -> int:
        reading = DataOptions(**{field.name: options.pop(field.name) for field in fields(DataOptions)})
        return command(reading=reading, **options)

    for option in (
        click.option(
            "--skip-bad", is_flag=True, help="Report rows that cannot be read, and import the rest."
        ),
        click.option(
            "--append",
            is_flag=True,
            help="Take up rows that DATA has gained at its end since it was imported.",
        ),
        format_option(f"The dataset's format [told from its content]: {', '.join(FORMATS)}."),
        columns_option,
        encoding_option,
        click.option(
            "-w",
            "--workspace",
            type=FILE,
            metavar="FILE",
            help="Where everything is kept [DATA's name with .burnish, in this folder].",
        ),
    ):
        read = option(read)
    return read


encoding_option = click.option(
    "--encoding", metavar="NAME", help="A text file's encoding, such as cp1252 or gbk [UTF-8, or as marked]."
)
columns_option = click.option(
    "--columns",
    multiple=True,
    metavar="PART=NAME,...",
    help="Names of rows' fields: instruction=, input=, response=, system= or messages= [the usual ones].",
)


def limit_option(what: str) -> Callable[[F], F]:
    return click.option("--limit", type=COUNT, metavar="N", help=f"The first N {what} only.")


def format_option(help: str) -> Callable[[F], F]:
    return click.option("--format", "format_", type=click.Choice(FORMATS), metavar="FORMAT", help=help)


remote_option = click.option(
    "--allow-remote-teacher", is_flag=True, help="Let the data go to a server that is not on this machine."
)
ray_option = click.option(
    "--ray",
    metavar="ADDRESS",
    help="Let the data go to the nodes of a Ray cluster, whose own models work: auto, HOST:PORT, ray://..., or local.",
)


def ray_options(command: Callable[..., int]) -> Callable[..., int]:
    """`ray_option`, and what a command with a student takes beside it, which gets both as `ray`."""

    @wraps(command)
    def over(*, ray: str | None, ray_copy_student: bool, **options: Any) -> int:
        return command(ray=_over_ray(ray, copy_student=ray_copy_student), **options)

    copied = click.option(
        "--ray-copy-student", is_flag=True, help="Send the student's file to the nodes that lack it."
    )
    return ray_option(copied(over))


def _over_ray(address: str | None, *, copy_student: bool) -> OverRay | None:
    from models.ray.cluster import OverRay

    if address is None and copy_student:
        raise click.UsageError("--ray-copy-student is for the nodes of --ray ADDRESS: give that, too")
    return None if address is None else OverRay(address, copy_student)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Machine-readable results on standard output."
)
workspace_argument = click.argument("workspace", type=PATH)
