"""A teacher from its settings: a name becomes a model, which is opened once, when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from engine.events import NodeChanged, Notice
from engine.method.recipe import Sampling
from engine.run.settings import MODEL_NAMES, TeacherSettings
from models.errors import UsageError
from models.files import catalog
from models.files.catalog import ModelFile
from models.files.digest import sha256_of_parts
from models.http.prompt import PromptLimits, RememberedLimits
from models.llamacpp.teacher import EmbeddedTeacher
from models.ollama.address import server_url
from models.ollama.teacher import OllamaTeacher
from models.openai.address import base_url, model_of, read_key
from models.openai.teacher import OpenAITeacher
from models.ray.cluster import Cluster
from models.ray.teacher import RayTeacher
from models.system.threads import on_daemon_thread
from models.teacher import Teacher, TeacherInfo


@dataclass(frozen=True, slots=True)
class OpenTeacher:
    """A teacher, and how it is asked."""

    info: TeacherInfo
    sampling: Sampling
    parallel: int  # requests in flight at once, on all nodes together
    patience: float  # seconds a pause may last before it ends the run
    model: Teacher | None  # None: there are only the replies that it gave before


class TeacherSource:
    """The source of the teacher for a run, a person or a judge: opened for the first of them, shared by all.

    Everything happens in the loop it is used from, and `emit` is called there.
    """

    def __init__(
        self,
        settings: TeacherSettings,
        emit: Callable[[Notice], None],
        *,
        allow_remote: bool = False,
        chat: bool = True,
        limits: PromptLimits | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        """`chat`: as `EmbeddedTeacher` takes it; a server always uses the model's own template. `limits`: as
        `OllamaTeacher` takes it. `cluster`: the teacher is that of each of its nodes, and not this machine's."""
        self._settings = settings
        self._emit = emit
        self._allow_remote = allow_remote
        self._chat = chat
        self._limits = limits
        self._cluster = cluster
        self._opening = asyncio.Lock()
        self._opened: OpenTeacher | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> OpenTeacher:
        """The teacher. Raises `TeacherError`, `UsageError`, `ModelFileError`."""
        async with self._opening:
            if self._opened is None:
                model = await self._model()
                try:
                    info = await model.open()
                except BaseException:
                    await model.close()
                    raise
                settings = self._settings
                sampling = fitting(sampling_of(settings), info, self._emit)
                parallel = settings.parallel * (model.nodes if isinstance(model, RayTeacher) else 1)
                self._opened = OpenTeacher(info, sampling, parallel, settings.patience, model)
            return self._opened

    async def close(self) -> None:
        """Let go of the model."""
        opened, self._opened = self._opened, None
        if opened is not None and opened.model is not None:
            await opened.model.close()

    @property
    def children(self) -> dict[str, int]:
        """The process id of the model if it runs in a process of burnish's, under "teacher"."""
        model = self._opened.model if self._opened is not None else None
        pid = model.pid if isinstance(model, EmbeddedTeacher) else None
        return {} if pid is None else {"teacher": pid}

    async def _model(self) -> Teacher:
        settings = self._settings

        def say(note: str) -> None:
            self._emit(Notice(note))

        if self._cluster is None:
            return await teacher_of(
                settings, say, allow_remote=self._allow_remote, chat=self._chat, limits=self._limits
            )
        make = partial(teacher_of, teacher_at_node(settings), chat=self._chat, limits=RememberedLimits())
        return RayTeacher(self._cluster, make, computes=teacher_file(settings) is not None)


async def teacher_of(
    settings: TeacherSettings,
    on_note: Callable[[str], None],
    *,
    allow_remote: bool = False,
    chat: bool = True,
    limits: PromptLimits | None = None,
) -> Teacher:
    """The teacher that the settings name, not opened yet. `chat`, `limits`: as `TeacherSource` takes them."""
    name = _name(settings)
    if (served := model_of(name)) is not None:
        return OpenAITeacher(
            served,
            url=settings.url,
            key_file=settings.key_file,
            context=settings.context,
            allow_remote=allow_remote,
            first=settings.first_byte,
            silence=settings.silence,
            on_note=on_note,
        )
    if (file := teacher_file(settings)) is None:
        return OllamaTeacher(
            name,
            host=settings.host,
            context=settings.context,
            allow_remote=allow_remote,
            first=settings.first_byte,
            silence=settings.silence,
            on_note=on_note,
            limits=limits,
        )
    if settings.think:
        on_note(f"{name} is asked without thinking: only a server gives it room for that")
    file = await identified(file)
    return EmbeddedTeacher(file.path, name=name, digest=digest_of(file), context=settings.context, chat=chat)


def cluster_at(address: str, emit: Callable[[Notice | NodeChanged], None]) -> Cluster:
    """The Ray cluster at an address. Nothing is contacted yet."""
    return Cluster(
        address, on_note=lambda note: emit(Notice(note)), on_work=lambda work: emit(NodeChanged(work))
    )


def teacher_at_node(settings: TeacherSettings) -> TeacherSettings:
    """The settings as they hold on a node: a file is named by its whole path. Raises as `teacher_file`."""
    file = teacher_file(settings)
    if file is None or settings.name == "demo":
        return settings
    return settings.model_copy(update={"name": f"gguf:{file.path.absolute()}"})


def check_teacher(settings: TeacherSettings, *, allow_remote: bool = False) -> None:
    """Raise what can be said against a teacher without loading it or asking a server.

    `UsageError`: there is none, or no URL of its server, or no key in its file. `ModelFileError`: its file cannot
    serve. `TeacherError`: its server is not on this machine.
    """
    if model_of(settings.name) is not None:
        base_url(settings.url, allow_remote=allow_remote)
        read_key(settings.key_file)
    elif teacher_file(settings) is None:
        server_url(settings.host, allow_remote=allow_remote)


def teacher_file(settings: TeacherSettings) -> ModelFile | None:
    """The model file of a teacher without a server; None for one of a server. Raises as `catalog.teacher_file`."""
    return catalog.teacher_file(_name(settings))


def digest_of(file: ModelFile) -> str:
    """The digest of a model's weights, which may have to be read."""
    return file.digest or sha256_of_parts(file.header.parts)


async def identified(file: ModelFile) -> ModelFile:
    """The file with its digest. Reading gigabytes can be cancelled, and holds up nothing else."""
    return replace(file, digest=await on_daemon_thread(digest_of, file))


def sampling_of(settings: TeacherSettings) -> Sampling:
    """The settings' part that decides replies."""
    return Sampling(**{name: getattr(settings, name) for name in Sampling.model_fields})


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
        raise UsageError(f"no teacher: give --teacher with {MODEL_NAMES} (see burnish models)")
    return settings.name
