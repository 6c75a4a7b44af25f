"""A file that is written appears whole, with the mode that it should have, and is nobody else's before."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from models.system.atomic_file import atomic_file, atomic_files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes as POSIX has them")


@pytest.fixture(params=["nameless", "named"], autouse=True)
def _drafts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts as they are where the system has files without a name, and where it has none."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("wanted", [0o666, 0o600])
@pytest.mark.parametrize("older", [None, 0o640, 0o600, 0o400])
def test_a_draft_is_its_owner_s_alone_and_the_file_has_the_mode_it_should(
    tmp_path: Path, umask: int, wanted: int, older: int | None
) -> None:
    path = tmp_path / "out"
    if older is not None:
        path.write_text("older")
        path.chmod(older)
    with atomic_file(path, mode=wanted) as file:
        file.write(b"a sample")
        file.flush()
        assert {mode(one) for one in tmp_path.iterdir() if one != path} <= {0o600}
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    assert mode(path) == (wanted & ~umask if older is None else older & wanted)
    assert path.read_text() == "a sample"
    assert list(tmp_path.iterdir()) == [path]


def write(paths: tuple[Path, Path], then: Callable[[BinaryIO], object]) -> None:
    with atomic_files(*paths) as (a, b):
        a.write(b"new a")
        b.write(b"new b")
        then(b)


def interrupt(_: BinaryIO) -> None:
    raise KeyboardInterrupt


def fill_up(file: BinaryIO) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file.fileno())
    os.close(full)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_of_several_files_all_take_their_place_or_none(tmp_path: Path) -> None:
    paths = tmp_path / "a", tmp_path / "b"
    for path in paths:
        path.write_text("older")
    for then, error in ((interrupt, KeyboardInterrupt), (fill_up, OSError)):
        with pytest.raises(error):
            write(paths, then)
        assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["older", "older"]
    write(paths, lambda _: None)
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["new a", "new b"]
