"""What was said before an exchange is shown to the teacher and to the student, and what does not fit is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.method.reply_forms import ReplyFormName
from engine.sample import Turn
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.running import brief, outcomes, refine, settings, workspace

SAID = ["Answer in French only.", "Which tool planes the edge of a door?", "Un rabot."]


def row(
    *earlier: str, asked: str = "Yes, please.", answered: str = "Posez le rabot à plat."
) -> dict[str, Any]:
    """A conversation that begins with a system message."""
    roles = ["system", *["user", "assistant"] * 50]
    turns = [{"role": role, "content": text} for role, text in zip(roles, earlier, strict=False)]
    return {
        "messages": [*turns, {"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    }


HISTORY = {
    "system": SAID[0],
    "history": [SAID[1:]],
    "instruction": "Yes, please.",
    "output": "Posez le rabot.",
}
SHAREGPT = {
    "system": SAID[0],
    "conversations": [
        {"from": role, "value": text}
        for role, text in zip(("human", "gpt", "human", "gpt"), [*SAID[1:], "Yes?", "Posez."], strict=True)
    ],
}
TRL = {
    "prompt": [
        {"role": role, "content": text}
        for role, text in zip(("system", "user", "assistant", "user"), [*SAID, "Yes?"], strict=True)
    ],
    "completion": [{"role": "assistant", "content": "Posez."}],
}


@pytest.mark.parametrize(
    "given", [row(*SAID), HISTORY, SHAREGPT, TRL], ids=["messages", "history", "sharegpt", "trl"]
)
def test_every_layout_has_its_history(tmp_path: Path, given: dict[str, Any]) -> None:
    with workspace(tmp_path / "w.burnish", [given]) as opened:
        (sample,) = opened.samples()
        roles = ("system", "user", "assistant")
        assert sample.history == tuple(
            Turn.model_validate({"role": role, "text": text}) for role, text in zip(roles, SAID, strict=True)
        )
        assert opened.sample(0) == sample


@pytest.mark.parametrize("form", list(ReplyFormName))
def test_the_teacher_is_shown_the_system_message_and_the_earlier_turns(
    tmp_path: Path, form: ReplyFormName
) -> None:
    asked: list[Chat] = []

    def reply(chat: Chat) -> str:
        asked.append(chat)
        if chat.schema is not None:
            return brief(chat)
        shown = "\n".join(str(message["content"]) for message in chat.messages)
        lines = [line for line in shown.splitlines() if line.startswith("[") and line != "[End]"]
        parts = [f"{line}\nOther words {number}." for number, line in enumerate(lines)]
        return "\n".join(parts) or f"Some other words {len(asked)}."

    method = {"method": "reflect", "reply_form": form}
    with workspace(tmp_path / "w.burnish", [row(*SAID), row()]) as opened, FakeOllama(reply) as server:
        assert refine(opened, settings(server, run=method)).failed == 0
    of_first = [chat for chat in asked if all(text in everything(chat) for text in SAID)]
    assert len(of_first) == len(asked) / 2
    for chat in asked:
        text = everything(chat)
        assert ("stand alone" in text or "self-contained" in text) <= (chat not in of_first)
    assert any("must be able to say it at that point" in everything(chat) for chat in of_first)


def everything(chat: Chat) -> str:
    return "\n".join(message["content"] for message in chat.messages)


@pytest.mark.whole
def test_the_student_scores_after_the_history_and_samples_without_one_keep_their_numbers(
    tmp_path: Path,
) -> None:
    given = settings("http://127.0.0.1:9", run={"method": "score"})
    found = []
    for name, rows in (("a", [row(*SAID), row()]), ("b", [row(), row()])):
        with workspace(tmp_path / f"{name}.burnish", rows) as opened:
            refine(opened, given)
            found.append([outcome.before for outcome in outcomes(opened) if outcome and outcome.before])
    (after, alone), (same, _) = found
    for name in ("ifd", "r_ifd"):
        one, other, third = (getattr(scores, name) for scores in (after, alone, same))
        assert (other.alone.mean, other.given.mean) == pytest.approx(
            (third.alone.mean, third.given.mean), abs=1e-3
        )
        assert one.alone.mean == pytest.approx(other.alone.mean, abs=1e-3)
        assert one.given.scored == other.given.scored
        assert abs(one.given.mean - other.given.mean) > 1e-3


def test_the_oldest_exchanges_are_left_out_whole_until_the_target_has_room(tmp_path: Path) -> None:
    """The context has 256 tokens; the student of chance has a token for each byte or so."""
    long = ["Be brief.", *(f"{number} words" * 8 for number in range(40))]
    given = settings("http://127.0.0.1:9", run={"method": "score"}, student={"context": 256})
    with workspace(
        tmp_path / "w.burnish", [row(*long), row(*long[:3]), row("Be brief. " * 80, *long[1:])]
    ) as opened:
        refine(opened, given)
        many, few, hopeless = (outcome.before for outcome in outcomes(opened) if outcome)
        assert many is not None
        assert few is not None
        assert hopeless is not None
        assert 0 < many.ifd.left_out < 20
        assert many.ifd.truncated
        assert many.ifd.given is not None
        assert few.ifd.given is not None
        assert many.ifd.given.scored == few.ifd.given.scored, "the whole target is scored"
        assert (few.ifd.left_out, few.ifd.truncated) == (0, False)
        # The system message stays, and has no room for anything beside it.
        assert hopeless.ifd.left_out == 20
        assert hopeless.ifd.value is None
        assert str(hopeless.ifd.reason).startswith("too long")
        kept = len(opened.database.execute("SELECT 1 FROM losses"))
        opened.database.execute("DELETE FROM figures")
        opened.database.execute("DELETE FROM outcomes")
        refine(opened, given)
        assert len(opened.database.execute("SELECT 1 FROM losses")) == kept, "found again, tries included"
        again = [outcome.before for outcome in outcomes(opened) if outcome]
        assert again == [many, few, hopeless]
