"""The models that are on this machine: Ollama's, those of a server of OpenAI's protocol, and GGUF files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from engine.run.settings import Settings, TeacherSettings
from models.errors import BurnishError
from models.files.catalog import FoundModel, find_ggufs
from models.files.ollama_store import default_stores, list_blobs
from models.http.address import is_cloud
from models.ollama.server import OllamaServer, Tag, full_name
from models.openai.address import PREFIX
from models.openai.server import OpenAIServer
from models.openai.wire import Meta, ServedModel
from models.system.threads import on_daemon_thread
from models.teacher import TeacherError

UNREAD = (
    "its weights are in no store that can be read here (OLLAMA_MODELS names another), so it is no student"
)
CLOUD = "runs in Ollama's cloud: your data would leave this machine"
NO_TEMPLATE = "has no chat template, so it was not taught to follow instructions: no teacher"
SERVED_ONLY = "its server tells nobody what a text costs it, so it is no student"
ANSWERS = 10.0  # seconds a healthy server needs at most for the list of its models

Role = Literal["teacher", "student", "judge"]
"""Any teacher can be a judge."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model, with its names as a teacher and as a student. The fields are those of `models --json`."""

    name: str
    kind: Literal["ollama", "openai", "gguf"]
    size: int | None  # bytes
    quantisation: str | None
    parameters: float | None
    digest: str | None
    local: bool
    teacher: str | None  # None: it is none
    student: str | None
    problem: str | None  # why it is not both, where there is a reason worth a line

    def called(self, role: Role) -> str | None:
        return self.student if role == "student" else self.teacher

    def unfit(self, role: Role) -> str | None:
        """The reason why it cannot have this role; None where it can."""
        if self.called(role) is not None:
            return None
        return self.problem or (SERVED_ONLY if self.kind == "openai" else NO_TEMPLATE)


@dataclass(frozen=True, slots=True)
class ModelList:
    models: tuple[ListedModel, ...]
    problem: TeacherError | None  # why there are none of Ollama's among them
    server_problem: BurnishError | None  # likewise of the server at `teacher.url`, where there is one
    complete: bool  # False: there was no time to look everywhere


async def list_models(settings: Settings) -> ModelList:
    """The servers' models and the files that are here. Takes up to ten seconds."""
    tags, served, search = await asyncio.gather(
        _tags(settings.teacher.host),
        _served(settings.teacher),
        on_daemon_thread(find_ggufs, settings.model_folders),
    )
    problem, tags = (tags, ()) if isinstance(tags, TeacherError) else (None, tags)
    server_problem, served = (served, ()) if isinstance(served, BurnishError) else (None, served)
    models = await on_daemon_thread(lambda: tuple(_models(tags, search.found)))
    return ModelList((*served, *models), problem, server_problem, search.complete)


async def _served(settings: TeacherSettings) -> tuple[ListedModel, ...] | BurnishError:
    """The models of the server at `teacher.url`; none where no URL is given."""
    if not settings.url:
        return ()
    try:
        models = await OpenAIServer(settings.url, key_file=settings.key_file, first=ANSWERS).models()
    except BurnishError as error:
        return error
    return tuple(map(_of_server, models))


async def _tags(host: str | None) -> tuple[Tag, ...] | TeacherError:
    try:
        return await OllamaServer(host, first=ANSWERS).tags()
    except TeacherError as error:
        return error


def _models(tags: Iterable[Tag], found: Iterable[FoundModel]) -> Iterator[ListedModel]:
    """Every model once: the server's tags, each with its weights in the store where they can be read, then files."""
    files = {file.path: file for file in found}
    blobs = {full_name(name): blob for name, blob in list_blobs(default_stores()).items()}
    served = set()
    for tag in tags:
        blob = blobs.get(full_name(tag.name))
        path = None if blob is None else blob.path
        served.add(path)
        yield _of_tag(tag, files.get(path) if path else None)
    for path, file in files.items():
        if path not in served:
            yield _of_file(file)


def _of_tag(tag: Tag, weights: FoundModel | None) -> ListedModel:
    problem = weights.problem if weights else UNREAD
    return ListedModel(
        name=tag.name,
        kind="ollama",
        size=tag.size,
        quantisation=tag.quantisation,
        parameters=tag.billions and tag.billions * 1e9,
        digest=tag.digest,
        local=tag.local,
        teacher=tag.name if tag.local else None,
        student=f"ollama:{tag.name}" if tag.local and not problem else None,
        problem=problem if tag.local else CLOUD,
    )


def _of_server(model: ServedModel) -> ListedModel:
    meta, local = model.meta or Meta(), not is_cloud(model.id)
    return ListedModel(
        name=f"{PREFIX}{model.id}",
        kind="openai",
        size=meta.size,
        quantisation=None,
        parameters=meta.n_params,
        digest=None,
        local=local,
        teacher=f"{PREFIX}{model.id}" if local else None,
        student=None,
        problem=None if local else CLOUD,
    )


def _of_file(file: FoundModel) -> ListedModel:
    header, usable = file.header, not file.problem
    teaches = usable and header is not None and header.chat_template
    return ListedModel(
        name=file.name,
        kind="gguf",
        size=header.size if header else None,
        quantisation=header.quantisation if header else None,
        parameters=header.parameters if header else None,
        digest=None,
        local=True,
        teacher=("demo" if file.name == "demo" else f"gguf:{file.path}") if teaches else None,
        student=file.name if usable else None,
        problem=file.problem,
    )
