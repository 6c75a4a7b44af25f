"""Answers that are kept survive a line that was cut, and belong to one model."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.tasks.kept import KeptAnswers, key_of
from models.errors import BurnishError

MODEL = {"digest": "sha256:1", "context": 64}


def test_what_is_kept_is_found_again_after_a_cut_line_and_by_the_same_model_alone(tmp_path: Path) -> None:
    first, second = (key_of("loglikelihood", ("a", text)) for text in ("b", "\ud800"))
    KeptAnswers(tmp_path, MODEL).add({first: [-1.25, True]})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b'7\n["cut')
    again = KeptAnswers(tmp_path, MODEL)
    assert again[first] == [-1.25, True]
    again.add({second: "x"})
    last = KeptAnswers(tmp_path, MODEL)
    assert (last[first], last[second]) == ([-1.25, True], "x")
    assert first not in KeptAnswers(tmp_path, MODEL | {"context": 65})
    assert first not in KeptAnswers(None, MODEL)


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BurnishError, match="file: answers cannot be kept there"):
        KeptAnswers(tmp_path / "file", MODEL)
