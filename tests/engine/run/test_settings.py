"""Settings: an option before the environment, that before the file, that before the default; one line if bad."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.method.recipe import Method
from engine.method.reply_forms import ReplyFormName
from engine.method.templates import TemplateName
from engine.run.settings import (
    RunSettings,
    Schedule,
    Settings,
    StudentSettings,
    TeacherSettings,
    config_path,
    load_settings,
)
from models.errors import UsageError


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the settings file, on a machine where nothing is set yet."""
    for name in os.environ:
        if name.startswith("BURNISH_"):
            monkeypatch.delenv(name)
    path = tmp_path / "config.toml"
    path.touch()
    monkeypatch.setenv("BURNISH_CONFIG", str(path))
    return path


def refused(options: dict[str, dict[str, Any]] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        load_settings(options or {})
    line = str(caught.value)
    assert line.isprintable(), "one line"
    return line


# Where a value comes from


def test_without_anything_set_the_defaults_hold(config: Path) -> None:
    assert config.read_text() == ""
    given = load_settings({})
    assert given == Settings()
    assert (given.teacher, given.student, given.run) == (TeacherSettings(), StudentSettings(), RunSettings())
    assert (given.run.method, given.run.template) == (Method.SELECTIVE, TemplateName.VICUNA)
    assert (given.teacher.name, given.student.name, given.run.reply_form) == (None, None, "auto")


FILE = "[teacher]\ncontext = 1001\nseed = 1\n[student]\nname = 'file.gguf'\n"


def test_an_option_comes_before_the_environment_that_before_the_file_and_that_before_the_default(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings({}).teacher.context == 8192
    config.write_text(FILE)
    assert load_settings({}).teacher.context == 1001
    monkeypatch.setenv("BURNISH_TEACHER__CONTEXT", "1002")
    assert load_settings({}).teacher.context == 1002
    assert load_settings({"teacher": {"context": 1003}}).teacher.context == 1003


def test_each_place_changes_only_what_it_names(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(FILE)
    monkeypatch.setenv("BURNISH_TEACHER__PARALLEL", "4")
    given = load_settings({"teacher": {"name": "qwen3:8b"}})
    assert given.teacher == TeacherSettings(name="qwen3:8b", context=1001, seed=1, parallel=4)
    assert given.student == StudentSettings(name="file.gguf")


def test_an_option_that_was_not_given_hides_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(FILE)
    monkeypatch.setenv("BURNISH_STUDENT__EXACT", "true")
    given = load_settings(
        {"teacher": {"context": None, "name": None}, "student": {"name": None, "exact": None}, "run": {}}
    )
    assert (given.teacher.context, given.student.name, given.student.exact) == (1001, "file.gguf", True)


def test_false_and_zero_are_given_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNISH_STUDENT__EXACT", "true")
    monkeypatch.setenv("BURNISH_TEACHER__TEMPERATURE", "0.7")
    given = load_settings({"student": {"exact": False}, "teacher": {"temperature": 0.0}})
    assert (given.student.exact, given.teacher.temperature) == (False, 0.0)


def test_every_place_takes_the_same_words(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> tuple[object, ...]:
        run = load_settings({}).run
        return run.method, run.template, run.reply_form, run.schedule

    expected = (Method.REFLECT, TemplateName.CHAT, ReplyFormName.STEPS, Schedule.STAGED)
    words = {"method": "reflect", "template": "chat", "reply_form": "steps", "schedule": "staged"}
    given = load_settings({"run": words}).run
    assert (given.method, given.template, given.reply_form, given.schedule) == expected
    config.write_text("[run]\n" + "".join(f"{name} = '{word}'\n" for name, word in words.items()))
    assert run() == expected
    config.write_text("")
    for name, word in words.items():
        monkeypatch.setenv(f"BURNISH_RUN__{name.upper()}", word)
    assert run() == expected


def test_the_file_is_in_the_platform_s_folder_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    assert config_path() == config
    monkeypatch.delenv("BURNISH_CONFIG")
    assert config_path().name == "config.toml"
    assert "burnish" in config_path().parts


def test_settings_survive_being_kept_in_a_workspace() -> None:
    given = load_settings(
        {"teacher": {"name": "qwen3:8b"}, "run": {"reply_form": "steps", "method": "reflect"}}
    )
    assert Settings.model_validate(json.loads(json.dumps(given.model_dump(mode="json")))) == given


# One clear line


def by_option(config: Path, patch: pytest.MonkeyPatch, group: str, name: str, value: str) -> dict[str, Any]:
    return {group: {name: value}}


def by_environment(
    config: Path, patch: pytest.MonkeyPatch, group: str, name: str, value: str
) -> dict[str, Any]:
    patch.setenv(f"BURNISH_{group.upper()}__{name.upper()}", value)
    return {}


def by_file(config: Path, patch: pytest.MonkeyPatch, group: str, name: str, value: str) -> dict[str, Any]:
    config.write_text(f"[{group}]\n{name} = '{value}'\n")
    return {}


@pytest.mark.parametrize("by", [by_option, by_environment, by_file])
@pytest.mark.parametrize(
    ("group", "name", "value", "expected"),
    [
        ("run", "method", "magic", "'selective', 'reflect' or 'score'"),
        ("run", "template", "llama", "'vicuna', 'alpaca', 'wizardlm' or 'chat'"),
        ("run", "candidates", "0", "greater than or equal to 1"),
        ("run", "near_tie", "-1", "greater than or equal to 0"),
        ("teacher", "context", "12", "greater than or equal to 512"),
        ("teacher", "temperature", "hot", "valid number"),
        ("teacher", "think", "maybe", "valid boolean"),
        ("teacher", "parallel", "65", "less than or equal to 64"),
        ("student", "threads", "many", "valid integer"),
        ("student", "gpu", "1", "not permitted"),
        *(
            pytest.param(
                *row,
            )
            for row in (
                ("run", "reply_form", "xml", "'json', 'markers' or 'steps'"),
                ("run", "schedule", "never", "'interleaved' or 'staged'"),
            )
        ),
    ],
)
def test_a_bad_value_is_named_with_what_it_may_be_and_where_it_is_set(
    config: Path, monkeypatch: pytest.MonkeyPatch, by: Any, group: str, name: str, value: str, expected: str
) -> None:
    line = refused(by(config, monkeypatch, group, name, value))
    assert line.startswith(f"setting {group}.{name}: ")
    assert expected in line
    assert f"not '{value}'" in line
    assert f"by BURNISH_{group.upper()}__{name.upper()} or in {config}" in line


def test_the_first_bad_value_is_enough() -> None:
    line = refused({"teacher": {"context": 1, "parallel": 0}, "run": {"candidates": 99}})
    assert line.count("setting ") == 1


@pytest.mark.parametrize(
    ("content", "setting"),
    [
        ("teachers = 3", "teachers"),
        ("teacher = 3", "teacher"),
        ("[student]\npath = 'a'", "student.path"),
        pytest.param(
            '"a\\nb" = 3',
            "a\\nb",
        ),
    ],
)
def test_a_name_that_means_nothing_is_refused_and_not_passed_over(
    config: Path, content: str, setting: str
) -> None:
    config.write_text(content)
    assert refused().startswith(f"setting {setting}: ")


@pytest.mark.parametrize("content", ["[teacher\n", "name = \n", "a = 1\na = 2\n\n", "[teacher]\nname = '"])
def test_a_file_that_is_no_toml_is_one_line_with_the_place(config: Path, content: str) -> None:
    config.write_text(content)
    line = refused()
    assert line.startswith(f"{config}: not valid TOML (")
    assert "at line " in line or "at end of document" in line


def test_a_file_that_is_not_utf_8_is_one_line(config: Path) -> None:
    config.write_bytes(b"name = '\xff'")
    assert refused().startswith(f"{config}: cannot be read (")


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_file_that_may_not_be_read_is_one_line(
    config: Path, strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = strangers / "config.toml"
    path.write_text("")
    path.chmod(0)
    monkeypatch.setenv("BURNISH_CONFIG", str(path))
    line = refused()
    assert line.startswith(f"{path}: cannot be read (")
    assert "Permission denied" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [("BURNISH_TEACHER", "{qwen3:8b"), ("BURNISH_MODEL_FOLDERS", "/models"), ("BURNISH_RUN", "")],
)
def test_a_value_in_the_environment_that_is_no_json_is_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert name.removeprefix("BURNISH_").lower() in refused()


def test_a_settings_file_that_is_named_and_not_there_is_one_line(config: Path) -> None:
    config.unlink()
    assert refused().startswith(f"{config}: BURNISH_CONFIG names this settings file, and it is not there")
