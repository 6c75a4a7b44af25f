"""Everything that can go wrong between burnish and its teacher: each fault, what comes of it, and random schedules.

What comes of a fault is said here once more, apart from the product, as its users are told:

- HARMLESS: the reply is whole all the same.
- AGAIN: no reply came, and the same request is sent again. One of a question's three attempts.
- ANEW: a reply came that is no use, and one with another seed is asked for. One of the three attempts.
- HOPELESS: asking again cannot help; the stage keeps what it had.
- PAUSE: the run waits, then sends the same request again. No attempt.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.method.reply_forms import ReplyFormName
from engine.sample import Stage
from models.teacher import Fault
from tests.ollama.releases import R24, R32, RELEASES, Release
from tests.ollama.script import Answer, Ending, Nothing, Raw, Refusal, Scripted
from tests.ollama.state import recorded
from tests.trust.teaching import Asked, Place, places

ATTEMPTS = 3


class Effect(StrEnum):
    HARMLESS = "harmless"
    AGAIN = "again"
    ANEW = "anew"
    HOPELESS = "hopeless"
    PAUSE = "pause"


EFFECTS: dict[Effect, set[Fault | None]] = {
    Effect.HARMLESS: {None},
    Effect.AGAIN: {Fault.BROKEN, Fault.SILENT},
    Effect.ANEW: {
        Fault.UNFINISHED, Fault.CUT, Fault.EMPTY, Fault.UNPARSABLE, Fault.PLACEHOLDER, Fault.REFUSAL, Fault.COPY,
        Fault.OUT_OF_ORDER, Fault.TEACHER_TALK, Fault.REVIEW, Fault.STRUCTURE, Fault.REPEATS,
    },
    Effect.HOPELESS: {Fault.REJECTED, Fault.TOO_LONG},
    Effect.PAUSE: {
        Fault.UNREACHABLE, Fault.MODEL_MISSING, Fault.FORBIDDEN, Fault.OUT_OF_MEMORY, Fault.BUSY,
    },
}  # fmt: skip
WEIGHTS = {
    Effect.HARMLESS: 10,
    Effect.AGAIN: 44,
    Effect.ANEW: 20,
    Effect.HOPELESS: 3,
    Effect.PAUSE: 23,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to fail, and what it is called then."""

    name: str
    fault: Fault | None  # None: it does no harm
    make: Callable[[Asked], Scripted]
    suits: Callable[[ReplyFormName, Place], bool] = lambda form, place: True

    @property
    def effect(self) -> Effect:
        return next(effect for effect, faults in EFFECTS.items() if self.fault in faults)

    def __str__(self) -> str:
        return self.name


# --- the way to the server, and the server ------------------------------------------------------------------------

BYTE = 1.0  # seconds
HUNDRED_MB = 1600  # times 64 KiB
LINE = b'{"model":"q","message":{"role":"assistant","content":"%s"},"done":false}\n'
DONE = b'{"model":"q","message":{"role":"assistant","content":"Late."},"done":true,"done_reason":"stop"}\n'
ERROR = json.loads(recorded("43_error_midstream_runner_killed")["body"].splitlines()[-1])["error"]


def _sound(**how: Any) -> Callable[[Asked], Answer]:
    """A sound reply, which something happens to."""
    return lambda asked: asked.answer(asked.sound(), **how)


def _inside(ending: Ending) -> Callable[[Asked], Answer]:
    """The same, with this ending after two pieces."""
    return _sound(after=2, ending=ending, error=ERROR)


def _raw(body: bytes, times: int = 1, byte_seconds: float = 0.0) -> Callable[[Asked], Raw]:
    return lambda asked: Raw(body, times=times, byte_seconds=byte_seconds)


def refuse(asked: Asked) -> Answer:
    """A sound reply, after which the server lets nobody in for a while (see `faulty_run`)."""
    return asked.answer(asked.sound())


def _in_json(form: ReplyFormName, place: Place) -> bool:
    return form is ReplyFormName.JSON


def _changed(change: Callable[[dict[str, object]], object]) -> Callable[[Asked], Scripted]:
    """A JSON reply that does not obey its schema."""

    def make(asked: Asked) -> Scripted:
        reply = json.loads(asked.sound())
        change(reply)
        return asked.answer(json.dumps(reply))

    return make


def _reversed(asked: Asked) -> Scripted:
    """A JSON reply whose critique comes last."""
    return asked.answer(json.dumps(dict(reversed(json.loads(asked.sound()).items()))))


