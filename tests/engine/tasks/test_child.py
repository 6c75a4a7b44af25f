"""What is wrong with a task is one line, and no data set is looked for on the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.tasks import child
from engine.tasks.job import TasksJob
from models.errors import BurnishError, UsageError
from models.training.process import ENVIRONMENT
from tests.engine.tasks.harness import TASKS, with_harness

pytestmark = with_harness


def job(folder: Path, *tasks: str) -> TasksJob:
    return TasksJob(
        student="x", adapters={}, tasks=tasks, folder=folder, limit=None, few_shot=None,
        context=64, gpu_layers=0, threads=None, keep=None,
    )  # fmt: skip


def found(folder: Path, monkeypatch: pytest.MonkeyPatch, *tasks: str) -> tuple[Any, list[str]]:
    monkeypatch.chdir(folder)
    return child._found(job(folder, *tasks))


def test_names_and_patterns_are_found_in_one_s_own_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, names = found(TASKS, monkeypatch, "questions_*", "questions_choice")
    assert sorted(names) == ["questions_choice", "questions_reply", "questions_words"]


@pytest.mark.whole  # the harness reads all its own tasks' files
def test_names_that_one_s_own_folder_has_not_are_the_harness_s(monkeypatch: pytest.MonkeyPatch) -> None:
    _, names = found(TASKS, monkeypatch, "questions_choice", "arc_easy")
    assert names == ["questions_choice", "arc_easy"]
    with pytest.raises(UsageError, match=r"task hellaswagg: neither .* did you mean hellaswag"):
        found(TASKS, monkeypatch, "hellaswagg")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "dataset_path: nobody/has_this_one",
            "its data set is not in the cache .* --fetch lets the harness download",
        ),
        ("dataset_path: json\ndataset_kwargs: {data_files: {test: none.jsonl}}", "none.jsonl"),
        ("dataset_path: json\ndataset_kwargs: {data_files: {test: broken.jsonl}}", "JSON parse error"),
        ("dataset_path: json\nno_such_field: 1", "cannot be loaded: TypeError"),
    ],
)
def test_a_task_that_cannot_be_loaded_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, expected: str
) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "broken.jsonl").write_text('{"a": \n')
    (tmp_path / "mine.yaml").write_text(
        f"task: mine\n{lines}\ntest_split: test\noutput_type: multiple_choice\n"
        'doc_to_text: "x"\ndoc_to_choice: ["a", "b"]\ndoc_to_target: 0\n'
    )
    manager, names = found(tmp_path, monkeypatch, "mine")
    with pytest.raises(BurnishError, match=f"task mine.*{expected}") as refused:
        child._load(manager, *names)
    assert "\n" not in str(refused.value)
