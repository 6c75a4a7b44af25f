"""A teacher that fails in every way: each sample is refined or says why not, none is paid for twice, no run hangs."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import models.http.transport
import models.ollama.teacher
from engine.events import Event, Generated, Paused
from engine.method.reply_forms import ReplyFormName
from engine.run import retry, session
from engine.sample import Stage
from engine.store.workspace import Workspace
from models.ollama.server import OllamaServer
from models.teacher import Fault, TeacherError
from tests.command import REFLECT, Ended, burnish
from tests.conftest import Some
from tests.models.ollama.asking import ask, fails, pull, with_server
from tests.ollama.script import Answer, Chat, Ending, Nothing, Raw, Refusal, Scripted
from tests.ollama.server import FakeOllama
from tests.ollama.state import recorded
from tests.parts import in_part
from tests.running import SHORT, TEACHER, brief, dataset, outcomes, refine, settings, workspace
from tests.trust.faults import (
    ATTEMPTS,
    BYTE,
    HUNDRED_MB,
    KINDS,
    LINE,
    Effect,
    Kind,
    doomed,
    drawn,
    refuse,
    replies_alone,
)
from tests.trust.faulty_run import PEAK, Failing, compare, hold_to, memory, peak, refined
from tests.trust.teaching import Place, places, rows

MEMORY = pytest.mark.skipif(not PEAK.exists(), reason="peak memory is read from /proc")


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "PAUSE", 0.02)
    monkeypatch.setattr(retry, "BUSY_DELAYS", ())


# Many faults at once ----------------------------------------------------------------------------------------


@in_part(
    ("seed", "form"), [(8, ReplyFormName.STEPS), (1, ReplyFormName.JSON), (2, ReplyFormName.MARKERS)], kept=2
)
def test_under_any_schedule_of_faults_every_sample_ends_as_without_them_or_says_why_not(
    tmp_path: Path, pytestconfig: pytest.Config, seed: int, form: ReplyFormName
) -> None:
    samples, faults = (500, 2000) if pytestconfig.getoption("--whole") else (14, 54)
    schedule = drawn(seed, form, samples, faults)
    ended, steady, quiet = (
        refined(tmp_path, f"{name}.burnish", form, samples, plan)
        for name, plan in (("faulty", schedule), ("steady", replies_alone(schedule)), ("quiet", {}))
    )
    hold_to(schedule, form, ended)
    whole, untouched = compare(schedule, ended, steady, quiet)
    assert whole >= untouched > samples // 5
    assert 0 < len(doomed(schedule)) < samples // 2
    assert not PEAK.exists() or ended.growth < 128 << 20


# Each fault alone ---------------------------------------------------------------------------------------------

ADVICE = {
    Fault.BROKEN: "see the server's log",
    Fault.SILENT: "see its log, whether it is stuck",
    Fault.UNFINISHED: "one that repeats itself",
    Fault.CUT: "was cut at",
    Fault.EMPTY: "is empty",
    Fault.PLACEHOLDER: "is a placeholder",
    Fault.REFUSAL: "is a refusal",
    Fault.COPY: "is the old one",
    Fault.STRUCTURE: "which was not there",
    Fault.REJECTED: "leave the sample out",
    Fault.TOO_LONG: "give the teacher a larger context",
    Fault.UNREACHABLE: "where a newer one listens|start Ollama with",
    Fault.MODEL_MISSING: f"burnish pull {TEACHER}",
    Fault.FORBIDDEN: "choose a local model|set OLLAMA_HOST",
    Fault.OUT_OF_MEMORY: "choose a smaller model or context, or free memory",
    Fault.BUSY: "ask for less in parallel",
}
"""The words of a failure's message: what happened, or what to do."""
STOPPED = {
    Fault.REPEATS, Fault.COPY, Fault.OUT_OF_ORDER, Fault.EMPTY, Fault.PLACEHOLDER, Fault.REFUSAL, Fault.TEACHER_TALK,
    Fault.REVIEW, Fault.STRUCTURE, Fault.INPUT_LOST,
}  # fmt: skip
"""The kinds of replies that are stopped while they are written."""


def is_helpful(fault: Fault, message: str) -> bool:
    """The message is fit for a line, and says what happened or what to do."""
    assert message.isprintable()
    assert len(message) < 700
    stopped = "for nothing usable could come of it" in message and fault in STOPPED
    return stopped or any(words in message for words in ADVICE.get(fault, "").split("|"))


