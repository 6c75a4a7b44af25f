"""The arms answer what was held out with their adapters, and a judge compares them: nothing is asked twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.judge.events import Answered
from engine.method.templates import PUBLISHED, TemplateName
from engine.progress import Tally
from engine.run.settings import JudgeSettings
from engine.sample import Turn, Version
from engine.trial.answers import ANSWERS, kept_answers
from engine.trial.arms import BASE, Exchange, TrialSample
from engine.trial.events import TrialEvent
from engine.trial.judged import JudgedAnswers
from engine.trial.judging import Emit, JudgeRequest, Respondent, answer_folder, judged_answers
from models.llamacpp.writer import EmbeddedWriter
from models.student import Passage
from tests import judges
from tests.conftest import made_once
from tests.gguf_writer import lora, runnable
from tests.ollama.script import Chat
from tests.ollama.server import FakeOllama
from tests.running import TEACHER

LIMIT = 6
BEFORE = Turn(role="user", text="Hello."), Turn(role="assistant", text="Hello to you.")


def sample(number: int) -> TrialSample:
    asked = Exchange(Version(instruction=f"Say {number}.", response="-"), BEFORE, ({"name": "look"},))
    return TrialSample(number + 3, number, asked, asked, by_rule=True)


HELD_OUT = [sample(number) for number in range(4)]
QUESTIONS = [
    *(
        Passage(PUBLISHED[TemplateName.ALPACA](one.original.version.instruction, "", (), ""), "-")
        for one in HELD_OUT[:3]
    ),
    None,  # what was said before it cannot be written
]


class Trial:
    """The answers of two arms and the base, judged in a folder."""

    def __init__(self, out: Path, server: FakeOllama) -> None:
        self.out, self.server = out, server
        self.events: list[TrialEvent] = []
        self.tallies: dict[str, Tally] = {}
        self.teacher: str | None = None  # the digest of the one that wrote the refined data

    @contextmanager
    def at_work(self, unit: str) -> Iterator[Emit]:
        tally = self.tallies[unit] = Tally()

        def emit(event: TrialEvent) -> None:
            self.events.append(event)
            tally.add(event)

        yield emit

    def judged(self) -> JudgedAnswers:
        self.events = []
        model = made_once("chance.gguf", runnable)
        sizes = {BASE: None, "original": 0.0, "refined": 1.0}
        respondents = {
            arm: Respondent(
                answer_folder(self.out, arm),
                EmbeddedWriter(
                    model,
                    name=arm,
                    context=400,
                    adapter=None if size is None else lora(self.out / f"{arm}.gguf", size),
                ),
            )
            for arm, size in sizes.items()
        }
        settings = JudgeSettings(name=TEACHER, host=self.server.url, patience=0.0)
        asked = JudgeRequest(settings, LIMIT)
        return asyncio.run(
            judged_answers(self.out, asked, HELD_OUT, QUESTIONS, respondents, self.teacher, self.at_work)
        )

    def answered(self) -> int:
        return sum(isinstance(event, Answered) and event.failure is None for event in self.events)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with FakeOllama(judges.longer) as server:
        yield Trial(tmp_path, server)


def test_each_arm_answers_with_its_adapter_and_is_judged_beside_the_base_and_the_original(
    trial: Trial,
) -> None:
    judged = trial.judged()
    assert list(judged.answers) == [BASE, "original", "refined"]
    assert [(one.answered, one.cut, one.tokens) for one in judged.answers.values()] == [(3, 3, LIMIT)] * 3
    # The adapter of original adds nothing, so its answers are the base's.
    assert {against: list(by_arm) for against, by_arm in judged.beside.items()} == {
        BASE: ["original", "refined"],
        "original": ["refined"],
    }
    assert judged.beside[BASE]["original"].same == 3
    assert judged.beside[BASE]["original"].results.counts.total == 0
    refined = judged.beside["original"]["refined"]
    assert (refined.results.counts.total, refined.same, refined.finding) == (3, 0, "too few")
    assert len(trial.server.chats) == 2 * 3, "the pairs beside the base are those beside original"
    first = Chat(0, trial.server.chats[0].body)
    assert (
        judges.shown(first)[1]
        == json.loads((trial.out / "refined" / "1" / ANSWERS).read_text("ascii").splitlines()[0])[
            "text"
        ].strip()
    )
    assert all(text in first.prompt for text in ("Say 0.", "Hello to you.", "look"))
    answers, pairs = trial.tallies["answers"], trial.tallies["pairs"]
    assert (answers.total, answers.done, answers.failed) == (12, 12, 3)
    assert (pairs.total, pairs.done) == (6, 6)
    assert judged.missing == 3
    assert (trial.out / BASE / ANSWERS).stat().st_mode & 0o777 == 0o600


def test_what_was_answered_and_judged_before_costs_nothing_and_a_line_that_was_cut_is_asked_again(
    trial: Trial,
) -> None:
    before = trial.judged()
    asked = len(trial.server.chats)
    trial.teacher = before.judge.digest
    assert trial.judged() == before.model_copy(update={"wrote_refined": True})
    assert "a judge tends to favour what it wrote itself" in trial.tallies["pairs"].notices[0]
    trial.teacher = None
    assert (trial.answered(), len(trial.server.chats)) == (0, asked)
    assert (trial.tallies["pairs"].done, trial.tallies["pairs"].skipped) == (6, 6)
    path = trial.out / "refined" / "1" / ANSWERS
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert trial.judged() == before
    assert trial.answered() == 1
    assert len(trial.server.chats) == asked
    assert path.read_bytes().splitlines()[-1] == whole.splitlines()[-1]
    assert kept_answers(path.parent, LIMIT - 1) == {}, "answers of another length are others"