HARMLESS = [
    Kind("refused-afterwards", None, refuse),
    Kind("reset-after", None, _sound(ending=Ending.DONE_RESET)),
    Kind("done-twice", None, _sound(late=DONE)),
    Kind("all-twice", None, _sound(late=LINE % b"Late" + DONE)),
    Kind("junk-after", None, _sound(late=b"\xff\x00" * 999)),
    Kind("schema-field-too-many", None, _changed(lambda r: r.update(more="")), _in_json),
    Kind("schema-in-a-fence", None, lambda a: a.answer(f"Sure!\n```json\n{a.sound()}\n```"), _in_json),
]
UNHEARD = [
    Kind("reset-before", Fault.BROKEN, lambda a: Nothing(Ending.RESET)),
    Kind("closed-before", Fault.BROKEN, lambda a: Nothing(Ending.CLOSED)),
    Kind("reset-inside", Fault.BROKEN, _inside(Ending.RESET)),
    Kind("closed-inside", Fault.BROKEN, _inside(Ending.CLOSED)),
    Kind("error-line", Fault.BROKEN, _inside(Ending.ERROR)),
    Kind("stall-before", Fault.SILENT, lambda a: Nothing(Ending.STALL)),
    Kind("stall-inside", Fault.SILENT, _inside(Ending.STALL)),
    Kind("trickle", Fault.SILENT, _sound(byte_seconds=BYTE)),
    Kind("trickle-of-blank-lines", Fault.SILENT, _raw(b"\n", 999, BYTE)),
    Kind("piece-twice", Fault.BROKEN, _sound(twice=2)),
    Kind("lines-run-together", Fault.BROKEN, _raw((LINE % b"A").rstrip() + DONE)),
    Kind("no-text", Fault.BROKEN, _raw(DONE.replace(b'"Late."', b"7"))),
    Kind("no-message", Fault.BROKEN, _raw(b'{"message":"A","done":true,"done_reason":"stop"}\n')),
    Kind("done-is-a-word", Fault.BROKEN, _raw(DONE.replace(b"true", b'"true"'))),
    Kind("reason-is-null", Fault.BROKEN, _raw(DONE.replace(b'"stop"', b"null"))),
    Kind("unknown-reason", Fault.BROKEN, _raw(DONE.replace(b'"stop"', b'"unload"'))),
    Kind("negative-count", Fault.BROKEN, _raw(DONE.replace(b"}\n", b',"eval_count":-1}\n'))),
    Kind("error-is-an-object", Fault.BROKEN, _raw(b'{"error":{"message":"broken"}}\n')),
    Kind("a-list", Fault.BROKEN, _raw(b"[1, 2]\n")),
    Kind("not-utf-8", Fault.BROKEN, _raw(LINE % b"\xff\xfe" + DONE)),
    Kind("half-a-surrogate-pair", Fault.BROKEN, _raw(LINE % rb"\ud800" + DONE)),
    Kind("a-web-page", Fault.BROKEN, _raw(b"<html><body>Please log in.</body></html>")),
    Kind("nothing-at-all", Fault.BROKEN, _raw(b"")),
    Kind("100-mb-line", Fault.BROKEN, _raw(b"x" * 65536, HUNDRED_MB)),
    Kind("100-mb-of-lines", Fault.BROKEN, _raw(LINE % b"" * (65536 // len(LINE)), HUNDRED_MB)),
    Kind("100-mb-error", Fault.BROKEN, lambda a: Raw(b"x" * 65536, 500, times=HUNDRED_MB)),
]

# --- what a server says instead of a reply -----------------------------------------------------------------------


def _recorded(name: str, release: Release, fault: Fault) -> Kind:
    exchange = recorded(name, release)
    headers = [tuple(header) for header in exchange["headers"] if header[0] == "Content-Type"]
    answer = Raw(exchange["body"].encode(), exchange["status"], headers, chunked=False)
    return Kind(name if release is R24 else f"{release.version}-{name}", fault, lambda asked: answer)


# By the number that a recording's name begins with, a letter after it left out where all of that number are one kind.
_FAULTS: Mapping[Release, Mapping[Fault, str]] = {
    R24: {
        Fault.REJECTED: "15 16 20c 20d 22_ 22b 22c 22d 22g 24 25 27 42 60e",
        Fault.TOO_LONG: "30 31 60c",
        Fault.BROKEN: "33 43b 61",
        Fault.FORBIDDEN: "26 28",
        Fault.MODEL_MISSING: "20_",
        Fault.UNREACHABLE: "22h",
        Fault.OUT_OF_MEMORY: "43d",
        Fault.BUSY: "51",
    },
    R32: {
        Fault.REJECTED: "15 16 20c 20d 22_ 22b 22c 22d 22g 24 25 27_ 27c 33 42 61",
        Fault.TOO_LONG: "30 31",
        Fault.BROKEN: "27b 43b",
        Fault.FORBIDDEN: "26 28",
        Fault.MODEL_MISSING: "20_ 72c",
        Fault.UNREACHABLE: "22h",
        Fault.OUT_OF_MEMORY: "43d",
        Fault.BUSY: "51",
    },
}
# Burnish asks again without `think`, which is no failure: see tests/models.
_NO_THINKING = re.compile(r"24(d|e|f)?_")
_SPOKEN = {"/api/chat", "/api/version", "/api/nothing"}


def _recorded_errors(release: Release) -> Iterator[tuple[str, Fault]]:
    """The recorded answers with an error status that burnish could get in place of a reply, and what each is."""
    for path in sorted(release.folder.glob("*.json")):
        exchange = recorded(path.stem, release)
        if exchange["status"] < 400 or exchange["request"]["path"] not in _SPOKEN:
            continue
        if not _NO_THINKING.match(path.stem):
            faults = [
                fault
                for fault, names in _FAULTS[release].items()
                if path.stem.startswith(tuple(names.split()))
            ]
            (fault,) = faults
            yield path.stem, fault


RECORDED_ERRORS = [
    _recorded(name, release, fault) for release in RELEASES for name, fault in _recorded_errors(release)
]
"""Each error status that a real server was heard to send in place of a reply."""


CLOUD = b'"remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443","message"'
SAID = [
    *RECORDED_ERRORS,
    Kind("401", Fault.FORBIDDEN, lambda a: Refusal(401, "unauthorized")),
    Kind("413", Fault.REJECTED, lambda a: Refusal(413, "request too large")),
    Kind("429", Fault.BUSY, lambda a: Refusal(429, "too many requests")),
    Kind("502", Fault.UNREACHABLE, lambda a: Refusal(502, "bad gateway")),
    Kind("504", Fault.UNREACHABLE, lambda a: Refusal(504, "gateway timeout")),
    Kind("redirect", Fault.FORBIDDEN, lambda a: Raw(b"", 307, [("Location", "https://ollama.com/")])),
    Kind(
        "no-memory",
        Fault.OUT_OF_MEMORY,
        lambda a: Refusal(500, "model requires more system memory (9.9 GiB) than is available (3.1 GiB)"),
    ),
    Kind(
        "no-memory-inside",
        Fault.OUT_OF_MEMORY,
        lambda a: Answer("Half a", ending=Ending.ERROR, error="CUDA error: out of memory"),
    ),
    Kind("cloud", Fault.FORBIDDEN, _raw(DONE.replace(b'"message"', CLOUD))),
]

# --- replies that are no use ---------------------------------------------------------------------------------------


def _answers(form: ReplyFormName, place: Place) -> bool:
    """True if the question is for an answer of the model's own, or a new instruction: a critique may say anything."""
    return place.step != "critique"


def _copies(form: ReplyFormName, place: Place) -> bool:
    return place.step in ("reflect", "rewrite", "improve")


def _laid_out(form: ReplyFormName, place: Place) -> bool:
    return form is not ReplyFormName.STEPS


def _says(text: str) -> Callable[[Asked], Scripted]:
    """A reply that says this where the new instruction, and its answer, belong."""
    return lambda asked: asked.answer(asked.reply_of(text, text))


def _echo(asked: Asked) -> Scripted:
    return asked.answer(asked.reply_of(asked.old, asked.old))


USELESS = [
    Kind("no-done", Fault.UNFINISHED, _inside(Ending.NO_DONE)),
    Kind("repeats-a-word", Fault.UNFINISHED, lambda a: Answer("A " * 100)),
    Kind("repeats-a-phrase", Fault.REPEATS, lambda a: Answer("round and " * 600)),
    Kind("cut", Fault.CUT, _sound(done_reason="length")),
    Kind("empty", Fault.EMPTY, lambda a: Answer("")),
    Kind("blank", Fault.EMPTY, lambda a: Answer([" \n", "\t\n"])),
    Kind("only-thoughts", Fault.EMPTY, lambda a: a.answer("<think>Hm, what was I asked for?</think>\n")),
    Kind("prose", Fault.UNPARSABLE, lambda a: a.answer("Sure! Here it is."), _laid_out),
    Kind("twice-in-one-reply", Fault.UNPARSABLE, lambda a: a.answer(f"{a.sound()}\n" * 2), _laid_out),
    Kind("schema-broken-off", Fault.UNPARSABLE, lambda a: a.answer(a.sound()[:-9]), _in_json),
    Kind("schema-field-missing", Fault.UNPARSABLE, _changed(dict.popitem), _in_json),
    Kind(
        "schema-inside-another", Fault.UNPARSABLE, lambda a: a.answer(f'{{"reply": {a.sound()}}}'), _in_json
    ),
    Kind(
        "schema-wrong-type",
        Fault.UNPARSABLE,
        _changed(lambda r: r.update(b_response_critique=[], a_response_critique=[])),
        _in_json,
    ),
    Kind("schema-by-the-alphabet-backwards", Fault.OUT_OF_ORDER, _reversed, _in_json),
    Kind("schema-null", Fault.UNPARSABLE, lambda a: a.answer("null"), _in_json),
    Kind("placeholder", Fault.PLACEHOLDER, _says("[your response here]"), _answers),
    Kind("refusal", Fault.REFUSAL, _says("I'm sorry, but I can't help with that."), _answers),
    Kind("talk", Fault.TEACHER_TALK, _says("This is the correct answer to the new instruction."), _answers),
    Kind("review", Fault.REVIEW, _says("The response is helpful but lacks detail."), _answers),
    Kind("echo", Fault.COPY, _echo, _copies),
    Kind("structure", Fault.STRUCTURE, _says("Dear {first_name}, it is done."), _answers),
]

KINDS: Sequence[Kind] = (*HARMLESS, *UNHEARD, *SAID, *USELESS)

# --- schedules ---------------------------------------------------------------------------------------------------

Schedule = Mapping[Place, Sequence[Kind]]
"""The faults of a question's requests, one after the other; the next one is answered soundly."""


def doom(kinds: Iterable[Kind]) -> Fault | None:
    """Why a question has no answer in the end: what its last attempt failed with. None: it has one."""
    attempts = 0
    for kind in kinds:
        attempts += kind.effect in (Effect.AGAIN, Effect.ANEW)
        if attempts == ATTEMPTS or kind.effect is Effect.HOPELESS:
            return kind.fault
    return None


def drawn(seed: int, form: ReplyFormName, samples: int, count: int) -> Schedule:
    """A schedule of exactly `count` faults, each of which happens, over that many samples."""
    dice = random.Random(f"{seed} {form}")
    by_effect = {effect: [kind for kind in KINDS if kind.effect is effect] for effect in Effect}
    asked = list(places(form, samples))
    stages: dict[tuple[int, Stage], list[Place]] = {}
    for place in asked:
        stages.setdefault((place.sample, place.stage), []).append(place)
    schedule: dict[Place, list[Kind]] = {}
    done = 0
    while done < count:
        place = dice.choice(asked)
        before = schedule.get(place, [])
        (effect,) = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
        kind = dice.choice(by_effect[effect])
        ended = doom(before) or (before and before[-1].effect is Effect.HARMLESS)
        if ended or not kind.suits(form, place):
            continue
        doomed = doom([*before, kind]) is not None
        if doomed and dice.random() < 0.6:  # most samples are to come through
            continue
        stage = stages[place.sample, place.stage]
        at = stage.index(place)
        # What comes after a question without an answer, in its stage, is never asked.
        if any(doom(schedule.get(p, ())) for p in stage[:at]) or (
            doomed and any(p in schedule for p in stage[at + 1 :])
        ):
            continue
        schedule[place] = [*before, kind]
        done += 1
    return schedule


def put(schedule: Schedule, form: ReplyFormName, samples: int) -> Iterator[Place]:
    """The questions that are put: in a stage, none after one that has no answer."""
    lost = set()
    for place in places(form, samples):
        if (place.sample, place.stage) not in lost:
            yield place
        if doom(schedule.get(place, ())) is not None:
            lost.add((place.sample, place.stage))


def replies_alone(schedule: Schedule) -> Schedule:
    """The same teacher, useless replies and all, over a way and a server that never fail."""
    useless = {p: [k for k in kinds if k.effect is Effect.ANEW] for p, kinds in schedule.items()}
    return {place: kinds for place, kinds in useless.items() if kinds}


def doomed(schedule: Schedule) -> dict[tuple[int, Stage], Fault]:
    """The stages that end without a reply, and why."""
    ends = (((place.sample, place.stage), doom(kinds)) for place, kinds in schedule.items())
    return {stage: fault for stage, fault in ends if fault is not None}
