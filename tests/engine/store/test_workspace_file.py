"""The workspace's file: whole or not there, one writer at a time, and never harmed by what it cannot be used for."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.sample import Sample
from engine.store.file_errors import WorkspaceError
from engine.store.leaving import exported
from engine.store.schema import APPLICATION_ID, MIGRATIONS
from engine.store.workspace import WORKSPACE, Workspace
from models.teacher import Reply
from tests.factory import RECORD, SOURCE, kept, new_workspace, recipe, review, sample, samples


def refused(path: Path) -> str:
    """The line with which the file is refused, to work on and to look at alike; it is left as it was."""
    before = path.read_bytes() if path.is_file() else None
    lines = set()
    for way in (Workspace.open, Workspace.read):
        with pytest.raises(WorkspaceError) as caught:
            way(path)
        lines.add(str(caught.value))
    (line,) = lines
    assert line.isprintable()
    assert line.startswith(f"{path}: ")
    assert (path.read_bytes() if path.is_file() else None) == before
    return line


# Making one


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_nobody_else_may_read_it_nor_the_files_beside_it(path: Path, workspace: Workspace) -> None:
    old = os.umask(0)
    try:
        with Workspace.create(path.with_name("other.burnish"), SOURCE, samples(1)) as other:
            other.run(recipe(), RECORD)
            files = list(path.parent.iterdir())
            assert {file.name for file in files} >= {"w.burnish", "w.burnish-wal", "other.burnish-wal"}
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(old)


def test_commits_are_on_the_disk_before_they_are_said_to_be(workspace: Workspace) -> None:
    pragmas = {
        name: workspace.database.execute(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}  # 2: FULL


def test_one_that_exists_is_not_overwritten(path: Path) -> None:
    new_workspace(path)
    with pytest.raises(WorkspaceError, match="already exists"):
        Workspace.create(path, SOURCE, samples(1))
    with Workspace.open(path) as opened:
        assert len(opened) == 3


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError) as caught:
        Workspace.create(tmp_path / "file" / "w.burnish", SOURCE, samples(1))
    assert str(caught.value).isprintable()


class Broken(Exception):  # noqa: N818
    """An error of the dataset's reader on the way."""


@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt])
def test_an_import_that_stops_on_the_way_leaves_no_workspace(path: Path, error: type[BaseException]) -> None:
    def reading() -> Iterator[Sample]:
        yield from samples(1000)
        raise error

    with pytest.raises(error):
        Workspace.create(path, SOURCE, reading())
    assert {file.name for file in path.parent.iterdir()} <= {"w.burnish-lock"}
    assert len(list(Workspace.create(path, SOURCE, samples(2)).samples())) == 2


IMPORTING = """
import sys, time
from pathlib import Path
from engine.store.workspace import Workspace
from tests.factory import SOURCE, sample

def reading():
    for index in range(20_000):
        yield sample(index, "x" * 500)
    print("half", flush=True)
    time.sleep(600)

Workspace.create(Path(sys.argv[1]), SOURCE, reading())
"""

HOLDING = """
import sys, time
from pathlib import Path
from engine.store.workspace import Workspace
from tests.factory import RECORD, kept, recipe

with Workspace.open(Path(sys.argv[1])) as workspace:
    run = workspace.run(recipe(), RECORD)
    workspace.keep_outcome(run, kept(0))
    workspace.database.execute("BEGIN IMMEDIATE")  # and another one is under way when it dies
    workspace.database.execute("DELETE FROM outcomes")
    print("working", flush=True)
    time.sleep(600)
"""


