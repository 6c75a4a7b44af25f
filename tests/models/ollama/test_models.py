"""What a server has, gets, and says when it is not there."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from models.ollama.server import OllamaServer, Tag
from models.ollama.teacher import OllamaTeacher
from models.teacher import Fault, TeacherError
from tests.models.ollama.asking import CLOUD, QUESTION, fails, pull, with_server, with_teacher
from tests.ollama.script import Answer, Ending
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model, recorded
from tests.waiting import until


def test_a_server_that_is_down_is_unreachable_and_says_how_to_start_it() -> None:
    with _free_port() as port:
        pass
    with pytest.raises(TeacherError, match="ollama serve") as caught:
        asyncio.run(OllamaTeacher("qwen0.5b", host=f"127.0.0.1:{port}").open())
    assert caught.value.fault is Fault.UNREACHABLE


def test_a_server_that_goes_in_the_middle_is_broken_then_unreachable_then_back() -> None:
    async def scene(teacher: OllamaTeacher) -> list[Fault]:
        faults = []
        for act in (None, server.close, None):
            if act is not None:
                await asyncio.to_thread(act)
            try:
                await teacher.ask(QUESTION)
            except TeacherError as error:
                faults.append(error.fault)
        port = int(server.url.rpartition(":")[2])
        with FakeOllama(port=port):
            assert (await teacher.ask(QUESTION)).finish == "stop"
        return faults

    server = FakeOllama(lambda chat: Answer("Half a", ending=Ending.CLOSED)).__enter__()
    assert with_teacher(server, scene) == [Fault.BROKEN, Fault.UNREACHABLE, Fault.UNREACHABLE]


def test_a_missing_model_says_how_to_get_it() -> None:
    with FakeOllama() as server:
        assert fails(server, name="nope:1b", words="burnish pull nope:1b") is Fault.MODEL_MISSING


def test_a_model_removed_in_the_middle_says_how_to_get_it() -> None:
    async def scene(teacher: OllamaTeacher) -> None:
        await teacher.open()
        server.models.clear()
        await teacher.ask(QUESTION)

    with FakeOllama() as server, pytest.raises(TeacherError, match=r"burnish pull qwen0\.5b") as caught:
        with_teacher(server, scene)
    assert caught.value.fault is Fault.MODEL_MISSING


def test_cancelling_closes_the_connection_so_that_the_server_stops() -> None:
    async def scene(teacher: OllamaTeacher) -> None:
        started = asyncio.Event()
        task = asyncio.create_task(teacher.ask(QUESTION, lambda text: started.set()))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(until, lambda: server.chats[0].outcome == "left")

    with FakeOllama(lambda chat: Answer("word " * 50, seconds=30)) as server:
        with_teacher(server, scene)


def test_it_tells_what_the_server_is_and_has() -> None:
    async def look(server: OllamaServer) -> tuple[Any, ...]:
        return (
            await server.version(),
            await server.cloud_disabled(),
            await server.tags(),
            await server.loaded(),
        )

    with FakeOllama() as fake:
        fake.models.append(Model.named("far", **CLOUD))
        version, cloud_disabled, tags, loaded = with_server(fake, look)
    assert (version, cloud_disabled, loaded) == ("0.24.0", True, {})
    by_name: dict[str, Tag] = {tag.name: tag for tag in tags}
    small = by_name["qwen0.5b:latest"]
    assert (small.size, small.quantisation, small.family, small.local) == (491402254, "Q4_K_M", "qwen2", True)
    assert small.billions == pytest.approx(0.63017)
    assert by_name["qwen1.5b:latest"].billions == 1.8
    assert not by_name["far:latest"].local


@pytest.mark.parametrize("size", ["", "large", "8x7B", "1e3B", "-1B"])
def test_a_size_that_is_no_number_is_unknown(size: str) -> None:
    assert (
        Tag.model_validate_json(json.dumps({"name": "x", "details": {"parameter_size": size}})).billions
        is None
    )


def test_another_program_on_the_port_is_not_taken_for_ollama() -> None:
    with FakeOllama() as server, pytest.raises(TeacherError, match="not Ollama"):
        asyncio.run(OllamaTeacher("qwen0.5b", host=f"{server.url}/elsewhere").open())


def test_a_server_too_old_for_status_does_not_say_whether_the_cloud_is_off() -> None:
    async def look(server: OllamaServer) -> bool | None:
        return await server.cloud_disabled()

    with FakeOllama() as fake:
        fake.hidden = {"/api/status"}
        assert with_server(fake, look) is None


def test_a_download_is_followed_to_its_end() -> None:
    layer = {"status": "pulling 1d96", "digest": "sha256:1d96", "total": 1000}
    words = [{"status": "pulling manifest"}, layer, {**layer, "completed": 1000}, {"status": "success"}]
    with FakeOllama(registry={"new:1b": words}) as fake:
        steps = pull(fake, "new:1b")
        assert [(step.status, step.completed, step.total) for step in steps] == [
            ("pulling manifest", 0, 0),
            ("pulling 1d96", 0, 1000),
            ("pulling 1d96", 1000, 1000),
            ("success", 0, 0),
        ]
        assert with_teacher(fake, OllamaTeacher.open, name="new:1b").name == "new:1b"


@pytest.mark.parametrize(
    ("name", "words", "fault"),
    [
        ("a", {"error": "pull model manifest: file does not exist"}, Fault.MODEL_MISSING),
        ("a", json.loads(recorded("44_pull_unreachable_stream")["body"].splitlines()[1]), Fault.UNREACHABLE),
        ("a", json.loads(recorded("44c_pull_refused_registry")["body"].splitlines()[1]), Fault.UNREACHABLE),
        ("a", {"error": "write /x: no space left on device"}, Fault.BROKEN),
        ("a", {"status": "pulling 1d96"}, Fault.BROKEN),
        ("a:cloud", {"status": "success"}, Fault.FORBIDDEN),
    ],
)
def test_a_download_that_fails_says_why(name: str, words: dict[str, str], fault: Fault) -> None:
    registry = {name: [{"status": "pulling manifest"}, words]}
    with FakeOllama(registry=registry) as fake, pytest.raises(TeacherError) as caught:
        pull(fake, name)
    assert caught.value.fault is fault
    assert str(caught.value).isprintable()


@contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]
