"""The teacher's host is this machine, however it is written, or it is refused."""

from __future__ import annotations

import pytest

from models.ollama.address import server_url
from models.teacher import Fault, TeacherError


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("127.8.9.10", "http://127.8.9.10:11434"),
        (":8080", "http://127.0.0.1:8080"),
        ("localhost", "http://127.0.0.1:11434"),
        ("LOCALHOST:1", "http://127.0.0.1:1"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("https://127.0.0.1", "https://127.0.0.1:443"),
        ("http://localhost:11434/behind/", "http://127.0.0.1:11434/behind"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("[::ffff:127.0.0.1]", "http://127.0.0.1:11434"),
        (' "127.0.0.1:8080" ', "http://127.0.0.1:8080"),
    ],
)
def test_this_machine_in_every_usual_spelling(given: str, url: str) -> None:
    assert server_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        "192.168.1.5",
        "192.168.1.5:11434",
        "http://10.0.0.1:11434",
        "example.com",
        "https://ollama.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "evil.localhost",
        "[2001:db8::1]",
        "2001:db8::1",
        "[::ffff:8.8.8.8]:80",
        "169.254.169.254",
        "127.1",  # some programs read this as 127.0.0.1: we do not guess
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.000.000.001",
    ],
)
def test_another_machine_is_refused_unless_permitted(given: str) -> None:
    assert _fault(given) is Fault.FORBIDDEN
    assert server_url(given, allow_remote=True).startswith("http")


@pytest.mark.parametrize(
    "given",
    [
        "http://127.0.0.1@evil.example",
        "http://user:secret@127.0.0.1",
        "http://evil.example\\@127.0.0.1",
        "http://evil.example#@127.0.0.1",
        "http://127.0.0.1:80?x=y",
        "127.0.0.1:notaport",
        "127.0.0.1:99999",
        "http://[::1",
        "ftp://127.0.0.1",
        "http://127.0.0.1\r\nX-Header: 1",
        "http://127.0.0.1\u2024evil",
        "fe80::1%eth0",
        "\x1b[2J",
    ],
)
@pytest.mark.parametrize("allow_remote", [False, True])
def test_what_two_readers_could_read_differently_is_refused_always(given: str, allow_remote: bool) -> None:
    assert _fault(given, allow_remote=allow_remote) is Fault.UNREACHABLE


def test_the_environment_speaks_where_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert server_url() == "http://127.0.0.1:11434"
    monkeypatch.setenv("OLLAMA_HOST", "")
    assert server_url() == "http://127.0.0.1:11434"
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:8080")
    assert server_url() == "http://127.0.0.1:8080"
    assert server_url("127.0.0.1:1") == "http://127.0.0.1:1"
    monkeypatch.setenv("OLLAMA_HOST", "192.168.1.5")
    with pytest.raises(TeacherError):
        server_url()


def _fault(given: str, *, allow_remote: bool = False) -> Fault:
    with pytest.raises(TeacherError) as caught:
        server_url(given, allow_remote=allow_remote)
    assert str(caught.value).isprintable()
    return caught.value.fault
