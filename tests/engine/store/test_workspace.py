"""What is put into a workspace comes out as it was, and what is left to do is known exactly."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sample import Decision, Outcome, Review, Sample, Stage
from engine.store.file_errors import WorkspaceError
from engine.store.leaving import exported
from engine.store.run_record import RunRecord
from engine.store.workspace import WINDOW, Run, Source, Workspace
from models.student import Losses
from models.teacher import Reply, TeacherInfo
from tests.factory import FAILURE, RECORD, SOURCE, full, kept, recipe, review, sample, samples

HOSTILE = [
    "",
    "\x00",
    "a\x00b\x1b[31m\x9b\x7f\r\n\t",
    "\ud800 lone, \udfff and \udcff",
    "\U0001f525 \u202e\u2028 é ﷽",
    '"; DROP TABLE samples; --',
    "[/] [INST] {} \\ud800",
]
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=20))


def decided(workspace: Workspace, run: Run) -> list[tuple[Sample, Outcome | None, Review | None]]:
    return [(row.sample, row.outcome, row.review) for row in exported(workspace, run)]


def test_a_new_workspace_holds_the_dataset_in_order_and_where_it_came_from(workspace: Workspace) -> None:
    assert len(workspace) == 3
    assert list(workspace.samples()) == samples(3)
    assert workspace.sample(1) == sample(1)
    assert workspace.source() == SOURCE


# Byte for byte


@pytest.mark.parametrize("text", HOSTILE)
def test_a_sample_comes_back_byte_for_byte(path: Path, text: str) -> None:
    with Workspace.create(path, SOURCE, [sample(0, text)]) as workspace:
        (back,) = workspace.samples()
    assert back == sample(0, text)
    assert list(back.row) == list(sample(0, text).row), "the fields' order is the dataset's"


@pytest.mark.parametrize(
    "text",
    HOSTILE,
)
def test_the_source_comes_back_byte_for_byte(path: Path, text: str) -> None:
    source = Source(path=f"/data/{text}", format="csv", fields=(text,), sha256="")
    with Workspace.create(path, source, samples(1)) as workspace:
        assert workspace.source() == source


Shelf = tuple[Workspace, Iterator[int], int]
"""A workspace for many examples: the next free sample is each example's own, and one stays empty."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Workspace.create(tmp_path_factory.mktemp("shelf") / "w.burnish", SOURCE, samples(2000)) as workspace:
        yield workspace, itertools.count(1), 0


REPLY = st.builds(
    Reply,
    text=TEXT,
    thoughts=TEXT,
    finish=st.sampled_from(["stop", "length"]),
    prompt_tokens=st.integers(0, 10**6),
    tokens=st.integers(0, 10**6),
    seconds=st.floats(0, 1e6),
)


@settings(max_examples=40, deadline=None)
@given(replies=st.lists(st.tuples(REPLY, TEXT), max_size=4))
def test_replies_come_back_byte_for_byte_oldest_first(shelf: Shelf, replies: list[tuple[Reply, str]]) -> None:
    workspace, place, elsewhere = shelf
    sample = next(place)
    for number, (reply, text) in enumerate(replies):
        workspace.keep_reply(sample, bytes([number] * 16), reply, {"stage": Stage.RESPONSE, "note": text})
    assert workspace.replies(sample) == [
        ({"stage": "response", "note": text}, reply) for reply, text in replies
    ]
    for number, (reply, _) in enumerate(replies):
        assert workspace.reply(sample, bytes([number] * 16)) == reply
    assert workspace.reply(sample, b"x" * 16) is None
    assert workspace.reply(elsewhere, bytes([0] * 16)) is None
    assert workspace.replies(elsewhere) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_outcomes_and_reviews_come_back_byte_for_byte(workspace: Workspace, run: Run, text: str) -> None:
    outcome = full(1, text)
    edited = review(1, Decision.EDITED, version=outcome.final)
    workspace.keep_outcome(run, outcome)
    workspace.reviews.keep(edited)
    assert workspace.outcome(run, 1) == outcome
    assert workspace.reviews.standing(1) == edited
    assert decided(workspace, run)[1] == (sample(1), outcome, edited)
    back = workspace.outcome(run, 1)
    assert back is not None
    assert list(back.choices[0].critique) == list(outcome.choices[0].critique), "in the order it was said"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_recipe_and_its_settings_come_back_byte_for_byte(workspace: Workspace, text: str) -> None:
    asked, given = recipe(student=text), RunRecord(settings={"path": [text], text: None})
    assert workspace.run(asked, given) == workspace.latest_run()
    assert (workspace.latest_run().recipe, workspace.latest_run().record) == (asked, given)