def run(folder: Path, server: FakeOllama | str, form: ReplyFormName, *options: object) -> Ended:
    """`burnish run` over one sample, impatient, with a teacher alone."""
    data = folder / "data.json"
    if not data.exists():
        dataset(data, rows(1))
    return burnish(
        *("run", data, "-w", folder / "w.burnish", *REFLECT, "--reply-form", form, *options),
        environment={
            "OLLAMA_HOST": server if isinstance(server, str) else server.url,
            "BURNISH_TEACHER__PATIENCE": "0.1",
            "BURNISH_TEACHER__FIRST_BYTE": "1.5",
            "BURNISH_TEACHER__SILENCE": "1.5",
            "BURNISH_TEACHER__MAX_TOKENS": "256",
        },
    )


def _alone() -> Iterator[tuple[Kind, ReplyFormName, Place]]:
    """Every fault that is no matter of who comes next, in each form, by turns in one stage and the other: where it
    first can happen."""
    stages = itertools.cycle(Stage)
    for kind in KINDS:
        for form, stage in zip(ReplyFormName, stages, strict=False):
            fit = (p for p in places(form, 1) if p.stage is stage and kind.suits(form, p))
            if kind.make is not refuse and (place := next(fit, None)):
                yield kind, form, place


ALONE = list(_alone())


def test_a_fault_that_lasts_ends_the_run_with_its_own_name_words_and_code(
    tmp_path: Path, some: Some[tuple[Kind, ReplyFormName, Place]]
) -> None:
    for number, (kind, form, place) in enumerate(some(ALONE)):
        often = {Effect.HARMLESS: 1, Effect.HOPELESS: 1, Effect.PAUSE: 99}.get(kind.effect, ATTEMPTS)
        folder = tmp_path / str(number)
        folder.mkdir()
        with FakeOllama(Failing({place: [kind] * often})) as server:
            ended = run(folder, server, form, "--json")
        if kind.effect is Effect.PAUSE:
            assert kind.fault is not None
            assert ended.code == 1, (kind, form, ended)
            complaint = ended.err.splitlines()[-1].removeprefix("burnish: ")
            assert f"paused: {complaint}" in ended.err.splitlines()
            assert is_helpful(kind.fault, complaint), (kind, complaint)
            continue
        result = json.loads(ended.out)
        assert ended.code == (3 if kind.fault else 0), (kind, form, ended)
        assert result["faults"] == ({kind.fault: 1} if kind.fault else {}), (kind, form)
        other = Stage.RESPONSE if place.stage is Stage.INSTRUCTION else Stage.INSTRUCTION
        assert result["stages"][place.stage]["failed"] == bool(kind.fault), (kind, form)
        assert result["stages"][other]["replaced"] == 1, "the other stage goes on"
        with Workspace.read(folder / "w.burnish") as opened:
            outcome = opened.outcome(opened.latest_run(), 0)
        assert outcome is not None
        for failure in outcome.failures:
            assert is_helpful(failure.fault, failure.message), (kind, failure)


# Instead of what the server is, and has -----------------------------------------------------------------------

BLANKS = b'{"version":"", "models":[], "model_info":{}, '  # the beginning of any answer
ELSEWHERE: dict[str, tuple[Scripted, Fault]] = {
    "reset-before": (Nothing(Ending.RESET), Fault.BROKEN),
    "closed-before": (Nothing(Ending.CLOSED), Fault.BROKEN),
    "stall-before": (Nothing(Ending.STALL), Fault.SILENT),
    "reset-inside": (Raw(BLANKS, ending=Ending.RESET), Fault.BROKEN),
    "closed-inside": (Raw(BLANKS, ending=Ending.CLOSED), Fault.BROKEN),
    "stall-inside": (Raw(BLANKS, ending=Ending.STALL), Fault.SILENT),
    "ends-inside": (Raw(BLANKS), Fault.BROKEN),
    "trickle": (Raw(BLANKS * 99, byte_seconds=BYTE), Fault.SILENT),
    "trickle-of-blank-lines": (Raw(b"\n", times=9999, byte_seconds=BYTE / 10), Fault.SILENT),
    "100-mb-line": (Raw(b"x" * 65536, times=HUNDRED_MB), Fault.BROKEN),
    "100-mb-of-lines": (Raw(LINE * 700, times=HUNDRED_MB), Fault.BROKEN),
    "100-mb-error": (Raw(b"x" * 65536, 500, times=HUNDRED_MB), Fault.BROKEN),
    "not-utf-8": (Raw(b'{"version":"\xff","models":[{"name":"\xff"}],"template":"\xff"}'), Fault.BROKEN),
    "two-objects": (Raw(b'{"version":"1","models":[]}\n' * 2), Fault.BROKEN),
    "wrong-types": (Raw(b'{"version":1,"models":{},"model_info":[],"cloud":[]}'), Fault.BROKEN),
    "a-list": (Raw(b"[]"), Fault.BROKEN),
    "nothing-at-all": (Raw(b""), Fault.BROKEN),
    "a-web-page": (Raw(b"<html></html>"), Fault.BROKEN),
    "400": (Refusal(400, "invalid model name"), Fault.REJECTED),
    "403": (Raw(b"", 403, (), chunked=False), Fault.FORBIDDEN),
    "404": (Raw(b"404 page not found", 404, (), chunked=False), Fault.UNREACHABLE),
    "500": (Refusal(500, "permission denied"), Fault.BROKEN),
    "503": (Refusal(503, recorded("51_server_busy_max_queue")["body"][10:-2]), Fault.BUSY),
    "redirect": (Raw(b"", 307, [("Location", "https://ollama.com/")]), Fault.FORBIDDEN),
}
ASKED: dict[str, Callable[[OllamaServer], Awaitable[object]]] = {
    "/api/version": lambda server: server.version(),
    "/api/status": lambda server: server.cloud_disabled(),
    "/api/tags": lambda server: server.tags(),
    "/api/show": lambda server: server.show(TEACHER),
    "/api/ps": lambda server: server.loaded(),
}
"""Requests to a server besides chats."""
FLOODS = ("100-mb-line", "100-mb-of-lines", "100-mb-error")
TOLD_OTHERWISE = {("404", "/api/status")}  # that is how an old server says that it knows no cloud


