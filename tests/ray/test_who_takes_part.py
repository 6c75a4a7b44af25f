"""Which nodes may take part, and who may come in: what is refused or left out, and the line that says what mends it."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path
from stat import S_IMODE
from unittest.mock import ANY, patch

import pytest

from engine.events import Event, NodeChanged, Notice
from engine.run.students import COPY, student_file
from engine.run.teachers import digest_of
from models.files.digest import sha256_of
from models.ray import sending
from models.ray.cluster import Cluster, OverRay
from models.ray.student import RayStudent
from models.student import StudentError
from models.teacher import Fault, TeacherError
from tests.command import burnish, elsewhere
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.ray.nodes import NEEDS_RAY, Nodes, on_nodes, said_student, store
from tests.running import SHORT, TEACHER, brief, outcomes, refine, workspace

pytestmark = NEEDS_RAY


@pytest.fixture(scope="module")
def odd(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """The nodes, and one whose models go by the same names, and are others."""
    folder = tmp_path_factory.mktemp("odd")
    environment = {
        "OLLAMA_MODELS": str(store(folder, seed=2)),
        "TEST_BACKEND": "CUDA",
        "XDG_CACHE_HOME": str(folder),
    }
    with FakeOllama(brief, models=[Model.named(TEACHER, digest="f" * 64)]) as server:
        nodes.add("odd", server, **environment)
        yield nodes
        nodes.kill("odd")


def test_a_node_with_another_digest_is_refused(odd: Nodes, tmp_path: Path) -> None:
    odd.answer(brief)
    with (
        workspace(tmp_path / "w.burnish", SHORT[:1]) as opened,
        pytest.raises(
            TeacherError, match=r"^node odd: its teacher cannot work beside that of a: .*`ollama pull"
        ) as no,
    ):
        refine(opened, on_nodes(), ray=OverRay(odd.address))
    assert no.value.fault is Fault.UNREACHABLE


@pytest.mark.whole
def test_a_node_with_another_file_is_left_out_and_the_line_says_what_mends_it(
    odd: Nodes, models: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    given = on_nodes(student={"name": "ollama:chance"}, run={"method": "score"})
    with (
        workspace(tmp_path / "w.burnish", SHORT[:1]) as opened,
        patch.dict(os.environ, OLLAMA_MODELS=str(models)),
    ):
        refine(opened, given, events.append, ray=OverRay(odd.address))
        assert None not in outcomes(opened)
    (why,) = (e.text for e in events if isinstance(e, Notice) and "has no student" in e.text)
    assert why.startswith("node odd has no student: ")
    assert "is another file here (sha256:" in why
    assert why.endswith("; copy the file there, or give --ray-copy-student")


@pytest.mark.whole
def test_students_of_two_backends_work_side_by_side_only_where_they_are_exact(odd: Nodes) -> None:
    async def main() -> None:
        cluster = Cluster(odd.address)
        usual, exact = (RayStudent(cluster, said_student, exact=one, patience=0) for one in (False, True))
        with pytest.raises(
            StudentError,
            match=r"^node odd: its student cannot work beside that of a: llama.cpp computes by CUDA and not by CPU, .*"
            r"--exact makes them agree$",
        ):
            await usual.open()
        assert (await exact.open()).backend == "CPU"
        for student in (usual, exact):
            await student.close()
        await cluster.close()

    asyncio.run(main())


class NoFile(StringIO):
    """Standard error as the app has it."""

    def fileno(self) -> int:
        return -1


def test_connecting_sends_no_folder_and_needs_no_standard_error(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray sends the folder that `uv run` was begun in, unless it is told not to."""
    faulthandler.disable()
    monkeypatch.setattr(sys, "stderr", NoFile())

    async def connected() -> object:
        cluster = Cluster(nodes.address)
        await cluster.nodes()
        environment: object = import_module("ray").get_runtime_context().runtime_env
        await cluster.close()
        return environment

    assert not asyncio.run(connected())


def test_doctor_says_who_may_come_in_and_what_a_node_lacks(odd: Nodes, models: Path) -> None:
    odd.answer(brief)
    b = odd.servers["b"]
    there, b.models = b.models, [Model.named("another")]
    ended = burnish(
        *("doctor", "--ray", odd.address, "--teacher", TEACHER, "--student", "ollama:chance", "--json"),
        environment={"OLLAMA_MODELS": str(models)},
    )
    b.models = there
    found = {one["name"]: one for one in json.loads(ended.out)}
    assert ended.code == 1
    assert "a at " in found["contacted"]["finding"]
    assert found["token"]["state"] == "advice"
    assert found["token"]["finding"].startswith("Ray asks for no token")
    assert "student sha256:" in found["node a"]["finding"]
    assert found["node b: teacher"]["state"] == "problem"
    assert "node b" not in found
    assert "another model (" in found["node odd: teacher"]["finding"]
    assert "is another file here" in found["node odd: student"]["finding"]
    assert found["node odd: student"]["fix"] == COPY


def test_the_student_is_sent_to_the_node_that_lacks_it(
    odd: Nodes, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PIECE", 50_000)
    monkeypatch.setenv("OLLAMA_MODELS", str(models))
    given = on_nodes(student={"name": "ollama:chance"}, run={"method": "score"})
    digest = digest_of(student_file(given.student))
    events: list[Event] = []
    with workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        refine(opened, given, events.append, ray=OverRay(odd.address, copy_student=True))
        assert None not in outcomes(opened)
    notes = [event.text for event in events if isinstance(event, Notice) and "node" in event.text]
    assert [note.split(maxsplit=4)[1:4] for note in notes] == [["odd:", ANY, "is"], ["odd", "has", ANY]]
    inside = {event.work.node for event in events if isinstance(event, NodeChanged) and not event.work.why}
    assert inside == {"a", "b", "odd"}
    kept = Path(odd.environments["odd"]["XDG_CACHE_HOME"], "burnish", "students", digest[7:], "student.gguf")
    assert sha256_of(kept) == digest
    assert S_IMODE(kept.stat().st_mode) == 0o600


@pytest.fixture
def behind_a_token() -> Iterator[str]:
    """The address of a cluster, in a process of its own, that lets only those in who know the token "aa...".

    Whether Ray asks for one is decided once a process.
    """
    environment = {**os.environ, **token("a")}
    command = [sys.executable, "-m", "tests.ray.nodes"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as cluster:
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        yield cluster.stdout.readline().strip()
        cluster.stdin.close()


def token(letter: str) -> dict[str, str]:
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": 64 * letter}


@pytest.mark.whole
def test_a_cluster_that_asks_for_a_token_lets_in_whoever_has_it(behind_a_token: str, tmp_path: Path) -> None:
    doctor = ("doctor", "--ray", behind_a_token, "--json")
    ended = elsewhere(*doctor, environment=token("a"))
    found = {one["name"]: one for one in json.loads(ended.out)}
    assert ended.code == 0, ended.err
    assert found["token"]["state"] == "ok"
    assert ended.err == ""
    nothing = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "", "HOME": str(tmp_path)}
    for given in (token("b"), {"RAY_AUTH_MODE": "disabled"}, nothing):
        ended = elsewhere(*doctor, environment=given)
        (check,) = json.loads(ended.out)
        assert ended.code == 1
        assert ended.err == ""
        assert (
            check["finding"]
            == f"--ray {behind_a_token}: the token that Ray asks for is not found here, or is another "
            "one: set RAY_AUTH_MODE=token, and have the cluster's token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
        )
