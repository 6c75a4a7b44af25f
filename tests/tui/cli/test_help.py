"""What `burnish` offers: quickly, and in the engine's own words."""

from __future__ import annotations

import json
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import click
import pytest

from engine.export.preferences import PreferenceKind, PreferredBy
from engine.export.trainers import Trainer
from engine.formats.names import Format
from engine.method.recipe import Method
from engine.method.reply_forms import JudgeForm, RatingForm, ReplyFormName
from engine.method.templates import TemplateName
from engine.run.declared import options_json
from engine.run.settings import Schedule
from engine.store.choosing import ChosenBy
from engine.store.leaving import ExportRule
from tests.command import ALONE, burnish
from tests.scene import scene
from tui.cli import main as cli
from tui.cli import options

COMMANDS = sorted(cli.cli.commands)
MODULES_AFTER = """
import json, os, sys
from tui.cli.main import main
for line in sys.argv[1:]:
    sys.argv = ["burnish", *json.loads(line)]
    try:
        main()
    except SystemExit:
        os.write(2, b"\\n" + json.dumps([*sys.modules]).encode() + b"\\n")
"""


def imported(*commands: list[str]) -> list[set[str]]:
    """The top-level modules in memory after each of these commands, given one after another in one process."""
    done = subprocess.run(
        [sys.executable, "-c", MODULES_AFTER, *map(json.dumps, commands)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('["')]
    return [{name.partition(".")[0] for name in names} for names in found]


def test_help_imports_nothing_heavy() -> None:
    heavy = {"textual", "llama_cpp", "rich", "pydantic", "numpy", "engine", "asyncio", "ollama", "httpx"}
    helped = [["--help"], *([name, "--help"] for name in COMMANDS)]
    for command, modules in zip(helped, imported(*helped), strict=True):
        assert not heavy & modules, command


WORKING = {
    "run": ["/nowhere.json", "--teacher", "demo", "--student", "demo"],
    "try": ["/nowhere.json", "--teacher", "demo", "--student", "demo"],
    "teachers": ["/nowhere.json", "--teachers", "demo", "--student", "demo"],
    "score": ["/nowhere.json", "--student", "demo"],
    "reselect": ["{}", "--student", "/nowhere.gguf"],
    "export": ["{}", "{}.json"],
    "copy": ["{}", "{}.copy"],
    "show": ["{}"],
    "report": ["{}"],
    "stats": ["{}"],
    "models": [],
    "prompts": [],
    "pull": ["nothing"],
    "judge": ["{}", "--judge", "demo", "--record", "/nowhere/w.judged"],
    "alpaca-eval": ["{}", "--record", "/nowhere/w.judged"],
    "rate": ["{}", "--judge", "demo", "--record", "/nowhere/w.judged"],
    "answer": ["--model", "demo", "--prompts", "/nowhere.json", "-o", "/nowhere/out.json"],
    "tasks": ["--student", "demo", "--tasks", "none"],
    "trial": ["{}", "--student", "demo", "--base", "/nowhere"],
    "doctor": ["--student", "demo"],
    "demo": ["-w", "/nowhere/demo.burnish"],
}


def test_a_command_imports_neither_the_screen_s_library_nor_llama_cpp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in ALONE.items():
        monkeypatch.setenv(variable, value)
    path = scene(tmp_path)
    given = [[name, *(argument.format(path) for argument in WORKING[name])] for name in COMMANDS]
    for command, modules in zip(given, imported(*given), strict=True):
        assert "engine" in modules
        assert not {"textual", "llama_cpp"} & modules, command


@pytest.mark.parametrize("width", ["80", "120"])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_told_on_one_line_and_in_full(name: str, width: str) -> None:
    everything = burnish("--help", environment={"COLUMNS": width})
    (line,) = [line for line in everything.out.splitlines() if line.startswith(f"  {name} ")]
    assert line.endswith(".")
    assert not line.endswith("...")
    own = burnish(name, "--help", environment={"COLUMNS": width})
    assert own.code == 0
    assert max(map(len, own.out.splitlines())) <= int(width)


def words(group: str, name: str) -> tuple[str, ...]:
    """The words that a setting's option takes."""
    return tuple(options.SETTINGS[group, name]["choices"])


def test_the_settings_offered_are_those_declared() -> None:
    stored = (Path(options.__file__).with_name("options.json")).read_text("utf-8")
    assert stored == options_json(), "python -m engine.run.declared > tui/cli/options.json"


@pytest.mark.parametrize(
    ("offered", "known"),
    [
        (words("run", "method"), Method),
        (words("run", "template"), TemplateName),
        (words("answer", "template"), TemplateName),
        (words("run", "reply_form"), ("auto", *ReplyFormName)),
        (words("run", "schedule"), ("auto", *Schedule)),
        (options.RULES, ExportRule),
        (options.TRAINERS, Trainer),
        (options.PREFERENCES, PreferenceKind),
        (options.PREFERRED_BY, PreferredBy),
        (options.CHOSEN_BY, ChosenBy),
        (words("judge", "reply_form"), JudgeForm),
        (options.RATING_FORMS, RatingForm),
        (options.FORMATS, Format),
    ],
)
def test_the_choices_offered_are_those_the_engine_knows(
    offered: tuple[str, ...], known: tuple[str, ...] | type[StrEnum]
) -> None:
    assert offered == tuple(map(str, known))


def test_every_choice_is_one_of_these() -> None:
    lists = [options.RULES, options.TRAINERS, options.FORMATS, options.PREFERENCES, options.RATING_FORMS]
    lists += [options.CHOSEN_BY, (*options.CHOSEN_BY, *options.PREFERRED_BY)]  # both are given by export --by
    lists += [words(*key) for key, setting in options.SETTINGS.items() if setting["kind"] == "words"]
    found = {
        tuple(option.type.choices)
        for command in cli.cli.commands.values()
        for option in command.params
        if isinstance(option.type, click.Choice)
    }
    assert found == set(lists)


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["run"],
        ["run", "data.json", "--method", "guess"],
        ["run", "data.json", "--candidates", "0"],
        ["export", "w.burnish", "out.json", "--rule", "best"],
        ["show", "w.burnish", "-1"],
    ],
)
def test_wrong_usage_is_exit_code_2_with_the_usage(arguments: list[str]) -> None:
    ended = burnish(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: ")
    assert "Error: " in ended.err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "-h"]])
def test_what_was_asked_for_is_exit_code_0(arguments: list[str]) -> None:
    ended = burnish(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out


def test_no_command_takes_a_number_that_sqlite_and_llama_cpp_cannot_hold() -> None:
    """Settings are held to it by themselves."""
    endless = [
        f"{name} {param.name}"
        for name, command in cli.cli.commands.items()
        for param in command.params
        if "__" not in str(param.name) and isinstance(param.type, click.types.IntParamType)
        if getattr(param.type, "max", None) is None and not isinstance(param.type, options.AtLeast)
    ]
    assert endless == []
    assert options.AtLeast(1).convert(str(options.LARGEST), None, None) == 2**31 - 1
    with pytest.raises(click.BadParameter, match="2147483648 is more than 2147483647"):
        options.AtLeast(1).convert("2147483648", None, None)
    with pytest.raises(click.BadParameter, match="nan is no number"):
        options.Number(0).convert("nan", None, None)
    fractions = {type(param.type) for command in cli.cli.commands.values() for param in command.params}
    assert not fractions & {click.FloatRange, type(click.FLOAT)}
