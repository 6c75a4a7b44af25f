"""The same run over a Ray cluster: the same results, whichever node goes or comes back; a judge's work alike."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.events import AttemptFailed, Event, Generated, Notice, Paused
from engine.run.session import Session
from engine.store.workspace import Workspace
from models.ray.cluster import OverRay
from tests import judges
from tests.command import ALONE, Ended, burnish, words
from tests.ollama.script import Answer, Chat, Ending, Nothing, Scripted
from tests.ollama.server import FakeOllama
from tests.ray.nodes import NEEDS_RAY, Nodes, on_nodes, once
from tests.running import SHORT, TEACHER, brief, dataset, finals, refine, settings, workspace
from tests.waiting import until

pytestmark = NEEDS_RAY

ROWS = [*SHORT, *({**row, "instruction": f"Shortly: {row['instruction']}"} for row in SHORT)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The results of a run on this machine alone."""
    with (
        FakeOllama(brief) as server,
        workspace(tmp_path_factory.mktemp("alone") / "w.burnish", ROWS) as opened,
    ):
        refine(opened, settings(server))
        return finals(opened)


def slowly(chat: Chat) -> Scripted:
    return Answer(brief(chat), seconds=0.3)


def test_nodes_share_the_work_whichever_goes_or_comes_back_and_come_to_the_same_end(
    nodes: Nodes, alone: list[Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Node c is killed while it is asked; then the server of b stops, and is started again."""
    nodes.answer(slowly)
    b, silent = nodes.servers["b"], FakeOllama(lambda _: Nothing(Ending.STALL))
    with silent, workspace(tmp_path / "w.burnish", ROWS) as opened:
        nodes.add("c", silent)
        events: list[Event] = []
        killed = asyncio.Event()
        refuse = once(b.refuse)
        models: Session

        def emit(event: Event) -> None:
            events.append(event)
            match event:
                case Generated() if killed.is_set():
                    refuse()
                case Notice(text=text) if text.startswith("node c is out"):
                    killed.set()
                case Notice(text=text) if text.startswith("node b is out as teacher"):
                    models.gate.hold()  # the rest is for when it is back
                    b.exchanges.clear()
                    b.accept()
                case Notice(text="node b is back as teacher"):
                    models.gate.go()
                case _:
                    pass

        async def kill() -> None:
            while not silent.chats:
                await asyncio.sleep(0.05)
            await asyncio.to_thread(nodes.kill, "c")

        async def run() -> None:
            nonlocal models
            async with Session(opened, on_nodes(), emit, ray=OverRay(nodes.address)) as models:
                await asyncio.gather(models.refine(), kill())

        asyncio.run(run())
        assert finals(opened) == alone
        record = opened.latest_run().record
        assert record.teacher is not None
        assert record.teacher.name == TEACHER
    assert b.chats
    assert not any(isinstance(event, AttemptFailed | Paused) for event in events)
    (out,) = (e.text for e in events if isinstance(e, Notice) and e.text.startswith("node b is out"))
    assert out.endswith("; 1 of 3 nodes go on")
    out, err = capfd.readouterr()
    assert out == ""
    assert "ray" not in err


@pytest.mark.whole
def test_a_driver_that_is_killed_goes_on_and_asks_nothing_again(
    nodes: Nodes, alone: list[Any], tmp_path: Path
) -> None:
    nodes.answer(slowly)
    given = on_nodes()
    command = words(
        *("run", dataset(tmp_path / "w.json", ROWS), "-w", tmp_path / "w.burnish", "--teacher", TEACHER),
        *("--student", given.student.name, "--reply-form", "json", "--ray", nodes.address, "--json"),
    )
    run: dict[str, Any] = {
        "env": {**os.environ, **ALONE},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
    }
    with subprocess.Popen(command, **run) as first:
        until(lambda: nodes.outcomes()["answered"] >= 5 or first.poll() is not None)
        assert first.poll() is None
        first.kill()
    until(lambda: not nodes.outcomes()["open"])  # Ray ends the actors
    with Workspace.open(tmp_path / "w.burnish") as opened:
        kept = sum(len(opened.replies(number)) for number in range(len(ROWS)))
    assert kept > 0
    nodes.answer(slowly)
    second = subprocess.run(command, check=True, **run)
    assert json.loads(second.stdout)["done"] == len(ROWS)
    assert sum(nodes.outcomes().values()) == 2 * len(ROWS) - kept
    with Workspace.open(tmp_path / "w.burnish") as opened:
        assert finals(opened) == alone


@pytest.mark.whole
def test_ray_is_started_on_this_machine_for_a_run(tmp_path: Path) -> None:
    with FakeOllama(brief) as server:
        command = words(
            *("run", dataset(tmp_path / "w.json", SHORT[:1]), "-w", tmp_path / "w.burnish", "--ray", "local"),
            *("--teacher", TEACHER, "--student", on_nodes().student.name, "--reply-form", "json", "--json"),
        )
        here = {"OLLAMA_HOST": server.url, "RAY_AUTH_MODE": "disabled"}
        ended = subprocess.run(command, check=True, capture_output=True, env={**os.environ, **ALONE, **here})
    assert json.loads(ended.stdout)["done"] == 1


@pytest.mark.whole
def test_samples_are_tried_and_chosen_again_over_the_nodes(
    nodes: Nodes, models: Path, tmp_path: Path
) -> None:
    nodes.answer(brief)
    data, path = dataset(tmp_path / "w.json", ROWS), tmp_path / "w.burnish"
    over = ("--reply-form", "json", "--ray", nodes.address, "--json")
    student = ("--student", on_nodes().student.name)
    nowhere = {"OLLAMA_HOST": "127.0.0.1:9", "OLLAMA_MODELS": str(models)}
    tried = burnish(
        *("try", data, "-w", path, "--teacher", TEACHER, *student, "--samples", 2, *over), environment=nowhere
    )
    assert tried.code == 0, tried.err
    assert len(json.loads(tried.out)["tried"]) == 2
    asked = len([chat for server in nodes.servers.values() for chat in server.chats])
    compared = burnish(
        *("teachers", data, "-w", path, "--teachers", TEACHER, *student, "--samples", 2, *over),
        environment=nowhere,
    )
    assert compared.code == 0, compared.err
    (one,) = json.loads(compared.out)["teachers"]
    assert one["response"]["asked"] == 2
    assert sum(nodes.outcomes().values()) == asked
    chosen = burnish(
        *("reselect", path, "--student", "ollama:chance", "--ask-teacher", "--ray", nodes.address, "--json"),
        environment=nowhere,
    )
    assert chosen.code == 0, chosen.err
    told = json.loads(chosen.out)
    assert told["student"]["name"] == "ollama:chance"
    assert {(one["node"], one["model"]) for one in told["session"]["nodes"]} >= {
        ("a", "student"),
        ("b", "student"),
    }


def test_answers_and_verdicts_are_asked_of_the_nodes(nodes: Nodes, tmp_path: Path) -> None:
    def answered(ended: Ended) -> int:
        """The answers of both nodes together, each of which gave some."""
        assert ended.code == 0, ended.err
        told = json.loads(ended.out)["session"]["nodes"]
        inside = {one["node"]: one["answered"] for one in told if one["why"] is None}
        assert set(inside) == {"a", "b"}
        assert min(inside.values()) > 0
        assert inside == {name: len(nodes.servers[name].chats) for name in inside}
        return sum(inside.values())

    nodes.answer(lambda _: "A cherry.")
    prompts, out = dataset(tmp_path / "prompts.json", SHORT), tmp_path / "out.json"
    over = ("--ray", nodes.address, "--json")
    nowhere = {"OLLAMA_HOST": "127.0.0.1:9"}
    asked = ("answer", "--model", TEACHER, "--prompts", prompts, "-o", out)
    ended = burnish(*asked, *over, environment=nowhere)
    assert answered(ended) == json.loads(ended.out)["answered"] == len(SHORT)

    nodes.answer(judges.longer)  # who likes the dataset's own answers
    ended = burnish("judge", out, prompts, "--judge", TEACHER, *over, environment=nowhere)
    assert answered(ended) == 2 * len(SHORT)
    assert json.loads(ended.out)["counts"]["wins"] == len(SHORT)
