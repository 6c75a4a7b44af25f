"""The two models behind the workspace: what they once said is taken from there, and never paid for twice.

Before a request or a passage goes to a model it is looked up, and an answer is committed before it is used. So
a sample may be begun as often as one likes: it goes the same way as before, for nothing, up to the first answer
that is missing. Resuming a run, choosing again for another student, and working stage by stage with only one
model in memory are all this one mechanism.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

from engine.events import (
    AttemptFailed,
    Event,
    Generated,
    Notice,
    Paused,
    ReplyGrew,
    Resumed,
    Scored,
    SharedEvent,
    StudentQueue,
    TeacherQueue,
)
from engine.method.recipe import Sampling
from engine.method.reflection import Question, UnusableReply
from engine.run.gates import Gate
from engine.sample import Stage
from engine.store.workspace import Workspace
from models.student import MISSING, Losses, Passage, PassageError, Student, StudentInfo
from models.teacher import (
    HOPELESS,
    PAUSING,
    UNHEARD,
    Fault,
    Reply,
    Request,
    Teacher,
    TeacherError,
    TeacherInfo,
)

T = TypeVar("T")

ATTEMPTS = 3
"""A question is put once, and twice more: with another seed and a little temperature where the reply was no use,
as it was where there was none."""

PAUSE = 1.0  # seconds before the first try while a run is paused; each further one waits twice as long


class NeedsTeacher(Exception):  # noqa: N818 - a sample's state, not an error
    """The sample cannot go on without a reply that was never asked for, and there is no teacher here."""


class NeedsStudent(Exception):  # noqa: N818
    """The sample cannot go on without losses that were never computed, and there is no student here."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How much is asked of a teacher's server, and how long it is waited for. Decides no outcome."""

    parallel: int = 1  # requests in flight at once
    patience: float = 600.0  # seconds a pause may last before it ends the run


class Replies(Protocol):
    """Where replies are kept: a workspace, or a record of what was asked outside of one."""

    def reply(self, sample: int, request: bytes, /) -> Reply | None: ...

    def keep_reply(self, sample: int, request: bytes, reply: Reply, about: Mapping[str, Any], /) -> None: ...

    def retries(self, sample: int, /) -> int:
        """How often a person asked to try again what gave no usable reply."""


