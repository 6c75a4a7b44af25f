"""The checks of `burnish doctor --privacy`: what is contacted, what is stored where, and what could leave."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from engine.health.check import ANSWERS, NO_CLOUD, Check, CheckState
from engine.health.openai_server import check_texts
from engine.health.places import LeftFile, left_files
from engine.health.remembered import recall
from engine.run.settings import Settings
from models.errors import BurnishError
from models.files.catalog import SERVED, teacher_file
from models.ollama.address import server_url
from models.ollama.server import OllamaServer
from models.ollama.teacher import OllamaTeacher
from models.system.machine import Listener, file_system, is_elsewhere, listener
from models.system.units import size
from models.teacher import TeacherError

REQUEST_LOGS = "ollama-request-logs-"  # what the folders are called that OLLAMA_DEBUG_LOG_REQUESTS makes
LOGGING = ("OLLAMA_DEBUG_LOG_REQUESTS", "OLLAMA_DEBUG")
IGNORED = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OLLAMA_API_KEY")  # variables


async def check_privacy(
    settings: Settings, folder: Path = Path(), *, ignored: Collection[str] = ()
) -> list[Check]:
    """Every check; a `problem` for whatever could leave this machine, or cannot be known not to.

    `folder`: where workspaces and exports are; `ignored`: variables that the caller ignores, besides those
    that burnish always does. No server but the teacher's is asked, and nothing is written.
    """
    return [*await check_contacted(settings), *check_stored(folder, {*IGNORED, *ignored})]


# The teacher ----------------------------------------------------------------------------------------------


async def check_contacted(settings: Settings) -> list[Check]:
    """The checks of the teacher's server."""
    name = settings.teacher.name
    if name is not None and name.startswith(SERVED):
        return [*await check_texts(settings.teacher), _listed(settings)]
    try:
        inside = name is not None and teacher_file(name) is not None
        url = server_url(settings.teacher.host)
    except BurnishError as error:
        return [
            Check(
                "contacted", "problem", str(error), "see burnish models, and set OLLAMA_HOST=127.0.0.1:11434"
            )
        ]
    if inside:
        contacted = (
            f"{url}, Ollama, for the list of its models; no text goes there, for {name} runs inside burnish"
        )
    else:
        contacted = f"{url}, Ollama, which gets the texts; nothing else"
    checks = [Check("contacted", "ok", contacted)]
    # Where no text goes to the server, what it does with texts is worth a word and no more.
    worst: CheckState = "advice" if inside else "problem"
    try:
        cloud = await OllamaServer(url, first=ANSWERS).cloud_disabled()
    except TeacherError as error:
        return [*checks, Check("cloud", worst, f"cannot be known: {error}", "start Ollama, and ask again")]
    checks.append(_cloud(cloud, worst))
    if name is not None and not inside:
        checks.append(await _weights(name, url))
    found = listener(urlsplit(url).port or 0)
    return [*checks, _program(url, found, worst), *_requests(found)]


def _listed(settings: Settings) -> Check:
    """The Ollama that is asked for the list of its models, whoever teaches."""
    try:
        url = server_url(settings.teacher.host)
    except BurnishError as error:
        return Check("contacted", "problem", str(error), "set OLLAMA_HOST=127.0.0.1:11434")
    return Check("contacted", "ok", f"{url}, Ollama, for the list of its models; no text goes there")


def _cloud(disabled: bool | None, worst: CheckState) -> Check:
    if disabled:
        return Check("cloud", "ok", "off: the server itself refuses cloud models")
    if disabled is None:
        return Check("cloud", worst, "cannot be known: the server is too old to say", NO_CLOUD)
    return Check(
        "cloud", worst, "on: a model that becomes a cloud model's stub would send texts away", NO_CLOUD
    )


async def _weights(name: str, url: str) -> Check:
    teacher = OllamaTeacher(name, host=url, first=ANSWERS)
    try:
        info = await teacher.open()
    except TeacherError as error:
        return Check("teacher", "problem", str(error), "choose a model that burnish models lists as here")
    finally:
        await teacher.close()
    return Check("teacher", "ok", f"{name}: its weights are here, {size(info.size)}")


