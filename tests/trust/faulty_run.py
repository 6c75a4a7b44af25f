"""A run whose teacher fails by a schedule, and what must be true of it in the end.

    python -m tests.trust.faulty_run --seed 1 --form json      # 2,000 faults over 500 samples, and the figures

The real client asks the scripted server over the real loopback; the student is a stand-in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from unittest.mock import patch

from engine.events import AttemptFailed, Event, Paused
from engine.method.reply_forms import ReplyFormName
from engine.run import retry, session, students
from engine.sample import Outcome, Rule, Verdict
from models.teacher import Fault
from tests.gguf_writer import tiny
from tests.ollama.script import Chat, Scripted
from tests.ollama.server import FakeOllama
from tests.running import finals, outcomes, settings, workspace
from tests.stand_in import StandIn
from tests.trust.faults import Effect, Schedule, doom, doomed, drawn, put, refuse, replies_alone
from tests.trust.teaching import Place, rows, understood

PARALLEL = 24
LIMIT = 3.0  # seconds without a byte, or a line: far more than a machine at work needs, and short to wait for
PEAK = Path(
    "/proc/self/clear_refs"
)  # writing 5 makes the peak of memory what is used now; nothing is measured without


class Failing:
    """The script of a server that fails by a schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self._left = {place: deque(kinds) for place, kinds in schedule.items()}
        self._lock = Lock()
        self.injected: Counter[str] = Counter()
        self.refusing = False  # from the next moment on that the run gives us

    def __call__(self, chat: Chat) -> Scripted:
        asked = understood(chat)
        left = self._left.get(asked.place)
        if not left:
            return asked.answer(asked.sound())
        kind = left.popleft()
        with self._lock:
            self.injected[kind.name] += 1
        self.refusing |= kind.make is refuse
        return kind.make(asked)


@dataclass
class Ended:
    """The outcomes of a run, and all that was counted meanwhile."""

    finals: list[Any]
    outcomes: list[Outcome]
    injected: Counter[str]
    unused: dict[Place, list[Fault]]
    paused: Counter[Fault]
    chats: int
    requests: int  # of every kind
    again: list[Any]  # chats asked again after their answer
    committed: int  # replies
    seconds: float
    growth: int  # bytes by which the peak of memory lay above what there was before


@dataclass
class Listening:
    """Listens to the run, and opens and shuts the server's door in the run's own thread, where no request can be
    on its way through."""

    server: FakeOllama
    script: Failing
    unused: dict[Place, list[Fault]] = field(default_factory=dict)
    paused: Counter[Fault] = field(default_factory=Counter)
    messages: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, AttemptFailed):
            place = Place(event.sample, event.stage, event.question)
            self.unused.setdefault(place, []).append(event.fault)
            self.messages.append(event.why)
        elif isinstance(event, Paused):
            self.paused[event.fault] += 1
            self.messages.append(event.message)
            if event.fault is Fault.UNREACHABLE:
                self.server.accept()
        if self.script.refusing:
            self.script.refusing = False
            self.server.refuse()


def refined(folder: Path, name: str, form: ReplyFormName, samples: int, schedule: Schedule) -> Ended:
    script = Failing(schedule)
    student = tiny(folder / "student.gguf")
    with (
        FakeOllama(script, parallel=2 * PARALLEL) as server,
        workspace(folder / name, rows(samples)) as opened,
    ):
        listening = Listening(server, script)
        teacher = {"parallel": PARALLEL, "first_byte": LIMIT, "silence": LIMIT, "max_tokens": 256}
        given = settings(server, teacher=teacher, student={"name": str(student)}, run={"reply_form": form})
        before, began = memory(), time.monotonic()
        with (
            patch.object(students, "EmbeddedStudent", StandIn),
            patch.object(retry, "PAUSE", 0.02),
            patch.object(retry, "BUSY_DELAYS", ()),
        ):
            summary = asyncio.run(session.refine_workspace(opened, given, listening))
        seconds, growth = time.monotonic() - began, peak() - before
        assert (summary.total, summary.done, summary.waiting) == (samples, samples, ())
        assert all(messages.isprintable() and len(messages) < 600 for messages in listening.messages)
        return Ended(
            finals=finals(opened),
            outcomes=[outcome for outcome in outcomes(opened) if outcome is not None],
            injected=script.injected,
            unused=listening.unused,
            paused=listening.paused,
            chats=len(server.chats),
            requests=len(server.exchanges),
            again=server.asked_again(),
            committed=sum(len(opened.replies(index)) for index in range(samples)),
            seconds=seconds,
            growth=growth,
        )


