"""The checks of `burnish doctor`: what keeps a run from working, or from working well, and what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.health.check import ANSWERS, NO_CLOUD, Check, CheckState
from engine.health.openai_server import check_server
from engine.run.settings import Settings, config_path
from models.errors import BurnishError
from models.files.catalog import SERVED, ModelFile, student_file, teacher_file
from models.files.needs import faster_line, memory_needed, memory_of_tag, slow_on_cpu
from models.http.address import cloud_refused, is_cloud
from models.http.prompt import PromptLimit
from models.ollama.long_prompts import find_limit
from models.ollama.server import OllamaServer, Tag, full_name
from models.system import machine
from models.system.machine import GPU, Build
from models.system.threads import on_daemon_thread
from models.system.units import GIB, MIB, size
from models.teacher import Fault, TeacherError

ROOM = 2 * GIB  # bytes; 100,000 samples with every reply and all losses take about this much
LEAST = 200 * MIB


@dataclass(frozen=True, slots=True)
class _Server:
    """The Ollama server's answers about itself and the teacher."""

    version: str = ""
    cloud_disabled: bool | None = None
    teacher: Tag | None = None
    loaded: bool = False  # the teacher is in memory already
    limit: PromptLimit | None = None  # of its prompts there; None: it was not, or could not be, found out
    error: TeacherError | None = None  # why the server, or then the teacher, is of no use


async def check(settings: Settings, folder: Path = Path()) -> list[Check]:
    """Every check, for the teacher and student of `settings` and a workspace in `folder`.

    Raises no error of a user's. Takes a second or two: llama.cpp is asked in a process of its own.
    """
    embedded = _file(teacher_file, settings.teacher.name)
    student = _file(student_file, settings.student.name)
    served = (settings.teacher.name or "").startswith(SERVED)
    tag = settings.teacher.name if embedded is None and not served else None
    server, build, gpus = await asyncio.gather(
        _ask_server(settings.teacher.host, tag),
        on_daemon_thread(machine.llama_build),
        on_daemon_thread(machine.gpus),
    )
    gpus = build.gpus or gpus  # what llama.cpp itself finds, as it is built here, counts first
    path = config_path()
    checks = [
        Check("settings", "ok", str(path) if path.exists() else f"none of your own (they would be in {path})")
    ]
    checks += _ollama(server, needed=tag is not None)
    checks += await check_server(settings.teacher) if served else [_teacher(settings, embedded, server)]
    checks += _long_prompts(server)
    checks.append(_student(settings, student))
    checks.append(_llama(build, gpus))
    checks += _memory(settings, embedded, student, server, build, gpus)
    checks += _speed(student, build, gpus)
    checks.append(_disk(folder))
    return checks


def _file(find: Callable[[str], ModelFile | None], name: str | None) -> ModelFile | BurnishError | None:
    """The model file behind a name, or why there is none; None where a server has it or none is given."""
    try:
        return find(name) if name else None
    except BurnishError as error:
        return error


async def _ask_server(host: str | None, teacher: str | None) -> _Server:
    version, cloud_disabled = "", None
    try:
        server = OllamaServer(host, first=ANSWERS)
        version, cloud_disabled = await server.version(), await server.cloud_disabled()
        tag = await server.find(teacher) if teacher else None
        loaded = {full_name(name): context for name, context in (await server.loaded()).items()}
        if tag is None or full_name(tag.name) not in loaded:
            return _Server(version, cloud_disabled, tag)
        context = loaded[full_name(tag.name)]
        limit = await find_limit(server, tag.name, context) if context else None
        return _Server(version, cloud_disabled, tag, loaded=True, limit=limit)
    except TeacherError as error:
        return _Server(version, cloud_disabled, error=error)


def _ollama(server: _Server, *, needed: bool) -> Iterator[Check]:
    if server.error and not server.version:
        if needed or server.error.fault is Fault.FORBIDDEN:
            yield Check(
                "Ollama",
                "problem",
                str(server.error),
                "or use a teacher without a server: gguf:PATH, or demo",
            )
        else:
            yield Check(
                "Ollama",
                "advice",
                "no server answers",
                "none is needed for a teacher gguf:PATH or openai:MODEL",
            )
        return
    yield Check("Ollama", "ok", f"version {server.version} answers")
    if server.cloud_disabled:
        yield Check("cloud", "ok", "the server itself refuses cloud models")
    else:
        asked = (
            "allows cloud models"
            if server.cloud_disabled is False
            else "is too old to say if it allows cloud models"
        )
        yield Check(
            "cloud",
            "advice",
            f"the server {asked}; burnish uses none, but other programs could",
            NO_CLOUD,
        )


def _teacher(settings: Settings, embedded: ModelFile | BurnishError | None, server: _Server) -> Check:
    name = settings.teacher.name
    if not name:
        return Check(
            "teacher",
            "advice",
            "none chosen",
            "choose one: in Start, by --teacher, or as teacher.name in the settings",
        )
    if isinstance(embedded, BurnishError):
        return Check(
            "teacher", "problem", str(embedded), "choose another: Start and burnish models list what there is"
        )
    if embedded is not None:
        if not embedded.header.chat_template:
            why = f"{name} has no chat template, so it was not taught to follow instructions"
            return Check("teacher", "problem", why, "choose an instruction-tuned model")
        return Check("teacher", "ok", _described(embedded))
    if server.teacher is None:
        why = (
            str(server.error)
            if server.version
            else f"{name} runs in Ollama, which does not answer: see above"
        )
        return Check("teacher", "problem", str(cloud_refused(name)) if is_cloud(name) else why)
    tag = server.teacher
    return Check("teacher", "ok", f"{tag.name}, {tag.quantisation or 'unknown type'}, {size(tag.size)}")


