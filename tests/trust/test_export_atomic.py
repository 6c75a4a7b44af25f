"""An export is there whole or not at all, whenever it is killed; the dataset it came from is never written to."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.command import burnish, contents, reflect
from tests.factory import RECORD, recipe
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset, workspace
from tests.trust.forking import Forking
from tests.trust.watching import IN_FOLDER, TO_A_FILE, Change, Watch
from tui.state.workbench import Workbench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork, and the kernel's news of files")

FORMATS = ("alpaca", "csv", "sharegpt-jsonl", "parquet")
KILLS, FEW = 400, 10


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with so much in it that its export takes a while."""
    path = tmp_path_factory.mktemp("stock") / "w.burnish"
    rows = [row | {"input": f"{number}: {'x' * 500}"} for number, row in enumerate(SHORT * 500)]
    with workspace(path, rows) as made:
        made.run(recipe(), RECORD)
    return path


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    with Forking() as started:
        yield started


def killed(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_an_export_that_is_killed_leaves_the_old_file_or_the_new_one(
    stock: Path, tmp_path: Path, forking: Forking, pytestconfig: pytest.Config
) -> None:
    whole = pytestconfig.getoption("--whole")
    dice = random.Random(5)
    out = tmp_path / "out.data"
    ends: Counter[str] = Counter()
    for format_ in FORMATS if whole else FORMATS[:2]:
        commands = [("export", stock, out, "--format", format_, *trace) for trace in ((), ("--with-trace",))]
        versions = []
        for command in commands:
            began = time.monotonic()
            assert forking.run(*command).code == 0
            versions.append(out.read_bytes())
        took = time.monotonic() - began
        for number in range(KILLS // len(FORMATS) if whole else FEW // 2):
            before, new = out.read_bytes(), versions[number % 2]
            code = forking.run(*commands[number % 2], meanwhile=moment(dice, took, tmp_path)).code
            assert code in (0, -signal.SIGKILL)
            after = out.read_bytes()
            assert after in (before, new), "the old one whole, or the new one whole"
            assert after == new or code != 0
            left = [path for path in tmp_path.iterdir() if path != out]
            for (
                path
            ) in left:  # killed in the moment between the new file's having a name and its having its place
                assert path.name.startswith(".burnish-")
                assert path.read_bytes() == new
                path.unlink()
            assert len(left) <= 1
            ends["left a whole copy" if left else "new" if after == new else "old"] += 1
    print(dict(ends))
    assert ends["old"] > 1


def moment(dice: random.Random, took: float, folder: Path) -> Callable[[int], None]:
    """Kill a process at any time of its life, or when its file gets a name."""
    watch = Watch(folder, IN_FOLDER) if dice.random() < 0.2 else None
    seconds = dice.uniform(0, 1.1 * took)

    def kill(pid: int) -> None:
        if watch is None:
            time.sleep(seconds)
        else:
            with watch:
                watch.wait("", 1, 5 * took)
        killed(pid)

    return kill


def test_the_next_export_is_not_in_the_way_of_what_a_killed_one_left(
    stock: Path, tmp_path: Path, forking: Forking
) -> None:
    out = tmp_path / "out.json"
    forking.run("export", stock, out, meanwhile=killed)
    assert forking.run("export", stock, out).code == 0
    assert forking.run("export", stock, out, "--trainer", "llamafactory").code == 0
    assert {path.name for path in tmp_path.iterdir()} <= {"out.json", "dataset_info.json"}


def test_the_source_is_never_opened_for_writing(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data.json", SHORT[:2])
    data.chmod(0o444)
    before, kept = data.stat(), hashlib.sha256(data.read_bytes()).hexdigest()
    path, out = tmp_path / "w.burnish", tmp_path / "out"
    with Watch(data, TO_A_FILE) as watch:
        with FakeOllama(brief) as server:
            assert reflect(data, server).code == 0
            assert reflect(data, server).code == 0, "and once more, with nothing to do"
        for options in ((), ("--format", "csv"), ("--format", "parquet"), ("--trainer", "axolotl")):
            assert burnish("export", path, out, *options).code == 0
        link = tmp_path / "link.json"
        link.symlink_to(data)
        for target in (data, link, tmp_path / "." / "data.json"):
            ended = burnish("export", path, target)
            assert (ended.code, "does not write over its own source" in ended.complaint) == (1, True)
        assert burnish("show", path).code == burnish("show", path, 0, "--json").code == 0

        async def in_the_interface() -> None:
            workbench = Workbench()
            await workbench.create(data, tmp_path / "other.burnish")
            await workbench.create(data, path)
            await workbench.leave()

        asyncio.run(in_the_interface())
        assert watch.seen() == []
        after = data.stat()
        assert (after.st_mtime_ns, after.st_mode, after.st_ino, after.st_ctime_ns) == (
            before.st_mtime_ns,
            before.st_mode,
            before.st_ino,
            before.st_ctime_ns,
        )
        assert contents(tmp_path)["data.json"] == kept
        with data.open("ab"):
            pass
        assert [change for _, change in watch.seen()] == [Change.CLOSED_WRITABLE], "it would have been seen"
