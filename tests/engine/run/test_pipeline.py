"""A dataset's way: the same whatever the schedule, however often it was cut, and nothing asked twice."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from engine.events import AttemptFailed, Chosen, Event, Finished, Generated, Paused, Resumed, Scored, Started
from engine.method.recipe import Method
from engine.run import session
from engine.sample import Rule, Stage, Verdict
from engine.store.file_errors import WorkspaceError
from engine.store.workspace import Workspace
from models.teacher import Fault, TeacherError
from tests.ollama.script import Answer, Chat, Refusal, Scripted
from tests.ollama.server import FakeOllama
from tests.ollama.state import Model
from tests.running import SHORT, brief, finals, outcomes, refine, settings, workspace


def stage_of(chat: Chat) -> Stage:
    assert chat.schema is not None
    return Stage.INSTRUCTION if "d_new_instruction" in chat.schema["properties"] else Stage.RESPONSE


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], list[str]]:
    """Four samples refined in one go, one request at a time: what became of them, and what was asked."""
    with (
        FakeOllama(brief) as server,
        workspace(tmp_path_factory.mktemp("reference") / "w.burnish", SHORT) as opened,
    ):
        events: list[Event] = []
        summary = refine(opened, settings(server), events.append)
        assert (summary.total, summary.done, summary.failed, summary.waiting) == (4, 4, 0, ())
        assert sum(isinstance(event, Finished) for event in events) == 4
        assert sum(isinstance(event, Generated) for event in events) == 8
        assert [type(event) for event in events].index(Started) < [type(event) for event in events].index(
            Generated
        )
        assert {event.choice.stage for event in events if isinstance(event, Chosen)} == set(Stage)
        assert sum(event.tokens for event in events if isinstance(event, Scored)) > 0
        assert all(outcome and outcome.before and outcome.after for outcome in outcomes(opened))
        return finals(opened), sorted(json.dumps(chat.body, sort_keys=True) for chat in server.chats)


@pytest.mark.parametrize(
    ("teacher", "run"),
    [
        pytest.param({"parallel": 3}, {}, marks=pytest.mark.whole),
        pytest.param({}, {"schedule": "staged"}, marks=pytest.mark.whole),
        ({"parallel": 3}, {"schedule": "staged"}),
    ],
    ids=["parallel", "staged", "staged-parallel"],
)
def test_the_schedule_changes_nothing_but_time(
    reference: tuple[list[Any], list[str]], tmp_path: Path, teacher: dict[str, Any], run: dict[str, Any]
) -> None:
    with FakeOllama(brief, parallel=3) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        refine(opened, settings(server, teacher=teacher, run=run))
        assert finals(opened) == reference[0]
        assert sorted(json.dumps(chat.body, sort_keys=True) for chat in server.chats) == reference[1]


def test_staged_holds_one_model_at_a_time(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        seen: list[str] = []

        def emit(event: Event) -> None:
            if isinstance(event, Generated | Scored):
                seen.append(type(event).__name__)
                if isinstance(event, Scored):
                    assert not server.in_memory, "the teacher was unloaded before the student scored"

        refine(opened, settings(server, run={"schedule": "staged"}), emit)
        turns = [kind for i, kind in enumerate(seen) if i == 0 or seen[i - 1] != kind]
        assert turns == ["Generated", "Scored", "Generated", "Scored"]


def test_a_run_cut_anywhere_goes_on_to_the_same_end_and_asks_nothing_again(
    reference: tuple[list[Any], list[str]], tmp_path: Path
) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:

        async def cut_after(count: int) -> None:
            seen = 0
            done = asyncio.Event()

            def emit(event: Event) -> None:
                nonlocal seen
                seen += isinstance(event, Generated | Scored | Chosen | Finished)
                if seen >= count:
                    done.set()

            task = asyncio.create_task(session.refine_workspace(opened, settings(server), emit))
            await done.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        for count in (1, 2, 3, 5, 4):
            asyncio.run(cut_after(count))
        refine(opened, settings(server))
        assert finals(opened) == reference[0]
        assert server.asked_again() == []
        committed = sum(len(opened.replies(index)) for index in range(4))
        assert committed == len(reference[1])


def test_a_finished_run_given_again_asks_and_scores_nothing(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        refine(opened, settings(server))
        asked, events = len(server.chats), list[Event]()
        summary = refine(opened, settings(server), events.append)
        assert len(server.chats) == asked
        assert not any(isinstance(event, Generated | Scored | Finished) for event in events)
        assert summary.done == 2


def test_reflect_takes_every_rewrite_and_needs_no_student(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        given = settings(server, run={"method": Method.REFLECT}, student={"name": None})
        refine(opened, given)
        for outcome in outcomes(opened):
            assert outcome is not None
            assert [c.rule for c in outcome.choices] == [Rule.ALWAYS, Rule.ALWAYS]
            assert outcome.after is None


def test_score_needs_no_teacher(tmp_path: Path) -> None:
    with workspace(tmp_path / "w.burnish", SHORT[:3]) as opened:
        refine(opened, settings("127.0.0.1:1", run={"method": Method.SCORE}, teacher={"name": None}))
        for outcome in outcomes(opened):
            assert outcome is not None
            assert outcome.before is not None
            assert outcome.before.ifd.value is not None
            assert outcome.before == outcome.after


def test_a_teacher_that_fails_one_stage_keeps_what_the_stage_began_with_and_says_so(tmp_path: Path) -> None:
    def script(chat: Chat) -> Scripted:
        return '{"a_response_critique": ' if stage_of(chat) is Stage.RESPONSE else brief(chat)

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        events: list[Event] = []
        summary = refine(opened, settings(server), events.append)
        assert summary.failed == 1
        (outcome,) = outcomes(opened)
        assert outcome is not None
        second = outcome.choices[1]
        assert (second.verdict, second.rule) == (Verdict.KEPT, Rule.TEACHER_FAILED)
        assert second.failure is not None
        assert second.failure.fault is Fault.UNPARSABLE
        attempts = [
            chat.body["options"] for chat in server.chats if "new_instruction" not in str(chat.body["format"])
        ]
        assert len({options["seed"] for options in attempts}) == 3, "each attempt takes another seed"
        assert [o["temperature"] for o in attempts] == sorted({o["temperature"] for o in attempts})
        assert sum(isinstance(event, AttemptFailed) for event in events) == 3


@pytest.mark.whole
def test_a_useless_reply_is_told_once_however_often_its_sample_is_gone_through(tmp_path: Path) -> None:
    def script(chat: Chat) -> Scripted:
        return "{" if chat.options["seed"] == 0 else brief(chat)

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        events: list[Event] = []
        assert refine(opened, settings(server, run={"schedule": "staged"}), events.append).done == 2
        assert len(server.chats) == 8
        assert sum(isinstance(event, AttemptFailed) for event in events) == 4


def test_retry_failed_tries_new_attempts_and_pays_for_no_old_one(tmp_path: Path) -> None:
    broken = True

    def script(chat: Chat) -> Scripted:
        return "not json" if broken and stage_of(chat) is Stage.RESPONSE else brief(chat)

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        assert refine(opened, settings(server)).failed == 2
        broken = False
        assert refine(opened, settings(server)).failed == 2, "only asked for is it tried again"
        summary = refine(opened, settings(server), retry_failed=True)
        assert (summary.done, summary.failed) == (2, 0)
        assert server.asked_again() == []


def test_candidates_are_different_questions_and_the_best_wins(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        refine(opened, settings(server, run={"candidates": 3}))
        assert len(server.chats) == 6
        assert len({json.dumps(chat.body, sort_keys=True) for chat in server.chats}) == 6


def test_a_server_that_goes_away_pauses_the_run_until_it_is_back(tmp_path: Path) -> None:
    first = FakeOllama(brief)
    port = int(first.url.rpartition(":")[2])
    closing = threading.Thread(target=first.close)
    second: list[FakeOllama] = []
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, Generated) and not closing.ident:
            closing.start()
        if isinstance(event, Paused) and not second:
            closing.join()
            second.append(FakeOllama(brief, port=port).__enter__())

    with workspace(tmp_path / "w.burnish", SHORT) as opened, first:
        refine(opened, settings(first), emit)
        second[0].close()
        assert [bool(outcome and outcome.failures) for outcome in outcomes(opened)] == [False] * 4
    paused = [event for event in events if isinstance(event, Paused)]
    assert paused[0].fault is Fault.UNREACHABLE
    assert "ollama serve" in paused[0].message
    assert any(isinstance(event, Resumed) for event in events)


def test_a_pause_that_outlasts_the_patience_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    answered = 0

    def script(chat: Chat) -> Scripted:
        nonlocal answered
        answered += 1
        return (
            brief(chat)
            if answered == 1
            else Refusal(500, "model requires more system memory than is available")
        )

    with FakeOllama(script) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        with pytest.raises(TeacherError) as caught:
            refine(opened, settings(server, teacher={"patience": 1.0}))
        assert caught.value.fault is Fault.OUT_OF_MEMORY
        assert len(opened.replies(0)) == 1, "what was answered is kept"


def test_a_sample_too_long_for_the_teacher_is_listed_with_the_numbers_and_kept(tmp_path: Path) -> None:
    rows = [*SHORT[:1], {"instruction": "Summarise.", "input": "word " * 1500, "output": "Words."}]
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", rows) as opened:
        summary = refine(opened, settings(server, teacher={"context": 1024, "max_tokens": 256}))
        assert summary.failed == 1
        outcome = outcomes(opened)[1]
        assert outcome is not None
        assert outcome.final.input == rows[1]["input"]
        assert {failure.fault for failure in outcome.failures} == {Fault.TOO_LONG}
        assert "1024" in outcome.failures[0].message
        assert all("word word" not in str(chat.body) for chat in server.chats)


@pytest.mark.whole
def test_another_student_chooses_again_without_a_teacher_once_both_branches_were_asked(
    tmp_path: Path,
) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:3]) as opened:
        refine(opened, settings(server, run={"both_branches": True}))
        asked = len(server.chats)
        assert asked == 3 * 3
        other = settings(server, student={"context": 1024}).student
        summary = asyncio.run(session.reselect(opened, other, lambda _: None, ask_teacher=False))
        assert (summary.done, summary.waiting) == (3, ())
        assert len(server.chats) == asked
        assert opened.latest_run().recipe.context == 1024


def test_reselect_names_the_samples_whose_branch_was_never_asked_for_and_asks_only_those(
    tmp_path: Path,
) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:3]) as opened:
        refine(opened, settings(server))
        run = opened.latest_run()
        # A student that takes the other branch everywhere cannot be had; a reply that is gone comes to the same.
        opened.database.execute("DELETE FROM replies WHERE sample = 1 AND about LIKE '%response%'")
        other = settings(server, student={"context": 1024}).student
        asked = len(server.chats)
        summary = asyncio.run(session.reselect(opened, other, lambda _: None, ask_teacher=False))
        assert (summary.done, summary.waiting) == (2, (1,))
        assert len(server.chats) == asked
        summary = asyncio.run(session.reselect(opened, other, lambda _: None, ask_teacher=True))
        assert (summary.done, summary.waiting) == (3, ())
        assert len(server.chats) == asked + 1
        assert opened.latest_run().id != run.id


def test_every_request_keeps_the_context_size_and_says_whether_to_think(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        refine(opened, settings(server))
        assert {chat.body["options"]["num_ctx"] for chat in server.chats} == {8192}
        assert {chat.body["think"] for chat in server.chats} == {False}


def test_a_second_run_is_refused_while_one_works(tmp_path: Path) -> None:
    def slow(chat: Chat) -> Scripted:
        time.sleep(0.05)
        return Answer(str(brief(chat)))

    with FakeOllama(slow) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        with pytest.raises(WorkspaceError, match="another burnish"):
            Workspace.open(opened.path)
        refine(opened, settings(server))


def test_thinking_turned_on_over_a_finished_run_asks_anew_and_turned_off_finds_what_was_asked(
    tmp_path: Path,
) -> None:
    thinker = Model.named("thinker", ["completion", "thinking"])
    with (
        FakeOllama(brief, models=[thinker]) as server,
        workspace(tmp_path / "w.burnish", SHORT[:2]) as opened,
    ):
        asked = []
        for think in (False, True, False):
            summary = refine(opened, settings(server, teacher={"name": "thinker", "think": think}))
            assert (summary.done, summary.failed) == (2, 0)
            assert summary.run.recipe.think is think
            assert summary.run.record.settings["teacher"]["think"] is think
            asked.append(len(server.chats))
    assert asked == [4, 8, 8]


@pytest.mark.whole
def test_both_branches_asked_for_over_a_finished_run_asks_for_what_is_missing(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        refine(opened, settings(server))
        before = finals(opened)
        assert len(server.chats) == 2 * 2
        refine(opened, settings(server, run={"both_branches": True}))
        assert len(server.chats) == 2 * 3
        assert finals(opened) == before


@pytest.mark.whole
def test_a_run_over_chosen_samples_finishes_these_and_the_run_after_it_asks_for_the_others(
    tmp_path: Path,
) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:
        part = refine(opened, settings(server), only=(1, 3))
        assert (part.total, part.done) == (2, 2)
        assert [one is not None for one in finals(opened)] == [False, True, False, True]
        asked = len(server.chats)
        whole = refine(opened, settings(server))
        assert (whole.run.id, whole.total, whole.done) == (part.run.id, 4, 4)
        assert len(server.chats) == 2 * asked, "two samples were done"
