"""Whatever the environment, a server or a file says: texts go to a local model of this machine's server, or nowhere."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ollama._client import _parse_host

import models.ollama.teacher
from engine.store.workspace import Workspace
from models.ollama.address import server_url
from models.ollama.server import OllamaServer
from models.teacher import Fault, TeacherError
from tests.command import burnish, reflect
from tests.models.ollama.asking import CLOUD, QUESTION, fails, with_teacher
from tests.ollama.script import Answer, Chat, Raw, Scripted
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, TEACHER, brief, dataset
from tests.scene import scene
from tests.stand_in import StandIn, stand_in
from tests.trust.traps import SECRET, traps
from tui.state.workbench import Workbench

__all__ = ["stand_in"]  # the fixture

# How an address is written ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        "localhost.",  # a name with a root
        "ip6-localhost",
        "host.docker.internal",
        "0",  # some programs read these as 0.0.0.0 or 127.0.0.1
        "0x0",
        "127.1:11434",
        "127.0.1",
        "0x7f.1",
        "0x7f.0.0.1",
        "017700000001",
        "127.0.0.01",
        "[::127.0.0.1]",  # IPv4-compatible, which no system takes for this machine for sure
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",  # through a NAT64 gateway
        "[2002:7f00:1::]",  # through a 6to4 relay
        "[fec0::1]",
        "[::ffff:a00:1]",
        "[::ffff:0.0.0.1]",
    ],
)
def test_what_only_looks_like_this_machine_is_refused(given: str) -> None:
    with pytest.raises(TeacherError) as caught:
        server_url(given)
    assert caught.value.fault is Fault.FORBIDDEN


@pytest.mark.parametrize(
    "given",
    [
        "127.0.0.1%2eexample",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::1%lo]",
        "unix:///run/ollama.sock",
        "127.0.0.1:0x50",
    ],
)
def test_what_cannot_be_read_is_refused(given: str) -> None:
    with pytest.raises(TeacherError) as caught:
        server_url(given)
    assert caught.value.fault is Fault.UNREACHABLE


@given(st.text("0127.0.0.1:localhost[::1]fx/@%#?\\ \tevil.exmp", max_size=30))
@example("http:///evil.example")
@example("//evil.example")
@example("127.0.0.1:0")
@example("[::ffff:7f00:1]")
def test_no_spelling_is_this_machine_to_us_and_another_to_the_client(given: str) -> None:
    try:
        url = server_url(given)
    except TeacherError:
        return
    read = httpx.URL(_parse_host(url))  # as the official client reads what it is given
    assert read.host == httpx.URL(url).host
    assert ipaddress.ip_address(read.host).is_loopback


@pytest.mark.parametrize(
    "form", ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "http://LocalHost"]
)
def test_every_spelling_of_this_machine_leads_to_it_and_asks_nobody_for_a_name(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _no_name_is_looked_up)
    with FakeOllama() as server:
        assert _version(f"{form}:{httpx.URL(server.url).port}") == "0.24.0"


def test_a_server_that_listens_on_ipv6_is_reached() -> None:
    async def main() -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"version": "six"}')
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "::1", 0) as six:
            port = six.sockets[0].getsockname()[1]
            return await OllamaServer(f"[::]:{port}").version()

    assert asyncio.run(main()) == "six"


def _version(host: str) -> str:
    async def main() -> str:
        return await OllamaServer(host).version()

    return asyncio.run(main())


def _no_name_is_looked_up(name: str, *_: Any, **__: Any) -> NoReturn:
    raise AssertionError(f"{name} was looked up")


# A host that is elsewhere -----------------------------------------------------------------------------------


def commands(folder: Path) -> dict[str, tuple[object, ...]]:
    """The commands that ask a server."""
    data = dataset(folder / "data.json", SHORT[:1])
    teacher = ("--teacher", TEACHER)
    return {
        "run": ("run", data, "-w", folder / "w.burnish", *teacher, "--method", "reflect"),
        "doctor": ("doctor", *teacher),
        "doctor --privacy": ("doctor", "--privacy", *teacher),
        "models": ("models",),
        "pull": ("pull", "new"),
        "answer": ("answer", "--model", TEACHER, "--prompts", data, "-o", folder / "answers.json"),
        "judge": ("judge", data, data, "--judge", TEACHER),
        "rate": ("rate", scene(folder), "--judge", TEACHER),
    }


@pytest.mark.parametrize("host", ["teacher.example", "203.0.113.7:11434", "https://ollama.com"])
def test_no_command_asks_a_server_elsewhere_nor_for_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _no_name_is_looked_up)
    monkeypatch.setattr(socket.socket, "connect", _no_name_is_looked_up)
    for name, arguments in commands(tmp_path).items():
        ended = burnish(*arguments, environment={"OLLAMA_HOST": host})
        assert ended.code == 1, name
        assert "your data would leave it" in ended.out + ended.err, name


def test_a_workspace_cannot_name_a_server_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: type[StandIn]
) -> None:
    """One that somebody else made, or that was made with --allow-remote-teacher."""
    monkeypatch.setattr(socket.socket, "connect", _no_name_is_looked_up)
    monkeypatch.setenv("BURNISH_TEACHER__HOST", "203.0.113.7")
    path = scene(tmp_path, reviewed=False)
    monkeypatch.delenv("BURNISH_TEACHER__HOST")
    with Workspace.read(path) as opened:
        assert opened.latest_run().record.settings["teacher"]["host"] == "203.0.113.7"
    ended = burnish("reselect", path, "--student", "demo", "--ask-teacher")
    assert ended.code == 1
    assert "your data would leave it" in ended.err

    async def main() -> None:
        workbench = Workbench()
        await workbench.open(path)
        try:
            with pytest.raises(TeacherError) as caught:
                await workbench.refine()
            assert caught.value.fault is Fault.FORBIDDEN
        finally:
            await workbench.leave()

    asyncio.run(main())


@contextmanager
def redirecting(target: str) -> Iterator[str]:
    """A server that sends every request on; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(307)
            self.send_header("Location", f"{target}{self.path}")
            self.send_header("Refresh", f"0; url={target}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("scheme", ["http:", ""])
def test_no_command_follows_a_redirect(tmp_path: Path, scheme: str) -> None:
    with FakeOllama() as elsewhere, redirecting(f"{scheme}{elsewhere.url.removeprefix('http:')}") as url:
        for name, arguments in commands(tmp_path).items():
            ended = burnish(*arguments, environment={"OLLAMA_HOST": url, "BURNISH_TEACHER__PATIENCE": "0"})
            assert ended.code == 1, name
            assert "burnish follows no redirect" in ended.out + ended.err, name
        assert elsewhere.exchanges == []


# Secrets ----------------------------------------------------------------------------------------------------


def test_no_key_password_or_cookie_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in traps(tmp_path).items():
        monkeypatch.setenv(name, value)
    cookie = [("Set-Cookie", f"session={SECRET}; Path=/"), ("Content-Type", "application/x-ndjson")]
    done = {"message": {"role": "assistant", "content": "Yes."}, "done": True, "done_reason": "stop"}
    done |= {"prompt_eval_count": 5, "eval_count": 1}

    async def twice(teacher: models.ollama.teacher.OllamaTeacher) -> list[str]:
        return [(await teacher.ask(QUESTION)).text for _ in range(2)]

    with FakeOllama(lambda chat: Raw(json.dumps(done).encode() + b"\n", headers=cookie)) as server:
        assert with_teacher(server, twice) == ["Yes.", "Yes."]
        fails(server, name="gone")
    assert len(server.exchanges) == 7
    for exchange in server.exchanges:
        assert SECRET not in str(exchange.headers)
        assert not {"authorization", "cookie", "proxy-authorization"} & {
            name.lower() for name in exchange.headers
        }


# A model that is local when it is looked at, and not when it is asked ----------------------------------------

STUB = Model.named("qwen0.5b", size=400, **CLOUD)
OTHER = Model.named("qwen0.5b", digest="0" * 64)


@pytest.fixture
def always_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before every request, however fast the scripted server is."""
    monkeypatch.setattr(models.ollama.teacher, "KNOWN", 0.0)


class Swapped:
    """After some replies, the server has another model by the same name, until it is mended."""

    def __init__(self, model: Model, replies: int, answer: Callable[[Chat], Scripted] = brief) -> None:
        self.server = FakeOllama(self.script)
        self.usual = self.server.models
        self.model, self.left, self.answer = model, replies, answer

    def script(self, chat: Chat) -> Scripted:
        self.left -= 1
        if self.left == 0:
            self.server.models = [self.model]
        return self.answer(chat)

    def mend(self) -> None:
        self.server.models = self.usual


@pytest.mark.usefixtures("always_looked_at")
@pytest.mark.parametrize(
    ("model", "expected"),
    [(STUB, "runs in Ollama's cloud"), (OTHER, "is not the model any more")],
    ids=["stub", "other"],
)
def test_a_tag_that_becomes_another_model_under_a_run_is_asked_nothing_more(
    tmp_path: Path, model: Model, expected: str
) -> None:
    data, swapped = dataset(tmp_path / "data.json", SHORT[:3]), Swapped(model, replies=2)
    with swapped.server as server:
        ended = reflect(data, server)
        assert ended.code == 1
        assert expected in ended.err.splitlines()[-1]
        assert len(server.chats) == 2
        swapped.mend()
        assert reflect(data, server).code == 0, "it goes on where it was"
        assert server.asked_again() == []
        assert len(server.chats) == 6


def test_a_reply_that_came_from_elsewhere_after_all_ends_the_run_and_is_not_kept(tmp_path: Path) -> None:
    """Between the look and the request there is still a moment; more than what was asked then cannot leave."""
    data = dataset(tmp_path / "data.json", SHORT[:3])

    def script(chat: Chat) -> Scripted:
        return Answer(brief(chat), remote=CLOUD) if chat.number > 6 else brief(chat)

    with FakeOllama(script) as server:
        ended = reflect(data, server, patience=0)
        assert ended.code == 1
        assert "runs in Ollama's cloud" in ended.err.splitlines()[-1]
        replies = len(server.chats)
    with Workspace.read(tmp_path / "w.burnish") as opened:
        kept = sum(1 for index in range(len(opened)) for _ in opened.replies(index))
    assert (replies, kept) == (3, 2)