class ReplayingTeacher:
    """A teacher whose replies are kept. With `teacher` None there are only the replies that are here."""

    def __init__(
        self,
        workspace: Replies,
        info: TeacherInfo,
        sampling: Sampling,
        serving: Serving,
        emit: Callable[[SharedEvent], None],
        teacher: Teacher | None,
        gate: Gate,
    ) -> None:
        self._workspace = workspace
        self._info = info
        self._sampling = sampling
        self._serving = serving
        self._emit = emit
        self._teacher = teacher
        self._gate = gate
        self._slots = asyncio.Semaphore(serving.parallel)
        self._wanted = 0  # replies that are being fetched, whether they have a slot or wait for one
        self._in_flight: list[tuple[int, Stage, str]] = []
        self._recovering = asyncio.Lock()
        self._wait = PAUSE  # seconds before the next try while paused
        self._answers = 0
        self._fault: Fault | None = None  # what the run is paused for
        self._paused_at: float | None = None

    async def ask(self, sample: int, stage: Stage, candidate: int, question: Question[T]) -> T:
        """What the teacher says to a question. See `reflection.AskTeacher` for what is raised."""
        failure: UnusableReply | TeacherError | None = None
        # Only useless replies move the seed on: a run that is taken up again would miss what was paid for.
        useless = 0
        for attempt in range(ATTEMPTS * (1 + self._workspace.retries(sample))):
            request = self._sampling.request(question, candidate, useless)
            key = request.digest(self._info)
            kept = self._workspace.reply(sample, key)
            try:
                reply = kept or await self._fetch(
                    sample, stage, candidate, useless, question.name, request, key
                )
                return question.parse(reply)
            except (UnusableReply, TeacherError) as error:
                if error.fault in HOPELESS | PAUSING:
                    raise
                failure = error
                useless += error.fault not in UNHEARD
                if kept is None:  # else it was told when the reply came
                    self._emit(AttemptFailed(sample, stage, question.name, attempt, error.fault, str(error)))
        assert failure is not None
        raise failure

    async def _fetch(
        self, sample: int, stage: Stage, candidate: int, attempt: int, name: str, request: Request, key: bytes
    ) -> Reply:
        if self._teacher is None:
            raise NeedsTeacher

        def on_text(text: str) -> None:
            self._resume()
            self._emit(ReplyGrew(sample, stage, name, text))

        with self._queued():
            async with self._slots:
                while True:
                    await self._gate.passed()
                    try:
                        with self._in_flight_while((sample, stage, name)):
                            reply = await self._teacher.ask(request, on_text)
                        break
                    except TeacherError as error:
                        if error.fault not in PAUSING:
                            raise
                        await self._wait_until_recovered(self._teacher, error)
        self._recovered()
        self._workspace.keep_reply(
            sample,
            key,
            reply,
            {
                "stage": stage,
                "question": name,
                "candidate": candidate,
                "attempt": attempt,
                "teacher": self._info.digest,
                "seed": request.seed,
                "temperature": request.temperature,
                "think": request.think,
                "context": self._info.context,
            },
        )
        self._emit(Generated(sample, stage, name, reply.tokens, reply.seconds))
        return reply

    async def _wait_until_recovered(self, teacher: Teacher, error: TeacherError) -> None:
        """Wait until the server may be asked again; every request in flight waits here together.

        Raises the error once the pause has lasted for `patience` seconds.
        """
        asked = self._answers
        async with self._recovering:
            if self._answers > asked:
                return  # it was mended while this request waited for its turn
            while True:
                # In the loop: another request may be answered meanwhile, and the next failure is a new pause.
                self._paused_at = self._paused_at or time.monotonic()
                if self._fault is not error.fault:
                    self._fault = error.fault
                    self._emit(Paused(error.fault, str(error)))
                if time.monotonic() - self._paused_at > self._serving.patience:
                    raise error
                await asyncio.sleep(self._wait * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
                # A server that is not there is asked for nothing; a busy one is not to be asked too often.
                longest = 4.0 if error.fault is Fault.UNREACHABLE else 30.0
                self._wait = min(2 * self._wait, longest)
                try:
                    await teacher.open()
                except TeacherError as still:
                    if still.fault in PAUSING:  # any other does not say what the run waits for
                        error = still
                else:
                    return

    def _recovered(self) -> None:
        """A reply came: whatever was wrong is not any more."""
        self._answers += 1
        self._wait, self._paused_at = PAUSE, None
        self._resume()

    def _resume(self) -> None:
        """The teacher writes again. Patience begins anew only with a whole reply."""
        if self._fault is not None:
            self._fault = None
            self._emit(Resumed())

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
    def _in_flight_while(self, request: tuple[int, Stage, str]) -> Iterator[None]:
        self._in_flight.append(request)
        self._emit_queue()
        try:
            yield
        finally:
            self._in_flight.remove(request)
            self._emit_queue()

    def _emit_queue(self) -> None:
        self._emit(TeacherQueue(tuple(self._in_flight), self._wanted - len(self._in_flight)))


class ReplayingStudent:
    """A student whose token losses are kept. With `student` None there are only those that are here.

    Losses belong to the student's weights, its start token, the context length and the precision: a passage's
    key names them all, and the template through the passage's own text.
    """

    def __init__(
        self,
        workspace: Workspace,
        info: StudentInfo,
        emit: Callable[[Event], None],
        student: Student | None,
        gate: Gate,
    ) -> None:
        self._workspace = workspace
        self._identity = [info.digest, info.bos, info.context, info.exact]
        self._emit = emit
        self._student = student
        self._gate = gate
        self._before: Counter[int] = Counter()  # calls by sample that have no answer yet
        self._failed_at: set[int] = set()  # samples of which it was said
        self._in_flight = 0
        self._reported_at = (
            0.0  # when the student began, or last reported: samples overlap, their seconds must not
        )

    def _key(self, passage: Passage) -> bytes:
        body = json.dumps([self._identity, asdict(passage)])
        return hashlib.sha256(body.encode("ascii")).digest()[:16]

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
        """What the student says; `MISSING` of a passage that llama.cpp fails at: only the sample is to suffer."""
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
