"""A model's files that arrive from another machine: private, whole or not there, and used again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from stat import S_IMODE

import pytest

from engine.health.places import left_files
from engine.run.settings import StudentSettings
from engine.run.students import ArrivingStudent, found_here
from models.errors import BurnishError, ModelFileError
from models.files import copied as module
from models.files.catalog import student_file
from models.files.copied import Arriving, copied, copies_path
from models.files.digest import sha256_of_parts
from tests.gguf_writer import in_parts, runnable


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "user_cache_path", lambda _: tmp_path / "cache")
    return tmp_path / "cache"


def here() -> set[str]:
    return {path.name for path in copies_path().iterdir()}


def send(parts: Sequence[Path], arriving: Arriving, *, spoil: bool = False) -> None:
    for number, path in enumerate(parts):
        content = path.read_bytes()
        for at in range(0, len(content), 1000):
            arriving.add(number, content[at : at + 1000][:: -1 if spoil else 1])
    arriving.keep()


@pytest.mark.parametrize("count", [1, 3])
def test_a_model_arrives_and_is_found_by_its_digest(tmp_path: Path, count: int) -> None:
    if count == 1:
        runnable(tmp_path / "own.gguf")
        parts = [tmp_path / "own.gguf"]
    else:
        parts = in_parts(tmp_path, count)
    digest = sha256_of_parts(parts)
    assert copied(digest) is None
    send(parts, Arriving(digest, [path.stat().st_size for path in parts]))
    found = copied(digest)
    assert found is not None
    arrived = student_file(str(found)).header.parts
    assert [path.read_bytes() for path in arrived] == [path.read_bytes() for path in parts]
    assert {S_IMODE(path.stat().st_mode) for path in arrived} == {0o600}
    assert S_IMODE(found.parent.stat().st_mode) == 0o700
    assert here() == {digest.removeprefix("sha256:")}
    assert found.parent in {left.path for left in left_files(tmp_path, [])}, "doctor --privacy tells of it"


def test_what_is_spoilt_on_its_way_is_not_kept(tmp_path: Path) -> None:
    runnable(tmp_path / "own.gguf")
    digest = sha256_of_parts([tmp_path / "own.gguf"])
    with pytest.raises(ModelFileError, match=r"arrived, and not sha256:.*: send it again"):
        send([tmp_path / "own.gguf"], Arriving(digest, [1000]), spoil=True)
    assert copied(digest) is None
    assert here() == set()


def test_one_for_which_there_is_no_room_is_one_line_before_anything_is_sent() -> None:
    with pytest.raises(ModelFileError, match=r"students: has room for .* and the student is .*: make room$"):
        Arriving("sha256:" + 64 * "a", [1 << 60]).add(0, b"GGUF")
    assert here() == set()


def test_one_that_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    left = copies_path() / ".1-left"
    left.mkdir(parents=True)
    (left / "student.gguf").write_bytes(b"GGUF")
    for path in (left / "student.gguf", left):
        os.utime(path, (0, 0))
    runnable(tmp_path / "own.gguf")
    digest = sha256_of_parts([tmp_path / "own.gguf"])
    send([tmp_path / "own.gguf"], Arriving(digest, [1000]))
    assert not left.exists()


def test_a_node_takes_its_own_file_or_the_copy_or_says_what_mends_it(tmp_path: Path) -> None:
    paths = [tmp_path / "driver.gguf", tmp_path / "node.gguf"]
    for seed, path in enumerate(paths):
        runnable(path, seed=seed)
    file, settings = student_file(str(paths[0])), StudentSettings(name=str(paths[1]))
    digest = sha256_of_parts([paths[0]])
    missing = StudentSettings(name=str(tmp_path / "missing.gguf"))
    for lacking in (settings, missing):
        with pytest.raises(
            BurnishError,
            match=r"(is another file here \(.*\)|no such file.*); copy the file there, or give --ray-",
        ):
            found_here(lacking, digest)
    arriving = ArrivingStudent(settings, file)
    assert arriving.lacks()
    send([paths[0]], arriving)
    assert not arriving.lacks()
    for lacking in (settings, missing):
        assert found_here(lacking, digest).name == str(copied(digest))
    own = StudentSettings(name=str(paths[0]))
    assert found_here(own, digest) == own
    copy = copied(digest)
    assert copy is not None
    runnable(copy, seed=2)  # spoilt since
    assert arriving.lacks()
    send([paths[0]], arriving)
    assert not arriving.lacks()
