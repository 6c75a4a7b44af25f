"""What a killed burnish left of an editor is removed at the next start, and nobody else's files are touched."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.health.places import EDITOR_OPEN
from tui.platform.external_editor import sweep

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes as POSIX has them")


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as an editor leaves it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"{EDITOR_OPEN}1"
    folder.mkdir(mode=0o700)
    (folder / "sample.txt").write_text("a sample")
    return folder


def of_another(folder: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    os.chown(folder, 65534, 65534)


def linked(folder: Path) -> None:
    folder.symlink_to(folder.rename(folder.with_name("elsewhere")))


STRANGE: dict[str, Callable[[Path], object]] = {
    "another user's": of_another,
    "one that others can write to": lambda folder: folder.chmod(0o777),
    "a link to a folder": linked,
}


def test_what_is_left_is_removed(left: Path) -> None:
    sweep()
    assert not left.exists()


@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_not_this_user_s_own_is_left_as_it_is(left: Path, strange: str) -> None:
    STRANGE[strange](left)
    sweep()
    assert [path.name for path in left.iterdir()] == ["sample.txt"], "not even a lock is made in it"


def test_a_file_of_such_a_name_is_left_as_it_is(left: Path) -> None:
    file = left.with_name(f"{EDITOR_OPEN}2")
    file.write_text("mine")
    sweep()
    assert file.read_text() == "mine"
