"""The progress of a run, a judging or a trial, from its events: the command line and the app show the same."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from engine.events import (
    AttemptFailed,
    Chosen,
    DroppedMeanwhile,
    Event,
    Finished,
    Generated,
    Held,
    NodeChanged,
    Notice,
    Paused,
    PhaseEnded,
    PhaseStarted,
    RefinedBefore,
    ReplyGrew,
    Resumed,
    SampleAdvanced,
    Scored,
    Started,
    StudentOpened,
    StudentQueue,
    TeacherOpened,
    TeacherQueue,
)
from engine.judge.events import Answered, JudgedBefore, JudgeEvent, PairJudged, VersionRated
from engine.judge.prompt import Result
from engine.pace import Measured, Pace, Pulse, Stopwatch
from engine.sample import Stage, Verdict
from engine.tasks.events import RequestsDone, TasksEvent
from engine.trial.events import DoneBefore, Trained, TrialEvent
from models.ray.cluster import NodeWork
from models.student import StudentInfo
from models.system.units import counted
from models.teacher import TeacherInfo


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """The work done since a run or a judging was begun, or taken up again."""

    done: int
    before: int  # of what is asked for, done in earlier sessions
    seconds: float  # without those that were waited
    nodes: tuple[NodeWork, ...] = ()  # of a Ray cluster, each model of each

    def then(self, later: SessionCounts) -> SessionCounts:
        """These, and those of the same session's next part."""
        return SessionCounts(self.done + later.done, self.before, self.seconds + later.seconds, later.nodes)

    def as_json(self) -> dict[str, Any]:
        counts: dict[str, Any] = {"done": self.done, "before": self.before, "seconds": round(self.seconds, 1)}
        return counts | ({"nodes": [asdict(node) for node in self.nodes]} if self.nodes else {})


