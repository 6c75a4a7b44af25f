"""The server's URL is this machine's, its key is a file's that nobody else may read, and the key is shown nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.errors import UsageError
from models.openai.address import base_url, model_of, read_key
from models.teacher import Fault, TeacherError
from tests.models.openai.asking import ask, error
from tests.openai.server import FakeOpenAI


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:1234/v1", "http://127.0.0.1:1234/v1"),
        ("http://127.0.0.1:1234/v1/", "http://127.0.0.1:1234/v1"),
        ("http://localhost:1234", "http://127.0.0.1:1234/v1"),
        ("localhost:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/models", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1/openai/v1", "http://127.0.0.1:80/openai/v1"),
        ("https://[::1]:8443/v1", "https://[::1]:8443/v1"),
        ("http://0.0.0.0:8000/v1", "http://127.0.0.1:8000/v1"),
        (' "http://127.0.0.1:1/v1" ', "http://127.0.0.1:1/v1"),
    ],
)
def test_the_base_is_found_in_every_usual_spelling(given: str, url: str) -> None:
    assert base_url(given) == url


@pytest.mark.parametrize(
    "given", ["https://api.openai.com/v1", "http://192.168.1.5:1234/v1", "http://127.0.0.1.example.com/v1"]
)
def test_another_machine_is_refused_unless_permitted(given: str) -> None:
    with pytest.raises(TeacherError) as caught:
        base_url(given)
    assert caught.value.fault is Fault.FORBIDDEN
    assert base_url(given, allow_remote=True).endswith("/v1")


@pytest.mark.parametrize(
    "given", ["http://key@127.0.0.1/v1", "http://127.0.0.1/v1?key=1", "ftp://127.0.0.1/v1"]
)
def test_a_url_that_two_readers_could_read_differently_is_refused(given: str) -> None:
    with pytest.raises(TeacherError):
        base_url(given, allow_remote=True)


@pytest.mark.parametrize("given", [None, "", "  "])
def test_a_teacher_without_a_url_says_what_to_give(given: str | None) -> None:
    with pytest.raises(UsageError, match="--teacher-url http://127"):
        base_url(given)


def test_a_model_is_named_after_the_prefix() -> None:
    assert model_of("openai:org/model.gguf") == "org/model.gguf"
    assert model_of("qwen3:8b") is None
    assert model_of(None) is None
    with pytest.raises(UsageError, match="needs a model's name"):
        model_of("openai: ")


def kept(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_the_key_goes_to_the_server_and_nowhere_else(tmp_path: Path) -> None:
    path = kept(tmp_path / "key", "sk-secret\n")
    with FakeOpenAI() as server:
        server.key = "sk-secret"
        assert ask(server, key_file=path).text
        caught = error(server)
        server.key = "another"
        wrong = error(server, key_file=path)
    assert caught.fault is wrong.fault is Fault.FORBIDDEN
    assert "teacher.key_file" in str(caught)
    assert "sk-secret" not in str(wrong) + repr(wrong)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_key_that_others_may_read_in_the_middle_of_a_run_is_not_sent(tmp_path: Path) -> None:
    path = kept(tmp_path / "key", "sk-secret", 0o644)
    with FakeOpenAI() as server:
        caught = error(server, key_file=path)
    assert caught.fault is Fault.FORBIDDEN
    assert "chmod 600" in str(caught)
    assert server.exchanges == []


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("sk-secret", 0o644, "chmod 600"),
        ("sk-secret", 0o640, "others may read it"),
        ("", 0o600, "expected a key"),
        ("sk-secret more", 0o600, "expected a key"),
        ("sk-secret\r\nX-Other: 1", 0o600, "expected a key"),
        (b"\xffsk-secret", 0o600, "expected a key"),
        ("k" * 5000, 0o600, "expected a key"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_keys_file_of_no_use_is_told_without_what_is_in_it(
    tmp_path: Path, text: str | bytes, mode: int, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        read_key(kept(tmp_path / "key", text, mode))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "folder", "pipe", "bad\0name", "~nobody-here/key"])
@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_a_keys_file_that_is_none_is_told_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(UsageError, match="the key's file"):
        read_key(Path(name) if name.startswith("~") else tmp_path / name)
