"""SQLite's log beside a workspace: applied to its own file only, never lost, and gone when work ends in order."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.formats.outputs import why_not_free
from engine.judge.record import Record
from engine.run.opening import is_workspace
from engine.store import log as logs
from engine.store.file_errors import WorkspaceError
from engine.store.workspace import Workspace
from models.teacher import Reply
from tests.command import REFLECT, Ended, burnish
from tests.factory import new_workspace
from tests.ollama.script import Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.running import SHORT, brief, dataset

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="open files are renamed, and found by /proc")

REPLIES = 5


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def key(number: int) -> bytes:
    return b"%016d" % number


def keep(opened: Workspace, number: int) -> None:
    opened.keep_reply(number % 3, key(number), Reply("a reply " * 50), {"stage": "instruction"})


def holds(path: Path) -> int:
    """Replies in a workspace, which is opened to work on it."""
    with Workspace.open(path) as opened:
        return sum(opened.reply(number % 3, key(number)) is not None for number in range(REPLIES))


def killed(folder: Path, number: int = REPLIES) -> Path:
    """A workspace as `kill -9` leaves it: everything since it was made is in its log."""
    folder.mkdir(exist_ok=True)
    made, path = new_workspace(folder / "made.burnish"), folder / "w.burnish"
    with Workspace.open(made) as opened:
        for one in range(number):
            keep(opened, one)
        for ending in ("", "-wal", "-lock"):
            shutil.copyfile(f"{made}{ending}", f"{path}{ending}")
    return path


def refusal(open_: Callable[[Path], object], path: Path) -> str:
    """The line with which a file is refused; it and its log stay as they were."""
    files = [one for one in (path, log_of(path)) if one.exists()]
    before = [one.read_bytes() for one in files]
    with pytest.raises(WorkspaceError) as caught:
        open_(path)
    assert [one.read_bytes() for one in files] == before
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    return line


def run(path: Path, server: FakeOllama) -> Ended:
    data = path.with_name("data.json")
    return burnish("run", data, "-w", path, *REFLECT, "--json", environment={"OLLAMA_HOST": server.url})


def test_a_killed_workspace_is_taken_up_with_its_log(tmp_path: Path) -> None:
    path = killed(tmp_path)
    with Workspace.read(path) as reading:
        assert reading.reply(0, key(0)) is not None
    assert holds(path) == REPLIES
    assert not log_of(path).exists()
    assert holds(path) == REPLIES


@pytest.mark.parametrize("open_", [Workspace.open, Workspace.read], ids=["open", "read"])
def test_the_log_of_another_workspace_is_not_applied(tmp_path: Path, open_: Callable[[Path], object]) -> None:
    path, other = killed(tmp_path / "a"), killed(tmp_path / "b")
    shutil.copyfile(log_of(other), log_of(path))
    assert "w.burnish-wal beside it is not its log" in refusal(open_, path)


def test_a_new_workspace_does_not_take_over_a_dead_one_s_log(tmp_path: Path) -> None:
    path = killed(tmp_path)
    path.unlink()
    log = log_of(path).read_bytes()
    dataset(tmp_path / "data.json", SHORT)
    with FakeOllama(brief) as server:
        ended = run(path, server)
        assert (ended.code, server.chats) == (1, [])
    assert (
        "w.burnish-wal lies there already, the log of a workspace that had this name before"
        in ended.complaint
    )
    assert (path.exists(), log_of(path).read_bytes() == log) == (False, True)


@pytest.mark.parametrize("open_", [Workspace.open, Workspace.read], ids=["open", "read"])
def test_a_workspace_that_was_moved_without_its_log_asks_for_it(
    tmp_path: Path, open_: Callable[[Path], object]
) -> None:
    path, moved = killed(tmp_path / "a"), tmp_path / "moved.burnish"
    path.rename(moved)
    assert "its log moved.burnish-wal is not beside it" in refusal(open_, moved)
    log_of(path).rename(log_of(moved))
    assert holds(moved) == REPLIES


def test_a_workspace_whose_log_is_lost_is_copied_as_it_stands(tmp_path: Path) -> None:
    path, moved = killed(tmp_path / "a"), tmp_path / "moved.burnish"
    path.rename(moved)
    assert burnish("copy", moved, tmp_path / "copy.burnish").code == 0
    assert holds(tmp_path / "copy.burnish") == 0


def test_a_backup_put_in_the_place_of_a_killed_workspace_does_not_get_its_log(tmp_path: Path) -> None:
    made = new_workspace(tmp_path / "made.burnish")
    backup, copy, path = (tmp_path / f"{name}.burnish" for name in ("backup", "copy", "w"))
    shutil.copyfile(made, backup)
    Workspace.copy(made, copy)
    for number in range(2):
        with Workspace.open(made) as opened:
            keep(opened, number)
    with Workspace.open(made) as opened:
        keep(opened, 2)
        for ending in ("-wal", "-lock"):
            shutil.copyfile(f"{made}{ending}", f"{path}{ending}")
    shutil.copyfile(backup, path)
    assert "goes on from another state of it" in refusal(Workspace.open, path)
    shutil.copyfile(copy, path)
    assert "is not its log" in refusal(Workspace.open, path)
    log_of(path).unlink()
    assert holds(path) == 0


def test_a_finished_run_leaves_one_file_and_its_lock(tmp_path: Path) -> None:
    dataset(tmp_path / "data.json", SHORT)
    with FakeOllama(brief) as server:
        assert run(tmp_path / "w.burnish", server).code == 0
    assert {one.name for one in tmp_path.iterdir()} == {"data.json", "w.burnish", "w.burnish-lock"}


def beside(path: Path) -> set[str]:
    """What SQLite has beside a file."""
    return {one.name.removeprefix(path.name) for one in path.parent.glob(f"{path.name}-*")} - {"-lock"}


def frozen(reading: Workspace) -> None:
    reading.database.freeze()
    len(reading)


READERS: dict[str, Callable[[Workspace], object]] = {
    "that has read nothing": lambda _: None,
    "that has read": len,
    "that holds on to what it saw": frozen,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("begun", ["before", "during", "after"])
def test_a_reader_that_closes_last_leaves_the_one_file(tmp_path: Path, reader: str, begun: str) -> None:
    path = new_workspace(tmp_path / "w.burnish")
    readers = []

    def begin(moment: str) -> None:
        if moment == begun:
            for _ in range(2):
                readers.append(Workspace.read(path))
                READERS[reader](readers[-1])

    begin("before")
    with Workspace.open(path) as opened:
        keep(opened, 0)
        begin("during")
        keep(opened, 1)
    begin("after")
    for reading in readers:
        reading.close()
    assert beside(path) == set()
    assert holds(path) == 2


def test_a_reader_leaves_the_log_of_who_was_killed_or_is_at_work(tmp_path: Path) -> None:
    path = killed(tmp_path)
    before = path.read_bytes(), log_of(path).read_bytes()
    for _ in range(2):
        Workspace.read(path).close()
    assert (path.read_bytes(), log_of(path).read_bytes()) == before
    with Workspace.open(path) as opened:
        keep(opened, 0) if opened.reply(0, key(0)) is None else None
        Workspace.read(path).close()
        keep(opened, REPLIES)
        Workspace.read(path).close()
        assert opened.reply(REPLIES % 3, key(REPLIES)) is not None
    assert beside(path) == set()


def by_another_program(path: Path) -> None:
    """The file is read by a program that knows no more of it than SQLite does, and that may write to it."""
    reading = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM mark'); db.close()"
    )
    subprocess.run([sys.executable, "-c", reading, path], check=True)


LOOKS: dict[str, Callable[[Path], object]] = {
    "read": lambda path: Workspace.read(path).close(),
    "a place to write to": why_not_free,
    "a workspace by its content": is_workspace,
}


@pytest.mark.parametrize("look", LOOKS)
def test_who_works_on_a_file_may_look_at_it_and_keeps_its_log(tmp_path: Path, look: str) -> None:
    made, path = new_workspace(tmp_path / "made"), tmp_path / "w.burnish"
    handles = sum(1 for _ in Path("/proc/self/fd").iterdir())
    with Workspace.open(made) as opened:
        keep(opened, 0)
        for number in range(1, REPLIES):
            LOOKS[look](made)
            by_another_program(made)
            keep(opened, number)
        for ending in ("", "-wal", "-lock"):
            shutil.copyfile(f"{made}{ending}", f"{path}{ending}")
    assert holds(path) == REPLIES
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == handles


def test_a_record_that_is_read_and_a_workspace_that_is_copied_are_one_file(tmp_path: Path) -> None:
    record, path = tmp_path / "w.judged", new_workspace(tmp_path / "w.burnish")
    Record.at(record).close()
    Record.read(record).close()
    Workspace.copy(path, tmp_path / "copy.burnish")
    for one in (record, path, tmp_path / "copy.burnish"):
        assert beside(one) == set()


def test_commands_that_read_beside_a_run_and_after_it_leave_one_file(tmp_path: Path) -> None:
    path, ended = during(tmp_path, lambda path: burnish("show", path))
    assert ended.code == 0
    for command in (
        ("show", path),
        ("export", path, tmp_path / "out.json"),
        ("report", path),
        ("stats", path),
    ):
        assert burnish(*command).code == 0
        assert beside(path) == set()


def during(tmp_path: Path, act: Callable[[Path], object]) -> tuple[Path, Ended]:
    """A run over a workspace with which something is done at the third request; the fifth is not to come."""
    path = tmp_path / "w.burnish"
    dataset(tmp_path / "data.json", SHORT)
    asked: list[Chat] = []

    def replies(chat: Chat) -> Scripted:
        asked.append(chat)
        if len(asked) == 3:
            act(path)
        return brief(chat)

    with FakeOllama(replies) as server:
        return path, run(path, server)


def test_a_workspace_that_is_renamed_under_a_run_stops_it_and_has_every_reply(tmp_path: Path) -> None:
    moved = tmp_path / "moved.burnish"
    path, ended = during(tmp_path, lambda path: path.rename(moved))
    assert ended.code == 1
    assert (
        f"{path}: was moved to {moved} while burnish worked on it; stopped, and everything is in it"
        in ended.err
    )
    with FakeOllama(brief) as server:
        assert run(moved, server).code == 0
        assert len(server.chats) == 2 * len(SHORT) - 3


def test_a_folder_that_is_renamed_under_a_run_stops_it_and_has_every_reply(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    _, ended = during(tmp_path / "old", lambda path: path.parent.rename(tmp_path / "new"))
    assert (ended.code, str(tmp_path / "new" / "w.burnish") in ended.err) == (1, True)
    with FakeOllama(brief) as server:
        assert run(tmp_path / "new" / "w.burnish", server).code == 0
        assert len(server.chats) == 2 * len(SHORT) - 3


@pytest.mark.parametrize("act", [Path.unlink, lambda path: new_workspace(path.with_name("n")).replace(path)])
def test_a_workspace_that_is_deleted_or_replaced_under_a_run_stops_it(
    tmp_path: Path, act: Callable[[Path], object]
) -> None:
    path, ended = during(tmp_path, act)
    assert ended.code == 1
    assert f"{path}: was deleted or replaced while burnish worked on it; stopped" in ended.err


def test_a_copy_made_during_a_run_is_whole_and_goes_on_by_itself(tmp_path: Path) -> None:
    copy = tmp_path / "copy.burnish"
    _, ended = during(tmp_path, lambda path: Workspace.copy(path, copy))
    assert (ended.code, copy.stat().st_mode & 0o777) == (0, 0o600)
    with FakeOllama(brief) as server:
        assert run(copy, server).code == 0
        assert len(server.chats) == 2 * len(SHORT) - 2
    again = burnish("copy", copy, copy)
    assert (again.code, "already exists" in again.complaint) == (1, True)


@pytest.mark.parametrize("reader", [False, True], ids=["alone", "beside a reader"])
def test_a_log_tells_whose_it_is_at_every_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: bool
) -> None:
    monkeypatch.setattr(logs, "SIZE", 20_000)
    made, path = new_workspace(tmp_path / "made.burnish"), tmp_path / "w.burnish"
    sizes = []
    with Workspace.open(made) as opened:
        for number in range(120):
            reading = Workspace.read(made) if reader and number % 40 == 20 else None
            if reading is not None:
                reading.database.freeze()
                len(reading)
            keep(opened, number)
            sizes.append(log_of(made).stat().st_size)
            for ending in ("", "-wal"):
                shutil.copyfile(f"{made}{ending}", f"{path}{ending}")
            with Workspace.open(path) as copied:
                assert copied.reply(number % 3, key(number)) is not None
            path.unlink()
            if reading is not None:
                reading.close()
    assert max(sizes) < 120_000, "it was brought in again and again"


def test_a_record_is_held_to_its_log_as_well(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Record.at(tmp_path / f"{name}.made").close()
        with Record.at(tmp_path / f"{name}.made") as record:
            record.keep_reply(0, key(0), Reply("a reply"), {})
            for ending in ("", "-wal", "-lock"):
                shutil.copyfile(f"{tmp_path / name}.made{ending}", f"{tmp_path / name}.judged{ending}")
    shutil.copyfile(tmp_path / "a.judged-wal", tmp_path / "b.judged-wal")
    assert "is not its log" in refusal(Record.at, tmp_path / "b.judged")
    (tmp_path / "a.judged").unlink()
    assert "lies there already, the log of a record" in refusal(Record.at, tmp_path / "a.judged")


@pytest.mark.parametrize("backup", ["of another", "by burnish copy"])
def test_a_backup_written_over_a_workspace_under_a_run_stops_it_and_is_left_as_it_is(
    tmp_path: Path, backup: str
) -> None:
    kept = tmp_path / "backup"

    def restore(path: Path) -> None:
        if backup == "of another":
            shutil.copyfile(new_workspace(tmp_path / "other.burnish"), kept)
        else:
            Workspace.copy(path, kept)
        shutil.copyfile(kept, path)

    path, ended = during(tmp_path, restore)
    assert ended.code == 1
    assert f"{path}: was overwritten, as by a backup, while burnish worked on it; stopped" in ended.err
    assert path.read_bytes() == kept.read_bytes(), "nothing was mixed into it"
    assert log_of(path).exists()
    refusal(Workspace.open, path)
    log_of(path).unlink()
    Workspace.open(path).close()


def test_the_log_of_another_program_on_the_file_says_how_to_bring_it_in(tmp_path: Path) -> None:
    path, made = tmp_path / "w.burnish", new_workspace(tmp_path / "made.burnish")
    with closing(sqlite3.connect(made)) as own:
        own.execute("DELETE FROM samples WHERE sample = 2")
        own.commit()
        for ending in ("", "-wal"):
            shutil.copyfile(f"{made}{ending}", f"{path}{ending}")
    assert "`sqlite3 w.burnish 'PRAGMA wal_checkpoint'`" in refusal(Workspace.open, path)
    with closing(sqlite3.connect(path)) as own:
        own.execute("PRAGMA wal_checkpoint").fetchall()
    Workspace.open(path).close()
    assert beside(path) == set()


@pytest.mark.parametrize("act", ["rename", "remove", "overwrite"])
def test_a_record_that_is_moved_removed_or_overwritten_under_a_judge_stops_it(
    tmp_path: Path, act: str
) -> None:
    path, other = tmp_path / "w.judged", tmp_path / "other.judged"
    for one in (path, other):
        Record.at(one).close()
    record = Record.at(path)
    record.keep_reply(0, key(0), Reply("a reply"), {})
    if act == "overwrite":
        shutil.copyfile(other, path)
    else:
        path.rename(tmp_path / "moved.judged") if act == "rename" else path.unlink()
    with pytest.raises(
        WorkspaceError, match=r"(was moved to|was deleted|was overwritten).* worked on it; stopped"
    ):
        record.keep_reply(0, key(1), Reply("a reply"), {})
    record.close()
    if act == "overwrite":
        assert path.read_bytes() == other.read_bytes()
    if act == "rename":
        with Record.at(tmp_path / "moved.judged") as moved:
            assert moved.reply(0, key(0)) is not None
            assert moved.reply(0, key(1)) is not None
