"""A workspace that any earlier burnish made is brought up to date, and holds all that it held."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.events import Event, Notice
from engine.method.prompts import PROMPTS
from engine.method.recipe import Recipe
from engine.run import session
from engine.run.settings import StudentSettings
from engine.sample import Candidate, Outcome, Review, Verdict
from engine.store.file_errors import WorkspaceError
from engine.store.leaving import ExportRule, TopShare, count_exported
from engine.store.run_record import RunRecord
from engine.store.schema import MIGRATIONS
from engine.store.workspace import Source, Workspace
from models.errors import UsageError
from tests.command import burnish, contents
from tests.ollama.server import FakeOllama
from tests.running import finals, outcomes, refine, settings
from tests.trust.schemas.make import HERE, ODD, WAITING, held, replying

EQUAL_LENGTH = 6
"""The schema from which on outcomes have margins at equal length."""

VERSIONS = range(1, len(MIGRATIONS) + 1)


@pytest.fixture(
    params=[
        pytest.param(number, marks=() if number % 4 == 1 or number == VERSIONS[-1] else pytest.mark.whole)
        for number in VERSIONS
    ]
)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[int, Path, dict[str, Any]]:
    """A schema's number, a workspace with it, and what the burnish of its time said that it holds."""
    fixture = HERE / f"schema-{request.param}.sqlite"
    expected: dict[str, Any] = json.loads(fixture.with_suffix(".json").read_text("ascii"))
    return request.param, Path(shutil.copyfile(fixture, tmp_path / "w.burnish")), expected


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (number,) = connection.execute("PRAGMA user_version").fetchone()
        return int(number)


def in_todays_models(whole: dict[str, Any]) -> dict[str, Any]:
    """A workspace's content in today's models: a field that its burnish did not know has the value it always had."""
    in_todays_models: dict[str, Any] = json.loads(json.dumps(whole))
    usual = {
        "prompts": 1,
        "think": False,
        "teacher_context": 8192,
        "both_branches": False,
        "length": "whole",
        "noise": None,
        "verifier": None,
        "verifier_noise": None,
        "guidelines": (),
        "criteria": None,
        "reasoned": False,
        "candidates_by": "paper",
    }
    in_todays_models["recipe"] = Recipe.model_validate(usual | in_todays_models["recipe"])
    in_todays_models["settings"] = RunRecord.model_validate(in_todays_models["settings"])
    in_todays_models["source"] = Source.model_validate({"path": "", **in_todays_models["source"]})
    in_todays_models["replies"] = [
        [[about, {"cached_tokens": 0, "reading": 0.0, "logprobs": []} | reply] for about, reply in replies]
        for replies in in_todays_models["replies"]
    ]
    alone: dict[str, Any] = {"history": [], "turn": 1, "next": None}
    in_todays_models["samples"] = [
        {**alone, "number": sample["index"]} | sample for sample in in_todays_models["samples"]
    ]
    if in_todays_models.get("examination"):
        in_todays_models["examination"] = {"reasoning": 0} | in_todays_models["examination"]
    in_todays_models["outcomes"] = [
        body and Outcome.model_validate(body) for body in in_todays_models["outcomes"]
    ]
    in_todays_models["candidates"] = [
        [Candidate.model_validate(body) for body in bodies]
        for bodies in in_todays_models.get("candidates", [])
    ]
    in_todays_models["reviews"] = [
        [Review.model_validate(body) for body in bodies] for bodies in in_todays_models["reviews"]
    ]
    return in_todays_models


def without_equal_lengths(whole: dict[str, Any]) -> None:
    """Take out what a migration adds to outcomes: another test compares that."""
    choices = [choice for one in whole["outcomes"] if one for choice in one["choices"]]
    assert any(choice["equal_length"] for choice in choices)
    for choice in choices:
        choice |= {"equal_length": None, "length_decides": False}


def test_every_schema_is_brought_up_to_date_with_all_that_it_held(
    made: tuple[int, Path, dict[str, Any]], tmp_path: Path
) -> None:
    number, path, expected = made
    assert version(path) == number
    for _ in range(2):  # the second time there is nothing left to do
        with Workspace.open(path) as opened:
            found = held(opened)
            if number < EQUAL_LENGTH:
                without_equal_lengths(found)
            assert in_todays_models({name: found[name] for name in expected}) == in_todays_models(expected)
    assert version(path) == len(MIGRATIONS)

    with Workspace.read(path) as reading:
        assert reading.database.execute("PRAGMA integrity_check") == [("ok",)]
        assert reading.database.execute("PRAGMA foreign_key_check") == []
        run = reading.latest_run()
        shares = {ExportRule.TOP: TopShare(count=3)}
        leave = {rule: count_exported(reading, run, rule, shares.get(rule)) for rule in ExportRule}
    last = {index: reviews[-1]["decision"] for index, reviews in enumerate(expected["reviews"]) if reviews}
    dropped = {index for index, decision in last.items() if decision == "dropped"}
    reviewed = set(last) - dropped
    kept = {index for index, decision in last.items() if decision == "original"}
    replaced = {
        index
        for index, outcome in enumerate(in_todays_models(expected)["outcomes"])
        if outcome and outcome.choices[1].verdict is Verdict.REPLACED and index not in kept
    }
    leaving = len(expected["samples"]) - len(dropped)
    assert (leave[ExportRule.ALL], leave[ExportRule.ACCEPTED]) == (leaving, len(reviewed))
    assert leave[ExportRule.PAPER] == len(replaced)
    assert burnish("export", path, tmp_path / "out.json").code == 0
    rows = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert rows[2]["output"] == "A\x00b \ud800.", "what a person wrote, to the byte"
    assert (rows[4]["n"], len(rows)) == (ODD["n"], leaving)