def fault_at(path: str, kind: str) -> Fault:
    """What an answer there is a case of."""
    fault = ELSEWHERE[kind][1]
    # Nothing is asked for with a list that could be wrong.
    return Fault.BROKEN if (path, fault) == ("/api/tags", Fault.REJECTED) else fault


@pytest.mark.parametrize("path", ASKED)
def test_a_fault_in_any_other_answer_has_its_own_name_and_words(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.http.transport, "AT_ONCE", 2.0)

    async def faults_of(kinds: Sequence[str]) -> dict[str, Fault]:
        return dict(zip(kinds, await asyncio.gather(*map(fault_of, kinds)), strict=True))

    async def fault_of(kind: str) -> Fault:
        with FakeOllama(instead={path: ELSEWHERE[kind][0]}) as fake, pytest.raises(TeacherError) as caught:
            await ASKED[path](OllamaServer(fake.url, first=2.0))
        assert is_helpful(caught.value.fault, str(caught.value)), (kind, caught.value)
        return caught.value.fault

    kinds = [kind for kind in ELSEWHERE if kind not in FLOODS and (kind, path) not in TOLD_OTHERWISE]
    assert asyncio.run(faults_of(kinds)) == {kind: fault_at(path, kind) for kind in kinds}


@pytest.mark.parametrize("path", ["/api/tags", "/api/show"])
def test_a_run_whose_teacher_cannot_be_looked_up_ends_at_once_with_one_line(
    tmp_path: Path, path: str, some: Some[str]
) -> None:
    for kind in some([*ELSEWHERE]):
        with FakeOllama(instead={path: ELSEWHERE[kind][0]}) as server:
            ended = run(tmp_path, server, ReplyFormName.JSON)
            assert server.chats == []
        assert ended.code == 1, (kind, ended)
        assert is_helpful(fault_at(path, kind), ended.complaint), (kind, ended.complaint)


def test_the_doctor_and_the_list_of_models_end_whatever_the_server_says(
    monkeypatch: pytest.MonkeyPatch, some: Some[str]
) -> None:
    monkeypatch.setattr(models.http.transport, "AT_ONCE", 2.0)
    for kind in some(some([*ELSEWHERE])):  # it looks at the machine each time
        answer, fault = ELSEWHERE[kind]
        with FakeOllama(instead={"/api/version": answer, "/api/tags": answer}) as server:
            environment = {"OLLAMA_HOST": server.url}
            doctor = burnish("doctor", "--teacher", TEACHER, "--json", environment=environment)
            listed = burnish("models", "--json", environment=environment)
        (check,) = [check for check in json.loads(doctor.out) if check["name"] == "Ollama"]
        assert (doctor.code, check["state"]) == (1, "problem"), kind
        assert is_helpful(fault, check["finding"]), (kind, check)
        assert listed.code == (0 if fault is Fault.UNREACHABLE else 1), (kind, listed)
        assert is_helpful(fault_at("/api/tags", kind), listed.err.splitlines()[-1]), (kind, listed)


# Memory and time ----------------------------------------------------------------------------------------------

FLOODED = [
    *((path, flood) for path in ("/api/chat", *ASKED) for flood in FLOODS),
    ("/api/pull", "100-mb-line"),  # lines of progress may be that many
    ("/api/pull", "100-mb-error"),
]


def fetch(fake: FakeOllama, path: str) -> None:
    match path:
        case "/api/chat":
            ask(fake)
        case "/api/pull":
            pull(fake, "new:1b")
        case _:
            with_server(fake, ASKED[path])


