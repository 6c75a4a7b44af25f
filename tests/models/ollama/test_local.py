"""Nothing leaves the machine."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx
import ollama
import pytest

from models.ollama.http import Transport
from models.teacher import Fault, TeacherError
from tests.models.ollama.asking import CLOUD, ask, fails
from tests.ollama.script import Raw
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "glm-4.6:cloud", "GLM-4.6:CLOUD", "a/b-cloud"])
def test_a_cloud_model_is_refused_by_its_name_alone(name: str) -> None:
    with FakeOllama(cloud_disabled=False, models=[Model.named(name)]) as server:
        assert fails(server, name=name) is Fault.FORBIDDEN
    assert server.exchanges == []


@pytest.mark.parametrize("field", ["remote_host", "remote_model"])
def test_a_cloud_model_is_refused_by_what_the_server_says_of_it(field: str) -> None:
    with FakeOllama(models=[Model.named("innocent", **{field: "x"})]) as server:
        assert fails(server, name="innocent") is Fault.FORBIDDEN
    assert server.chats == []


def test_a_cloud_model_is_refused_by_its_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "remote", CLOUD)
    with FakeOllama() as server:
        assert fails(server) is Fault.FORBIDDEN
    assert [exchange.path for exchange in server.exchanges] == ["/api/tags", "/api/show"]


def test_a_model_that_cannot_write_is_refused() -> None:
    with FakeOllama(models=[Model.named("embedder", ["embedding"])]) as server:
        assert fails(server, name="embedder", words="embedding") is Fault.REJECTED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(status: int) -> None:
    with FakeOllama() as elsewhere, FakeOllama() as server:
        target = ("Location", f"{elsewhere.url}/api/chat")
        server.script = lambda chat: Raw(b"", status, [target], chunked=False)
        assert fails(server, words=elsewhere.url) is Fault.FORBIDDEN
    assert elsewhere.exchanges == []


def test_the_way_of_the_client_leads_to_the_one_server_whatever_it_is_told_to_ask() -> None:
    async def asked(url: str) -> None:
        transport = Transport(url=server.url, first=5.0, silence=5.0, answer=ollama.ProcessResponse)
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get(url)

    with FakeOllama() as elsewhere, FakeOllama() as server:
        for url in (f"{elsewhere.url}/api/ps", "https://ollama.com/api/web_search"):
            with pytest.raises(TeacherError, match="only http") as caught:
                asyncio.run(asked(url))
            assert caught.value.fault is Fault.FORBIDDEN
    assert elsewhere.exchanges == server.exchanges == []


def test_neither_a_key_nor_a_proxy_from_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-secret")
    with FakeOllama() as proxy, FakeOllama() as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        ask(server)
    assert proxy.exchanges == []
    assert len(server.exchanges) == 5
    for exchange in server.exchanges:
        assert "authorization" not in {name.lower() for name in exchange.headers}
        assert "secret" not in str(exchange.headers)


def test_an_environment_the_official_client_trips_over_does_not_matter() -> None:
    odd = {
        "ALL_PROXY": "socks5h://127.0.0.1:9",
        "SSL_CERT_FILE": "/nowhere",
        "OLLAMA_HOST": "http://[bad",
        "OLLAMA_API_KEY": "ключ",
    }
    code = (
        "import os; from models.ollama.teacher import *; OllamaTeacher('x', host='::1'); "
        "print(os.environ['OLLAMA_HOST'])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=odd, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("http://[bad\n", "")