def reply_keys(number: int, folder: Path) -> set[tuple[int, bytes]]:
    """The keys of a fixture's replies in today's schema: sample and request."""
    path = shutil.copyfile(HERE / f"schema-{number}.sqlite", folder / f"{number}.burnish")
    with Workspace.open(path) as opened:
        return set(opened.database.execute("SELECT sample, request FROM replies"))


def test_the_replies_of_every_schema_come_under_the_same_keys(tmp_path: Path) -> None:
    """Each of these was made with version 1 of the prompts; only what follows from another student differs."""
    first, *others = (reply_keys(number, tmp_path) for number in range(1, 6))
    assert all(len(first & other) >= len(first) - 1 for other in others)


def test_replies_to_older_prompts_are_kept_and_never_mixed_in(
    made: tuple[int, Path, dict[str, Any]],
) -> None:
    _, path, expected = made
    told: list[Event] = []
    with FakeOllama(replying) as server, Workspace.open(path) as opened:
        before = opened.latest_run()
        if before.recipe.prompts == PROMPTS:
            return
        indices = range(len(expected["samples"]))
        chosen = [opened.outcome(before, index) for index in indices]
        with pytest.raises(
            UsageError, match=f"its replies answer version {before.recipe.prompts} of the prompts, now"
        ):
            asyncio.run(session.reselect(opened, StudentSettings(name="demo"), told.append, ask_teacher=True))
        summary = refine(opened, settings(server), limit=1, emit=told.append)
        assert summary.run.id != before.id
        # Version 5 asks what follows a reply of no use, and everything else in the words of version 4.
        assert (len(server.chats) > 0) is (before.recipe.prompts < 4)
        assert [opened.outcome(before, index) for index in indices] == chosen
        notices = [str(event) for event in told if isinstance(event, Notice)]
        versions = f"version {before.recipe.prompts} of the prompts, now {PROMPTS}"
        assert any(versions in notice for notice in notices)


def test_a_run_of_an_older_schema_is_taken_up_and_no_reply_is_asked_for_again(
    made: tuple[int, Path, dict[str, Any]],
) -> None:
    _, path, _ = made
    with FakeOllama(replying) as server, Workspace.open(path) as opened:
        before = opened.latest_run()
        assert before.record.student is not None
        student = {"name": "demo"} if before.record.student.name == "demo" else {}
        given = settings(server, student=student)
        if before.recipe.prompts != PROMPTS:
            return
        assert refine(opened, given, limit=WAITING).run.id == before.id
        assert server.chats == []
        figures = opened.database.execute("SELECT * FROM figures ORDER BY run, sample")
        decided = outcomes(opened)
        with opened.database.transaction():  # as if it had been cut short before anything was decided
            opened.database.execute("DELETE FROM figures")
            opened.database.execute("DELETE FROM outcomes")
        refine(opened, given, limit=WAITING)
        assert (server.chats, finals(opened)[0] is not None) == ([], True)
        # What was added to them is what is found when they are made again.
        assert outcomes(opened) == decided
        assert opened.database.execute("SELECT * FROM figures ORDER BY run, sample") == figures
        thinking = refine(opened, settings(server, student=student, teacher={"think": True}), limit=1)
        assert (thinking.run.id == before.id, len(server.chats) > 0) == (False, True)


def test_one_that_can_only_be_read_is_refused_and_stays_as_it_is(
    made: tuple[int, Path, dict[str, Any]],
) -> None:
    number, path, expected = made
    copy = path.with_name("copy.burnish")
    copied = burnish("copy", path, copy)
    assert (copied.code, f"{len(expected['samples'])} samples" in copied.out, version(copy)) == (
        0,
        True,
        number,
    )
    if number == len(MIGRATIONS):
        Workspace.read(path).close()
        return
    before = contents(path.parent)
    with pytest.raises(WorkspaceError, match="made by an older burnish; `burnish run` brings it up to date"):
        Workspace.read(path)
    for command in (("show", path), ("export", path, path.with_name("out.json"))):
        ended = burnish(*command)
        assert (ended.code, "made by an older burnish" in ended.complaint) == (1, True)
    assert contents(path.parent)["w.burnish"] == before["w.burnish"]
