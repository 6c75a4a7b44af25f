"""The arms answer the held-out instructions, and a judge compares their answers with the base's and `original`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.events import Started
from engine.formats.tools import tools_text
from engine.judge.events import JudgeEvent
from engine.judge.judge import judge
from engine.judge.pairs import Sides
from engine.judge.prompt import Before, Pair
from engine.judge.record import Record
from engine.judge.recorded_model import RecordedModel
from engine.run.held import ending_when_held
from engine.run.settings import JudgeSettings
from engine.trial.answers import ANSWER_SEED, ANSWERS, ArmAnswer, ArmAnswers, answered, kept_answers
from engine.trial.arms import BASE, ORIGINAL, TrialSample
from engine.trial.events import DoneBefore, TrialEvent
from engine.trial.judged import ArmVerdicts, JudgedAnswers, verdicts
from models.llamacpp.writer import EmbeddedWriter
from models.student import Passage
from models.teacher import TeacherInfo

RECORD = "answers.judged"
"""The record of a judge's replies and verdicts, in a trial's folder."""

Emit = Callable[[TrialEvent], None]
AtWork = Callable[[str], AbstractContextManager[Emit]]
"""What shows a part of the work while it lasts, given what is counted in it, in the plural."""


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """The judge of a trial's answers."""

    settings: JudgeSettings
    limit: int = 512  # tokens that an answer may have


@dataclass(frozen=True, slots=True)
class Respondent:
    """The student with an arm's adapter, or as it is."""

    folder: Path  # where its answers are kept
    writer: EmbeddedWriter


Answers = Mapping[str, Mapping[int, ArmAnswer]]
"""By arm, its answers by their samples' places."""


async def answered_by_arms(
    respondents: Mapping[str, Respondent], questions: Sequence[Passage | None], limit: int, emit: Emit
) -> Answers:
    """The answers of every arm; what was answered before costs nothing. Raises as `answered`."""
    before = sum(len(kept_answers(one.folder, limit)) for one in respondents.values())
    emit(Started(len(respondents) * len(questions), before, 0, ()))
    found = {}
    for arm, one in respondents.items():
        try:
            found[arm] = await answered(one.writer, questions, one.folder, limit, emit)
        finally:
            await one.writer.close()
    return found


async def judged_arms(
    out: Path,
    settings: JudgeSettings,
    held_out: Sequence[TrialSample],
    answers: Answers,
    teacher: str | None,
    emit: Emit,
) -> tuple[TeacherInfo, dict[str, dict[str, ArmVerdicts]]]:
    """The judge, and its verdicts on each arm's answers beside the base's and beside `original`'s.

    `teacher`: the digest of the model that wrote the refined data. Raises as `judge.judge`, and `HeldError` where the
    first pairs all fail in the same way.
    """
    compared = [
        (against, arm, _sides(out, held_out, answers, against, arm))
        for against in (BASE, ORIGINAL)
        for arm in answers
        if arm not in (BASE, against)
    ]
    emit(Started(sum(_count(sides) for *_, sides in compared), 0, 0, ()))

    def on_event(event: JudgeEvent) -> None:
        emit(DoneBefore(event.done) if isinstance(event, Started) else event)

    rows = {sample.index: sample.row for sample in held_out}
    beside: dict[str, dict[str, ArmVerdicts]] = {BASE: {}, ORIGINAL: {}}
    with Record.at(out / RECORD) as record:
        async with RecordedModel(record, settings, ending_when_held(on_event)) as respondent:
            info = (await respondent.open()).info
            respondent.warn_of_own_work(info, teacher)
            for against, arm, sides in compared:
                comparison = await judge(respondent, sides, settings.reply_form)
                judged = list(record.judged(comparison))
                beside[against][arm] = verdicts(judged, sides.same, rows)
            return info, beside


async def judged_answers(
    out: Path,
    asked: JudgeRequest,
    held_out: Sequence[TrialSample],
    questions: Sequence[Passage | None],
    respondents: Mapping[str, Respondent],
    teacher: str | None,
    at_work: AtWork,
) -> JudgedAnswers:
    """Have every arm answer, and its answers judged.

    `questions`: what each held-out sample asks; None: it cannot be asked. `teacher`: as of `judged_arms`.
    """
    with at_work("answers") as emit:
        answers = await answered_by_arms(respondents, questions, asked.limit, emit)
    with at_work("pairs") as emit:
        info, beside = await judged_arms(out, asked.settings, held_out, answers, teacher, emit)
    return JudgedAnswers(
        judge=info,
        wrote_refined=info.digest == teacher,
        form=asked.settings.reply_form,
        seed=ANSWER_SEED,
        limit=asked.limit,
        samples=len(held_out),
        answers={arm: ArmAnswers.of(found) for arm, found in answers.items()},
        beside=beside,
    )


def answer_folder(out: Path, arm: str) -> Path:
    """Where the answers of an arm, or of the base, are kept."""
    return out / BASE if arm == BASE else out / arm / str(ANSWER_SEED)


def _sides(out: Path, held_out: Sequence[TrialSample], answers: Answers, against: str, arm: str) -> Sides:
    """An arm's answers beside another's, to every instruction that both have answered."""
    pairs = list(_pairs(held_out, answers[against], answers[arm]))
    different = [pair for pair in pairs if pair.a != pair.b]
    return Sides(
        against,
        arm,
        tuple(str(answer_folder(out, name).absolute() / ANSWERS) for name in (against, arm)),
        partial(iter, different),
        same=len(pairs) - len(different),
    )


def _pairs(
    held_out: Sequence[TrialSample], one: Mapping[int, ArmAnswer], other: Mapping[int, ArmAnswer]
) -> Iterator[Pair]:
    for place, sample in enumerate(held_out):
        if place in one and place in other:
            asked = sample.original
            yield Pair(
                row=sample.index,
                a=asked.version.model_copy(update={"response": one[place].said}),
                b=asked.version.model_copy(update={"response": other[place].said}),
                before=Before(history=asked.history, tools=tools_text({"tools": list(asked.tools)})),
            )


def _count(sides: Sides) -> int:
    return sum(1 for _ in sides.pairs())