class Tally:
    """The counts of a run, a judging or a trial so far, and its state now."""

    DECISIONS = 1000
    """The last ones that are kept to be shown."""

    def __init__(self) -> None:
        self.total = self.done = self.failed = 0
        self.skipped = self.finished = 0  # of those done: in earlier sessions, and in this one
        self.stages: tuple[Stage, ...] = ()
        self.chosen: Counter[Stage] = Counter()
        self.replaced: Counter[Stage] = Counter()
        self.near_ties = self.length_decides = self.inputs_lost = 0
        self.results: Counter[Result] = Counter()  # of a judge's pairs
        self.failed_attempts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()  # of stages that failed, by kind
        self.trained: Trained | None = None  # the last step of a trial
        self.replies = self.teacher_tokens = self.student_tokens = 0
        self.teacher_seconds = self.student_seconds = 0.0
        self.teacher_pulse, self.student_pulse = Pulse(), Pulse()  # pieces of text; tokens
        self.teacher: TeacherInfo | None = None
        self.student: StudentInfo | None = None  # None: not loaded yet
        self.teacher_queue = TeacherQueue((), 0)
        self.student_queue = 0  # samples before the student
        self.decisions: deque[Chosen | Finished] = deque(maxlen=self.DECISIONS)
        self.decided = 0  # of them, the dropped included
        self.phase: PhaseStarted | None = None  # in the staged schedule
        self.advanced = 0  # samples in this phase
        self.nodes: dict[tuple[str, str], NodeWork] = {}  # by node and model
        self.notices: list[str] = []
        self.paused: str | None = None
        self.held = False
        self.held_for: str | None = None  # None: a person holds it, or nobody does
        self.began = False
        self.over = False
        self.watch, self.phase_watch = Stopwatch(), Stopwatch()

    def add(self, event: Event | JudgeEvent | TrialEvent | TasksEvent) -> None:
        self._count(event)
        self._count_in_parts(event)
        self._follow(event)
        if isinstance(event, Held):
            self.hold(event.text)
        if isinstance(event, NodeChanged):
            self.nodes[event.work.node, event.work.model] = event.work
        self._watch()

    def _count(self, event: Event | JudgeEvent | TrialEvent | TasksEvent) -> None:
        """Count what came of the work."""
        match event:
            case Started():
                self.total, self.done, self.failed, self.stages = (
                    event.total,
                    event.done,
                    event.failed,
                    event.stages,
                )
                self.skipped = event.done
                self.chosen.update(dict.fromkeys(event.stages, event.done))
                self.began = True
            case Generated():
                self.replies += 1
                self.teacher_tokens += event.tokens
                self.teacher_seconds += event.seconds
            case AttemptFailed():
                self.failed_attempts[event.fault] += 1
            case Scored():
                self.student_tokens += event.tokens
                self.student_seconds += event.seconds
                self.student_pulse.add(event.tokens)
            case Chosen(choice=choice):
                self.chosen[choice.stage] += 1
                self.replaced[choice.stage] += choice.verdict is Verdict.REPLACED
                self.near_ties += choice.near_tie
                self.length_decides += choice.length_decides
                self._decide(event)
            case Finished(outcome=outcome, input_lost=lost):
                self.inputs_lost += lost
                self.done += 1
                self.finished += 1
                self.failed += bool(outcome.failures)
                self.faults.update(failure.fault for failure in outcome.failures)
                if not self.stages:
                    self._decide(event)
            case DroppedMeanwhile():
                self.total, self.done, self.failed = event.total, event.done, event.failed
            case RefinedBefore() | JudgedBefore():
                self._take_up(event)
            case PairJudged(judged=judged):
                self.done += 1
                self.finished += 1
                self.failed += judged.result is Result.INVALID
                self.results[judged.result] += 1
            case Answered(failure=failure) | VersionRated(failure=failure):
                self.done += 1
                self.finished += 1
                self.failed += failure is not None
            case _:
                pass

    def _take_up(self, before: RefinedBefore | JudgedBefore) -> None:
        """Count what earlier sessions did."""
        if isinstance(before, JudgedBefore):
            self.results.update(before.results)
            return
        self.replaced.update(before.replaced)
        self.near_ties += before.near_ties
        self.length_decides += before.length_decides
        self.inputs_lost += before.inputs_lost
        self.faults.update(before.faults)

    def _count_in_parts(self, event: Event | JudgeEvent | TrialEvent | TasksEvent) -> None:
        """Count steps of a training, and requests of tasks."""
        match event:
            case DoneBefore(count=count):
                self.done += count
                self.skipped += count
            case Trained():
                self.done += 1
                self.finished += 1
                self.trained = event
            case RequestsDone(count=count):
                self.done += count
                self.finished += count
            case _:
                pass

    def _follow(self, event: Event | JudgeEvent | TrialEvent | TasksEvent) -> None:
        """Keep what is going on now."""
        match event:
            case TeacherOpened(info=info):
                self.teacher = info
            case StudentOpened(info=info):
                self.student = info
            case PhaseStarted():
                self.phase, self.advanced, self.phase_watch = event, 0, Stopwatch()
            case PhaseEnded():
                self.phase = None
            case SampleAdvanced():
                self.advanced += 1
            case TeacherQueue():
                self.teacher_queue = event
            case StudentQueue(samples=samples):
                self.student_queue = samples
            case ReplyGrew():
                self.teacher_pulse.add(1)
            case Paused():
                self.paused = event.message
            case Resumed() | Generated():
                self.paused = None
            case Notice(text=text):
                self.notices.append(text)
            case _:
                pass

    def hold(self, reason: str | None = None) -> None:
        """The run is held: by a person, or for this reason."""
        self.held, self.held_for = True, reason
        self._watch()

    def go(self) -> None:
        self.held, self.held_for = False, None
        self._watch()

    def end(self) -> None:
        """The run is over, whatever is still told of it."""
        self.over = True
        self._watch()

    def reached(self, stage: Stage | None) -> int:
        """Samples past a stage; None: past all."""
        return self.done if stage is None else min(max(self.chosen[stage], self.done), self.total)

    def pace(self, stage: Stage | None) -> Pace | None:
        """The pace of samples past a stage. Samples of an earlier run, and time that was waited, do not count.

        None while the models work in turn: stages then come in bursts, and only the turn's own pace says something.
        """
        if self.phase is not None:
            return None
        reached = self.reached(stage)
        return Pace(reached - self.skipped, self.total - reached, self.watch.seconds)

    def phase_pace(self) -> Pace:
        """The pace of samples in this phase."""
        assert self.phase is not None
        return Pace(self.advanced, self.phase.samples - self.advanced, self.phase_watch.seconds)

    def speeds(self) -> str:
        """Both models' tokens a second, each over the time it was at work."""
        parts = []
        if self.teacher_seconds:
            replies = counted(self.replies, "reply", "replies")
            parts.append(f"teacher {replies}{self.now}, {self.teacher_speed:.1f} tokens/s")
        if self.student_seconds:
            parts.append(f"student {self.student_speed:.0f} tokens/s")
        return " · ".join(parts)

    @property
    def teacher_speed(self) -> float:
        """Tokens a second while it wrote."""
        return self.teacher_tokens / self.teacher_seconds if self.teacher_seconds else 0.0

    @property
    def student_speed(self) -> float:
        """Target tokens a second while it scored."""
        return self.student_tokens / self.student_seconds if self.student_seconds else 0.0

    @property
    def measured(self) -> Measured:
        return Measured(self.student_speed, self.phase is not None, self.failed_attempts.total())

    @property
    def session(self) -> SessionCounts:
        nodes = tuple(work for _, work in sorted(self.nodes.items()))
        return SessionCounts(self.finished, self.skipped, self.watch.seconds, nodes)

    def nodes_words(self) -> str:
        """The work of each node of a Ray cluster, in a line; empty without a cluster."""
        return " · ".join(_node_words(work) for _, work in sorted(self.nodes.items()))

    def counts(self) -> str:
        """Verdicts and troubles so far, those of earlier sessions too; of replies that were refused only this one's."""
        parts = [f"{stage} replaced {self.replaced[stage]}" for stage in self.stages]
        if self.results:
            parts += [f"{result} {self.results[result]}" for result in Result if result is not Result.INVALID]
        if self.trained:
            parts.append(f"{self.trained.arm}, seed {self.trained.seed}: loss {self.trained.loss:.3f}")
        if self.near_ties:
            parts.append(f"near ties {self.near_ties}")
        if self.length_decides:
            parts.append(f"decided by length {self.length_decides}")
        if self.inputs_lost:
            parts.append(f"inputs lost {self.inputs_lost}")
        if self.failed:
            parts.append(f"failed {self.failed}")
        if self.failed_attempts:
            parts.append(f"refused replies{self.now}: " + listed(self.failed_attempts))
        return " · ".join(parts)

    @property
    def now(self) -> str:
        """Words behind what is counted of this session alone, where there was an earlier one."""
        return " this session" if self.skipped else ""

    def _decide(self, event: Chosen | Finished) -> None:
        self.decisions.append(event)
        self.decided += 1

    def _watch(self) -> None:
        running = self.began and not (self.paused or self.held or self.over)
        self.watch.set(running=running)
        self.phase_watch.set(running=running and self.phase is not None)


def _node_words(work: NodeWork) -> str:
    if work.why is not None:
        return f"{work.node} {work.model} out"
    speed = f", {work.tokens / work.seconds:.1f} tokens/s" if work.seconds else ""
    return f"{work.node} {work.model} {work.in_flight} in flight{speed}"


def listed(counts: Counter[str]) -> str:
    """The counts in words, the most frequent first."""
    return ", ".join(f"{kind} {n}" for kind, n in counts.most_common())
