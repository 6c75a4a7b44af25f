"""What a thinking teacher thought, in Review and `burnish show`, and what becomes of an answer's own reasoning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.sample import Reasoning
from tests.command import burnish
from tests.hostile import CORPUS, acting
from tests.ollama.script import Answer, Chat
from tests.ollama.server import FakeOllama
from tests.running import brief, refine, settings, workspace
from tests.tui.screens.review_seat import ReviewSeat

pytestmark = pytest.mark.usefixtures("nothing_of_the_user_s")

ROW: dict[str, Any] = {
    "instruction": "Name a fruit.",
    "reasoning": "It is red, so be it.",
    "output": "An apple.",
}
THOUGHTS = f"A cherry? [/b] {CORPUS['escape']}"
DROPPED = "dropped, for it led to another answer"
FATE = {Reasoning.SKIP: DROPPED, Reasoning.SCORE: DROPPED, Reasoning.TEACHER: "take its place"}


def thinking(chat: Chat) -> Answer:
    return Answer(brief(chat), thinking=THOUGHTS)


@pytest.mark.parametrize("reasoning", list(Reasoning))
def test_thoughts_are_read_beside_the_critique_and_the_reasoning_s_fate_is_told(
    tmp_path: Path, reasoning: Reasoning
) -> None:
    path = tmp_path / "w.burnish"
    with workspace(path, [ROW]) as opened, FakeOllama(thinking) as server:
        refine(opened, settings(server, run={"method": "reflect", "reasoning": reasoning}))

    async def steps(seat: ReviewSeat) -> None:
        for stage in ("Instruction", "Response"):
            assert (
                f"{stage} stage: before that rewrite\nThe teacher's thoughts\nA cherry? [/b] "
                in seat.criticism
            )
        assert not acting(seat.lines)
        assert FATE[reasoning] in " ".join(seat.numbers.split())

    ReviewSeat(path).play(steps)
    shown = burnish("show", path, "0")
    assert shown.out.count("The teacher's thoughts") == 2
    done = "reasoning replaced" if reasoning is Reasoning.TEACHER else "reasoning dropped"
    assert f"reasoning: {done}" in shown.out