@MEMORY
@pytest.mark.parametrize(("path", "flood"), FLOODED)
def test_an_answer_of_100_mb_takes_a_few_of_memory(path: str, flood: str) -> None:
    answer, fault = ELSEWHERE[flood]
    with FakeOllama(lambda chat: answer, instead={} if path == "/api/chat" else {path: answer}) as fake:
        before = memory()
        with pytest.raises(TeacherError) as caught:
            fetch(fake, path)
        assert peak() - before < 48 << 20
    assert caught.value.fault is fault
    assert is_helpful(fault, str(caught.value))


def test_a_line_that_has_begun_is_not_waited_for_as_long_as_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models.http.transport, "AT_ONCE", 0.4)
    with FakeOllama(lambda chat: Answer("A trickle.", byte_seconds=0.02)) as server:
        assert fails(server, silence=600.0, words="no whole line for 0.4") is Fault.SILENT


# What a run makes of them ---------------------------------------------------------------------------------------


def test_a_reply_that_was_paid_for_after_a_fault_is_found_by_the_run_that_goes_on(tmp_path: Path) -> None:
    """With another seed after the fault, the run that goes on would begin with the first, and pay again."""

    def script(chat: Chat) -> Scripted:
        return Nothing(Ending.RESET) if len(server.chats) % 2 else brief(chat)

    async def until_it_is_paid_for(given: Any) -> None:
        paid = asyncio.Event()

        def emit(event: Event) -> None:
            if isinstance(event, Generated):
                paid.set()

        run = asyncio.create_task(session.refine_workspace(opened, given, emit))
        await paid.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = settings(server, run={"method": "reflect"})
        asyncio.run(until_it_is_paid_for(given))
        server.script = brief
        asked = len(server.chats)
        assert refine(opened, given).failed == 0
        stages = [about["stage"] for about, _ in opened.replies(0)]
        assert stages == [Stage.INSTRUCTION, Stage.RESPONSE]
        assert server.asked_again() == []
        assert len(server.chats) <= asked + 1


def test_a_reply_in_the_middle_of_a_pause_begins_the_patience_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two requests one is answered while the other waits, and then the server is gone again."""
    monkeypatch.setattr(retry, "PAUSE", 0.5)
    busy = Refusal(503, recorded("51_server_busy_max_queue")["body"][10:-2])
    paused = threading.Event()

    def script(chat: Chat) -> Scripted:
        if chat.number == first_chat():
            return busy
        paused.wait(10)
        server.instead["/api/tags"] = busy
        return brief(chat)

    def first_chat() -> int:
        return server.chats[0].number

    def emit(event: Event) -> None:
        if isinstance(event, Paused):
            if paused.is_set():
                server.instead.clear()
            paused.set()

    with FakeOllama(script, parallel=2) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        given = settings(server, teacher={"parallel": 2}, run={"method": "reflect"})
        assert refine(opened, given, emit).failed == 0


def test_a_pause_is_for_what_it_began_with_whatever_is_said_meanwhile(tmp_path: Path) -> None:
    paused: list[Fault] = []

    def emit(event: Event) -> None:
        if isinstance(event, Paused):
            paused.append(event.fault)

    def script(chat: Chat) -> Scripted:
        server.instead["/api/tags"] = Raw(b"<html>Starting up.</html>")
        return Refusal(502, "bad gateway")

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        given = settings(server, teacher={"patience": 0.2}, run={"method": "reflect"})
        with pytest.raises(TeacherError) as caught:
            refine(opened, given, emit)
        assert [caught.value.fault, *paused] == [Fault.UNREACHABLE] * 2
        assert opened.count(opened.latest_run()) == (0, 0)


def test_a_list_of_models_that_is_refused_is_no_fault_of_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.ollama.teacher, "KNOWN", 0.0)  # it is looked at before every request

    def script(chat: Chat) -> Scripted:
        server.instead["/api/tags"] = Refusal(400, "bad request")
        return brief(chat)

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = settings(server, run={"method": "reflect"})
        refine(opened, given)
        (outcome,) = outcomes(opened)
        assert outcome is not None
        assert {failure.fault for failure in outcome.failures} == {Fault.BROKEN}
        server.instead.clear()
        server.script = brief
        assert refine(opened, given, retry_failed=True).failed == 0


def test_a_model_that_goes_between_the_list_and_its_description_says_how_to_get_it() -> None:
    gone = Refusal(404, json.loads(recorded("20e_show_unknown")["body"])["error"])
    with FakeOllama(instead={"/api/show": gone}) as server:
        assert fails(server, words=f"burnish pull {TEACHER}") is Fault.MODEL_MISSING
