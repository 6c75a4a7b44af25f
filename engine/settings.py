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
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from engine.forms import FormName
from engine.pipeline import Schedule
from engine.refine import Method
from engine.selection import NEAR_TIE
from engine.templates import TemplateName
from models.errors import UsageError


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TeacherSettings(Group):
    name: str | None = None
    """`qwen3:8b` (an Ollama tag), `gguf:PATH` (run by llama.cpp, no server) or `demo`."""

    host: str | None = None
    """Where Ollama listens. Default: OLLAMA_HOST, else 127.0.0.1:11434. Only loopback addresses are allowed."""

    context: int = Field(8192, ge=512)
    """Tokens a request and its reply share (Ollama's num_ctx); constant in a run."""

    max_tokens: int = Field(2048, ge=16)
    """Tokens one reply may have."""

    temperature: float = Field(0.2, ge=0, le=2)
    """Of the first attempt; a retry is a little warmer."""

    seed: int = 0
    """Of the first attempt; a retry and a further candidate take others."""

    parallel: int = Field(1, ge=1, le=64)
    """Requests in flight at once: what the server has OLLAMA_NUM_PARALLEL for."""

    think: bool = False
    """Whether a thinking model may think before it answers."""

    patience: float = Field(600, ge=0)
    """Seconds a run waits, paused, for a server that does not answer."""


class StudentSettings(Group):
    name: str | None = None
    """A GGUF file, `ollama:TAG` (that tag's own weights) or `demo`."""

    context: int = Field(2048, ge=64)
    """Tokens a scored passage may have; longer ones are cut, and flagged."""

    exact: bool = False
    """Slower, and the same numbers on every machine to 1e-4 nat: F32 cache, no flash attention."""

    gpu_layers: int = -1
    """Layers to put on the GPU; -1: all."""

    threads: int | None = Field(None, ge=1)
    """Processor threads; default: one a physical core."""


class RunSettings(Group):
    method: Method = Method.SELECTIVE
    """`selective`: both reflections, the student chooses (V2). `reflect`: both, all taken (V1). `score`: neither."""

    template: TemplateName = TemplateName.VICUNA
    """How an instruction is put to the student."""

    reply_form: FormName | Literal["auto"] = "auto"
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


def load(options: Mapping[str, Mapping[str, Any]]) -> Settings:
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
        variable = ascii(f"BURNISH_{'__'.join(names).upper()}")[1:-1]
        raise UsageError(
            f"setting {ascii('.'.join(names))[1:-1]}: {first['msg'].lower()}, not {first['input']!r}; set by an "
            f"option, by {variable} or in {path}"
        ) from None
    except SettingsError as error:
        raise UsageError(
            f'{error}: expected JSON, such as ["/models"] for model_folders; see {path}'
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML ({error}); mend or remove it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); mend or remove it") from None


def changed(settings: Settings, group: str, name: str, value: object) -> Settings:
    """With one value changed, as in `changed(settings, "run", "candidates", 3)`. `UsageError`: it may not be that."""
    before: Group = getattr(settings, group)
    try:
        after = type(before).model_validate(before.model_dump() | {name: value})
    except ValidationError as error:
        raise UsageError(f"{error.errors(include_url=False)[0]['msg'].lower()}, not {value!r}") from None
    return settings.model_copy(update={group: after})


def described(settings: Settings, group: str, name: str) -> str:
    """The sentences under a setting in this file."""
    fields = type(getattr(settings, group)).model_fields
    return str(fields[name].description)