@pytest.mark.parametrize("parameters", [135_000_000, 8.2e9, None])
def test_a_record_is_told_on_as_it_was_kept(workspace: Workspace, parameters: float | None) -> None:
    """A count of parameters and a server's rounding of it are not the same JSON."""
    teacher = TeacherInfo("t", "sha256:7", parameters, "Q8_0", 5, 8192)
    told = workspace.run(recipe(), RunRecord(settings={}, teacher=teacher)).record.model_dump()
    assert json.dumps(told["teacher"]) == json.dumps(asdict(teacher))


@settings(max_examples=40, deadline=None)
@given(
    nll=st.lists(st.floats(width=32, allow_nan=True), max_size=8),
    lengths=st.lists(st.integers(0, 2**16 - 1), max_size=8),
    tokens=st.integers(0, 10**6),
    room=st.integers(-(10**6), 10**6),
)
def test_token_losses_come_back_bit_for_bit(
    shelf: Shelf, nll: list[float], lengths: list[int], tokens: int, room: int
) -> None:
    workspace, place, elsewhere = shelf
    sample = next(place)
    losses = Losses(np.array(nll, np.float32), np.array(lengths, np.uint16), tokens, room)
    workspace.keep_losses(sample, {b"a": losses})
    back = workspace.losses(sample, [b"a", b"b"])
    assert list(back) == [b"a"]
    assert workspace.losses(elsewhere, [b"a"]) == {}
    assert [str(back[b"a"].nll.dtype), str(back[b"a"].lengths.dtype)] == ["float32", "uint16"]
    assert (back[b"a"].nll.tobytes(), back[b"a"].lengths.tobytes()) == (
        losses.nll.tobytes(),
        losses.lengths.tobytes(),
    )
    assert (back[b"a"].tokens, back[b"a"].room) == (tokens, room)


def test_losses_that_are_there_stay_as_they_are(workspace: Workspace) -> None:
    first, second = (Losses(np.array([x], np.float32), np.array([1], np.uint16), 1, 9) for x in (1.0, 2.0))
    workspace.keep_losses(0, {b"a": first})
    workspace.keep_losses(0, {b"a": second, b"b": second})
    back = workspace.losses(0, [b"a", b"b"])
    assert [losses.nll.tolist() for losses in back.values()] == [[1.0], [2.0]]


@pytest.mark.parametrize("next", ["reply", "outcome", "review", "nothing"])
def test_losses_are_here_at_once_and_on_the_disk_with_what_comes_next_or_at_the_end(
    path: Path, next: str
) -> None:
    losses = Losses(np.array([1.5], np.float32), np.array([1], np.uint16), 1, 9)
    workspace = Workspace.create(path, SOURCE, samples(2))
    run = workspace.run(recipe(), RECORD)
    workspace.keep_losses(0, {b"a": losses})
    assert list(workspace.losses(0, [b"a"])) == [b"a"]
    match next:
        case "reply":
            workspace.keep_reply(1, b"a", Reply("r"), {})
        case "outcome":
            workspace.keep_outcome(run, kept(1))
        case "review":
            workspace.reviews.keep(review(1))
        case "nothing":
            workspace.close()
    with Workspace.read(path) as reading:
        assert list(reading.losses(0, [b"a"])) == [b"a"]
    if next != "nothing":
        workspace.close()


# Runs, and what is left to do


def test_the_same_recipe_is_the_same_run_and_the_last_one_begun_is_the_latest(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="nothing was refined or scored here yet"):
        workspace.latest_run()
    first = workspace.run(recipe(candidates=1, seed=2), RunRecord(settings={"parallel": 1}))
    second = workspace.run(recipe(candidates=1, seed=3), RECORD)
    assert first.id != second.id
    assert workspace.latest_run() == second
    same = workspace.run(recipe(seed=2, candidates=1), RunRecord(settings={"parallel": 4}))
    assert (same.id, same.record.settings) == (first.id, {"parallel": 4})
    assert workspace.latest_run() == same


def test_pending_are_those_of_the_chosen_samples_without_an_outcome_in_this_run(
    workspace: Workspace, run: Run
) -> None:
    other = workspace.run(recipe(method="reflect"), RECORD)
    workspace.keep_outcome(run, kept(1))
    workspace.keep_outcome(other, kept(0))
    for among, left in (
        (range(3), [0, 2]), (range(2), [0]), (range(0), []), (range(99), [0, 2]), ([2, 1], [2]), ([], []), ([1], []),
        (range(1, 3), [2]), (range(0, 3, 2), [0, 2]),
    ):  # fmt: skip
        assert [s.index for s in workspace.pending(run, among)] == left
    assert list(workspace.pending(other, range(3))) == [sample(1), sample(2)]


