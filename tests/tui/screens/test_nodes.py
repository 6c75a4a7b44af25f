"""Nodes of a Ray cluster on Start and Run: which get the texts, what one lacks, what each does, in lines that fit."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from engine.health.check import Check
from engine.health.ray_nodes import NodesFound
from models.ray.cluster import Node, NodeWork, OverRay
from tests import hostile
from tests.command import burnish
from tests.running import SHORT, TEACHER, dataset, settings
from tests.tui.screens.start_seat import StartSeat
from tui.cli import interface
from tui.screens.run.node_lines import node_lines
from tui.screens.start import doctor_dialog, nodes_pane
from tui.state.workbench import Workbench


def at_work(node: str, model: str = "teacher", why: str | None = None, seconds: float = 10.0) -> NodeWork:
    return NodeWork(node, model, why, in_flight=2, answered=7, tokens=400, seconds=seconds)


def lines(works: list[NodeWork], most: int = 6, width: int = 118, *, over: bool = False) -> list[str]:
    return [line.plain for line in node_lines(works, most, width, over=over)]


def test_each_node_says_what_its_models_do_or_why_one_is_out() -> None:
    works = [
        at_work("b", "student", seconds=0),
        at_work("b"),
        at_work("a", "teacher", "it has left the cluster"),
        at_work("a", "student", "it has left the cluster"),
        at_work("c", "teacher", "Ollama is gone"),
        at_work("c", "student"),
    ]
    assert lines(works) == [
        "nodes      a        ✗ out: it has left the cluster",
        "           b        teacher 2 in flight, 40 tokens/s   student 2 in flight",
        "           c        student 2 in flight, 40 tokens/s   ✗ teacher out: Ollama is gone",
    ]
    assert lines(works, width=78)[1:] == [
        "           b        teacher 2, 40 tokens/s   student 2",
        "           c        student 2, 40 tokens/s   ✗ teacher out: Ollama is gone",
    ]
    assert "teacher 7 answered, 40 tokens/s" in lines(works, over=True)[1]
    assert lines([]) == []


def test_of_many_those_that_are_out_come_first_and_the_rest_is_counted() -> None:
    works = [at_work(f"n{n:02}", why="no" if n in (7, 8, 9) else None) for n in range(40)]
    shown = lines(works, 2)
    assert [line[11:14] for line in shown[:2]] == ["n07", "n08"]
    assert shown[2].strip() == "… and 38 more nodes, 1 of them out"


@pytest.mark.parametrize("width", [40, 78, 118, 198])
def test_no_line_is_wider_than_the_screen_or_says_more_than_text(width: int) -> None:
    works = [at_work(f"{n} {text}", why=text if n % 2 else None) for n, text in enumerate(hostile.CORPUS)]
    for line in node_lines(works, 100, width, over=False):
        assert line.cell_length <= width
        assert all(character.isprintable() for character in line.plain)


def test_the_app_is_started_over_ray_with_a_path_and_without() -> None:
    with (
        patch.object(interface, "open_interface", return_value=0) as opened,
        patch("tui.cli.open.sys") as system,  # whose streams are a terminal
    ):
        system.stdin.isatty.return_value = system.stdout.isatty.return_value = True
        path = Path("tests/scene.py")
        for arguments in (
            ("--ray", "auto"),
            ("--ray=auto", path),
            (path, "--ray", "auto", "--ray-copy-student"),
        ):
            assert burnish(*arguments).code == 0
    assert [call.args for call in opened.call_args_list] == [
        (None, OverRay("auto")),
        (path, OverRay("auto")),
        (path, OverRay("auto", copy_student=True)),
    ]
    ended = burnish("--ray-copy-student")
    assert (ended.code, "give that, too" in ended.err) == (2, True)


@pytest.mark.usefixtures("nothing_of_this_machine_s")
def test_start_names_the_nodes_and_what_they_lack_and_asks_again_for_another_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of seven, the two that lack something are among the five that are shown; nothing of this machine's hinders."""
    names = [f"n{number}" for number in range(7)]
    asked: list[str | None] = []

    async def found(given: object, ray: OverRay, *, privacy: bool) -> NodesFound:
        asked.append(seat.workbench.settings.teacher.name)
        assert (ray, privacy) == (OverRay("head:6379"), False)
        advice = Check("node n0: cloud", "advice", "the server allows cloud models", "set OLLAMA_NO_CLOUD=1")
        each = {name: [advice, Check(f"node {name}", "ok", "burnish 0.1.0")] for name in names}
        for name in names[-2:]:
            each[name] = [
                Check(f"node {name}: teacher", "problem", "has [/] no such model", "ollama pull it")
            ]
        nodes = [Node(name, name, "192.0.2.1", 1, 0) for name in names]
        return NodesFound(nodes, [Check("token", "advice", "Ray asks for no token", "make one")], each)

    monkeypatch.setattr(nodes_pane, "check_nodes", found)
    monkeypatch.setattr(doctor_dialog, "check_nodes", found)
    monkeypatch.setattr(nodes_pane, "PAUSE", 0)
    seat = StartSeat(
        dataset(Path("data.json"), SHORT),
        workbench=Workbench(settings("127.0.0.1:9"), OverRay("head:6379")),
        size=(120, 60),
    )

    async def steps(seat: StartSeat) -> None:
        await seat.wait_for(
            "over Ray at head:6379 the texts go to n0, n1, n2, n3 and 3 more; 2 of 7 lack something"
        )
        await seat.wait_for("n5: teacher", "n6: teacher", "… and 2 more nodes; d shows all", within="#nodes")
        assert "has [/] no such model → ollama pull it" in seat.shown("#nodes")
        assert "cloud" not in seat.shown("#nodes"), "a run can be begun as it is"
        assert "over Ray" in seat.lines[0]
        assert "ollama serve" not in seat.text
        await seat.press("d")
        await seat.until(lambda: "node n5" in "\n".join(hostile.painted(seat.app)))
        await seat.press("escape")
        before = len(asked)
        await seat.type("#teacher Input", "another:1b")
        await seat.until(lambda: len(asked) > before)
        assert asked[-1] == "another:1b"
        assert asked[0] == TEACHER

    seat.play(steps)
