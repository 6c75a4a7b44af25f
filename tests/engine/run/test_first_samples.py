"""A run whose first samples all fail in the same way is held before it fails at the rest."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.events import Event, Held, Place
from engine.method.recipe import Recipe
from engine.method.reflection import UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.run.first_samples import FIRST, Asking, FirstSamples, advice_for
from engine.run.held import HeldError
from engine.sample import Stage
from models.teacher import Fault, Reply, TeacherError
from tests.command import REFLECT, burnish
from tests.factory import recipe
from tests.ollama.script import Answer, Chat, Refusal, Scripted
from tests.ollama.server import FakeOllama
from tests.running import brief, dataset, refine, settings, workspace

ROWS = [
    {"instruction": f"Name thing number {number}.", "input": "", "output": f"It is the {number}."}
    for number in range(7)
]
PROSE = "Certainly! The example is fine as it is, and there is nothing that I would change about it."


def held_by(opened: object, given: object, **options: object) -> Held | None:
    """What a run is held for; None: it came to its end."""
    try:
        refine(opened, given, **options)  # type: ignore[arg-type]
    except HeldError as error:
        return error.held
    return None


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (PROSE, Fault.UNPARSABLE),
        ("", Fault.EMPTY),
        (Answer("one two", done_reason="length"), Fault.CUT),
        (Answer("A " * 100), Fault.UNFINISHED),
        (Refusal(400, "the input length exceeds the context length"), Fault.TOO_LONG),
    ],
    ids=lambda value: str(value)[:20],
)
def test_it_is_held_with_the_reason_and_the_reply_and_goes_on_when_taken_up(
    tmp_path: Path, reply: Scripted, fault: Fault
) -> None:
    with FakeOllama(lambda chat: reply) as server, workspace(tmp_path / "w.burnish", ROWS) as opened:
        given = settings(server, run={"method": "reflect"})
        held = held_by(opened, given)
        asked = len(server.chats)
        assert held is not None
        assert (held.fault, held.samples) == (fault, FIRST)
        assert held.reply == (PROSE if reply == PROSE else "one two" if fault is Fault.CUT else "")
        assert fault in held.text
        assert "\n" not in held.text
        assert asked < 3 * 2 * len(ROWS)
        assert held_by(opened, given) is None, "a person who gives the command again has been told"
        assert opened.count(opened.latest_run())[0] == len(ROWS)
        assert server.asked_again() == []


@pytest.mark.whole
def test_in_the_staged_schedule_it_is_held_before_the_teacher_has_gone_through_all(tmp_path: Path) -> None:
    with FakeOllama(lambda chat: "") as server, workspace(tmp_path / "w.burnish", ROWS) as opened:
        given = settings(server, run={"schedule": "staged"})
        held = held_by(opened, given)
        assert held is not None
        assert opened.count(opened.latest_run())[0] == 0
        assert held_by(opened, given) is None


def test_it_is_held_once_more_where_the_failed_are_tried_again(tmp_path: Path) -> None:
    with FakeOllama(lambda chat: PROSE) as server, workspace(tmp_path / "w.burnish", ROWS) as opened:
        given = settings(server, run={"method": "reflect"})
        assert held_by(opened, given) is not None
        assert held_by(opened, given) is None
        assert held_by(opened, given, retry_failed=True) is not None


@pytest.mark.parametrize(
    "script",
    [
        lambda chat: (
            PROSE if re.search("thing number [^4]", chat.prompt) else brief(chat)
        ),  # the fifth is usable
        lambda chat: Answer("one two", done_reason="length") if "number 2" in chat.prompt else PROSE,
    ],
    ids=["one is usable", "one fails otherwise"],
)
def test_other_failures_do_not_hold_it(tmp_path: Path, script: Callable[[Chat], Scripted]) -> None:
    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", ROWS) as opened:
        assert held_by(opened, settings(server, run={"method": "reflect"})) is None


@pytest.mark.parametrize("form", list(ReplyFormName))
def test_a_stage_that_fails_alone_holds_it_too(tmp_path: Path, form: ReplyFormName) -> None:
    events: list[Event] = []

    def script(chat: Chat) -> Scripted:
        if form is ReplyFormName.JSON and "d_new_instruction" in json.dumps(chat.schema):
            return brief(chat)
        return "" if len(chat.messages) > 1 or form is not ReplyFormName.STEPS else "It is too short."

    with (
        FakeOllama(script) as server,
        workspace(tmp_path / "w.burnish", ROWS) as opened,
        pytest.raises(HeldError),
    ):
        refine(opened, settings(server, run={"method": "reflect", "reply_form": form}), events.append)
    assert Counter(type(event) for event in events)[Held] == 1


def test_a_run_over_no_more_samples_than_are_watched_is_not_held(tmp_path: Path) -> None:
    with FakeOllama(lambda chat: PROSE) as server, workspace(tmp_path / "w.burnish", ROWS) as opened:
        assert held_by(opened, settings(server, run={"method": "reflect"}), limit=FIRST) is None


def test_one_usable_candidate_makes_a_sample_usable() -> None:
    told: list[Held] = []
    first = FirstSamples(Asking.of(recipe()), told.append)
    for sample in range(FIRST):
        place = Place(sample, Stage.INSTRUCTION, "reflect")
        if sample == 2:
            first.usable(place)
        first.failed(place, UnusableReply(Fault.COPY, "a copy"), Reply("x"))
    assert told == []


def test_a_lost_server_is_no_failure_of_a_sample() -> None:
    told: list[Held] = []
    first = FirstSamples(Asking.of(recipe()), told.append)
    for sample in range(9):
        first.failed(Place(sample, Stage.INSTRUCTION, "reflect"), TeacherError(Fault.BUSY, "busy"), None)
    assert told == []


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("form", list(ReplyFormName))
def test_the_advice_names_what_is_not_in_use(fault: Fault, form: ReplyFormName) -> None:
    given: Recipe = recipe().model_copy(update={"form": form})
    advice = advice_for(fault, Asking.of(given))
    assert f"--reply-form {form}" not in advice
    assert f" or {form}" not in advice
    assert advice.isprintable()


@pytest.mark.parametrize("fault", list(Fault))
def test_the_advice_on_plain_answers_names_no_form(fault: Fault) -> None:
    advice = advice_for(fault, Asking(None, think=True, max_tokens=64, context=512, group="answer"))
    assert "form" not in advice
    assert "--think true" not in advice
    assert "teacher" not in advice
    assert advice.isprintable()


def test_the_command_says_what_to_try_and_the_same_command_goes_on(tmp_path: Path) -> None:
    data, path = dataset(tmp_path / "data.json", ROWS), tmp_path / "w.burnish"
    with FakeOllama(lambda chat: PROSE) as server:
        command = ("run", data, "-w", path, *REFLECT)
        held = burnish(*command, environment={"OLLAMA_HOST": server.url})
        complaint = held.err.splitlines()[-1]
        assert held.code == 1
        for words in (
            "held",
            "first 5 samples",
            "unparsable",
            PROSE[:60],
            "--reply-form markers",
            "same command",
        ):
            assert words in complaint
        as_json = burnish(*command, "--retry-failed", "--json", environment={"OLLAMA_HOST": server.url})
        assert as_json.code == 1
        assert json.loads(as_json.out)["held"]["fault"] == "unparsable"
        assert burnish(*command, environment={"OLLAMA_HOST": server.url}).code == 3
