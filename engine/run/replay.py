"""Replay: an answer of a model is committed before it is used, and never paid for twice.

Before a request or a passage goes to a model it is looked up under the digest of all that decides the answer. If it
is there, it is used; if not, the model is asked, and its answer is on the disk before anything is made of it. So a
sample may be begun as often as one likes: it goes the same way as before, for nothing, up to the first answer that is
missing. All of these are that one mechanism, and nothing keeps a place to go on from:

- resuming: after `kill -9` every sample is begun again, and the replies that were paid for are found;
- choosing again for another student: the same replies are found, other losses are missing;
- working stage by stage: with one model in memory a sample goes as far as that one takes it, and stops with
  `NeedsTeacher`, `NeedsStudent` or `NeedsVerifier`; when that one is in memory, it is begun again;
- trying again what failed: with more attempts, of which the first are found.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from engine.events import (
    AttemptFailed,
    Event,
    Generated,
    Notice,
    Place,
    ReplyGrew,
    Scored,
    SharedEvent,
    StudentQueue,
    TeacherQueue,
)
from engine.formats.following import reasoning_before
from engine.formats.tools import definitions_in
from engine.method.reflection import Question, UnusableReply
from engine.method.scores import (
    Measure,
    RatioPassages,
    TokenRatio,
    distinct_passages,
    ifd_passages,
    r_ifd_passages,
    token_ratio,
    unscored,
)
from engine.method.templates import Template, Tools
from engine.method.token_gain import TokenGains, half
from engine.run.first_samples import FirstSamples
from engine.run.gates import Gate
from engine.run.retry import Attempts, PatientTeacher, fits, with_more_room
from engine.run.schema_watch import SchemaWatch
from engine.run.slots import Slots
from engine.run.stopping import WatchedReply
from engine.run.teachers import OpenTeacher
from engine.sample import History, Sample, Scores, Stage, Version, exchanges
from engine.store.workspace import Workspace
from models.llamacpp.chat_template import ChatTemplateError
from models.student import (
    MISSING,
    Losses,
    Passage,
    PassageError,
    Piece,
    Student,
    StudentError,
    StudentInfo,
)
from models.system.threads import on_daemon_thread
from models.teacher import Reply, Request, TeacherError

T = TypeVar("T")


class NeedsTeacher(Exception):  # noqa: N818 - a sample's state, not an error
    """The sample cannot go on without a reply that was never asked for, and there is no teacher here."""


class NeedsStudent(Exception):  # noqa: N818
    """The sample cannot go on without losses that were never computed, and there is no student here."""


class NeedsVerifier(Exception):  # noqa: N818
    """The sample cannot go on without losses of better weights, and those are not in memory now."""


class Replies(Protocol):
    """A keeper of replies: a workspace, or the record of what was asked outside of one."""

    def reply(self, sample: int, request: bytes, /) -> Reply | None: ...

    def keep_reply(self, sample: int, request: bytes, reply: Reply, about: Mapping[str, Any], /) -> None: ...

    def retries(self, sample: int, /) -> int:
        """The number of times a person asked to try again what gave no usable reply."""


class ReplayingTeacher:
    """A teacher whose replies are kept; of one without a model there are only the replies that are here."""

    def __init__(
        self,
        replies: Replies,
        teacher: OpenTeacher,
        emit: Callable[[SharedEvent], None],
        gate: Gate,
        first: FirstSamples | None = None,
        schemas: SchemaWatch | None = None,
    ) -> None:
        """`first`: watches the first samples; None: nothing is held. `schemas`: watches its replies' shape."""
        self._replies = replies
        self.first = first
        self._schemas = schemas
        self._info = teacher.info
        self._sampling = teacher.sampling
        self._emit = emit
        model = teacher.model
        self._model = None if model is None else PatientTeacher(model, teacher.patience, emit)
        self._gate = gate
        self._slots = Slots(teacher.parallel)
        self._wanted = 0  # replies that are being fetched, whether they have a slot or wait for one
        self._in_flight: list[Place] = []

    async def ask(self, sample: int, stage: Stage, candidate: int, question: Question[T]) -> T:
        """The teacher's answer to a question about a sample. See `reflection.AskTeacher` for what is raised."""
        place = Place(sample, stage, question.name)
        attempts = Attempts(1 + self._replies.retries(sample))
        try:
            answer = await self._answer(place, candidate, question, attempts)
        except (UnusableReply, TeacherError) as error:
            if self.first is not None:
                self.first.failed(place, error, attempts.reply)
            raise
        if self.first is not None:
            self.first.usable(place)
        return answer

    async def _answer(self, place: Place, candidate: int, question: Question[T], attempts: Attempts) -> T:
        while True:
            request = self._sampling.request(question, candidate, attempts.useless)
            if attempts.cut:
                request = with_more_room(request, self._info.context)
            key = request.digest(self._info)
            kept = self._replies.reply(place.sample, key)
            try:
                reply = attempts.reply = kept or await self._fetch(place, question, request)
                if kept is None:
                    self._keep(place, candidate, attempts.useless, request, key, reply)
                return self._parsed(question, request, reply)
            except (UnusableReply, TeacherError) as error:
                number = attempts.failed
                another = attempts.fail(error)
                if kept is None:  # else it was told when the reply came
                    self._emit(AttemptFailed(*place, number, error.fault, str(error)))
                if not another:
                    raise
                if isinstance(error, UnusableReply):
                    rest = question.after(reply)
                    if fits(self._sampling.request(rest), self._info.context):  # it is longer by the critique
                        question = rest

    def _parsed(self, question: Question[T], request: Request, reply: Reply) -> T:
        try:
            answer = question.parse(reply)
        except UnusableReply as error:
            if self._schemas is not None:
                self._schemas.unusable(request, reply, error)
            raise
        if self._schemas is not None:
            self._schemas.usable(request)
        return answer

    async def _fetch(self, place: Place, question: Question[T], request: Request) -> Reply:
        if (model := self._model) is None:
            raise NeedsTeacher

        with self._queued():
            async with self._slots.slot(request.messages):
                while True:
                    await self._gate.passed()
                    watched = WatchedReply(question)

                    def on_text(text: str, watched: WatchedReply = watched) -> None:
                        self._emit(ReplyGrew(*place, text))
                        watched.grow(text)

                    try:
                        with self._in_flight_while(place):
                            return await model.ask(request, on_text)
                    except TeacherError as error:
                        await model.recover(error)

    def _keep(
        self, place: Place, candidate: int, attempt: int, request: Request, key: bytes, reply: Reply
    ) -> None:
        self._replies.keep_reply(
            place.sample,
            key,
            reply,
            {
                "stage": place.stage,
                "question": place.question,
                "candidate": candidate,
                "attempt": attempt,
                "teacher": self._info.digest,
                "seed": request.seed,
                "temperature": request.temperature,
                "think": request.think,
                "context": self._info.context,
            },
        )
        self._emit(Generated(*place, reply.tokens, reply.seconds))

    @contextmanager
    def _queued(self) -> Iterator[None]:
        self._wanted += 1
        self._emit_queue()
        try:
            yield
        finally:
            self._wanted -= 1
            self._emit_queue()

    @contextmanager
    def _in_flight_while(self, place: Place) -> Iterator[None]:
        self._in_flight.append(place)
        self._emit_queue()
        try:
            yield
        finally:
            self._in_flight.remove(place)
            self._emit_queue()

    def _emit_queue(self) -> None:
        self._emit(TeacherQueue(tuple(self._in_flight), self._wanted - len(self._in_flight)))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A question to the student, with its losses."""

    passages: RatioPassages
    alone: Losses
    given: Losses
    left_out: int  # exchanges of the history, the oldest
    reasoned: bool  # the answer's reasoning stands before it


def _prompt(
    template: Template, history: History, tools: Tools, reasoning: str, instruction: str, input: str
) -> tuple[Piece, ...]:
    """A `Prompt`, with its first four arguments given."""
    return template(instruction, input, history, tools, reasoning)


def _not_carried(error: ChatTemplateError) -> str:
    return f"the student's chat template cannot carry the turns before it ({error})"


class ReplayingStudent:
    """A student whose token losses are kept. With `student` None there are only those that are here.

    Losses belong to the student's weights, its start token, the context length and the precision: a passage's
    key names them all, and the template through the passage's own text.
    """

    def __init__(
        self,
        workspace: Workspace,
        info: StudentInfo,
        template: Template,
        emit: Callable[[Event], None],
        student: Student | None,
        gate: Gate,
        *,
        reasoned: bool,
    ) -> None:
        """`reasoned`: an answer is scored after the reasoning that led to it."""
        self._workspace = workspace
        self._source = workspace.source() if reasoned else None
        self._identity = [info.digest, info.bos, info.context, info.exact]
        self._template = template
        self._emit = emit
        self._student = student
        self._gate = gate
        self._before: Counter[int] = Counter()  # calls by sample that have no answer yet
        self._failed_at: set[int] = set()  # samples that a notice told of
        self._in_flight = 0
        self._reported_at = (
            0.0  # when the student began, or last reported: samples overlap, their seconds must not
        )

    def _key(self, passage: Passage) -> bytes:
        asked = asdict(passage)
        del asked[
            "ranked"
        ]  # its losses are the same: those without ranks, of an earlier burnish, serve as well
        if not asked["whole"]:  # as it was before there was this
            del asked["whole"]
        body = json.dumps([self._identity, asked])
        return hashlib.sha256(body.encode("ascii")).digest()[:16]

    async def ratios(self, sample: Sample, measure: Measure, versions: Sequence[Version]) -> list[TokenRatio]:
        """IFD or r-IFD of some versions of a sample."""
        return await self._ratios(sample, [(measure, version) for version in versions])

    async def scores(self, sample: Sample, versions: Sequence[Version]) -> list[Scores]:
        """IFD and r-IFD of some versions of a sample."""
        asked = [(measure, version) for version in versions for measure in (ifd_passages, r_ifd_passages)]
        ratios = [found.ratio for found in await self._ratios(sample, asked)]
        return [Scores(ifd=a, r_ifd=b) for a, b in zip(ratios[::2], ratios[1::2], strict=True)]

    async def gains(self, sample: Sample, version: Version) -> TokenGains:
        """Token by token what each half of a version of a sample buys of the other."""
        try:
            ifd, r_ifd = await self._weighed(sample, [(ifd_passages, version), (r_ifd_passages, version)])
        except ChatTemplateError as error:
            raise StudentError(f"sample {sample.index}: {_not_carried(error)}") from error
        target = r_ifd.passages.alone.target
        return TokenGains(
            response=half(version.response, ifd.alone, ifd.given, ifd.left_out, reasoned=ifd.reasoned),
            instruction=half(target, r_ifd.alone, r_ifd.given, r_ifd.left_out),
        )

    async def _ratios(self, sample: Sample, asked: Sequence[tuple[Measure, Version]]) -> list[TokenRatio]:
        try:
            weighed = await self._weighed(sample, asked)
        except ChatTemplateError as error:
            return [unscored(_not_carried(error)) for _ in asked]
        return [token_ratio(one.alone, one.given, one.left_out) for one in weighed]

    async def _weighed(self, sample: Sample, asked: Sequence[tuple[Measure, Version]]) -> list[_Weighed]:
        """Both losses of each question, after as much of the history as leaves its target room.

        The oldest exchanges are left out whole, the fewest that do: it is tried with all of them, then by halving.
        Raises `ChatTemplateError`.
        """
        first, said = exchanges(sample.history)
        tools, reasoning = definitions_in(sample.row), self._reasoning(sample)
        low, high, left_out = [0] * len(asked), [len(said)] * len(asked), [0] * len(asked)

        def led_to(one: tuple[Measure, Version]) -> bool:
            """True where the reasoning led to what is scored: to no other answer; and g(y) holds the answer alone."""
            measure, version = one
            return measure is ifd_passages and version.response == sample.original.response

        def questions() -> list[RatioPassages]:
            found = []
            for one, out in zip(asked, left_out, strict=True):
                measure, version = one
                kept = *first, *(turn for part in said[out:] for turn in part)
                prompt = partial(_prompt, self._template, kept, tools, reasoning if led_to(one) else "")
                question = measure(version, prompt)
                given = replace(question.given, whole=out < len(said))
                found.append(RatioPassages(question.alone, given))
            return found

        rendered = sample.history or tools or reasoning
        while True:
            # A chat template is rendered in a process of its own, once for each order of roles.
            found = await on_daemon_thread(questions) if rendered else questions()
            losses = await self.losses(sample.index, distinct_passages(found))
            settled = True
            for number, question in enumerate(found):
                if low[number] == high[number]:
                    continue
                if losses[question.given].truncated:
                    low[number] = left_out[number] + 1
                else:
                    high[number] = left_out[number]
                middle = (low[number] + high[number]) // 2
                settled, left_out[number] = settled and middle == left_out[number], middle
            if settled:
                return [
                    _Weighed(
                        question,
                        losses[question.alone],
                        losses[question.given],
                        out,
                        bool(reasoning) and led_to(one),
                    )
                    for one, question, out in zip(asked, found, left_out, strict=True)
                ]

    def _reasoning(self, sample: Sample) -> str:
        """The reasoning of a sample's own answer, which the student reads before it; "" where it has none."""
        if self._source is None:
            return ""
        return reasoning_before(sample, self._source.format, self._source.columns)

    async def losses(self, sample: int, passages: Sequence[Passage]) -> dict[Passage, Losses]:
        """The token losses of some passages of a sample."""
        keys = {passage: self._key(passage) for passage in passages}
        found = self._workspace.losses(sample, keys.values())
        missing = [passage for passage, key in keys.items() if key not in found]
        if missing:
            if self._student is None:
                raise NeedsStudent
            with self._queued(sample):
                await self._gate.passed()
                if not self._in_flight:
                    self._reported_at = time.monotonic()
                self._in_flight += 1
                try:
                    fresh = dict(zip(missing, await self._ask(self._student, sample, missing), strict=True))
                finally:
                    self._in_flight -= 1
            seconds, self._reported_at = time.monotonic() - self._reported_at, time.monotonic()
            self._workspace.keep_losses(sample, {keys[p]: losses for p, losses in fresh.items()})
            found |= {keys[p]: losses for p, losses in fresh.items()}
            self._emit(Scored(sample, sum(len(losses.nll) for losses in fresh.values()), seconds))
        return {passage: found[key] for passage, key in keys.items()}

    async def _ask(self, student: Student, sample: int, passages: list[Passage]) -> list[Losses]:
        """The student's losses; `MISSING` of a passage that llama.cpp fails at: only the sample is to suffer."""
        try:
            return await student.losses(passages)
        except PassageError as error:
            if len(passages) > 1:
                return [(await self._ask(student, sample, [passage]))[0] for passage in passages]
            if sample not in self._failed_at:
                self._failed_at.add(sample)
                self._emit(
                    Notice(f"sample {sample}: llama.cpp {error.how}, twice; a text of it has no score")
                )
            return [MISSING]

    @contextmanager
    def _queued(self, sample: int) -> Iterator[None]:
        self._before[sample] += 1
        if self._before[sample] == 1:
            self._emit(StudentQueue(len(self._before)))
        try:
            yield
        finally:
            self._before[sample] -= 1
            if not self._before[sample]:
                del self._before[sample]
                self._emit(StudentQueue(len(self._before)))