def _long_prompts(server: _Server) -> Iterator[Check]:
    """The server's way with a prompt that is too long; asked only if the teacher is in memory already."""
    if (limit := server.limit) is None:
        return
    found = (
        f"a prompt of more than {limit.context} tokens, the context the teacher is in memory with, {limit}"
    )
    if limit.refuses:
        yield Check("long prompts", "ok", found)
        return
    takes = f"prompts are kept under {limit.takes} tokens, and a cut is noticed by the tokens that were read"
    yield Check("long prompts", "advice", found, f"update Ollama: {takes}")


def _student(settings: Settings, student: ModelFile | BurnishError | None) -> Check:
    if student is None:
        return Check(
            "student",
            "advice",
            "none chosen",
            "choose one: in Start, by --student, or as student.name in the settings",
        )
    if isinstance(student, BurnishError):
        return Check(
            "student", "problem", str(student), "choose another: Start and burnish models list what there is"
        )
    trained, context = student.header.context, settings.student.context
    if 0 < trained < context:
        finding = f"{_described(student)}: trained on {trained} tokens, and the context is set to {context}"
        return Check("student", "advice", finding, f"set student.context to {trained} or less")
    return Check("student", "ok", _described(student))


def _llama(build: Build, gpus: Sequence[GPU]) -> Check:
    if build.problem:
        fix = "uv sync --reinstall-package llama-cpp-python"
        return Check("llama.cpp", "problem", f"does not load: {build.problem}", fix)
    backends = ", ".join(build.backends)
    if not gpus:
        return Check(
            "llama.cpp", "ok", f"built for {backends}; no GPU here, {machine.physical_cores()} cores"
        )
    if not build.offload:
        finding = f"built for {backends} only, and there is a GPU: {gpus[0].name}"
        return Check("llama.cpp", "advice", finding, machine.install_line(gpus[0].backend))
    return Check("llama.cpp", "ok", f"built for {backends}; runs on {', '.join(gpu.name for gpu in gpus)}")


def _memory(
    settings: Settings,
    embedded: ModelFile | BurnishError | None,
    student: ModelFile | BurnishError | None,
    server: _Server,
    build: Build,
    gpus: Sequence[GPU],
) -> Iterator[Check]:
    needs: dict[str, int] = {}
    if isinstance(embedded, ModelFile):
        needs["teacher"] = memory_needed(embedded.header, settings.teacher.context)
    elif server.teacher and not server.loaded:
        needs["teacher"] = memory_of_tag(server.teacher.size)
    if isinstance(student, ModelFile):
        needs["student"] = memory_needed(student.header, settings.student.context)
    boards = [gpu.memory for gpu in gpus if gpu.memory] if build.offload else []
    free = sum(board.available for board in boards) if boards else machine.memory().available
    where = "the GPU" if boards else "this machine"
    needed = " and ".join(f"about {size(need)} for the {role}" for role, need in needs.items())
    finding = f"{size(free)} free on {where}" + (f", {needed} needed" if needed else "")
    if sum(needs.values()) <= free:
        yield Check("memory", "ok", finding)
    elif max(needs.values()) <= free:
        yield Check(
            "memory",
            "advice",
            finding,
            "one model at a time fits: the schedule staged (auto chooses it, too)",
        )
    elif boards and max(needs.values()) <= machine.memory().available:
        yield Check(
            "memory",
            "advice",
            finding,
            "what does not fit runs on the processor, slowly; a smaller model fits",
        )
    else:
        yield Check(
            "memory", "problem", finding, "close other programs, or choose smaller models or quantisations"
        )


def _speed(student: ModelFile | BurnishError | None, build: Build, gpus: Sequence[GPU]) -> Iterator[Check]:
    if not isinstance(student, ModelFile) or (build.offload and gpus):
        return
    slow = slow_on_cpu(student.header)
    if slow:
        finding = f"llama.cpp has no fast kernels for {slow} on a processor; Q8_0 and Q4_0 score 2 to 3 times faster"
        yield Check("speed", "advice", finding, faster_line(student.header))
    else:
        yield Check("speed", "ok", f"llama.cpp has fast kernels for {student.header.quantisation}")


def _disk(folder: Path) -> Check:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(
            "disk", "problem", f"{folder}: {error.strerror}", "put the workspace into a folder that is there"
        )
    where = folder.resolve()
    if not os.access(folder, os.W_OK):
        return Check(
            "disk",
            "problem",
            f"{where} may not be written to",
            "put the workspace into another folder",
        )
    finding = f"{size(free)} free in {where}"
    if free >= ROOM:
        return Check("disk", "ok", finding)
    state: CheckState = "problem" if free < LEAST else "advice"
    return Check("disk", state, finding, "make room, or put the workspace elsewhere")


def _described(file: ModelFile) -> str:
    header = file.header
    return f"{header.name}, {header.architecture}, {header.quantisation}, {size(header.size)}"