def hold_to(schedule: Schedule, form: ReplyFormName, ended: Ended) -> None:
    """Everything happened, and was answered as is said; nothing was paid for twice."""
    assert ended.injected == Counter(kind.name for kinds in schedule.values() for kind in kinds)
    lost = doomed(schedule)
    for outcome in ended.outcomes:
        for choice in outcome.choices:
            fault = lost.get((outcome.index, choice.stage))
            assert (choice.failure and choice.failure.fault) == fault, (outcome.index, choice)
            if fault is not None:
                assert (choice.verdict, choice.rule) == (Verdict.KEPT, Rule.TEACHER_FAILED)
    failed = {
        place: [kind.fault for kind in kinds if kind.effect in (Effect.AGAIN, Effect.ANEW)]
        for place, kinds in schedule.items()
    }
    assert ended.unused == {place: faults for place, faults in failed.items() if faults}
    assert ended.again == []
    asked = answered = useless = 0
    for place in put(schedule, form, len(ended.outcomes)):
        kinds = schedule.get(place, ())
        sound = doom(kinds) is None
        asked += sound + sum(kind.effect is not Effect.HARMLESS for kind in kinds)
        answered += sound
        useless += sum(kind.effect is Effect.ANEW and kind.fault is not Fault.UNFINISHED for kind in kinds)
    assert ended.chats == asked
    assert ended.committed == answered + useless


def compare(schedule: Schedule, ended: Ended, steady: Ended, quiet: Ended) -> tuple[int, int]:
    """Hold a run to the ends of two others: of the same teacher where nothing else failed, and of one that never gave
    a useless reply. Returns how many samples were compared with each."""
    lost = {sample for sample, _ in doomed(schedule)}
    useless = {place.sample for place in replies_alone(schedule)}
    whole = set(range(len(ended.finals))) - lost
    assert [ended.finals[n] for n in sorted(whole)] == [steady.finals[n] for n in sorted(whole)]
    untouched = sorted(whole - useless)
    assert [ended.finals[n] for n in untouched] == [quiet.finals[n] for n in untouched]
    return len(whole), len(untouched)


def memory() -> int:
    """Bytes of memory this process has, from which the next peak is measured."""
    if PEAK.exists():
        PEAK.write_text("5")
    return _status("VmRSS")


def peak() -> int:
    return _status("VmHWM")


def _status(line: str) -> int:
    if not PEAK.exists():
        return 0
    return int(Path("/proc/self/status").read_text().split(f"{line}:")[1].split()[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.trust.faulty_run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--form", type=ReplyFormName, choices=list(ReplyFormName), default=ReplyFormName.JSON)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--faults", type=int, default=2000)
    given = parser.parse_args()
    schedule = drawn(given.seed, given.form, given.samples, given.faults)
    with tempfile.TemporaryDirectory() as folder:
        ended, steady, quiet = (
            refined(Path(folder), f"{name}.burnish", given.form, given.samples, plan)
            for name, plan in (("faulty", schedule), ("steady", replies_alone(schedule)), ("quiet", {}))
        )
    hold_to(schedule, given.form, ended)
    whole, untouched = compare(schedule, ended, steady, quiet)
    lost = doomed(schedule)
    effects = Counter(kind.effect for kinds in schedule.values() for kind in kinds)
    print(
        json.dumps(
            {
                "seed": given.seed,
                "form": given.form,
                "samples": given.samples,
                "faults": ended.injected.total(),
                "by effect": effects,
                "by kind": dict(ended.injected.most_common()),
                "chats": ended.chats,
                "requests": ended.requests,
                "pauses": ended.paused,
                "samples refined in both stages": given.samples - len({sample for sample, _ in lost}),
                "stages failed, by kind": Counter(lost.values()),
                "samples as in a run of the same teacher without other faults": whole,
                "samples as in a run without any fault": untouched,
                "replies committed": ended.committed,
                "asked again after their answer": len(ended.again),
                "seconds": round(ended.seconds, 1),
                "seconds without faults": round(quiet.seconds, 1),
                "peak memory above the start, MiB": round(ended.growth / 2**20, 1),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
