"""A teacher from its settings: a name becomes a model, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.events import Notice
from engine.method.recipe import Sampling
from engine.run.retry import Serving
from engine.run.settings import TeacherSettings
from models.errors import UsageError
from models.files import catalog
from models.files.catalog import ModelFile
from models.files.digest import sha256_of
from models.llamacpp.teacher import EmbeddedTeacher
from models.ollama.teacher import OllamaTeacher
from models.system.threads import on_daemon_thread
from models.teacher import Teacher, TeacherInfo


def teacher_file(settings: TeacherSettings) -> ModelFile | None:
    """The model file of a teacher without a server; None for one in Ollama. Raises as `catalog.teacher_file`."""
    return catalog.teacher_file(_name(settings))


def teacher_of(
    settings: TeacherSettings, file: ModelFile | None, *, allow_remote: bool = False, chat: bool = True
) -> Teacher:
    """The teacher, not opened yet. `chat`: as `EmbeddedTeacher` takes it; a server always uses the model's own."""
    name = _name(settings)
    if file is None:
        return OllamaTeacher(
            name,
            host=settings.host,
            context=settings.context,
            allow_remote=allow_remote,
            first=settings.first_byte,
            silence=settings.silence,
        )
    return EmbeddedTeacher(file.path, name=name, digest=digest_of(file), context=settings.context, chat=chat)


def digest_of(file: ModelFile) -> str:
    return file.digest or sha256_of(file.path)


async def identified(file: ModelFile) -> ModelFile:
    """With its digest. Reading a file of gigabytes can be cancelled, and holds up nothing else."""
    return replace(file, digest=file.digest or await on_daemon_thread(sha256_of, file.path))


def sampling_of(settings: TeacherSettings) -> Sampling:
    """How the settings say that a model is asked."""
    return Sampling(
        think=settings.think,
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        seed=settings.seed,
    )


def serving_of(settings: TeacherSettings) -> Serving:
    return Serving(parallel=settings.parallel, patience=settings.patience)


def fitting(sampling: Sampling, info: TeacherInfo, emit: Callable[[Notice], None]) -> Sampling:
    """A reply may take half of the teacher's context at most: the prompt needs the rest."""
    if sampling.max_tokens <= info.context // 2:
        return sampling
    emit(
        Notice(
            f"replies are limited to {info.context // 2} tokens: half of {info.name}'s context of {info.context}"
        )
    )
    return sampling.model_copy(update={"max_tokens": info.context // 2})


def _name(settings: TeacherSettings) -> str:
    if settings.name is None:
        raise UsageError(
            "no teacher: give --teacher with an Ollama model such as qwen3:8b, gguf:PATH, or demo (see burnish models)"
        )
    return settings.name