@contextmanager
def child(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process at the point where it says a word; killed with -9 at the end."""
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", code, path], cwd=root, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "it died before it came that far"
            yield process
        finally:
            process.kill()


def test_an_import_that_is_killed_leaves_no_workspace_and_nothing_in_the_way(path: Path) -> None:
    with child(IMPORTING, path) as importing:
        assert (path.parent / ".w.burnish-new-wal").stat().st_size > 2**20, "half of it is on the disk"
        with pytest.raises(WorkspaceError, match="another burnish"):
            Workspace.create(path, SOURCE, samples(2))
        importing.send_signal(signal.SIGKILL)
        importing.wait()
        assert not path.exists()
    with Workspace.create(path, SOURCE, samples(2)) as workspace:
        assert list(workspace.samples()) == samples(2)
    assert {file.name for file in path.parent.iterdir()} <= {"w.burnish", "w.burnish-lock"}


def test_another_process_at_work_keeps_us_out_but_for_reading_until_it_is_killed(path: Path) -> None:
    new_workspace(path)
    with child(HOLDING, path) as working:
        with pytest.raises(WorkspaceError, match=f"burnish show {path}"):
            Workspace.open(path)
        with Workspace.read(path) as reading:
            run = reading.latest_run()
            assert reading.count(run) == (1, 0)
        working.send_signal(signal.SIGKILL)
        working.wait()
    with Workspace.open(path) as opened:
        assert opened.count(opened.latest_run()) == (1, 0), (
            "what was committed is there, and nothing was lost"
        )


# One writer, many readers


def test_a_second_writer_is_refused_and_a_reader_sees_each_commit(path: Path) -> None:
    with Workspace.create(path, SOURCE, samples(3)) as workspace:
        run = workspace.run(recipe(), RECORD)
        with pytest.raises(WorkspaceError, match="another burnish is working on it"):
            Workspace.open(path)
        with Workspace.read(path) as reading, Workspace.read(path) as too:
            assert reading.count(run) == (0, 0)
            workspace.keep_outcome(run, kept(0))
            assert reading.count(run) == too.count(run) == (1, 0)
            assert list(reading.samples()) == samples(3)
    with Workspace.open(path) as opened:
        assert opened.outcome(run, 0) == kept(0)


def test_a_reader_cannot_write(path: Path) -> None:
    new_workspace(path)
    with Workspace.read(path) as reading:
        with pytest.raises(WorkspaceError, match="readonly"):
            reading.run(recipe(), RECORD)
        with pytest.raises(WorkspaceError, match="readonly"):
            reading.reviews.keep(review(0))


def test_a_writer_that_was_refused_does_not_take_the_place(path: Path) -> None:
    new_workspace(path)
    path.write_bytes(path.read_bytes()[:4096])
    with pytest.raises(WorkspaceError):
        Workspace.open(path)
    path.unlink()
    new_workspace(path)


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_file_that_may_only_be_read_can_be_looked_at_and_a_write_says_what_to_do(strangers: Path) -> None:
    path = new_workspace(strangers / "w.burnish")
    path.chmod(0o400)
    with Workspace.read(path) as reading:
        assert list(reading.samples()) == samples(3)
    with (
        pytest.raises(WorkspaceError, match="the file is read-only; change its mode or copy it"),
        Workspace.open(path) as opened,
    ):
        opened.run(recipe(), RECORD)


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_file_that_may_not_even_be_read_is_refused(strangers: Path) -> None:
    path = new_workspace(strangers / "w.burnish")
    path.chmod(0)
    for way in (Workspace.open, Workspace.read):
        with pytest.raises(WorkspaceError, match=r"cannot be opened \(Permission denied\)"):
            way(path)


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_folder_that_may_not_be_written_is_one_line(strangers: Path) -> None:
    path = new_workspace(strangers / "w.burnish")
    path.with_name("w.burnish-lock").unlink(missing_ok=True)
    strangers.chmod(0o500)
    expected = r"Permission denied.*folder must be writable"
    with pytest.raises(WorkspaceError, match=expected):
        Workspace.open(path)
    with pytest.raises(WorkspaceError, match=expected):
        Workspace.create(strangers / "new.burnish", SOURCE, samples(1))
    strangers.chmod(0o700)


# Files that are none


@pytest.mark.parametrize(
    "content",
    [b"", b"SQLite format 3\0", b'[{"instruction": "a"}]', b"\0" * 4096, b"SQLite format 3\0" + b"\0" * 4080],
)
def test_a_file_that_is_no_workspace_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "not a burnish workspace" in refused(path)


def test_another_program_s_database_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE samples (sample INTEGER PRIMARY KEY, body TEXT)")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    assert "not a burnish workspace" in refused(path)


def test_no_file_and_a_folder_are_refused(path: Path) -> None:
    assert refused(path) == f"{path}: no such file; `burnish run DATA -w NAME.burnish` makes one"
    path.mkdir()
    assert "cannot be opened" in refused(path)


def test_a_workspace_of_a_newer_burnish_is_refused(path: Path) -> None:
    new_workspace(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    assert f"schema {len(MIGRATIONS) + 1}, this one knows {len(MIGRATIONS)}" in refused(path)


def read_all(path: Path) -> None:
    for way in (Workspace.read, Workspace.open):
        with way(path) as workspace:
            run = workspace.latest_run()
            workspace.source()
            list(exported(workspace, run))
            list(workspace.samples())
            workspace.replies(0)


def grown(path: Path) -> Path:
    with Workspace.create(path, SOURCE, [sample(index, "x" * 300) for index in range(100)]) as workspace:
        run = workspace.run(recipe(), RECORD)
        for index in range(20):
            workspace.keep_outcome(run, kept(index))
        workspace.keep_reply(0, b"a", Reply("r"), {})
        workspace.reviews.keep(review(0))
    return path


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.95])
def test_a_truncated_workspace_is_one_line_with_a_way_out(path: Path, share: float) -> None:
    whole = grown(path).read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WorkspaceError) as caught:
        read_all(path)
    assert "the file is damaged: restore a copy" in str(caught.value)
    assert str(caught.value).isprintable()


def test_rubbish_on_any_page_is_one_line_with_a_way_out_or_does_no_harm(path: Path) -> None:
    whole = grown(path).read_bytes()
    refusals = []
    for page in range(1, len(whole) // 4096):
        path.write_bytes(whole[: page * 4096] + b"\xff" * 4096 + whole[(page + 1) * 4096 :])
        try:
            read_all(path)
        except WorkspaceError as error:
            refusals.append(str(error))
    assert len(refusals) > 5
    assert all("the file is damaged: restore a copy" in line for line in refusals)


@pytest.mark.parametrize("table", ["source", "samples", "outcomes", "standing", "replies", "runs"])
def test_a_body_that_is_damaged_is_one_line_with_a_way_out(path: Path, table: str) -> None:
    grown(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {table} SET {'recipe' if table == 'runs' else 'body'} = '{{\"ind'")
        connection.commit()
    with pytest.raises(WorkspaceError, match="damaged"):
        read_all(path)


def test_a_full_disk_is_said_and_loses_nothing_that_was_committed(path: Path) -> None:
    with Workspace.create(path, SOURCE, samples(3)) as workspace:
        run = workspace.run(recipe(), RECORD)
        workspace.keep_outcome(run, kept(0))
        pages = workspace.database.execute("PRAGMA page_count")[0][0]
        # SQLite's own way to a full disk.
        workspace.database.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(WorkspaceError, match="disk is full; free some space"):
            workspace.keep_reply(0, b"a" * 16, Reply("x" * 100_000), {})
        workspace.database.execute("PRAGMA max_page_count = 1000000")
        workspace.keep_reply(0, b"b" * 16, Reply("y"), {})
    with Workspace.open(path) as opened:
        assert opened.outcome(run, 0) == kept(0)
        assert [reply.text for _, reply in opened.replies(0)] == ["y"]


# Migrations


def schema(path: Path) -> tuple[int, int, list[str]]:
    with closing(sqlite3.connect(path)) as connection:
        version, application = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")
        )
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
        return version, application, [name for (name,) in tables]


def migrated(monkeypatch: pytest.MonkeyPatch, *further: str) -> None:
    further_kind = replace(WORKSPACE, migrations=(*MIGRATIONS, *further))
    monkeypatch.setattr("engine.store.workspace.WORKSPACE", further_kind)


def test_the_steps_lead_from_an_empty_file_to_the_schema_in_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated(
        monkeypatch, "CREATE TABLE second (a)", "ALTER TABLE second RENAME TO third; CREATE TABLE fourth (a)"
    )
    new_workspace(path)
    version, application, tables = schema(path)
    assert (version, application) == (len(MIGRATIONS) + 2, APPLICATION_ID)
    assert tables[-2:] == ["third", "fourth"]


def test_an_older_workspace_is_brought_up_to_date_when_it_is_opened_and_keeps_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_workspace(path)
    _, _, tables = schema(path)
    migrated(monkeypatch, "CREATE TABLE second (a); INSERT INTO second SELECT body FROM samples")
    with pytest.raises(WorkspaceError, match="older burnish"):
        Workspace.read(path)
    assert schema(path)[0] == len(MIGRATIONS)
    for _ in range(2):  # the second time there is nothing left to do
        with Workspace.open(path) as opened:
            assert list(opened.samples()) == samples(3)
        assert schema(path) == (len(MIGRATIONS) + 1, APPLICATION_ID, [*tables, "second"])
    with closing(sqlite3.connect(path)) as connection:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT a FROM second")]
    assert len(bodies) == 3
    with Workspace.read(path) as reading:
        assert len(reading) == 3


def test_a_step_that_fails_leaves_the_workspace_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_workspace(path)
    before = schema(path)
    with monkeypatch.context() as patch:
        migrated(patch, "CREATE TABLE second (a); DELETE FROM samples; INSERT INTO nowhere VALUES (1)")
        with pytest.raises(WorkspaceError, match="nowhere"):
            Workspace.open(path)
    assert schema(path) == before
    with Workspace.open(path) as opened:
        assert list(opened.samples()) == samples(3)


def test_a_refused_open_holds_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_workspace(path)
    migrated(monkeypatch, "DELETE FROM samples; INSERT INTO nowhere VALUES (1)")
    with pytest.raises(WorkspaceError) as caught:
        Workspace.open(path)
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.execute("BEGIN IMMEDIATE")
    assert caught.value, "kept until here, and with it all that its frames hold"
