"""Every setting, declared once, in one typed tree: its type, its default, and under it the sentences that explain it.

`declared` renders the tree: as options, as lines of a form, and in the report.

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
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge
from platformdirs import user_config_path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from engine.formats.limits import DEFAULT as ROW_MIB
from engine.formats.limits import limit_rows
from engine.method.candidates import CandidatesBy
from engine.method.prompts import CritiqueLength, PromptSet, Wording
from engine.method.recipe import Method
from engine.method.reply_forms import JudgeForm, ReplyFormName
from engine.method.rewrite_language import SAME, language_setting
from engine.method.rules import PAPERS, Criteria, Guidelines, OwnCriteria
from engine.method.selection import ComparedLength
from engine.method.templates import TemplateName
from engine.run.rule_files import criteria_in, guidelines_in, prompts_in
from engine.sample import Reasoning, Turns
from models.errors import UsageError
from models.http.transport import FIRST, SILENCE
from models.teacher import Think

Count = Annotated[int, Field(lt=2**31)]
"""A number that llama.cpp, Ollama and JSON can hold."""


MODEL_NAMES = "an Ollama model such as qwen3:8b, openai:MODEL, gguf:PATH, or demo"
MODEL = MODEL_NAMES.replace("an", "An", 1)
URL = "Where the server of openai:MODEL listens, such as http://127.0.0.1:1234/v1"


@dataclass(frozen=True, slots=True)
class Option:
    """The option of the command line that gives a setting."""

    name: str
    brief: str  # its help, but for the default


class Schedule(StrEnum):
    """The two ways the models of a run share the machine."""

    INTERLEAVED = "interleaved"  # both models in memory, the student's work behind the teacher's
    STAGED = "staged"  # one model in memory at a time


class SettingsGroup(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class TeacherSettings(SettingsGroup):
    name: Annotated[str | None, Option("--teacher", MODEL)] = None
    """`qwen3:8b` (an Ollama tag), `openai:MODEL` (a server of OpenAI's protocol), `gguf:PATH` (no server) or `demo`."""

    host: str | None = None
    """Where Ollama listens. Default: OLLAMA_HOST, else 127.0.0.1:11434. Only loopback addresses are allowed."""

    url: Annotated[str | None, Option("--teacher-url", URL)] = None
    """Where the server of `openai:MODEL` listens: LM Studio, llama-server, vLLM and others. Only loopback addresses."""

    key_file: Path | None = None
    """A file with the key that this server asks for, readable by you alone. Default: no key."""

    context: Annotated[
        Count, Option("--teacher-context", "Tokens a request to the teacher and its reply share")
    ] = Field(8192, ge=512)
    """Tokens a request and its reply share (Ollama's num_ctx); constant in a run. Not the student's `context`."""

    max_tokens: Count = Field(2048, ge=16)
    """Tokens one reply may have."""

    temperature: float = Field(0.2, ge=0, le=2)
    """Of the first attempt; a retry is a little warmer."""

    seed: Count = Field(0, ge=-(2**31))
    """Of the first attempt; a retry and a further candidate take others."""

    parallel: Annotated[int, Option("--teacher-parallel", "Requests to the teacher at once")] = Field(
        1, ge=1, le=64, title="At once"
    )
    """Requests in flight at once; OLLAMA_NUM_PARALLEL says how many the server answers at once."""

    think: Annotated[
        Think,
        Option(
            "--think", "Whether a thinking model thinks before it answers, or how much where it has levels"
        ),
    ] = Field(False, title="Thinking")
    """Whether a thinking model thinks before it answers; `low`, `medium` or `high` for those that have levels."""

    first_byte: float = Field(FIRST, gt=0)
    """Seconds a server may take to a reply's first byte: its queue, loading the model, reading the prompt."""

    silence: float = Field(SILENCE, gt=0)
    """Seconds a server may take between two pieces of a reply."""

    patience: float = Field(600, ge=0)
    """Seconds a run waits, paused, for a server that does not answer."""


class JudgeSettings(TeacherSettings):
    """The judge of `burnish judge`: a model as a teacher is one."""

    name: Annotated[str | None, Option("--judge", MODEL)] = None
    """`qwen3:8b` (an Ollama tag), `openai:MODEL` (a server of OpenAI's protocol), `gguf:PATH` (no server) or `demo`."""

    url: Annotated[str | None, Option("--judge-url", URL)] = None
    """Where the server of `openai:MODEL` listens."""

    context: Annotated[Count, Option("--context", "Tokens a request to the judge and its verdict share")] = (
        Field(8192, ge=512)
    )
    """Tokens a request and its verdict share (Ollama's num_ctx)."""

    parallel: Annotated[int, Option("--parallel", "Requests to the judge at once")] = Field(1, ge=1, le=64)
    """Requests in flight at once."""

    max_tokens: Count = Field(1024, ge=16)
    """Tokens one verdict may have."""

    temperature: float = Field(0, ge=0, le=2)
    """Of the first attempt at a verdict; a retry is a little warmer."""

    reply_form: Annotated[
        JudgeForm,
        Option(
            "--reply-form", "How the judge lays out its verdicts; published: the papers' prompt, scores first"
        ),
    ] = JudgeForm.JSON
    """How the judge lays out its verdict: `json`, or `markers` for models that write worse under a schema.

    `published`: the papers' prompt, scores first; pairs of two instructions are asked about as in `markers`.
    """


class AnswerSettings(TeacherSettings):
    """The model of `burnish answer`."""

    name: Annotated[str | None, Option("--model", MODEL)] = None
    """`qwen3:8b` (an Ollama tag), `openai:MODEL` (a server of OpenAI's protocol), `gguf:PATH` (no server) or `demo`."""

    url: Annotated[str | None, Option("--model-url", URL)] = None
    """Where the server of `openai:MODEL` listens."""

    context: Annotated[Count, Option("--context", "Tokens a prompt and its answer share")] = Field(
        8192, ge=512
    )
    """Tokens a prompt and its answer share (Ollama's num_ctx)."""

    parallel: Annotated[int, Option("--parallel", "Requests to the model at once")] = Field(1, ge=1, le=64)
    """Requests in flight at once."""

    temperature: float = Field(0, ge=0, le=2)
    """Of the first attempt at an answer; a retry is a little warmer."""

    template: Annotated[
        TemplateName,
        Option(
            "--template",
            "How an instruction is put to a gguf:PATH; chat: by the model's own template",
        ),
    ] = TemplateName.CHAT
    """How an instruction is put to the model. `chat`: as its own chat template says, the only way through a server."""


class StudentSettings(SettingsGroup):
    name: Annotated[str | None, Option("--student", "A GGUF file, ollama:TAG, or demo")] = None
    """A GGUF file, `ollama:TAG` (that tag's own weights) or `demo`."""

    context: Annotated[Count, Option("--context", "Tokens a passage may have that the student scores")] = (
        Field(2048, ge=64)
    )
    """Tokens a scored passage may have; longer ones are cut, and flagged. Not the teacher's `context`."""

    exact: Annotated[
        bool,
        Option(
            "--exact",
            "Slower: GELU in full precision, for losses to 1e-4 nat on a CPU; on a GPU also F32 KV cache and no flash "
            "attention, which a CPU has anyway",
        ),
    ] = Field(False, title="Exact")
    """Slower: GELU in full precision, so that a CPU's losses are the same everywhere to 1e-4 nat. On a GPU also an F32
    KV cache and no flash attention, which a CPU has anyway; its products may still be rounded."""

    verify: Annotated[
        str | None,
        Option(
            "--verify",
            "The same model in better weights, such as an F16 file: scores near ties again, and decides them",
        ),
    ] = Field(None, title="Verify")
    """The student's own model in better weights, named as a student is: near ties are scored again with it, and it
    decides them. Only one of the two is in memory at a time."""

    gpu_layers: Count = Field(-1, ge=-(2**31))
    """Layers to put on the GPU; -1: all."""

    threads: Count | None = Field(None, ge=1)
    """Processor threads; default: one a physical core."""


class RunSettings(SettingsGroup):
    method: Annotated[
        Method,
        Option(
            "--method",
            "selective: both reflections, the student chooses (V2); reflect: both, all taken (V1); score: neither",
        ),
    ] = Field(Method.SELECTIVE, title="Method")
    """`selective`: both reflections, the student chooses (V2). `reflect`: both, all taken (V1). `score`: neither."""

    template: Annotated[TemplateName, Option("--template", "How an instruction is put to the student")] = (
        Field(TemplateName.VICUNA, title="Template")
    )
    """How an instruction is put to the student."""

    reply_form: Annotated[
        ReplyFormName | Literal["auto"], Option("--reply-form", "How the teacher lays out its replies")
    ] = Field("auto", title="Reply form")
    """How the teacher lays out its reply. `auto`: steps for teachers below 3B parameters, else json."""

    prompts: Annotated[
        PromptSet | Wording,
        BeforeValidator(lambda given: prompts_in(given) if isinstance(given, str) else given),
        Option(
            "--prompts",
            "own: burnish's; paper: the papers' demands, at temperature 0; or a file, see burnish prompts",
        ),
    ] = PromptSet.OWN
    """`own`: burnish's prompts. `paper`: a more complex instruction, answers as detailed as possible, temperature 0.
    Else the name of a file of one's own, as `burnish prompts` writes it."""

    critique: Annotated[
        CritiqueLength,
        Option("--critique", "short: a sentence a criterion at most; full: one or two on each"),
    ] = Field(CritiqueLength.SHORT, title="Critique")
    """`short`: a sentence a criterion, in steps a few in all. `full`: one or two on each, which cost time."""

    schedule: Annotated[
        Schedule | Literal["auto"], Option("--schedule", "Both models in memory, or one after the other")
    ] = Field("auto", title="Schedule")
    """Both models in memory, or one after the other. `auto` decides from sizes and free memory."""

    candidates: Annotated[int, Option("--candidates", "Rewrites asked for in each stage")] = Field(
        1, ge=1, le=16, title="Candidates"
    )
    """Rewrites the teacher is asked for in each stage; the student takes the best."""

    candidates_by: Annotated[
        CandidatesBy,
        Option(
            "--candidates-by",
            "Which of several rewrites may replace what was there: paper: the best by the stage's own score; else the "
            "first by a measure, as of export --by",
        ),
    ] = Field(CandidatesBy.PAPER, title="Best of them")
    """Which of several candidates is held against what was there. `paper`: the best by the stage's own score. Else the
    first by a measure, as an export takes them; the stage's score decides in any case whether it replaces that."""

    both_branches: Annotated[
        bool,
        Option(
            "--both-branches",
            "Ask for both response reflections, so that any student can choose later",
        ),
    ] = Field(False, title="Both branches")
    """Ask for both response reflections up front, so that any student can choose later without a teacher."""

    turns: Annotated[
        Turns,
        Option(
            "--turns", "last: a row's last exchange is refined; all: every one, after what was said before it"
        ),
    ] = Field(Turns.LAST, title="Turns")
    """`last`: the last exchange of each row is refined. `all`: every exchange, each after what was said before it in
    the dataset; of one that another turn follows the response alone."""

    reasoning: Annotated[
        Reasoning,
        Option(
            "--reasoning",
            "skip: it goes with an answer that is replaced; teacher: a thinking teacher's thoughts take its place; "
            "score: as skip, and the student reads it before the answer that it led to",
        ),
    ] = Field(Reasoning.SKIP, title="Reasoning")
    """`skip`: the reasoning of an answer that is replaced goes with it, and the student sees none. `teacher`: what a
    thinking teacher thought before its rewrite takes the place, in the row's own form. `score`: as `skip`, but the
    student scores an answer after the reasoning that led to it, which is never scored itself."""

    length: Annotated[
        ComparedLength,
        Option(
            "--length",
            "whole: scores of whole responses decide, as published; equal: of the first tokens that both have",
        ),
    ] = Field(ComparedLength.WHOLE, title="Length")
    """`whole`: scores of whole responses decide, as published. `equal`: of the first tokens that both versions have."""

    near_tie: Annotated[
        Annotated[float, Ge(0)] | Literal["auto"],
        Option(
            "--near-tie",
            "Margins below it, in log-ratio, are flagged; auto: what rounding explains, by the types of the student's "
            "weights and the tokens scored",
        ),
    ] = Field("auto", title="Near tie")
    """A margin below it, in log-ratio, is flagged for a person. `auto`: what rounding of the student's weights
    explains, by their types and the number of scored tokens; 0.01 at least."""

    sample: Annotated[
        Count | None,
        BeforeValidator(lambda given: None if given == "" else given),
        Option("--sample", "Refine only this many samples, drawn at random"),
    ] = Field(None, ge=1, title="Random part")
    """Refine only this many samples, drawn at random; empty: all. A larger part of a seed holds the smaller one."""

    seed: Annotated[Count, Option("--seed", "The seed of --sample: the same seed draws the same samples")] = (
        Field(0, ge=0, title="Its seed")
    )
    """The same seed draws the same samples."""


class ReflectionSettings(SettingsGroup):
    """The language, rules, criteria and prompts of every rewrite; a file's content is kept, and read once."""

    language: Annotated[
        str,
        AfterValidator(language_setting),
        Option(
            "--language", "Of the rewrites: same, as what is rewritten; a code such as de or zh-Hans; or any"
        ),
    ] = Field(SAME, title="Language")
    """Of the rewrites. `same`: each half in the language of what it rewrites. A code such as `de` or `zh-Hant`: in that
    one. `any`: the teacher is told none, and a reply may be in any."""

    guidelines: Annotated[
        Guidelines | None,
        BeforeValidator(lambda given: guidelines_in(Path(given)) if isinstance(given, str) else given),
        Option(
            "--guidelines", "A text file of house rules, one a line, that every critique and rewrite keeps to"
        ),
    ] = None
    """House rules that every critique and rewrite keeps to: the name of a text file with one a line, or a list such as
    `["British spelling", "never name a price"]`."""

    criteria: Annotated[
        OwnCriteria | None,
        BeforeValidator(lambda given: criteria_in(Path(given)) if isinstance(given, str) else given),
        Option("--criteria", "A TOML file of criteria, in place of the papers' or beside them"),
    ] = None
    """Criteria in place of the papers' or beside them: the name of a TOML file, or its tables here."""

    @property
    def criteria_in_force(self) -> Criteria:
        """All that the teacher criticises on."""
        return self.criteria.in_force() if self.criteria is not None else PAPERS


class DataSettings(SettingsGroup):
    row_mib: int = Field(ROW_MIB, ge=1, le=256)
    """MiB that a row of a dataset may have; a larger one is refused before it is read whole. Of Parquet that holds for
    a row that is a group by itself: among others it takes four times its size first. A row within the limit may take
    25 times its size, where it is nothing but empty lists."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="BURNISH_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    teacher: TeacherSettings = TeacherSettings()
    student: StudentSettings = StudentSettings()
    run: RunSettings = RunSettings()
    judge: JudgeSettings = JudgeSettings()
    answer: AnswerSettings = AnswerSettings()
    data: DataSettings = DataSettings()
    reflection: ReflectionSettings = ReflectionSettings()
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
    """The path of the settings file, whether it exists or not."""
    named = os.environ.get("BURNISH_CONFIG")
    return Path(named) if named else user_config_path("burnish") / "config.toml"


def load_settings(options: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The settings in force, which also set the limit for rows.

    `options`: group -> name -> value, before all other sources; None: not given.
    Raises `UsageError` that names the setting, what it may be and where settings come from.
    """
    given = {group: {k: v for k, v in values.items() if v is not None} for group, values in options.items()}
    path = config_path()
    if "BURNISH_CONFIG" in os.environ and not path.is_file():
        raise UsageError(
            f"{path}: BURNISH_CONFIG names this settings file, and it is not there; make or unset it"
        )
    try:
        settings = Settings(**given)  # type: ignore[arg-type] # validated by pydantic
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # A choice between types names each in brackets.
        names = [str(name) for name in first["loc"][:2] if "[" not in str(name)]
        setting = ascii(".".join(names))[1:-1][:100]
        raise UsageError(
            f"setting {setting}: {_reason(first['msg'])}, not {quoted(first['input'])}; set by an option, by "
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
    limit_rows(settings.data.row_mib)
    return settings


def with_setting(settings: Settings, group: str, name: str, value: object) -> Settings:
    """The settings with one value changed: `(settings, "run", "candidates", 3)`. Raises `UsageError`."""
    before: SettingsGroup = getattr(settings, group)
    try:
        after = type(before).model_validate(before.model_dump() | {name: value})
    except ValidationError as error:
        reason = _reason(error.errors(include_url=False)[0]["msg"])
        raise UsageError(f"{reason}, not {quoted(value)}") from None
    return settings.model_copy(update={group: after})


def _reason(message: str) -> str:
    """What pydantic says is wrong, as a part of a sentence."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def quoted(value: object, length: int = 100) -> str:
    """A value as it is written in Python, cut."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # hexadecimal has no limit to its digits, and decimal has
        text = "thousands of digits or brackets"
    return text if len(text) <= length else f"{text[:length]}…"