def test_every_walk_crosses_windows_also_while_outcomes_are_written(path: Path) -> None:
    count = 2 * WINDOW + 3
    with Workspace.create(path, SOURCE, samples(count)) as workspace:
        assert list(workspace.samples()) == samples(count)
        run = workspace.run(recipe(), RECORD)
        walked = []
        for pending in workspace.pending(run, range(len(workspace))):
            walked.append(pending.index)
            if pending.index % 3:
                workspace.keep_outcome(run, kept(pending.index))
        assert walked == list(range(count))
        rows = decided(workspace, run)
        assert [s for s, _, _ in rows] == samples(count)
        assert [o.index if o else None for _, o, _ in rows] == [i if i % 3 else None for i in range(count)]
        assert [s.index for s in workspace.pending(run, range(len(workspace)))] == list(range(0, count, 3))


def test_counted_are_the_finished_and_of_these_the_failed_among_the_chosen(
    workspace: Workspace, run: Run
) -> None:
    other = workspace.run(recipe(method="reflect"), RECORD)
    for index, failure in ((0, None), (1, FAILURE), (2, FAILURE)):
        workspace.keep_outcome(run, kept(index, failure))
    workspace.keep_outcome(other, kept(0, FAILURE))
    counted = {
        None: (3, 2),
        range(99): (3, 2),
        range(2): (2, 1),
        range(1): (1, 0),
        range(0): (0, 0),
        (2, 0): (2, 1),
    }
    assert {among: workspace.count(run, among) for among in counted} == counted
    assert workspace.count(other) == (1, 1)


def test_trying_again_opens_the_failed_samples_of_this_run_and_no_others(
    workspace: Workspace, run: Run
) -> None:
    other = workspace.run(recipe(method="reflect"), RECORD)
    for index, failure in ((0, None), (1, FAILURE)):
        workspace.keep_outcome(run, kept(index, failure))
        workspace.keep_outcome(other, kept(index, FAILURE))
    workspace.keep_reply(1, b"a", Reply("cut off", finish="length"), {})
    assert workspace.retry_failed(run) == 1
    assert [workspace.retries(index) for index in range(3)] == [0, 1, 0]
    assert [s.index for s in workspace.pending(run, range(len(workspace)))] == [1, 2]
    assert workspace.count(other) == (2, 2)
    assert workspace.reply(1, b"a") is not None, "what was answered stays"
    assert workspace.retry_failed(run) == 0
    workspace.keep_outcome(run, kept(1, FAILURE))
    assert workspace.retry_failed(run) == 1
    assert workspace.retries(1) == 2


def test_decided_is_every_sample_with_this_run_s_outcome_and_the_last_review(
    workspace: Workspace, run: Run
) -> None:
    other = workspace.run(recipe(method="reflect"), RECORD)
    workspace.keep_outcome(run, kept(0))
    workspace.keep_outcome(other, kept(2))
    reviews = [review(2, decision) for decision in (Decision.ACCEPTED, Decision.EDITED, Decision.ORIGINAL)]
    for one in reviews:
        workspace.reviews.keep(one)
    assert decided(workspace, run) == [
        (sample(0), kept(0), None),
        (sample(1), None, None),
        (sample(2), None, reviews[-1]),
    ]
    assert [o for _, o, _ in decided(workspace, other)] == [None, None, kept(2)]
    assert workspace.reviews.standing(2) == reviews[-1]
    assert workspace.reviews.standing(0) is None


def test_a_sample_that_is_not_there_is_one_line_with_those_that_are(path: Path, workspace: Workspace) -> None:
    for index in (3, -1):
        with pytest.raises(WorkspaceError) as caught:
            workspace.sample(index)
        assert str(caught.value) == f"{path}: no sample {index}; it holds 0 to 2"


def test_a_transaction_that_fails_half_way_leaves_nothing(workspace: Workspace, run: Run) -> None:
    with pytest.raises(KeyError), workspace.database.transaction():  # noqa: PT012
        workspace.database.execute("DELETE FROM samples")
        raise KeyError
    assert len(workspace) == 3
    workspace.keep_outcome(run, kept(0))


def test_a_mistake_of_ours_is_not_called_a_damaged_file(workspace: Workspace, run: Run) -> None:
    workspace.keep_outcome(run, kept(0))
    with pytest.raises(sqlite3.IntegrityError):
        workspace.keep_outcome(run, kept(0))


def test_rows_about_a_sample_that_is_gone_are_a_damaged_file(workspace: Workspace, run: Run) -> None:
    with pytest.raises(WorkspaceError, match="FOREIGN KEY constraint failed; the file is damaged"):
        workspace.keep_reply(99, b"a", Reply("about a sample that is not there"), {})


def test_a_closed_workspace_may_be_closed_again_and_is_not_called_damaged(path: Path) -> None:
    workspace = Workspace.create(path, SOURCE, samples(1))
    workspace.close()
    workspace.close()
    with pytest.raises(sqlite3.ProgrammingError):
        len(workspace)
