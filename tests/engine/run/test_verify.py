"""Near ties are scored again with better weights of the student: which decide, one student in memory at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.events import Chosen, Event, Finished, Generated, Notice, PhaseStarted, Scored
from engine.run import session
from engine.run.session import Session
from engine.run.settings import Settings
from engine.sample import Outcome, Verdict
from engine.store.overview import overview
from models.errors import ModelFileError
from tests.command import burnish
from tests.conftest import made_once
from tests.gguf_writer import Field, runnable
from tests.ollama.server import FakeOllama
from tests.parts import in_part
from tests.running import SHORT, brief, finals, outcomes, refine, settings, workspace

ALL = 1e6
"""Every margin is a near tie below it."""


def better() -> str:
    """What the student is verified with: a model of the same head, of other weights."""
    return str(made_once("chance-136.gguf", lambda path: runnable(path, seed=136)))


def verifying(server: FakeOllama, **groups: dict[str, Any]) -> Settings:
    run: dict[str, Any] = {"near_tie": ALL} | groups.get("run", {})
    student: dict[str, Any] = {"verify": better()} | groups.get("student", {})
    return settings(server, run=run, student=student)


@pytest.fixture(scope="module")
def by_better(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome | None]:
    """What the better weights choose as the student."""
    folder = tmp_path_factory.mktemp("better")
    with FakeOllama(brief) as server, workspace(folder / "w.burnish", SHORT) as opened:
        refine(opened, settings(server, student={"name": better()}))
        return outcomes(opened)


@in_part("schedule", ["interleaved", "staged"])
def test_the_verdicts_are_those_of_the_better_weights_and_the_scores_the_student_s(
    tmp_path: Path, by_better: list[Outcome | None], schedule: str
) -> None:
    in_memory: list[set[str]] = []
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT) as opened:

        async def run() -> None:
            def emit(event: Event) -> None:
                if isinstance(event, Scored):
                    in_memory.append(set(at_work.children) | ({"teacher"} if server.in_memory else set()))

            given = verifying(server, run={"schedule": schedule})
            async with Session(opened, given, emit) as at_work:
                await at_work.refine()

        asyncio.run(run())
        found, counted = outcomes(opened), overview(opened, opened.latest_run())
    assert {"student"} <= set.union(*in_memory)
    assert {"verifier"} <= set.union(*in_memory)
    assert not any({"student", "verifier"} <= names for names in in_memory), "one student at a time"
    if schedule == "staged":
        assert not any("teacher" in names for names in in_memory)
    overruled = 0
    for mine, its in zip(found, by_better, strict=True):
        assert mine is not None
        assert its is not None
        for choice, other in zip(mine.choices, its.choices, strict=True):
            assert choice.verified is not None
            if choice.rewrite == other.rewrite:
                assert choice.verified.margin == pytest.approx(other.margin, abs=1e-4)
                assert (choice.verdict is other.verdict) or abs(choice.verified.margin) < 1e-3
            by_student = (choice.margin or 0) > 0
            assert choice.verified.overruled == (by_student is not (choice.verdict is Verdict.REPLACED))
            overruled += choice.verified.overruled
    assert sum(counts.verified for counts in counted.stages.values()) == 2 * len(SHORT)
    assert sum(counts.overruled for counts in counted.stages.values()) == overruled > 0


def test_without_a_near_tie_the_verifier_is_never_loaded(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:2]) as opened:
        events: list[Event] = []
        refine(opened, verifying(server, run={"near_tie": 0.0}), events.append)
        assert not any(isinstance(event, PhaseStarted) for event in events)
        assert [choice.verified for outcome in outcomes(opened) if outcome for choice in outcome.choices] == [
            None
        ] * 4


@pytest.mark.whole
def test_a_verified_run_cut_anywhere_goes_on_to_the_same_end_and_scores_nothing_again(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "whole.burnish", SHORT[:3]) as opened:
        refine(opened, verifying(server))
        expected, scored = finals(opened), losses(opened.database.execute)
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:3]) as opened:
        for count in (2, 6, 9):
            seen, done = 0, asyncio.Event()

            def emit(event: Event, count: int = count, done: asyncio.Event = done) -> None:
                nonlocal seen
                seen += isinstance(event, Generated | Scored | Chosen | Finished | PhaseStarted)
                if seen >= count:
                    done.set()

            async def cut(emit: Callable[[Event], None] = emit, done: asyncio.Event = done) -> None:
                task = asyncio.create_task(session.refine_workspace(opened, verifying(server), emit))
                await asyncio.wait(
                    [task, asyncio.create_task(done.wait())], return_when=asyncio.FIRST_COMPLETED
                )
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

            asyncio.run(cut())
        refine(opened, verifying(server))
        assert finals(opened) == expected
        assert losses(opened.database.execute) == scored
        assert server.asked_again() == []


def test_where_the_student_chooses_nothing_nothing_is_verified_and_it_is_said(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        events: list[Event] = []
        summary = refine(opened, verifying(server, run={"method": "reflect"}), events.append)
        assert (summary.done, summary.run.recipe.verifier) == (1, None)
        assert [e.text for e in events if isinstance(e, Notice) and "nothing is verified" in e.text]


def losses(execute: Callable[[str], list[Any]]) -> list[Any]:
    return sorted(execute("SELECT sample, passage FROM losses"))


@pytest.mark.whole
def test_reselect_verifies_without_a_teacher_and_the_run_is_one_of_its_own(tmp_path: Path) -> None:
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:3]) as opened:
        first = refine(opened, settings(server, run={"near_tie": ALL, "both_branches": True})).run
        asked = len(server.chats)
        student = verifying(server).student
        summary = asyncio.run(session.reselect(opened, student, lambda _: None, ask_teacher=False))
        assert (summary.done, summary.waiting, len(server.chats)) == (3, (), asked)
        assert summary.run.id != first.id
        assert summary.run.recipe.verifier is not None
        assert summary.run.record.verifier is not None
        assert summary.run.record.verifier.name == better()
        assert all(choice.verified for outcome in outcomes(opened) if outcome for choice in outcome.choices)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"tokenizer.chat_template": "{{ messages }}"}, "chat template"),
        ({"llama.context_length": 4096}, None),
    ],
)
def test_the_weights_of_another_model_are_refused_before_anything_is_asked(
    tmp_path: Path, changes: dict[str, Field | None], what: str | None
) -> None:
    other = runnable(tmp_path / "other.gguf", changes)
    with FakeOllama(brief) as server, workspace(tmp_path / "w.burnish", SHORT[:1]) as opened:
        given = verifying(server, student={"verify": str(other)})
        if what is None:
            assert refine(opened, given).done == 1
            return
        with pytest.raises(ModelFileError, match=f"another model: its {what} differs"):
            refine(opened, given)
        assert server.chats == []
        data = opened.source().path
    with FakeOllama(brief) as server:
        student = ("--student", given.student.name, "--verify", other)
        environment = {"OLLAMA_HOST": server.url}
        ended = burnish(
            "run",
            data,
            "-w",
            tmp_path / "x.burnish",
            "--teacher",
            "qwen0.5b",
            *student,
            environment=environment,
        )
        assert (ended.code, "another model" in ended.complaint) == (1, True)
        assert not (tmp_path / "x.burnish").exists()


def test_a_verified_sample_says_both_numbers_where_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "w.burnish"
    with FakeOllama(brief) as server, workspace(path, SHORT[:2]) as opened:
        refine(opened, verifying(server))
    wide = {"COLUMNS": "200"}
    shown, whole = (burnish("show", path, *one, environment=wide).out for one in (("0",), ()))
    assert shown.count("the verifier decides") == 2
    assert shown.count(f"near ties below {ALL:.3g}") == 4
    assert "2 verified (" in whole
    assert "verifier " in whole
    assert f"margins below {ALL:g} in log-ratio" in whole
    report = burnish("report", path).out
    assert "Verifier" in report
