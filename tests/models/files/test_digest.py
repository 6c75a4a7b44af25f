"""A model file's digest is right, and is not computed twice."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from models.errors import ModelFileError
from models.files.digest import sha256_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("models.files.digest.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "burnish" / "digests.json"


def test_the_digest_is_that_of_the_bytes_and_follows_them(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    for content in (b"one", b"two", b"three"):
        path.write_bytes(content)
        assert sha256_of(path) == "sha256:" + hashlib.sha256(content).hexdigest()


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"first")
    first = sha256_of(path)
    times = path.stat()
    with path.open("r+b") as file:  # same size, inode and times: only reading it would tell
        file.write(b"other")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert sha256_of(path) == first
    cache.unlink()
    assert sha256_of(path) != first


def test_only_its_owner_may_read_what_is_remembered(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"x")
    sha256_of(tmp_path / "a.gguf")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"a": 1}'])
def test_a_damaged_memory_is_forgotten(tmp_path: Path, cache: Path, content: bytes) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_bytes(content)
    (tmp_path / "a.gguf").write_bytes(b"x")
    assert sha256_of(tmp_path / "a.gguf") == "sha256:" + hashlib.sha256(b"x").hexdigest()


def test_a_memory_that_cannot_be_written_costs_only_time(tmp_path: Path, cache: Path) -> None:
    cache.parent.parent.mkdir()
    cache.parent.write_bytes(b"a file where the folder should be")
    (tmp_path / "a.gguf").write_bytes(b"x")
    assert sha256_of(tmp_path / "a.gguf") == "sha256:" + hashlib.sha256(b"x").hexdigest()


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        sha256_of(tmp_path / "gone.gguf")
