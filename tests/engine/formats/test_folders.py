"""A folder is no dataset: what to name in it, and how shards become one file by the command that is told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.formats.folders import in_folder, one_of_shards
from engine.formats.read import open_dataset

ROWS = [{"instruction": f"Say {n}.", "output": f"{n}"} for n in range(6)]


def shards(folder: Path, ending: str) -> None:
    """Three shards of the rows in a folder, and another split beside them."""
    folder.mkdir()
    for name, start in (("train", 0), ("train", 2), ("train", 4), ("test", 0)):
        part = ROWS[start : start + 2]
        path = folder / f"{name}-{start // 2:05}-of-00003{ending}"
        if ending == ".parquet":
            pq.write_table(pa.Table.from_pylist(part), path)
        elif ending == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in part))
        else:
            path.write_text(json.dumps(part))


@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
@pytest.mark.parametrize("name", ["data", "my data; $x"])
def test_shards_become_one_file_by_the_command_that_is_told(tmp_path: Path, ending: str, name: str) -> None:
    shards(tmp_path / name, ending)
    told = one_of_shards(tmp_path / name / f"train-00001-of-00003{ending}")
    assert told is not None
    assert told.startswith("one of 3 shards of a dataset; make one file of them first, as by `")
    command = told.split("`")[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, env={**os.environ, "PATH": path})
    assert [sample.row for sample in open_dataset(tmp_path / f"all{ending}").samples()] == ROWS


def test_a_folder_of_shards_says_so(tmp_path: Path) -> None:
    shards(tmp_path / "data", ".json")
    told = in_folder(tmp_path)
    assert re.match(
        r"data/test-00000-of-00003\.json in it is one of 3 shards of a dataset; .*`jq -s add ", told
    )


@pytest.mark.parametrize("name", ["train.parquet", "train-00000-of-00001.parquet", "part-1-of-3.json"])
def test_a_file_that_is_whole_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[]")
    assert one_of_shards(tmp_path / name) is None
    assert in_folder(tmp_path) == f"choose a dataset or a workspace in it, such as {name}"


def test_a_folder_without_datasets_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text("{}")
    assert in_folder(tmp_path) == "choose a dataset or a workspace"
