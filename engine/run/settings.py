"""Every setting, in one typed tree: what it means is written under it.

A value is taken from, first to last: the command line, the environment (`BURNISH_TEACHER__NAME=qwen3:8b`), the
file `config.toml` in the platform's configuration folder for burnish (its place is printed by `burnish doctor`;
`BURNISH_CONFIG` names another), and the default that stands here.

    [teacher]
    name = "qwen3:8b"

    [student]
    name = "~/models/Llama-3.2-3B.Q8_0.gguf"
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from engine.method.recipe import Method
from engine.method.reply_forms import ReplyFormName
from engine.method.selection import NEAR_TIE
from engine.method.templates import TemplateName
from models.errors import UsageError
from models.ollama.server import FIRST, SILENCE

Count = Annotated[int, Field(lt=2**31)]
"""A number that llama.cpp, Ollama and JSON can hold."""


class Schedule(StrEnum):
    """How the two models of a run share the machine."""

    INTERLEAVED = "interleaved"  # both models in memory, the student's work behind the teacher's
    STAGED = "staged"  # one model in memory at a time


class SettingsGroup(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class TeacherSettings(SettingsGroup):
    name: str | None = None
    """`qwen3:8b` (an Ollama tag), `gguf:PATH` (run by llama.cpp, no server) or `demo`."""

    host: str | None = None
    """Where Ollama listens. Default: OLLAMA_HOST, else 127.0.0.1:11434. Only loopback addresses are allowed."""

    context: Count = Field(8192, ge=512)
    """Tokens a request and its reply share (Ollama's num_ctx); constant in a run."""

    max_tokens: Count = Field(2048, ge=16)
    """Tokens one reply may have."""

    temperature: float = Field(0.2, ge=0, le=2)
    """Of the first attempt; a retry is a little warmer."""

    seed: Count = Field(0, ge=-(2**31))
    """Of the first attempt; a retry and a further candidate take others."""

    parallel: int = Field(1, ge=1, le=64)
    """Requests in flight at once: what the server has OLLAMA_NUM_PARALLEL for."""

    think: bool = False
    """Whether a thinking model may think before it answers."""

    first_byte: float = Field(FIRST, gt=0)
    """Seconds Ollama may take to a reply's first byte: its queue, loading the model, reading the prompt."""

    silence: float = Field(SILENCE, gt=0)
    """Seconds Ollama may take between two pieces of a reply."""

    patience: float = Field(600, ge=0)
    """Seconds a run waits, paused, for a server that does not answer."""


class JudgeSettings(TeacherSettings):
    """The judge of `burnish judge`: a model as a teacher is one."""

    max_tokens: Count = Field(1024, ge=16)
    """Tokens one verdict may have."""

    temperature: float = Field(0, ge=0, le=2)
    """Of the first attempt at a verdict; a retry is a little warmer."""

    reply_form: Literal[ReplyFormName.JSON, ReplyFormName.MARKERS] = ReplyFormName.JSON
    """How the judge lays out its verdict: `json`, or `markers` for models that write worse under a schema."""


class AnswerSettings(TeacherSettings):
    """The model of `burnish answer`."""

    temperature: float = Field(0, ge=0, le=2)
    """Of the first attempt at an answer; a retry is a little warmer."""

    template: TemplateName = TemplateName.CHAT
    """How an instruction is put to the model. `chat`: as its own chat template says, the only way through Ollama."""


class StudentSettings(SettingsGroup):
    name: str | None = None
    """A GGUF file, `ollama:TAG` (that tag's own weights) or `demo`."""

    context: Count = Field(2048, ge=64)
    """Tokens a scored passage may have; longer ones are cut, and flagged."""

    exact: bool = False
    """Slower, and the same numbers on every machine to 1e-4 nat: F32 cache, no flash attention."""

    gpu_layers: Count = Field(-1, ge=-(2**31))
    """Layers to put on the GPU; -1: all."""

    threads: Count | None = Field(None, ge=1)
    """Processor threads; default: one a physical core."""


class RunSettings(SettingsGroup):
    method: Method = Method.SELECTIVE
    """`selective`: both reflections, the student chooses (V2). `reflect`: both, all taken (V1). `score`: neither."""

    template: TemplateName = TemplateName.VICUNA
    """How an instruction is put to the student."""

    reply_form: ReplyFormName | Literal["auto"] = "auto"
    """How the teacher lays out its reply. `auto`: steps for teachers below 3B parameters, else json."""

    schedule: Schedule | Literal["auto"] = "auto"
    """Both models in memory, or one after the other. `auto` decides from sizes and free memory."""

    candidates: int = Field(1, ge=1, le=16)
    """Rewrites the teacher is asked for in each stage; the student takes the best."""

    both_branches: bool = False
    """Ask for both response reflections up front, so that any student can choose later without a teacher."""

    near_tie: float = Field(NEAR_TIE, ge=0)
    """A margin below it, in log-ratio, is flagged for a person."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="BURNISH_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    teacher: TeacherSettings = TeacherSettings()
    student: StudentSettings = StudentSettings()
    run: RunSettings = RunSettings()
    judge: JudgeSettings = JudgeSettings()
    answer: AnswerSettings = AnswerSettings()
    model_folders: tuple[Path, ...] = ()
    """Folders `burnish models` looks for GGUF files in, besides the usual ones."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_path())


def config_path() -> Path:
    """The settings file, there or not."""
    named = os.environ.get("BURNISH_CONFIG")
    return Path(named) if named else user_config_path("burnish") / "config.toml"


def load_settings(options: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The settings in force, `options` (group -> name -> value; None: not given) before all others.

    Raises `UsageError` that names the setting, what it may be and where settings come from.
    """
    given = {group: {k: v for k, v in values.items() if v is not None} for group, values in options.items()}
    path = config_path()
    if "BURNISH_CONFIG" in os.environ and not path.is_file():
        raise UsageError(
            f"{path}: BURNISH_CONFIG names this settings file, and it is not there; make or unset it"
        )
    try:
        return Settings(**given)  # type: ignore[arg-type] # validated by pydantic
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # A choice between types names each in brackets.
        names = [str(name) for name in first["loc"] if "[" not in str(name)]
        setting = ascii(".".join(names))[1:-1][:100]
        raise UsageError(
            f"setting {setting}: {first['msg'].lower()}, not {quoted(first['input'])}; set by an option, by "
            f"BURNISH_{setting.replace('.', '__').upper()} or in {path}"
        ) from None
    except SettingsError as error:
        raise UsageError(
            f'{error}: expected JSON, such as ["/models"] for model_folders; see {path}'
        ) from None
    except RecursionError:
        raise UsageError(f"{path}, or a variable BURNISH_*: nested too deeply; mend or remove it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); mend or remove it") from None
    except ValueError as error:  # a TOMLDecodeError, or a number of more digits than Python reads
        raise UsageError(f"{path}: not valid TOML ({error}); mend or remove it") from None


def with_setting(settings: Settings, group: str, name: str, value: object) -> Settings:
    """The settings with one value changed: `(settings, "run", "candidates", 3)`. `UsageError`: it may not be that."""
    before: SettingsGroup = getattr(settings, group)
    try:
        after = type(before).model_validate(before.model_dump() | {name: value})
    except ValidationError as error:
        raise UsageError(
            f"{error.errors(include_url=False)[0]['msg'].lower()}, not {quoted(value)}"
        ) from None
    return settings.model_copy(update={group: after})


def quoted(value: object, length: int = 100) -> str:
    """A value as it is written in Python, cut."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # hexadecimal has no limit to its digits, and decimal has
        text = "thousands of digits or brackets"
    return text if len(text) <= length else f"{text[:length]}…"


def setting_help(settings: Settings, group: str, name: str) -> str:
    """The sentences under a setting in this file."""
    fields = type(getattr(settings, group)).model_fields
    return str(fields[name].description)
