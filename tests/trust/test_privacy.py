"""What is kept on this machine is private, goes when it is not needed, and `doctor --privacy` tells all of it."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.formats.names import Format
from engine.formats.write import write_dataset
from engine.health import privacy, remembered
from engine.health.crash_log import write_crash_log
from engine.sample import Version
from engine.store.workspace import Workspace
from models.llamacpp.student import EmbeddedStudent
from models.system.machine import file_system, is_elsewhere, listener
from tests.command import NOWHERE, Ended, burnish, contents, elsewhere
from tests.models.ollama.asking import CLOUD
from tests.ollama.server import FakeOllama, spawned
from tests.ollama.state import Model
from tests.running import TEACHER
from tests.scene import scene
from tests.trust.traps import SECRET, traps
from tui.platform.external_editor import EditorError, edited

SAMPLE = "the words of a sample"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with nothing yet, who stands in an empty folder."""
    for name, folder in (("XDG_STATE_HOME", "state"), ("XDG_CACHE_HOME", "cache"), ("TMPDIR", "tmp")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.delenv("BURNISH_STATE", raising=False)
    (work := tmp_path / "work").mkdir()
    monkeypatch.chdir(work)
    return tmp_path


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    """A server in a process that calls itself ollama: this one."""
    name = Path("/proc/self/comm")
    before = name.read_text()
    name.write_text("ollama")
    with FakeOllama() as server:
        yield server
    name.write_text(before)


def privacy_checks(server: FakeOllama | str, *options: object, code: int) -> dict[str, list[dict[str, str]]]:
    """The checks of `doctor --privacy`, by name."""
    host = server if isinstance(server, str) else server.url
    ended = burnish("doctor", "--privacy", "--json", *options, environment={"OLLAMA_HOST": host})
    assert ended.code == code, ended.out + ended.err
    found: dict[str, list[dict[str, str]]] = {}
    for check in json.loads(ended.out):
        found.setdefault(check["name"], []).append(check)
        assert check["state"] == "ok" or check["fix"], "what can be done about it"
    return found


def states(found: dict[str, list[dict[str, str]]], name: str) -> list[str]:
    return [check["state"] for check in found[name]]


# What the doctor says ---------------------------------------------------------------------------------------


def test_where_nothing_can_leave_the_doctor_says_so_and_writes_nothing(
    home: Path, ollama: FakeOllama
) -> None:
    before = contents(home)
    found = privacy_checks(ollama, "--teacher", TEACHER, code=0)
    assert {state for name in found for state in states(found, name)} == {"ok"}
    assert ollama.url in found["contacted"][0]["finding"]
    assert "cloud" in found
    assert [check["finding"].split(" ")[0] for check in found["folder"]] == [
        str(home / "tmp"),
        str(Path.cwd()),
    ]
    assert contents(home) == before
    assert ollama.chats == []


LEAKS: dict[str, tuple[str, dict[str, Any]]] = {
    "a server elsewhere": ("contacted", {"host": "203.0.113.7"}),
    "the cloud is on": ("cloud", {"cloud_disabled": False}),
    "a server too old to say": ("cloud", {"hidden": {"/api/status"}}),
    "no server to ask": ("cloud", {"host": NOWHERE}),
    "a cloud model": ("teacher", {"models": [Model.named(TEACHER, **CLOUD)]}),
    "a cloud model's name": ("teacher", {"teacher": "gpt-oss:120b-cloud"}),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_where_something_could_leave_the_doctor_names_it_and_fails(ollama: FakeOllama, leak: str) -> None:
    name, how = LEAKS[leak][0], dict(LEAKS[leak][1])
    host, teacher = how.pop("host", ollama.url), how.pop("teacher", TEACHER)
    for field, value in how.items():
        setattr(ollama, field, value)
    found = privacy_checks(str(host), "--teacher", teacher, code=1)
    assert [n for n in found if "problem" in states(found, n)] == [name]


def test_a_teacher_inside_burnish_needs_no_server_that_can_be_trusted() -> None:
    found = privacy_checks(NOWHERE, "--teacher", "demo", code=0)
    assert states(found, "cloud") == ["advice"]
    assert "no text goes there" in found["contacted"][0]["finding"]


def test_another_program_on_the_port_and_a_folder_on_another_machine_could_carry_texts_away(
    ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("/proc/self/comm").write_text("ssh")
    monkeypatch.setattr(privacy, "file_system", lambda path: "nfs4" if path == Path.cwd() else "ext4")
    found = privacy_checks(ollama, "--teacher", TEACHER, code=1)
    assert "ssh" in found["server"][0]["finding"]
    assert (states(found, "server"), states(found, "folder")) == (["problem"], ["ok", "problem"])


@pytest.mark.parametrize(
    ("value", "logs"), [("1", True), ("yes", True), ("0", False), ("False", False), ("", False)]
)
def test_whether_ollama_logs_what_it_is_asked_is_read_from_its_own_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, logs: bool
) -> None:
    monkeypatch.setenv("OLLAMA_DEBUG_LOG_REQUESTS", value)
    with spawned() as url:
        monkeypatch.delenv("OLLAMA_DEBUG_LOG_REQUESTS")
        (requests,) = privacy_checks(url, "--teacher", TEACHER, code=1)["requests"]
    assert (requests["state"] == "advice") == logs
    assert ("OLLAMA_DEBUG_LOG_REQUESTS" in requests["finding"]) == logs


def test_what_cannot_be_known_is_said_to_be_so(
    home: Path, ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that another user runs, as Ollama's service is; a system without /proc."""
    monkeypatch.setattr(privacy, "listener", lambda port: None)
    monkeypatch.setattr(privacy, "file_system", lambda path: None)
    (home / "tmp" / "ollama-request-logs-1").mkdir()
    found = privacy_checks(ollama, "--teacher", TEACHER, code=0)
    for name in ("server", "requests", "folder"):
        assert found[name][0]["state"] == "advice"
        assert "cannot be known" in found[name][0]["finding"]
    assert "ollama-request-logs-1" in found["requests"][1]["finding"]


def test_everything_that_is_stored_is_listed_with_its_mode(home: Path, ollama: FakeOllama) -> None:
    path = scene(Path.cwd())
    Path.cwd().joinpath(".burnish-0123").touch(0o600)
    tmp = home / "tmp"
    for name in ("burnish-edit-1", "burnish-kept-1"):
        (tmp / name).mkdir(0o700)
    remembered.remember(remembered.Remembered().opened(path))
    write_crash_log(ValueError(SAMPLE))
    with Workspace.open(path) as opened:
        opened.samples()
        found = privacy_checks(ollama, "--teacher", TEACHER, code=0)
        assert len(found["workspace"]) == 3, "its journal is there as long as it is open"
    assert {"remembered", "digests", "crash log", "editor", "export"} <= found.keys()
    assert {state for name in found for state in states(found, name)} == {"ok"}
    path.chmod(0o644)
    (workspace,) = privacy_checks(ollama, "--teacher", TEACHER, code=0)["workspace"]
    assert (workspace["state"], workspace["fix"]) == ("advice", f"chmod go= {path}")
    assert "mode 0644" in workspace["finding"]


def test_the_doctor_tells_what_it_ignores_and_no_secret(
    home: Path, ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in traps(home / "tmp").items():
        monkeypatch.setenv(name, value)
    ended = burnish("doctor", "--privacy", "--teacher", TEACHER, environment={"OLLAMA_HOST": ollama.url})
    assert ended.code == 0
    (line,) = [line for line in ended.out.splitlines() if "ignored" in line]
    assert {"HTTPS_PROXY", "OLLAMA_API_KEY", "TEXTUAL_LOG"} <= set(
        line.replace(",", " ").replace(":", " ").split()
    )
    assert SECRET not in ended.out + ended.err
    assert "198.51.100.9" not in ended.out + ended.err


def test_a_listener_is_found_by_its_port_on_any_address() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        for each in (four, six):
            found = listener(each.getsockname()[1])
            assert found is not None
            assert found.pid == os.getpid()
            assert found.environment["PATH"]
        port = four.getsockname()[1]
    assert listener(port) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the list of mounts is Linux's")
def test_the_file_system_of_a_folder_is_that_of_the_innermost_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "self" / "mounts"
    mounts.parent.mkdir()
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/home /home nfs4 rw 0 0\n"
        "/dev/sdb1 /home/me/my\\040disk ext4 rw 0 0\n"
        "me@far: /mnt/far fuse.sshfs rw 0 0\n"
        "server:/x /mnt/near nfs rw 0 0\n"
        "/dev/sdc1 /mnt/near xfs rw 0 0\n"
    )
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    kinds = {place: file_system(Path(place)) for place in ("/etc", "/home/me", "/mnt/far/a", "/mnt/near")}
    assert kinds == {"/etc": "ext4", "/home/me": "nfs4", "/mnt/far/a": "sshfs", "/mnt/near": "xfs"}
    assert file_system(Path("/home/me/my disk/x")) == "ext4"
    assert file_system(Path("/homeless")) == "ext4"
    assert [is_elsewhere(kind or "") for kind in kinds.values()] == [False, True, True, False]
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "none"))
    assert file_system(Path("/")) is None


# What burnish leaves behind ---------------------------------------------------------------------------------


def test_what_burnish_keeps_of_its_own_is_private_whatever_the_umask(home: Path) -> None:
    before = os.umask(0)
    try:
        remembered.remember(remembered.Remembered().opened(scene(Path.cwd())))
        write_crash_log(ValueError(SAMPLE))
    finally:
        os.umask(before)
    kept = [file for folder in ("state", "cache") for file in (home / folder).rglob("*") if file.is_file()]
    assert {file.name for file in kept} >= {"app.json", "crash.log", "digests.json"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}
    assert {stat.S_IMODE(file.parent.stat().st_mode) for file in kept} == {0o700}


CRASHES = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
{code}
"""


def killed(code: str) -> None:
    """Python code that ends by kill -9, in a process of its own."""
    text = CRASHES.format(root=str(ROOT), code=code)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("format", ["ALPACA", "CSV"])
def test_an_export_that_is_killed_leaves_nothing(home: Path, format: str) -> None:
    killed(f"""
from engine.formats.names import Format
from engine.formats.write import write_dataset
def rows():
    for number in range(9000):
        yield {{"instruction": "x" * 1000, "input": "", "output": str(number)}}
    os.kill(os.getpid(), signal.SIGKILL)
write_dataset(Path("out"), Format.{format}, rows())
""")
    assert list(Path.cwd().iterdir()) == []


def test_an_export_has_no_name_until_it_is_whole_and_is_as_private_as_what_it_replaces() -> None:
    out = Path("out.json")
    out.touch()
    out.chmod(0o600)

    def rows() -> Iterator[dict[str, str]]:
        yield {"instruction": SAMPLE}
        assert os.listdir() == [out.name]  # noqa: PTH208

    write_dataset(out, Format.ALPACA, rows())
    assert SAMPLE in out.read_text()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_sample_that_was_in_an_editor_when_burnish_was_killed_is_gone_with_the_next_start(
    home: Path,
) -> None:
    tmp = home / "tmp"
    killed(f"""
from engine.sample import Version
from tui.platform.external_editor import edited
edited(["/bin/sh", "-c", "kill -9 $PPID"], Version(instruction="x", response={SAMPLE!r}))
""")
    (left,) = tmp.glob("burnish-*/sample.txt")
    assert SAMPLE in left.read_text()
    (link := tmp / "burnish-edit-link").symlink_to(Path.cwd())
    with pytest.raises(EditorError):
        edited(["/bin/sh", "-c", 'echo mine > "$0"'], Version(instruction="x", response=SAMPLE))
    looks = (
        "import sys, os, tui.platform.external_editor; tui.platform.external_editor.sweep(); "
        "assert os.path.exists(sys.argv[1])"
    )
    version = Version(instruction="x", response=SAMPLE)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {looks}"]
    assert edited(command, version) == version, "while one is in an editor it stays"
    assert not left.exists()
    assert [path.read_text() for path in tmp.rglob("sample.txt")] == ["mine\n"], "what a person wrote is kept"
    assert link.is_symlink()


# Crashes ----------------------------------------------------------------------------------------------------


def crash() -> None:
    """An error with the sample in its message, notes, cause and group, and in what the frames hold."""
    sample = SAMPLE
    cause = KeyError(sample)
    cause.add_note(sample)
    raise ExceptionGroup(sample, [ValueError(sample), cause]) from cause


def test_a_crash_log_holds_nothing_of_a_sample() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        crash()
    path = write_crash_log(caught.value)
    assert path is not None
    written = path.read_text("utf-8")
    assert "KeyError" in written
    assert "in crash" in written
    assert SAMPLE not in written


FAULT = """
import engine.store.leaving
def count_exported_rows(*_):
    sample = open({path!r}).read()
    raise KeyError(sample)
engine.store.leaving.count_exported_rows = count_exported_rows
"""


def test_a_command_that_breaks_shows_where_and_nothing_of_a_sample(home: Path) -> None:
    (home / "sample").write_text(SAMPLE)
    (home / "sitecustomize.py").write_text(FAULT.format(path=str(home / "sample")), "utf-8")
    path = [str(home), str(ROOT)]
    ended: Ended = elsewhere(
        *("export", scene(Path.cwd()), "out.json"), environment={"PYTHONPATH": os.pathsep.join(path)}
    )
    assert ended.code == 1
    assert ended.err.startswith("Traceback")
    assert "in count_exported_rows" in ended.err
    assert ended.err.endswith("KeyError\n\n")
    assert SAMPLE not in ended.err


ABORTS = """
import resource
most = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
import tui.cli.main
def command(**_):
    os.abort()
tui.cli.main.cli.main = command
tui.cli.main.main()
"""


def test_burnish_leaves_no_core_file_when_it_crashes() -> None:
    text = CRASHES.format(root=str(ROOT), code=ABORTS)
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", text], os.environ)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)
    assert list(Path.cwd().iterdir()) == []


def test_the_student_s_child_leaves_none_either(smollm2: Path) -> None:
    async def limit() -> int:
        student = EmbeddedStudent(smollm2, digest="sha256:0")
        try:
            await student.open()
            assert student.pid is not None
            return resource.prlimit(student.pid, resource.RLIMIT_CORE)[0]
        finally:
            await student.close()

    before, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    try:
        assert asyncio.run(limit()) in (0, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (before, most))