def _program(url: str, found: Listener | None, worst: CheckState) -> Check:
    if found is None:
        port = urlsplit(url).port
        finding = (
            f"cannot be known which program listens at {url}: it is another user's, as Ollama's service is"
        )
        return Check(
            "server", "advice", finding, f"sudo ss -ltnp 'sport = :{port}' tells; it should be ollama"
        )
    program = f"{found.name}, process {found.pid}"
    if found.name.startswith("ollama"):
        return Check("server", "ok", program)
    finding = f"{program}, listens at {url}, is not Ollama, and may pass on what it gets"
    return Check(
        "server", worst, finding, "make sure that it sends nothing on, or set OLLAMA_HOST to Ollama itself"
    )


def _requests(found: Listener | None) -> Iterator[Check]:
    """Checks that Ollama logs no requests. Its logs stay on this machine."""
    if found is None:
        set_here = _asked_to_log(os.environ) or "neither"
        finding = (
            f"cannot be known: the server's environment is not ours to read; in this shell {set_here} is set"
        )
        fix = f"neither {' nor '.join(LOGGING)} should be set there (Linux: systemctl show ollama -p Environment)"
        yield Check("requests", "advice", finding, fix)
    elif logging := _asked_to_log(found.environment):
        finding = f"Ollama was started with {logging}, and writes the texts it gets into files"
        yield Check("requests", "advice", finding, "start it without")
    else:
        yield Check("requests", "ok", "Ollama was not asked to log them")
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{REQUEST_LOGS}*")):
        yield Check("requests", "advice", f"{folder}: requests that an Ollama logged", f"rm -r {folder}")


def _asked_to_log(environment: Mapping[str, str]) -> str:
    """The variables that make Ollama log, joined by "and". Ollama takes any value but a plain no for yes."""
    no = ("", "0", "f", "false")
    return " and ".join(name for name in LOGGING if environment.get(name, "").strip("\"' ").lower() not in no)


# What is stored -------------------------------------------------------------------------------------------


def check_stored(folder: Path, ignoring: Collection[str]) -> Iterator[Check]:
    folder = folder.absolute()
    ignored = sorted(name for name in os.environ if name.upper() in ignoring)
    if ignored:
        yield Check("environment", "ok", f"{', '.join(ignored)}: set, and ignored by burnish")
    kept = "a crash log holds where burnish broke, no message and no text; core files are switched off"
    yield Check("logs", "ok", f"burnish writes none; {kept}")
    workspaces = _workspaces(folder)
    for place in sorted({folder, Path(tempfile.gettempdir()), *(path.parent for path in workspaces)}):
        yield _place(place)
    for file in left_files(folder, workspaces):
        yield from _left(file)


def _workspaces(folder: Path) -> list[Path]:
    """The workspaces in this folder, and those opened lately."""
    found = [*folder.glob("*.burnish"), *map(Path, recall().recent)]
    return sorted({path for path in found if path.is_file()})


def _place(folder: Path) -> Check:
    kind = file_system(folder.resolve())
    if kind is None:
        finding = f"{folder}: cannot be known whether it is on this machine"
        return Check("folder", "advice", finding, "the command mount tells")
    if is_elsewhere(kind):
        finding = f"{folder} is on another machine ({kind}), and what is written there leaves this one"
        return Check(
            "folder", "problem", finding, "keep datasets, workspaces and exports on a disk of this machine"
        )
    return Check("folder", "ok", f"{folder} is on this machine ({kind})")


def _left(file: LeftFile) -> Iterator[Check]:
    """The check of a file or folder; none where it does not exist."""
    try:
        mode = stat.S_IMODE(file.path.stat().st_mode)
    except OSError:
        return
    finding = f"{file.path}: {file.what}; mode {mode:04o}"
    if os.name == "posix" and mode & 0o077:
        finding += ", so that others on this machine may open it"
        yield Check(file.name, "advice", finding, f"chmod go= {file.path}")
    else:
        yield Check(file.name, "ok", finding)
