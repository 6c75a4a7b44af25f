"""The checks of a teacher that a server of OpenAI's protocol has: what it is, and what happens to the texts there."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from engine.health.check import ANSWERS, NO_CLOUD, Check
from engine.run.settings import TeacherSettings
from models.errors import BurnishError
from models.openai.address import model_of
from models.openai.server import OpenAIServer
from models.system.machine import listener
from models.system.units import counted

KNOWN = ("llama-server", "lm studio", "lm-studio", "lms", "vllm", "ollama")
"""How the names of programs begin that serve models here; many are a python or a node, and say no more."""


async def check_server(settings: TeacherSettings) -> list[Check]:
    """The server's and the teacher's checks, for a teacher `openai:MODEL`."""
    try:
        name = model_of(settings.name)
        assert name is not None
        server = _server(settings)
        models = await server.models()
        answers = Check("server", "ok", f"{server.url} answers, with {counted(len(models), 'model')}")
    except BurnishError as error:
        fix = "or use a teacher without a server: gguf:PATH, or demo"
        return [Check("server", "problem", str(error), fix)]
    try:
        described = await server.describe(await server.find(name))
    except BurnishError as error:
        return [answers, Check("teacher", "problem", str(error), "name one that the server has")]
    window, asked = described.context, settings.context
    if described.ollama:
        found = f"{settings.name}: the server is Ollama, which tells nobody here when it cuts a prompt"
        return [answers, Check("teacher", "advice", found, f"--teacher {name}, without openai:")]
    if window is not None and window < asked:
        found = f"{settings.name}: the server gives it {window} tokens, and teacher.context is {asked}"
        return [answers, Check("teacher", "advice", found, "load it there with a larger context")]
    context = f"context {window} tokens" if window else "the server does not say how much context it has"
    return [answers, Check("teacher", "ok", f"{settings.name}, {context}")]


async def check_texts(settings: TeacherSettings) -> list[Check]:
    """The checks of what the server gets, and of the program that it is."""
    try:
        name = model_of(settings.name)
        assert name is not None
        server = _server(settings)
    except BurnishError as error:
        fix = "give --teacher-url with an address of this machine"
        return [Check("contacted", "problem", str(error), fix)]
    checks = [
        Check("contacted", "ok", f"{server.url}, of OpenAI's protocol, which gets the texts; nothing else")
    ]
    try:
        described = await server.describe(await server.find(name))
    except BurnishError as error:
        fix = "start the server, and name a model that it has"
        return [*checks, Check("teacher", "problem", str(error), fix), *_key(settings)]
    checks.append(Check("teacher", "ok", f"{settings.name}: the server has it"))
    if described.ollama:
        found = "the server is Ollama: a model that becomes a cloud model's stub would send texts away"
        checks.append(Check("cloud", "advice", found, NO_CLOUD))
    return [*checks, _program(server.url), *_key(settings)]


def _server(settings: TeacherSettings) -> OpenAIServer:
    return OpenAIServer(settings.url, key_file=settings.key_file, first=ANSWERS)


def _key(settings: TeacherSettings) -> Iterator[Check]:
    if settings.key_file is None:
        yield Check("key", "ok", "none is sent")
    else:
        kept = "sent to the teacher's server alone, and kept in no file of burnish's"
        yield Check("key", "ok", f"{settings.key_file}: read for each request, {kept}")


def _program(url: str) -> Check:
    port = urlsplit(url).port or 0
    found = listener(port)
    if found is None:
        finding = f"cannot be known which program listens at {url}: it is another user's"
        return Check("server", "advice", finding, f"sudo ss -ltnp 'sport = :{port}' tells")
    program = f"{found.name}, process {found.pid}"
    if found.name.casefold().startswith(KNOWN):
        return Check("server", "ok", program)
    finding = f"{program}, listens at {url}; whether it passes on what it gets cannot be known"
    return Check("server", "advice", finding, "make sure that it runs its models itself")
