"""The app over a Ray cluster: Start asks the nodes, Run shows their work, and a judge shares the connection."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.store.workspace import Workspace
from models.ray.cluster import OverRay
from tests import judges
from tests.ray.nodes import NEEDS_RAY, Nodes, on_nodes
from tests.running import TEACHER, brief, outcomes
from tests.tui.conftest import nothing_of_the_user_s
from tests.tui.screens.run_seat import RunSeat, made
from tui.state.workbench import Workbench

__all__ = ["nothing_of_the_user_s"]

pytestmark = [*NEEDS_RAY, pytest.mark.whole, pytest.mark.usefixtures("nothing_of_the_user_s")]


class SlowSeat(RunSeat):
    SECONDS = 120.0


def test_the_app_runs_over_the_nodes_and_judges_there(nodes: Nodes, tmp_path: Path) -> None:
    nodes.answer(lambda chat: judges.longer(chat) if "score_1" in str(chat.schema) else brief(chat))
    path = made(tmp_path)
    seat = SlowSeat(path, workbench=Workbench(on_nodes(), OverRay(nodes.address)))

    async def steps(seat: RunSeat) -> None:
        await seat.wait_for("the texts go to the nodes of Ray at")
        await seat.press("1")
        await seat.wait_for("the texts go to a, b")
        await seat.wait_for("burnish 0.1.0, teacher sha256:", within="#nodes")
        await seat.press("3", "s")
        await seat.wait_for("nodes      a", "teacher", "student")
        await seat.wait_for("✓ done", "4 of 4 samples", "answered")
        judging = seat.workbench.judge_job
        judging.settings = judging.settings.model_copy(update={"name": TEACHER})
        assert await judging.judge(path) is not None
        assert {node for node, _ in judging.tally.nodes} == {"a", "b"}

    seat.play(steps)
    with Workspace.open(path) as opened:
        assert None not in outcomes(opened)
